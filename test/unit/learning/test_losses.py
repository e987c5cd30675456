# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.learning.config import LossConfig
from camera_relocalization_ros.learning.losses import LOSSES, PoseLoss, quaternion_error


def random_quats(count, seed):
    return torch.from_numpy(Rotation.random(count, random_state=seed).as_quat())


def test_quaternion_error_is_half_the_rotation_vector_scipy_gives():
    truth, estimate = random_quats(200, 1), random_quats(200, 2)
    relative = Rotation.from_quat(truth.numpy()).inv() * Rotation.from_quat(estimate.numpy())
    np.testing.assert_allclose(quaternion_error(truth, estimate).numpy(), relative.as_rotvec() / 2, atol=1e-6)


def test_quaternion_error_is_blind_to_the_sign():
    truth, estimate = random_quats(50, 1), random_quats(50, 2)
    torch.testing.assert_close(quaternion_error(truth, -estimate), quaternion_error(truth, estimate))


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("name", sorted(LOSSES))
@pytest.mark.parametrize("turn_deg", [0.0, 90.0, 180.0])
def test_gradients_are_finite(name, p, turn_deg):
    truth = torch.from_numpy(Rotation.random(8, random_state=3).as_quat()).float()
    turned = Rotation.from_quat(truth.numpy()) * Rotation.from_euler("y", turn_deg, degrees=True)
    estimate = torch.from_numpy(turned.as_quat()).float().requires_grad_()
    position = torch.ones(8, 3, requires_grad=True)
    loss = PoseLoss(LossConfig(name=name, p=p))(position, estimate, torch.ones(8, 3), truth)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(estimate.grad).all() and torch.isfinite(position.grad).all()


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
