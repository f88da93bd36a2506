"""A policy that is not ours, on data that is not ours."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch
from torch import Generator

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_a_diffusion_policy_in_plain_torch_is_balanced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    example = importlib.import_module("balance_foreign")
    weights = example.main()
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["steady"] > 0.6
    assert "steady     weight 0." in capsys.readouterr().out


def test_its_loss_is_the_negative_logarithm_of_a_density_of_the_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that predicts no noise, with a sigma of 2: the density of the noise under a Gaussian."""
    monkeypatch.syspath_prepend(EXAMPLES)
    example = importlib.import_module("balance_foreign")
    parameters = {name: torch.zeros_like(value) for name, value in example.fresh(Generator()).items()}
    parameters["log_sigma"] = torch.tensor(2.0).log()
    state, action = torch.randn(2, 7, 2)
    batch = example.noised(state, action, Generator())
    sigma = torch.tensor(2.0)
    density = torch.exp(-0.5 * (batch[3] / sigma).square()) / (sigma * (2 * torch.pi) ** 0.5)
    wanted = -density.log().sum(dim=1)
    torch.testing.assert_close(example.loss(parameters, batch), wanted)
