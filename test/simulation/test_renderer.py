"""A graphics card draws where there is one, and its pictures are those of the software."""

from __future__ import annotations

import numpy as np
import pytest

from balanced_bc.simulation import renderer
from balanced_bc.simulation.environment import TabletopEnv, make
from balanced_bc.simulation.errors import SimulationError
from balanced_bc.simulation.renderer import HARDWARE, SOFTWARE, chosen
from balanced_bc.simulation.scene import Images

CARD = ("/dev/nvidia0",)


def never() -> str:
    raise AssertionError("EGL was started in vain")


def test_without_a_card_software_draws_and_nothing_is_tried() -> None:
    assert chosen(None, (), never).name == SOFTWARE


def test_a_card_draws() -> None:
    found = chosen(None, CARD, lambda: "NVIDIA A100/PCIe/SSE2")
    assert found.name == HARDWARE
    assert "A100" in found.reason


@pytest.mark.parametrize("graphics", ["llvmpipe (LLVM 15.0.6, 256 bits)", "softpipe", "Google SwiftShader", ""])
def test_a_card_that_does_not_draw_is_left_alone(graphics: str) -> None:
    found = chosen(None, CARD, lambda: graphics)
    assert found.name == SOFTWARE
    assert graphics or CARD[0] in found.reason


@pytest.mark.parametrize("wish", [SOFTWARE, HARDWARE])
def test_a_wish_is_granted_without_trying(wish: str) -> None:
    assert chosen(wish, CARD, never).name == wish


def test_an_unknown_wish_is_refused() -> None:
    with pytest.raises(SimulationError, match="software or hardware"):
        chosen("voxels", CARD, never)


def pictures(env: TabletopEnv) -> list[Images]:
    seen = []
    for seed in range(3):
        env.reset(seed=seed)
        for _ in range(10):
            env.step(np.array((0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 1.0)))
        seen.append(env.images())
    env.close()
    return seen


def test_both_renderers_draw_the_same_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    if not renderer.started():
        pytest.skip("EGL does not start here")
    drawn = {}
    for name in (SOFTWARE, HARDWARE):
        monkeypatch.setenv(renderer.VARIABLE, name)
        renderer.renderer.cache_clear()
        drawn[name] = pictures(make("opening", render_images=False))
    renderer.renderer.cache_clear()
    for software, hardware in zip(drawn[SOFTWARE], drawn[HARDWARE]):
        for camera, image in software.items():
            assert np.abs(image.astype(int) - hardware[camera]).mean() < 4
