"""The policy and its likelihood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import log, pi
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import grad, jvp, vmap

from balanced_bc.demonstrations.observation import Observation
from balanced_bc.policies import likelihood
from balanced_bc.policies.actor import Execution
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.cloning import CloningPolicy
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.heads.gaussian import GaussianHead
from balanced_bc.policies.making import make
from balanced_bc.policies.normalization import Normalization
from balanced_bc.policies.policy import Policy, loss_of

MakeBatch = Callable[..., Batch]


def _parameters(policy: CloningPolicy) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in policy.named_parameters()}


def _gaussian(policy: CloningPolicy) -> GaussianHead:
    assert isinstance(policy.decoder.head, GaussianHead)
    return policy.decoder.head


def test_likelihood_equals_that_of_torch_distributions(policy: CloningPolicy, make_batch: MakeBatch) -> None:
    batch = make_batch(5)
    mean, logit = policy.decoder.mode(policy.features(batch.images, batch.state, batch.scene))
    twist = torch.distributions.Normal(mean, _gaussian(policy).log_sigma.exp())
    gripper = torch.distributions.Bernoulli(logits=logit)
    of_twist = twist.log_prob(batch.action[..., :6])  # type: ignore[no-untyped-call]
    of_gripper = gripper.log_prob((batch.action[..., 6] > 0).double())  # type: ignore[no-untyped-call]
    torch.testing.assert_close(policy.negative_log_likelihood(batch), -(of_twist.sum(-1) + of_gripper).mean(-1))


def test_what_follows_a_demonstrations_end_does_not_count(policy: CloningPolicy, make_batch: MakeBatch) -> None:
    batch = make_batch(5)
    mask = batch.mask.clone()
    mask[:, 1:] = 0
    elsewhere = batch.action.clone()
    elsewhere[:, 1:] += 100
    torch.testing.assert_close(policy(batch._replace(mask=mask)), policy(batch._replace(mask=mask, action=elsewhere)))


def test_a_perfect_answer_costs_the_entropy_of_its_sigma() -> None:
    assert float(likelihood.gaussian(torch.zeros(6), torch.zeros(6))) == pytest.approx(3 * log(2 * pi))


def test_sigma_starts_at_one_and_stays_above_its_floor(policy: CloningPolicy) -> None:
    head = _gaussian(policy)
    torch.testing.assert_close(head.log_sigma, torch.zeros(6, dtype=torch.float64), atol=1e-6, rtol=0)
    head.spread.data.fill_(-50.0)
    assert float(head.log_sigma.detach().min()) == pytest.approx(policy.config.log_sigma_floor)


def test_forward_mode_agrees_with_reverse_mode(policy: CloningPolicy, make_batch: MakeBatch) -> None:
    batch, loss, parameters = make_batch(5), loss_of(policy), _parameters(policy)
    direction = {name: torch.randn_like(value) for name, value in parameters.items()}
    forward = jvp(lambda values: loss(values, batch).mean(), (parameters,), (direction,))[1]
    reverse = grad(lambda values: loss(values, batch).mean())(parameters)
    torch.testing.assert_close(forward, sum((reverse[name] * direction[name]).sum() for name in reverse))


def test_lanes_of_vmap_agree_with_one_network_after_another(policy: CloningPolicy, make_batch: MakeBatch) -> None:
    batch, loss, parameters = make_batch(5), loss_of(policy), _parameters(policy)
    lanes = {name: torch.stack((value, 1.1 * value)) for name, value in parameters.items()}
    together = vmap(loss, in_dims=(0, None))(lanes, batch)
    apart = [loss({name: value[lane] for name, value in lanes.items()}, batch) for lane in range(2)]
    torch.testing.assert_close(together, torch.stack(apart))


def test_the_loss_can_be_differentiated_twice(policy: CloningPolicy, make_batch: MakeBatch) -> None:
    batch, loss, parameters = make_batch(3), loss_of(policy), _parameters(policy)

    def steepness(values: dict[str, Tensor]) -> Tensor:
        gradient = grad(lambda inner: loss(inner, batch).mean())(values)
        return sum((value.square().sum() for value in gradient.values()), torch.zeros(()))

    second = grad(steepness)(parameters)
    assert all(bool(value.isfinite().all()) for value in second.values())
    direction = {name: torch.randn_like(value) for name, value in parameters.items()}
    step = 1e-6
    ahead, behind = ({n: v + s * direction[n] for n, v in parameters.items()} for s in (step, -step))
    slope = (steepness(ahead) - steepness(behind)) / (2 * step)
    analytic = sum((second[name] * direction[name]).sum() for name in second)
    torch.testing.assert_close(slope, analytic, rtol=1e-4, atol=1e-6)


def test_acting_gives_the_first_actions_of_the_mean_in_physical_units(
    config: PolicyConfig, observation: Observation
) -> None:
    torch.manual_seed(0)
    features = len(CloningPolicy(config, ("static_camera", "gripper_camera")).feature_mean)
    units = Normalization.identity(features)._replace(
        twist_mean=torch.full((6,), 0.5), twist_deviation=torch.full((6,), 0.01)
    )
    policy = CloningPolicy(config, ("static_camera", "gripper_camera"), units)
    head = _gaussian(policy)
    for parameter in (*head.mean.parameters(), *policy.decoder.gripper.parameters()):
        parameter.data.zero_()
    head.mean.bias.data[0] = 2.0
    actions = policy.act([[observation], [observation]])
    assert actions.shape == (2, 3, 7)
    assert actions.dtype == np.float32
    np.testing.assert_allclose(actions[0, 0], (0.52, 0.5, 0.5, 0.5, 0.5, 0.5, -1.0), rtol=1e-6)
    np.testing.assert_array_equal(actions[0], actions[1])


def test_a_policy_with_a_history_sees_the_ticks_before(config: PolicyConfig, make_batch: MakeBatch) -> None:
    torch.manual_seed(0)
    policy = CloningPolicy(replace(config, history=2), ("static_camera", "gripper_camera")).double()
    batch = make_batch(4, history=2)
    before = batch.state.clone()
    before[:, 0] += 1
    assert not torch.allclose(policy(batch), policy(batch._replace(state=before)))


def test_a_plugin_is_made_by_its_name(config: PolicyConfig) -> None:
    made = make(replace(config, plugin=f"{__name__}:_Still"), ("static_camera",))
    assert isinstance(made, _Still)


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        ("nowhere:Policy", "there is no policy 'nowhere:Policy'"),
        ("math:Policy", "no attribute 'Policy'"),
        ("math", "written module:Class"),
        ("pathlib:Path", "must be a subclass of balanced_bc.policies.policy.Policy"),
    ],
)
def test_a_plugin_that_is_no_policy_is_refused(config: PolicyConfig, plugin: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        make(replace(config, plugin=plugin), ("static_camera",))


class _Still(Policy):
    """Somebody else's policy: it never moves."""

    def negative_log_likelihood(self, batch: Batch) -> Tensor:
        return batch.action.square().mean(dim=(1, 2))

    def best(self, images: Mapping[str, Tensor], state: Tensor, scene: Tensor) -> Tensor:
        del images, scene
        return torch.zeros(len(state), self.config.chunk, 7)


