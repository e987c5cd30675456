# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.data.dataset import SURVEY, Dataset, Frame, Sequence
from camera_relocalization_ros.uncertainty.survey_errors import with_survey_errors

REPORT = {"scale_error": 0.01, "frame_error_m": 0.03, "frame_error_deg": 0.5}
PLACE, TURN = np.array([4.0, 0.0, 0.0]), Rotation.from_rotvec([0.2, -0.4, 1.0])


def surveyed(report, count=2000):
    frames = tuple(Frame(n, n, Path(f"{n}.jpg"), PLACE, TURN.as_quat()) for n in range(count))
    return Dataset(Path("set"), "scene", "camera", None, (Sequence("a", frames, report),))


def test_poses_spread_as_far_as_their_survey_may_be_off():
    poses = with_survey_errors(surveyed({SURVEY: REPORT})).poses
    turns_rad = (Rotation.from_quat(poses.quats_xyzw) * TURN.inv()).as_rotvec()
    np.testing.assert_allclose(turns_rad.std(axis=0), np.radians(0.5), rtol=0.1)
    # along the line from zero the scale, across it the axes' turn; the shift in all
    shift_m, across_m = 0.03 / np.sqrt(3), 4.0 * np.radians(0.5)
    expected = [np.hypot(0.04, shift_m), np.hypot(across_m, shift_m), np.hypot(across_m, shift_m)]
    np.testing.assert_allclose((poses.positions - PLACE).std(axis=0), expected, rtol=0.1)
    np.testing.assert_allclose(poses.positions.mean(axis=0), PLACE, atol=0.005)


def test_other_poses_stay_as_they_are():
    for info in ({}, {SURVEY: {"pictures": 3, "registered": 3}}):
        poses = with_survey_errors(surveyed(info, 3)).poses
        np.testing.assert_array_equal(poses.positions, np.tile(PLACE, (3, 1)))
