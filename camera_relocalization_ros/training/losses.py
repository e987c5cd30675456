# SPDX-License-Identifier: BSD-3-Clause
"""Pose losses: an orientation distance and a weighting scheme are two independent choices (thesis 3.3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from camera_relocalization_ros.core.errors import ConfigError, unknown_name
from camera_relocalization_ros.training.config import LossConfig

SMALL = 1e-6


def quaternion_difference(quat_gt_b4: torch.Tensor, quat_b4: torch.Tensor) -> torch.Tensor:
    """q - q_hat (b, 4) as it stands: q and -q are far apart though they are one rotation (thesis eq. 3.4).

    Truths are stored with w >= 0, but nothing turns the sign of the estimate: near 180 degrees, where
    neighbouring rotations have truths of opposite sign, this distance jumps.
    """
    return quat_gt_b4 - quat_b4


def quaternion_difference_canonical(quat_gt_b4: torch.Tensor, quat_b4: torch.Tensor) -> torch.Tensor:
    """q - q_hat (b, 4) with the sign of q_hat chosen so that the dot product is >= 0: q and -q are one."""
    dot_b1 = (quat_gt_b4 * quat_b4).sum(dim=1, keepdim=True)
    return quat_gt_b4 - torch.where(dot_b1 < 0, -1.0, 1.0) * quat_b4


def quaternion_error(quat_gt_b4: torch.Tensor, quat_b4: torch.Tensor) -> torch.Tensor:
    """log(q^-1 * q_hat) (b, 3): half the rotation vector from truth to estimate (thesis eq. 3.7-3.10).

    The full logarithm of eq. 3.10 is used, not its approximation; the sign of the product is chosen so that
    w >= 0, which makes q and -q one rotation. Finite gradients at zero error and at 180 degrees.
    """
    v_gt, w_gt = -quat_gt_b4[:, :3], quat_gt_b4[:, 3:]
    v_est, w_est = quat_b4[:, :3], quat_b4[:, 3:]
    w_b1 = w_gt * w_est - (v_gt * v_est).sum(dim=1, keepdim=True)  # thesis eq. 3.8
    v_b3 = w_gt * v_est + w_est * v_gt + torch.cross(v_gt, v_est, dim=1)
    sign_b1 = torch.where(w_b1 < 0, -1.0, 1.0)
    # the floor keeps the square root differentiable at zero error
    norm_b1 = (v_b3.square().sum(dim=1, keepdim=True) + SMALL**2).sqrt()
    return sign_b1 * v_b3 * torch.atan2(norm_b1, sign_b1 * w_b1) / norm_b1


def geodesic(quat_gt_b4: torch.Tensor, quat_b4: torch.Tensor) -> torch.Tensor:
    """Angle (b, 1) in radians, 0 to pi, of the rotation from truth to estimate; p makes no difference to it."""
    return 2.0 * (quaternion_error(quat_gt_b4, quat_b4).square().sum(dim=1, keepdim=True) + SMALL**2).sqrt()


def norm_p(residual_bn: torch.Tensor, p: int) -> torch.Tensor:
    """The mean over the batch of the p-norm, p = 1 or 2, of residuals (b, n)."""
    if p == 1:
        return residual_bn.abs().sum(dim=1).mean()
    return (residual_bn.square().sum(dim=1) + SMALL**2).sqrt().mean()


class BetaWeighting(nn.Module):
    """position + beta * orientation (thesis eq. 3.3)."""

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.beta = config.beta

    def forward(self, position: torch.Tensor, orientation: torch.Tensor) -> torch.Tensor:
        return position + self.beta * orientation


class HomoscedasticWeighting(nn.Module):
    """L exp(-s) + s for each task, with learned log-variances s (thesis eq. 3.6)."""

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.s_position = nn.Parameter(torch.tensor(config.s_position))
        self.s_orientation = nn.Parameter(torch.tensor(config.s_orientation))

    def forward(self, position: torch.Tensor, orientation: torch.Tensor) -> torch.Tensor:
        weighted = position * torch.exp(-self.s_position) + orientation * torch.exp(-self.s_orientation)
        return weighted + self.s_position + self.s_orientation


class PositionWeighting(nn.Module):
    """Position alone; the orientation is not learnt."""

    def __init__(self, config: LossConfig) -> None:
        super().__init__()

    def forward(self, position: torch.Tensor, orientation: torch.Tensor) -> torch.Tensor:
        # zero times, not left out: every weight keeps a gradient, for which processes wait
        return position + 0.0 * orientation


class OrientationWeighting(nn.Module):
    """Orientation alone; the position is not learnt."""

    def __init__(self, config: LossConfig) -> None:
        super().__init__()

    def forward(self, position: torch.Tensor, orientation: torch.Tensor) -> torch.Tensor:
        return orientation + 0.0 * position


DISTANCES = {
    "quaternion_difference": quaternion_difference,
    "quaternion_difference_canonical": quaternion_difference_canonical,
    "quaternion_error": quaternion_error,
    "geodesic": geodesic,
}
WEIGHTINGS = {
    "beta": BetaWeighting,
    "homoscedastic": HomoscedasticWeighting,
    "position": PositionWeighting,
    "orientation": OrientationWeighting,
}
LOSSES = {
    "beta": ("quaternion_difference", "beta"),
    "nh": ("quaternion_difference", "homoscedastic"),
    "qeh": ("quaternion_error", "homoscedastic"),
    "nh_canonical": ("quaternion_difference_canonical", "homoscedastic"),
    "geodesic": ("geodesic", "homoscedastic"),
    # of the thesis' code, not of its text (losses.py: only-position, only-quaternion)
    "only_position": ("geodesic", "position"),
    "only_quaternion": ("geodesic", "orientation"),
}


def _known(what: str, name: str, choices: dict[str, Any]) -> Any:
    if name not in choices:
        raise ConfigError(unknown_name(what, name, choices))
    return choices[name]


def distance_and_weighting(config: LossConfig) -> tuple[str, str]:
    """The names of both choices; raises ConfigError when they are given twice, by half, or are unknown."""
    apart = (config.distance, config.weighting)
    if config.name and any(apart):
        raise ConfigError(
            f"loss.name is {config.name!r}, which says distance and weighting; to give them apart, set name to ''"
        )
    if config.name:
        return _known("loss", config.name, LOSSES)
    if not all(apart):
        raise ConfigError("loss.name is empty; expected both loss.distance and loss.weighting, or a name")
    _known("loss.distance", config.distance, DISTANCES)
    _known("loss.weighting", config.weighting, WEIGHTINGS)
    return apart


class PoseLoss(nn.Module):
    """Loss of positions (b, 3) and unit quaternions (b, 4) against the truth; one scalar."""

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        distance, weighting = distance_and_weighting(config)
        if config.p not in (1, 2):
            raise ConfigError(f"loss.p is {config.p}; expected 1 or 2")
        self.p = config.p
        self.orientation_residual = DISTANCES[distance]
        self.weighting = WEIGHTINGS[weighting](config)

    def forward(
        self,
        position_b3: torch.Tensor,
        quat_b4: torch.Tensor,
        position_gt_b3: torch.Tensor,
        quat_gt_b4: torch.Tensor,
    ) -> torch.Tensor:
        position = norm_p(position_b3 - position_gt_b3, self.p)
        orientation = norm_p(self.orientation_residual(quat_gt_b4, quat_b4), self.p)
        return self.weighting(position, orientation)
