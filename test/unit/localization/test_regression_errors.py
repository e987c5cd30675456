# SPDX-License-Identifier: BSD-3-Clause
"""Covariances of regressed poses follow the errors that landmarks show in a flight."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.regression_errors import RegressionErrors

IDENTITY, SD = np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.2] * 3 + [0.05] * 3)
TRUTH = Pose(np.zeros(3), IDENTITY)


def regression(number, metres, rate_hz=10.0):
    stamp_ns, covariance = int(number * 1e9 / rate_hz), np.diag(SD**2)
    plain = Estimate(stamp_ns, TRUTH, 2, 0.0, np.zeros(1), State.DEGRADED, "", covariance=covariance)
    return replace(plain, pose=Pose(metres, IDENTITY))


def after_flight(scale, count=150, rate_hz=10.0):
    """What is known after images whose positions err `scale` times as much as the calibration says."""
    errors, rng = RegressionErrors(), np.random.default_rng(0)
    for number in range(count):
        errors.add(regression(number, scale * rng.normal(0, SD[:3]), rate_hz), TRUTH)
    return errors


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_ellipsoids_hold_their_share_where_a_flight_errs_less_or_more_than_the_calibration(scale):
    covariance = after_flight(scale).applied(regression(150, np.zeros(3))).covariance
    offs = scale * np.random.default_rng(1).normal(0, SD[:3], (5000, 3))
    inside = np.sum(offs @ np.linalg.inv(covariance[:3, :3]) * offs, axis=1) <= chi2.ppf(0.9, 3)
    assert 0.86 < inside.mean() < 0.985
    # orientations did not err at all, and are believed more
    assert np.trace(covariance[3:, 3:]) < 0.25 * np.sum(SD[3:] ** 2)


def test_nothing_seen_changes_nothing_and_a_reset_forgets():
    errors = RegressionErrors()
    before = regression(0, np.zeros(3))
    np.testing.assert_array_equal(errors.applied(before).covariance, before.covariance)
    far = after_flight(3.0)
    assert far.factors[0] > 4
    far.reset()
    np.testing.assert_array_equal(far.factors, 1.0)


def test_the_rate_of_images_makes_no_difference():
    slow, fast = after_flight(2.0, 60, 10.0), after_flight(2.0, 180, 30.0)
    assert slow.factors[0] == pytest.approx(fast.factors[0], rel=0.3)


def test_without_a_calibration_there_is_nothing_to_scale():
    errors, bare = RegressionErrors(), replace(regression(0, np.zeros(3)), covariance=None)
    errors.add(bare, TRUTH)
    assert errors.applied(bare) is bare
