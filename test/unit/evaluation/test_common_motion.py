# SPDX-License-Identifier: BSD-3-Clause
"""Poses of frames that bear one name and are not one are told, and no others."""

from dataclasses import replace

import numpy as np
import pytest
from made_result import SIGMA_M, SIGMA_RAD, made_result
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.pose import Pose, Poses
from camera_relocalization_ros.evaluation.common_motion import common_motion, moved
from camera_relocalization_ros.evaluation.metrics import summarise
from camera_relocalization_ros.evaluation.verdict import verdict_lines

LIMITS = 0.1, 3.0
MOTION = Pose(np.array([1.0, -0.3, 0.2]), Rotation.from_euler("z", 20, degrees=True).as_quat())


def poses_of(result):
    return Poses.from_rows(result.estimate), Poses.from_rows(result.truth)


def accurate(count=60, **info):
    """Estimates that err by a tenth of what is promised."""
    result = made_result(count, **info)
    estimates, truth = poses_of(result)
    share = 0.01 / SIGMA_M
    turns = Rotation.from_rotvec(share * (estimates.rotations * truth.rotations.inv()).as_rotvec())
    near = Poses(truth.positions + share * (estimates.positions - truth.positions), (turns * truth.rotations).as_quat())
    return replace(result, estimate=near.rows)


@pytest.mark.parametrize("is_parent, scale", [(True, 1.0), (True, 3.28), (False, 1.0)])
def test_the_motion_that_was_planted_is_found_among_outliers(is_parent, scale):
    estimates, truth = poses_of(accurate())
    truth = moved(truth, is_parent, MOTION, scale)
    truth.positions[::4] += 7.0
    found = common_motion(estimates, truth, *LIMITS)
    assert found.is_parent == is_parent
    # a centimetre of noise at each end of a metre
    assert found.scale == pytest.approx(scale, rel=0.03)
    np.testing.assert_allclose(found.motion.position, MOTION.position, atol=0.15)
    assert np.degrees(found.motion.rotation.magnitude()) == pytest.approx(20, abs=1)
    assert found.before[0] > 0.9 and found.left[0] < 0.05 * scale and found.left[1] < 1.0


def test_small_errors_and_those_that_differ_have_no_motion_in_common():
    assert common_motion(*poses_of(accurate()), *LIMITS) is None
    noisy = made_result(60)
    estimates, truth = poses_of(noisy)
    assert common_motion(estimates.shifted(np.full(3, SIGMA_M)), truth, SIGMA_M, np.degrees(SIGMA_RAD)) is None


def test_a_constant_answer_and_a_camera_at_rest_tell_nothing():
    estimates, truth = poses_of(accurate())
    one = Poses(np.tile(truth.positions[0], (60, 1)), np.tile(truth.quats_xyzw[0], (60, 1)))
    assert common_motion(one.shifted(np.ones(3)), truth, *LIMITS) is None
    rest = one.shifted(np.random.default_rng(0).normal(0, 0.001, (60, 3)))
    assert common_motion(one.shifted(np.ones(3)), rest, *LIMITS) is None


def test_few_poses_tell_nothing():
    estimates, truth = poses_of(accurate())
    assert common_motion(estimates[:19], moved(truth, True, MOTION, 1.0)[:19], *LIMITS) is None


def test_the_verdict_names_the_frame_and_no_cure_that_is_none():
    result = accurate()
    for is_parent, name in ((True, result.info.parent_frame), (False, result.info.child_frame)):
        other = replace(result, truth=moved(Poses.from_rows(result.truth), is_parent, MOTION, 1.0).rows)
        (line,) = verdict_lines(other, summarise(other, intervals=False))
        assert line.startswith(f"BAD: the data's {name!r} is not the bundle's")
        assert "20.0 deg) explains the errors" in line or "20.1 deg" in line or "19.9 deg" in line
    assert "is not the bundle's" not in " ".join(verdict_lines(result, summarise(result, intervals=False)))
