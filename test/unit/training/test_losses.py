# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.config import LossConfig
from camera_relocalization_ros.training.losses import (
    DISTANCES,
    LOSSES,
    WEIGHTINGS,
    PoseLoss,
    geodesic,
    quaternion_error,
)


def random_quats(count, seed):
    return torch.from_numpy(Rotation.random(count, random_state=seed).as_quat())


def test_quaternion_error_is_half_the_rotation_vector_scipy_gives():
    truth, estimate = random_quats(200, 1), random_quats(200, 2)
    relative = Rotation.from_quat(truth.numpy()).inv() * Rotation.from_quat(estimate.numpy())
    np.testing.assert_allclose(quaternion_error(truth, estimate).numpy(), relative.as_rotvec() / 2, atol=1e-6)


@pytest.mark.parametrize("p", [1, 2])
def test_qeh_is_half_the_norm_of_scipys_rotation_vector_for_both_signs(p):
    truth, estimate = random_quats(200, 1), random_quats(200, 2)
    relative = Rotation.from_quat(truth.numpy()).inv() * Rotation.from_quat(estimate.numpy())
    expected = np.linalg.norm(relative.as_rotvec() / 2, ord=p, axis=1).mean()
    # with s = 0 the weighting is a plain sum
    loss = PoseLoss(LossConfig(name="qeh", p=p, s_position=0.0, s_orientation=0.0))
    zeros = torch.zeros(200, 3, dtype=truth.dtype)
    signs = torch.where(torch.arange(200) % 2 == 0, 1.0, -1.0)[:, None].double()
    for quats in (estimate, -estimate, signs * estimate):
        assert loss(zeros, quats, zeros, truth).item() == pytest.approx(expected, abs=1e-5)


def test_quaternion_error_is_blind_to_the_sign():
    truth, estimate = random_quats(50, 1), random_quats(50, 2)
    torch.testing.assert_close(quaternion_error(truth, -estimate), quaternion_error(truth, estimate))


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("distance", sorted(DISTANCES))
@pytest.mark.parametrize("weighting", sorted(WEIGHTINGS))
@pytest.mark.parametrize("turn_deg", [0.0, 90.0, 180.0])
def test_gradients_are_finite(distance, weighting, p, turn_deg):
    truth = torch.from_numpy(Rotation.random(8, random_state=3).as_quat()).float()
    turned = Rotation.from_quat(truth.numpy()) * Rotation.from_euler("y", turn_deg, degrees=True)
    estimate = torch.from_numpy(turned.as_quat()).float().requires_grad_()
    position = torch.ones(8, 3, requires_grad=True)
    loss = PoseLoss(LossConfig(name="", distance=distance, weighting=weighting, p=p))(
        position, estimate, torch.ones(8, 3), truth
    )
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(estimate.grad).all() and torch.isfinite(position.grad).all()


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("distance", sorted(DISTANCES))
@pytest.mark.parametrize("weighting", sorted(WEIGHTINGS))
def test_gradients_are_finite_where_nothing_is_rounded(distance, weighting, p):
    # no error at all, and half turns whose products have w = 0 and -0 to the last bit
    identity = torch.tensor([0.0, 0.0, 0.0, 1.0])
    estimates = torch.tensor([[0, 0, 0, 1.0], [0, 0, 0, -1], [1, 0, 0, 0], [0, -1, 0, 0], [0, 0.6, 0.8, 0]])
    loss = PoseLoss(LossConfig(name="", distance=distance, weighting=weighting, p=p))
    for estimate in estimates:
        quat, position = estimate[None].clone().requires_grad_(), torch.zeros(1, 3, requires_grad=True)
        value = loss(position, quat, torch.zeros(1, 3), identity[None])
        value.backward()
        assert torch.isfinite(value)
        for gradient in (quat.grad, position.grad, *(parameter.grad for parameter in loss.parameters())):
            assert torch.isfinite(gradient).all()


def test_beta_loss_is_the_weighted_sum():
    loss = PoseLoss(LossConfig(name="beta", p=2, beta=10.0))
    identity = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    half_turn = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    found = loss(torch.tensor([[3.0, 4.0, 0.0]]), half_turn, torch.zeros(1, 3), identity)
    assert found.item() == pytest.approx(5.0 + 10.0 * np.sqrt(2.0), rel=1e-5)