def test_an_observation_without_a_camera_is_refused_by_name(observation: Observation) -> None:
    policy = CloningPolicy(PolicyConfig(image_size=16), ("static_camera", "wrist"))
    with pytest.raises(PolicyError, match=r"lacks \['wrist'\]; it has \['gripper_camera', 'static_camera'\]"):
        policy.act([[observation]])


def test_a_state_policy_refuses_an_observation_without_a_scene(observation: Observation) -> None:
    policy = CloningPolicy(PolicyConfig(policy="state"), ())
    with pytest.raises(PolicyError, match="wants a scene"):
        policy.act([[observation._replace(scene=None)]])


@pytest.mark.parametrize(
    "wrong",
    [
        *({"policy": "video"}, {"head": "cubist"}, {"execution": "sometimes"}),
        *({"chunk": 0}, {"channels": ()}, {"image_size": 2}),
        *({"execute": 9}, {"execution": "ensemble", "execute": 2}),
    ],
)
def test_an_impossible_configuration_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PolicyError):
        PolicyConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "execution"),
    [
        ({"policy": "state"}, Execution(execute=4)),
        ({"policy": "state", "chunk": 3}, Execution(execute=3)),
        ({"policy": "state", "execute": 6}, Execution(execute=6)),
        ({"policy": "state", "execution": "ensemble", "history": 2}, Execution(0, history=2, ensemble=0.01)),
        ({"policy": "image"}, Execution(0, ensemble=0.01)),
        ({"policy": "image", "ensemble_decay": 0.1}, Execution(0, ensemble=0.1)),
        ({"policy": "image", "execute": 1}, Execution(execute=1)),
        ({"policy": "image", "execution": "chunks"}, Execution(execute=4)),
    ],
)
def test_images_are_looked_at_every_tick_unless_something_else_is_asked(
    asked: dict[str, Any], execution: Execution
) -> None:
    assert CloningPolicy(PolicyConfig(**asked), ("static", "gripper")).execution == execution
