# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import make_dataclass, replace

import numpy as np
import pytest
from helpers import write_fake_dataset
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from camera_relocalization_ros.core.pose import Pose, pose_residual
from camera_relocalization_ros.data.dataset import SURVEY
from camera_relocalization_ros.uncertainty.landmark_error_fit import (
    UNMEASURED,
    _fit,
    trials_of,
    with_measured_deviation,
)


def test_scale_and_error_of_one_landmark_are_found_and_nine_of_ten_lie_inside():
    generator = np.random.default_rng(0)
    counts = generator.integers(20, 400, 3000)
    own = np.diag([1.0, 4.0, 9.0]) * (1e-3 / counts)[:, None, None]
    sd = np.sqrt(1.5**2 * own[:, [0, 1, 2], [0, 1, 2]] + (0.4 / counts[:, None]) ** 2)
    found = _fit(generator.normal(size=(3000, 3)) * sd, own, counts)
    np.testing.assert_allclose(found, [1.5, 0.4], rtol=0.1)


@pytest.mark.parametrize("scale", [0.5, 1.5, 5.0])
@pytest.mark.parametrize("of_one", [0.02, 0.4, 4.0])
def test_both_parts_of_the_errors_are_found_at_all_magnitudes(scale, of_one):
    generator = np.random.default_rng(1)
    counts = generator.integers(20, 400, 3000)
    own = np.diag([1.0, 4.0, 9.0]) * (3e-5 / counts)[:, None, None]

    def sd(scale, of_one):
        return np.sqrt(scale**2 * np.diagonal(own, axis1=1, axis2=2) + (of_one / counts[:, None]) ** 2)

    found = _fit(generator.normal(size=(3000, 3)) * sd(scale, of_one), own, counts)
    np.testing.assert_allclose(sd(*found), sd(scale, of_one), rtol=0.08)


def test_normal_equations_that_tell_all_are_left_as_they_are():
    generator = np.random.default_rng(2)
    counts = generator.integers(20, 400, 3000)
    own = np.eye(3) * (1e-3 / counts)[:, None, None]
    scale, of_one = _fit(generator.normal(size=(3000, 3)) * np.sqrt(1e-3 / counts[:, None]), own, counts)
    widened = scale**2 * 1e-3 / counts + (of_one / counts) ** 2
    np.testing.assert_allclose(widened, 1e-3 / counts, rtol=0.15)


def test_heavy_tails_are_made_up_for():
    generator = np.random.default_rng(1)
    counts, own = generator.integers(20, 400, 3000), np.tile(np.eye(3) * 1e-6, (3000, 1, 1))
    errors = 0.01 * generator.standard_t(2, (3000, 3))
    scale, of_one = _fit(errors, own, counts)
    inside = np.sum(errors**2, axis=1) / (scale**2 * 1e-6 + (of_one / counts) ** 2) < chi2.ppf(0.9, 3)
    assert abs(inside.mean() - 0.9) < 0.005


def test_a_difference_is_of_axes_that_do_not_turn():
    quarter = np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)])
    small = np.array([np.sin(0.05), 0, 0, np.cos(0.05)])
    # the estimate is the truth, turned by 0.1 about the parent's x axis
    turned = np.array([small[0] * quarter[3], -small[0] * quarter[2], quarter[2] * small[3], quarter[3] * small[3]])
    difference = pose_residual(Pose([1.0, 2, 3], turned), Pose([1.0, 2, 1], quarter))
    np.testing.assert_allclose(difference, [0, 0, 2, 0.1, 0, 0], atol=1e-12)


def some_map_of(deviation):
    """What is measured of a map, in metres."""
    return make_dataclass("SomeMap", ["deviation", "metre", "camera_reach"])(deviation, 1.0, 0.0)


def test_covariances_that_nobody_could_measure_are_wide_and_told(caplog):
    some_map = some_map_of(np.array([1.0, 0.0, 1.0, 0.0]))
    measured, errors = with_measured_deviation(some_map, trials=[])
    assert tuple(measured.deviation) == UNMEASURED and measured.camera_reach == 4 * UNMEASURED[0]
    assert errors.shape == (0, 2)
    assert "covariances are guessed: 0 left-out images got a pose" in caplog.text


class TrueToTheMap:
    """Finds the poses that the map was made with, to 5 mm and 0.005 rad."""

    def __init__(self, dataset):
        self.poses, self.generator = iter([frame.pose for frame in dataset.frames]), np.random.default_rng(0)

    def for_camera(self, camera):
        return self

    def camera_changes(self, refined):
        changes = np.zeros(5)
        changes[self.generator.integers(5)] = 0.01 * self.generator.choice([-3, 1, 4])
        return changes, np.full(5, 0.002)

    def refine(self, image_rgb, prior):
        pose = next(self.poses)
        turn = Rotation.from_rotvec(self.generator.normal(0, 0.005, 3)) * Rotation.from_quat(pose.quat_xyzw)
        found = Pose(pose.position + self.generator.normal(0, 0.005, 3), turn.as_quat())
        fields = {"found": True, "pose": found, "covariance": 0.005**2 * np.eye(6), "landmarks": np.arange(100)}
        return make_dataclass("Refined", fields)(*fields.values())


def test_covariances_of_a_map_reach_as_far_as_its_survey_may_be_off(tmp_path):
    plain = write_fake_dataset(tmp_path / "set", counts=(60,))
    report = {"scale_error": 0.0, "frame_error_m": 0.03 * np.sqrt(3), "frame_error_deg": 2.0}
    surveyed = replace(plain, sequences=tuple(replace(s, info={SURVEY: report}) for s in plain.sequences))
    some_map, deviations = some_map_of(UNMEASURED), []
    for dataset in (plain, surveyed):
        measured, errors = with_measured_deviation(some_map, [(TrueToTheMap(dataset), trials_of(dataset))])
        assert len(errors) == 60 and np.median(errors[:, 0]) < 0.015
        # a quarter more than the most that an image was off by, 0.04 of which 0.01 are tolerated anyway
        assert measured.camera_reach == pytest.approx(1.25 * 0.03 / 0.002)
        own, of_one = measured.deviation.reshape(2, 2).T
        deviations.append(np.sqrt((own * 0.005) ** 2 + (of_one / 100) ** 2))
    np.testing.assert_allclose(deviations[0], [0.005, 0.005], rtol=0.4)
    # the turn of the axes moves what is far from their zero, too
    assert 0.025 < deviations[1][0] < 0.1
    np.testing.assert_allclose(deviations[1][1], np.radians(2.0), rtol=0.4)