def test_homoscedastic_weights_settle_at_the_logarithm_of_the_loss():
    # L exp(-s) + s is least where s = log L
    loss = PoseLoss(LossConfig(name="qeh", p=2))
    identity = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    turned = torch.from_numpy(Rotation.from_rotvec([[0.4, 0, 0]]).as_quat()).float()
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.05)
    for _ in range(600):
        optimiser.zero_grad()
        loss(torch.tensor([[0.5, 0.0, 0.0]]), turned, torch.zeros(1, 3), identity).backward()
        optimiser.step()
    assert loss.weighting.s_position.item() == pytest.approx(np.log(0.5), abs=1e-2)
    assert loss.weighting.s_orientation.item() == pytest.approx(np.log(0.2), abs=1e-2)


def test_unknown_names_list_the_known():
    with pytest.raises(ConfigError, match="beta, nh, qeh"):
        PoseLoss(LossConfig(name="mse"))
    with pytest.raises(ConfigError, match="loss.p is 3"):
        PoseLoss(LossConfig(p=3))


def test_losses_given_apart_or_by_name_are_one():
    poses = (torch.ones(9, 3), random_quats(9, 1).float(), torch.zeros(9, 3), random_quats(9, 2).float())
    for name, (distance, weighting) in LOSSES.items():
        apart = PoseLoss(LossConfig(name="", distance=distance, weighting=weighting))
        assert apart(*poses).item() == PoseLoss(LossConfig(name=name))(*poses).item()


@pytest.mark.parametrize(
    "values, says",
    [
        ({"distance": "geodesic", "weighting": "beta"}, "loss.name is 'qeh'"),
        ({"name": "", "distance": "geodesic"}, "expected both"),
        ({"name": "", "distance": "x", "weighting": "beta"}, "no loss.distance 'x'; known: quaternion_difference"),
        ({"name": "", "distance": "geodesic", "weighting": "x"}, "no loss.weighting 'x'; known: beta, homoscedastic"),
    ],
)
def test_choices_that_contradict_or_are_unknown(values, says):
    with pytest.raises(ConfigError, match=says):
        PoseLoss(LossConfig(**values))


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("distance", sorted(DISTANCES))
def test_only_the_plain_difference_feels_the_sign(distance, p):
    loss = PoseLoss(LossConfig(name="", distance=distance, weighting="beta", p=p))
    truth, estimate = random_quats(50, 1), random_quats(50, 2)
    zeros = torch.zeros(50, 3, dtype=truth.dtype)
    found = loss(zeros, estimate, zeros, truth).item()
    flipped = loss(zeros, -estimate, zeros, truth).item()
    assert (flipped == pytest.approx(found, rel=1e-9)) == (distance != "quaternion_difference")


def test_plain_nh_calls_the_same_rotation_an_error_and_canonical_nh_does_not():
    zeros, quat = torch.zeros(1, 3), torch.tensor([[0.0, 0.6, 0.0, 0.8]])
    s = {"s_position": 0.0, "s_orientation": 0.0}
    plain, canonical = (PoseLoss(LossConfig(name=name, p=1, **s)) for name in ("nh", "nh_canonical"))
    assert plain(zeros, -quat, zeros, quat).item() == pytest.approx(2.8)
    assert canonical(zeros, -quat, zeros, quat).item() == pytest.approx(0.0)


def test_geodesic_is_the_angle_scipy_gives():
    truth, estimate = random_quats(200, 1), random_quats(200, 2)
    relative = Rotation.from_quat(truth.numpy()).inv() * Rotation.from_quat(estimate.numpy())
    np.testing.assert_allclose(geodesic(truth, estimate)[:, 0].numpy(), relative.magnitude(), atol=1e-6)


@pytest.mark.parametrize("name, is_of_position", [("only_position", True), ("only_quaternion", False)])
def test_losses_of_one_quantity_look_at_that_alone(name, is_of_position):
    position, quat = torch.rand(4, 3), torch.nn.functional.normalize(torch.rand(4, 4), dim=1)
    truth, quat_gt = torch.zeros(4, 3), torch.tensor([[0.0, 0.0, 0.0, 1.0]]).repeat(4, 1)
    loss = PoseLoss(LossConfig(name=name))
    value = loss(position, quat, truth, quat_gt)
    if is_of_position:
        assert value.item() == pytest.approx(position.sum(dim=1).mean().item())
    else:
        angle = 2 * torch.atan2(quat[:, :3].norm(dim=1), quat[:, 3])
        assert value.item() == pytest.approx(angle.mean().item(), rel=1e-4)
    assert not list(loss.parameters())
