"""Distributions over chunks of twists."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.func import functional_call, grad, jvp, vmap

from balanced_bc.policies.config import HeadName, PolicyConfig
from balanced_bc.policies.decoder import HEADS
from balanced_bc.policies.heads.bins import REACH, BinsHead
from balanced_bc.policies.heads.head import Head
from balanced_bc.policies.heads.mixture import MixtureHead

CONFIG = PolicyConfig(hidden=16, chunk=3, execute=2, bins=12, components=3)


@pytest.fixture(params=get_args(HeadName))
def head(request: pytest.FixtureRequest) -> Head:
    torch.manual_seed(0)
    return HEADS[request.param](CONFIG).double()


@pytest.fixture
def features() -> Tensor:
    return torch.randn(5, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def twist() -> Tensor:
    return torch.randn(5, 3, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def _all(twist: Tensor) -> Tensor:
    return torch.ones(twist.shape[:2], dtype=twist.dtype)


def test_padding_does_not_count(head: Head, features: Tensor, twist: Tensor) -> None:
    mask, elsewhere = _all(twist), twist.clone()
    mask[:, 1:] = 0
    elsewhere[:, 1:] += 2
    first, second = (head.negative_log_likelihood(features, values, mask) for values in (twist, elsewhere))
    torch.testing.assert_close(first, second)


def test_nothing_is_more_likely_than_the_mode(features: Tensor, twist: Tensor, head: Head) -> None:
    if isinstance(head, MixtureHead):
        pytest.skip("a mixture answers with its heaviest component's mean, which is not always the mode of the sum")
    mode, mask = head.mode(features), _all(twist)
    assert mode.shape == (5, 3, 6)
    best = head.negative_log_likelihood(features, mode, mask)
    assert bool((best <= head.negative_log_likelihood(features, mode + twist, mask)).all())


def test_forward_mode_agrees_with_reverse_mode(head: Head, features: Tensor, twist: Tensor) -> None:
    parameters = {name: value.detach() for name, value in head.named_parameters()}
    direction = {name: torch.randn_like(value) for name, value in parameters.items()}

    def loss(values: dict[str, Tensor]) -> Tensor:
        answer: Tensor = functional_call(
            _Loss(head), {f"head.{name}": v for name, v in values.items()}, (features, twist)
        )
        return answer.mean()

    forward = jvp(loss, (parameters,), (direction,))[1]
    reverse = grad(loss)(parameters)
    torch.testing.assert_close(forward, sum((reverse[name] * direction[name]).sum() for name in reverse))


def test_lanes_of_vmap_agree_with_one_head_after_another(head: Head, features: Tensor, twist: Tensor) -> None:
    def loss(values: Tensor) -> Tensor:
        return head.negative_log_likelihood(values, twist, _all(twist))

    lanes = torch.stack((features, 1.1 * features))
    torch.testing.assert_close(vmap(loss)(lanes), torch.stack([loss(lane) for lane in lanes]))


def test_the_density_of_bins_adds_up_to_one(features: Tensor) -> None:
    torch.manual_seed(0)
    head = BinsHead(CONFIG).double()
    places = torch.linspace(-REACH, REACH, 2401, dtype=torch.float64)[:-1] + REACH / 2400
    twist = torch.zeros(len(places), 3, 6, dtype=torch.float64)
    twist[:, 0, 2] = places
    mask = torch.zeros(len(places), 3, dtype=torch.float64)
    mask[:, 0] = 1
    others = features[:1].expand(len(places), -1)
    # Five more dimensions stand still: their density is that of the bin of 0.
    log_density = -head.negative_log_likelihood(others, twist, mask).detach()
    share = head._logits(features[:1])[0, 0].log_softmax(-1).detach()
    still = sum(float(share[d, 6]) for d in range(6) if d != 2) - 5 * torch.tensor(head.width).log()
    assert float((log_density - still).exp().sum()) * 2 * REACH / 2400 == pytest.approx(1, rel=1e-6)


def test_a_mixture_equals_that_of_torch_distributions(features: Tensor, twist: Tensor) -> None:
    torch.manual_seed(0)
    head = MixtureHead(CONFIG).double()
    means = head._means(features)
    sigma = torch.ones_like(means)
    parts = Independent(Normal(means, sigma), 2)
    mixture = MixtureSameFamily(Categorical(logits=head.weight(features)), parts)
    wanted = -mixture.log_prob(twist) / 3  # type: ignore[no-untyped-call]
    torch.testing.assert_close(head.negative_log_likelihood(features, twist, _all(twist)), wanted, atol=1e-5, rtol=1e-5)


class _Loss(torch.nn.Module):
    """A head whose call is its loss: what functional_call can call."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Tensor, twist: Tensor) -> Tensor:
        return self.head.negative_log_likelihood(features, twist, _all(twist))
