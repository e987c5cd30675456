# SPDX-License-Identifier: BSD-3-Clause
"""How far errors reach beyond their covariances, fitted to errors whose distribution is known."""

from dataclasses import replace

import numpy as np
import pytest
from calibrated_bundle import SIGMA_M, SIGMA_RAD, calibration
from colour_bundle import COLOUR_BUNDLE
from helpers import write_fake_dataset
from scipy.spatial.transform import Rotation
from scipy.stats import chi, t

from camera_relocalization_ros.bundle.indicators import INDICATORS
from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.uncertainty import stage_fit
from camera_relocalization_ros.uncertainty.stage_fit import Regressions, reach, with_stages


@pytest.mark.parametrize("seed", range(3))
def test_the_reach_holds_what_it_should_of_light_and_of_heavy_tails(seed):
    rng = np.random.default_rng(seed)
    gaussian = np.linalg.norm(rng.normal(size=(3000, 3)), axis=1)
    assert chi.ppf(0.9995, 3) < reach(gaussian) < 1.3 * chi.ppf(0.9995, 3)
    heavy = np.abs(rng.standard_t(4, 3000))
    expected = t.ppf(1 - 0.0005 / 2, 4)
    assert 0.8 * expected < reach(heavy) < 1.6 * expected


def test_the_reach_is_never_less_than_what_was_seen():
    lengths = np.ones(5000)
    assert reach(lengths) == 1.0
    # a hundredth is fifty times as far off, which no tail fitted to the others would tell
    lengths[::100] = 50.0
    assert reach(lengths) >= 50.0


def regressions(path, count):
    """Of a data set: the truth, off along one axis by Gaussian errors; the first of them is of one image alone."""
    dataset, rng = write_fake_dataset(path, (count,)), np.random.default_rng(0)
    estimates = []
    for row, frame in enumerate(dataset.frames):
        turn = Rotation.from_rotvec([0.0, 0.0, SIGMA_RAD * 0.2 * rng.normal()])
        pose = Pose(frame.position + [SIGMA_M * rng.normal(), 0, 0], (turn * frame.pose.rotation).as_quat())
        usual = dict.fromkeys(INDICATORS, 0.01)
        estimates.append(
            Estimate(frame.stamp_ns, pose, 2 if row else 1, 0.0, np.zeros(1), State.DEGRADED, "", indicators=usual)
        )
    return Regressions(dataset, estimates)


def test_a_model_without_a_map_is_calibrated_by_its_regressed_poses(tmp_path, monkeypatch):
    monkeypatch.setattr(stage_fit, "LEAST_SAMPLES", 300)
    bundle = load_bundle(COLOUR_BUNDLE)
    found = with_stages(bundle, calibration(), [regressions(tmp_path / "many", 301)])
    assert set(found.stages) == {"regression"} and found.stages["regression"].frames == 300
    position, orientation = found.stages["regression"].reach
    # in deviations that the covariance tells
    assert 3.0 < position < 7.0 and 1.0 <= orientation < 1.4
    assert replace(found, stages={}) == calibration()


def test_of_few_poses_nothing_is_told(tmp_path):
    assert with_stages(load_bundle(COLOUR_BUNDLE), calibration(), [regressions(tmp_path / "few", 60)]).stages == {}
