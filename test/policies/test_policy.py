"""The policy and its likelihood."""

from __future__ import annotations

from collections.abc import Callable
from math import log, pi

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import grad, jvp, vmap

from balanced_bc.demonstrations.observation import Observation
from balanced_bc.policies import likelihood
from balanced_bc.policies.batch import Batch
from balanced_bc.policies.config import PolicyConfig
from balanced_bc.policies.errors import PolicyError
from balanced_bc.policies.normalization import Normalization
from balanced_bc.policies.policy import Policy, loss_of

MakeBatch = Callable[[int], Batch]


def _parameters(policy: Policy) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in policy.named_parameters()}


def test_likelihood_equals_that_of_torch_distributions(policy: Policy, make_batch: MakeBatch) -> None:
    batch = make_batch(5)
    prediction = policy.predict(batch.images, batch.state, batch.scene)
    twist = torch.distributions.Normal(prediction.mean, prediction.log_sigma.exp())
    gripper = torch.distributions.Bernoulli(logits=prediction.gripper)
    of_twist = twist.log_prob(batch.action[..., :6])  # type: ignore[no-untyped-call]
    of_gripper = gripper.log_prob((batch.action[..., 6] > 0).double())  # type: ignore[no-untyped-call]
    torch.testing.assert_close(policy.negative_log_likelihood(batch), -(of_twist.sum(-1) + of_gripper).mean(-1))


def test_what_follows_a_demonstrations_end_does_not_count(policy: Policy, make_batch: MakeBatch) -> None:
    batch = make_batch(5)
    mask = batch.mask.clone()
    mask[:, 1:] = 0
    elsewhere = batch.action.clone()
    elsewhere[:, 1:] += 100
    torch.testing.assert_close(policy(batch._replace(mask=mask)), policy(batch._replace(mask=mask, action=elsewhere)))


def test_a_perfect_answer_costs_the_entropy_of_its_sigma() -> None:
    assert float(likelihood.gaussian(torch.zeros(6), torch.zeros(6))) == pytest.approx(3 * log(2 * pi))


def test_sigma_starts_at_one_and_stays_above_its_floor(policy: Policy) -> None:
    torch.testing.assert_close(policy.log_sigma, torch.zeros(6, dtype=torch.float64), atol=1e-6, rtol=0)
    policy.spread.data.fill_(-50.0)
    assert float(policy.log_sigma.detach().min()) == pytest.approx(policy.config.log_sigma_floor)


def test_forward_mode_agrees_with_reverse_mode(policy: Policy, make_batch: MakeBatch) -> None:
    batch, loss, parameters = make_batch(5), loss_of(policy), _parameters(policy)
    direction = {name: torch.randn_like(value) for name, value in parameters.items()}
    forward = jvp(lambda values: loss(values, batch).mean(), (parameters,), (direction,))[1]
    reverse = grad(lambda values: loss(values, batch).mean())(parameters)
    torch.testing.assert_close(forward, sum((reverse[name] * direction[name]).sum() for name in reverse))


def test_lanes_of_vmap_agree_with_one_network_after_another(policy: Policy, make_batch: MakeBatch) -> None:
    batch, loss, parameters = make_batch(5), loss_of(policy), _parameters(policy)
    lanes = {name: torch.stack((value, 1.1 * value)) for name, value in parameters.items()}
    together = vmap(loss, in_dims=(0, None))(lanes, batch)
    apart = [loss({name: value[lane] for name, value in lanes.items()}, batch) for lane in range(2)]
    torch.testing.assert_close(together, torch.stack(apart))


def test_the_loss_can_be_differentiated_twice(policy: Policy, make_batch: MakeBatch) -> None:
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
    features = len(Policy(config, ("static_camera", "gripper_camera")).feature_mean)
    units = Normalization.identity(features)._replace(
        twist_mean=torch.full((6,), 0.5), twist_deviation=torch.full((6,), 0.01)
    )
    policy = Policy(config, ("static_camera", "gripper_camera"), units)
    for parameter in policy.head.parameters():
        parameter.data.zero_()
    policy.head.bias.data[0] = 2.0
    actions = policy.act(observation)
    assert actions.shape == (2, 7)
    assert actions.dtype == np.float32
    np.testing.assert_allclose(actions[0], (0.52, 0.5, 0.5, 0.5, 0.5, 0.5, -1.0), rtol=1e-6)


def test_an_observation_without_a_camera_is_refused_by_name(observation: Observation) -> None:
    policy = Policy(PolicyConfig(image_size=16), ("static_camera", "wrist"))
    with pytest.raises(PolicyError, match=r"lacks \['wrist'\]; it has \['gripper_camera', 'static_camera'\]"):
        policy.act(observation)


def test_a_state_policy_refuses_an_observation_without_a_scene(observation: Observation) -> None:
    policy = Policy(PolicyConfig(policy="state"), ())
    with pytest.raises(PolicyError, match="wants a scene"):
        policy.act(observation._replace(scene=None))


@pytest.mark.parametrize(
    "wrong", [{"policy": "video"}, {"execute": 9}, {"chunk": 0}, {"channels": ()}, {"image_size": 2}]
)
def test_an_impossible_configuration_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PolicyError):
        PolicyConfig(**wrong)  # type: ignore[arg-type]
