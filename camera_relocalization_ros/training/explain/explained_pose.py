# SPDX-License-Identifier: BSD-3-Clause
"""The network of a run on the frames of a data set, and the two numbers by which its estimates are explained.

Position: metres along the line from the mean training position to the estimate. Orientation: degrees about the axis
that turns the mean training orientation into the estimate. Line and axis are those of the frame's own estimate and stay
fixed.
"""

from __future__ import annotations

from functools import partial
from typing import Callable

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.pose import Pose, Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors, pose_errors
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.training.pose_network import FlightStep, PooledBackbone
from camera_relocalization_ros.training.run_folder import Run

Scalar = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def position_scalar(position: np.ndarray, reference: np.ndarray) -> Scalar:
    """Of positions (b, 3): metres (b,) from `reference` (3,) towards `position` (3,)."""
    direction = torch.from_numpy(_direction(position - reference)).float()
    start = torch.from_numpy(np.asarray(reference)).float()
    return lambda position_b3, _: (position_b3 - start) @ direction


def orientation_scalar(quat_xyzw: np.ndarray, reference_xyzw: np.ndarray) -> Scalar:
    """Of unit quaternions (b, m, 4) of members: degrees (b,) beyond `quat_xyzw`, about the axis from the reference.

    It is the members' mean sine of the angle, in degrees where that is small: smooth everywhere, and the same for q
    and -q, which the quaternion of the mean estimate is not where a member's sign is turned.
    """
    turn = Rotation.from_quat(reference_xyzw).inv() * Rotation.from_quat(quat_xyzw)
    axis, vector, scalar = _direction(turn.as_rotvec()), quat_xyzw[:3], quat_xyzw[3]
    # the quaternion times (axis, 0): where it moves to when turned about the axis
    ahead = np.append(scalar * axis + np.cross(vector, axis), -vector @ axis)
    at_4, ahead_4 = (torch.from_numpy(np.asarray(value)).float() for value in (quat_xyzw, ahead))
    return lambda _, quat_bm4: np.degrees(2.0) * ((quat_bm4 @ at_4) * (quat_bm4 @ ahead_4)).mean(dim=1)


class ExplainedFrames:
    """Estimates of a run's network for the frames of a data set, and what of them is explained."""

    def __init__(self, run: Run, dataset: Dataset) -> None:
        self.run, self.dataset = run, dataset
        self.backbone = run.backbone()
        pooled = PooledBackbone(self.backbone, run.preprocessing.width, run.preprocessing.height, run.config.head)
        self._step = FlightStep(pooled, run.pose_head).eval().requires_grad_(False)
        self._frames = dataset.frames
        lengths = [len(sequence.frames) for sequence in dataset.sequences]
        self._first_rows = np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
        self._position_reference = run.index.positions.mean(axis=0)
        self._quat_reference = Rotation.from_quat(run.index.quats_xyzw).mean().as_quat()

    def check_rows(self, rows: list[int]) -> None:
        """Raise DatasetError when the data set has no such frame."""
        for row in rows:
            if not 0 <= row < len(self._frames):
                raise DatasetError(f"{self.dataset.path}: no frame {row}; expected one of 0 to {len(self._frames) - 1}")

    def image(self, row: int) -> np.ndarray:
        """The network's input (h, w, 3) uint8."""
        return self.run.preprocessing.apply(load_image_rgb(self._frames[row].image_path))

    def estimate(self, row: int) -> Pose:
        """The pose as in flight, after the images before; its position is from the run's origin on."""
        with torch.no_grad():
            position_13, quat_14, _ = self._poses(self._tensor(row), self._previous(row))
        return Pose(position_13[0].double().numpy(), quat_14[0].double().numpy())

    def errors(self, rows: list[int]) -> PoseErrors:
        """Of the estimates for some frames."""
        estimates = Poses.stack(map(self.estimate, rows)).shifted(self.run.position_origin)
        return pose_errors(estimates, self.dataset.poses[rows])

    def explained(self, row: int) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
        """Functions "position" and "orientation" of images (b, h, w, 3) that take the frame's place; (b,), m and deg.

        The images before it in a window stay as they are.
        """
        estimate = self.estimate(row)
        with torch.no_grad():
            previous = self._previous(row)
        scalars = {
            "position": position_scalar(estimate.position, self._position_reference),
            "orientation": orientation_scalar(estimate.quat_xyzw, self._quat_reference),
        }
        return {name: partial(self._scalar, scalar, previous) for name, scalar in scalars.items()}

    def _scalar(self, scalar: Scalar, previous: torch.Tensor | None, image_bhw3: torch.Tensor) -> torch.Tensor:
        position_b3, _, quat_bm4 = self._poses(image_bhw3, previous)
        return scalar(position_b3, quat_bm4)

    def _poses(self, image_bhw3: torch.Tensor, previous: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
        """Positions (b, 3) and quaternions (b, 4), and the members' quaternions (b, m, 4)."""
        if previous is not None:
            previous = previous.expand(len(image_bhw3), -1, -1)
        position_b3, quat_b4, _, _, quat_bm4 = self._step(image_bhw3, previous)[:5]
        return position_b3, quat_b4, quat_bm4

    def _previous(self, row: int) -> torch.Tensor | None:
        """Frame features (1, t, f) of the images before in the window, as many as flight would have; None without."""
        if self.run.pose_head.window_length == 1:
            return None
        features = torch.zeros(1, 0, self.run.pose_head.feature_size)
        for before in self._rows_before(row):
            features = torch.cat([features, self._step(self._tensor(before), features)[-1]], dim=1)
        return features

    def _rows_before(self, row: int) -> range:
        longest_ns, first = round(self.run.config.head.max_gap_s * 1e9), row
        stop = max(self._first_rows[row], row - self.run.pose_head.window_length + 1)
        while first > stop and self._frames[first].stamp_ns - self._frames[first - 1].stamp_ns <= longest_ns:
            first -= 1
        return range(first, row)

    def _tensor(self, row: int) -> torch.Tensor:
        return torch.from_numpy(self.image(row)).float()[None]


def _direction(vector: np.ndarray) -> np.ndarray:
    """Of unit length; the x axis where the vector is too short to have a direction."""
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
