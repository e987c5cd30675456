# SPDX-License-Identifier: BSD-3-Clause
"""Covariance and score on simulated samples whose errors are known."""

import re

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from camera_relocalization_ros.bundle.error_calibration import SCORE_LEVELS, ErrorCalibration
from camera_relocalization_ros.bundle.indicators import INDICATORS, log_indicators
from camera_relocalization_ros.core.plain_values import from_plain, to_plain
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.evaluation.consistency import ConsistencyReport, normalized_squares
from camera_relocalization_ros.evaluation.rejection_table import accepted_at, area_under_roc, rejection_table
from camera_relocalization_ros.localization.classify import classify_state
from camera_relocalization_ros.uncertainty.calibration_fit import (
    CalibrationSamples,
    camera_errors,
    fit,
    is_inside,
    squared_distances,
    tyler_shape,
    with_thresholds,
)
from camera_relocalization_ros.uncertainty.out_of_distribution_images import out_of_distribution_images, to_aspect

# of simulated errors: three times as long along the line of sight, and turning with moving sideways
SHAPE = np.diag([1.0, 1.0, 9.0, 1.0, 1.0, 1.0])
SHAPE[0, 4] = SHAPE[4, 0] = -0.8


def simulated_samples(count=3000, blocks=6, seed=0, tail=4.0):
    """Indicators that give the size of errors with heavy tails (of Student's t with `tail` degrees of freedom)."""
    rng = np.random.default_rng(seed)
    logs = rng.normal(-2.0, 0.5, (count, len(INDICATORS)))
    scales = np.exp(logs[:, :2] + 1.0) * np.sqrt(tail / rng.chisquare(tail, (count, 1)))
    unit = rng.multivariate_normal(np.zeros(6), SHAPE, count)
    return CalibrationSamples(logs, unit * np.repeat(scales, 3, axis=1), np.arange(count) * blocks // count)


@pytest.fixture(scope="module")
def fitted():
    return fit(simulated_samples())


def indicators_of(logs):
    return dict(zip(INDICATORS, np.exp(logs).tolist()))


def test_ninety_percent_ellipsoids_hold_ninety_percent_of_what_was_not_seen(fitted):
    squares = squared_distances(fitted.calibration, simulated_samples(seed=1))
    inside = is_inside(squares).mean(axis=0)
    np.testing.assert_allclose(inside[:, 1], 0.9, atol=0.02)
    np.testing.assert_allclose(fitted.inside.mean(axis=0)[:, 1], 0.9, atol=0.01)
    assert fitted.calibration.coverage["position"]["0.9"] == fitted.inside[:, 0, 1].mean()


def test_ellipsoids_are_as_large_as_the_indicators_say_and_as_long_as_errors_are(fitted):
    small, large = (
        fitted.calibration.covariance(indicators_of(np.full(5, log)), [0, 0, 0, 1.0]) for log in (-2.5, -1.5)
    )
    np.testing.assert_allclose(np.sqrt(np.diag(large) / np.diag(small)), np.e, rtol=0.1)
    np.testing.assert_allclose(small[2, 2] / small[0, 0], 9.0, rtol=0.15)
    np.testing.assert_allclose(small[0, 4] / np.sqrt(small[0, 0] * small[4, 4]), -0.8, atol=0.05)


def test_covariance_is_in_fixed_axes_of_the_parent_and_never_zero(fitted):
    """A camera that looks along the parent's x axis errs most along x."""
    q_parent_camera = Rotation.from_matrix(np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])).as_quat()
    usual = indicators_of(np.full(5, -2.0))
    covariance = fitted.calibration.covariance(usual, q_parent_camera)
    assert np.argmax(np.diag(covariance)[:3]) == 0
    np.testing.assert_array_equal(covariance, covariance.T)
    rng = np.random.default_rng(0)
    for _ in range(20):
        wild = indicators_of(rng.normal(0.0, 20.0, 5))
        assert (
            np.linalg.eigvalsh(fitted.calibration.covariance(wild, Rotation.random(random_state=rng).as_quat()))[0] > 0
        )


def test_distances_by_published_covariances_are_those_of_the_fit(fitted):
    """What a subscriber computes, with quaternions and axes of the parent, beside what the fit did in the camera's."""
    rng = np.random.default_rng(3)
    logs = rng.normal(-2.0, 0.5, (50, 5))
    positions, gt = rng.normal(size=(50, 3)), Rotation.random(50, random_state=1)
    estimated = Rotation.from_rotvec(rng.normal(0.0, 0.2, (50, 3))) * gt
    positions_gt = positions + rng.normal(0.0, 0.3, (50, 3))
    estimates, truth = Poses(positions, estimated.as_quat()), Poses(positions_gt, gt.as_quat())
    errors = camera_errors(estimates, truth)
    expected = squared_distances(fitted.calibration, CalibrationSamples(logs, errors, np.zeros(50)))
    covariances = np.array(
        [fitted.calibration.covariance(indicators_of(row), q) for row, q in zip(logs, estimated.as_quat())]
    )
    found = normalized_squares(covariances, estimates, truth)
    np.testing.assert_allclose(np.stack([found["position"], found["orientation"]], axis=1), expected, rtol=1e-6)
    # rotation errors are turns about the fixed axes, not about the camera's
    turn = np.array([0.0, 0.0, 0.1])
    turned = (Rotation.from_rotvec(turn) * gt[0]).as_quat()
    one = camera_errors(Poses(np.zeros((1, 3)), turned[None]), Poses(np.zeros((1, 3)), gt[0].as_quat()[None]))
    np.testing.assert_allclose((Rotation.from_rotvec(turn) * gt[0]).apply(one[0, 3:]), turn, atol=1e-12)


def test_scores_are_the_share_of_in_distribution_images_that_conform_no_better(fitted):
    scores = fitted.calibration.scores(simulated_samples(seed=2).log_indicators)
    for level in (0.5, 0.1, 0.05, 0.01):
        assert (scores < level).mean() == pytest.approx(level, rel=0.4)
    unusual = [fitted.calibration.score(indicators_of(np.full(5, log))) for log in np.linspace(-2.0, 3.0, 40)]
    assert np.all(np.diff(unusual) <= 0) and 0 < unusual[-1] < 1e-3 and unusual[0] > 0.3
    assert fitted.calibration.score(indicators_of(np.full(5, -9.0))) == 1.0


def test_thresholds_let_pass_what_was_asked_for_or_say_that_they_do_not(fitted):
    easy = with_thresholds(fitted.calibration, [1e-9] * 100, 0.01)
    assert (easy.degraded_below, easy.false_accept) == (0.02, 0.0)
    fitting = with_thresholds(fitted.calibration, np.linspace(0.0, 0.04, 101), 0.01)
    assert 0.02 < fitting.degraded_below < 0.05 and fitting.false_accept <= 0.01
    hopeless = with_thresholds(fitted.calibration, np.linspace(0.0, 1.0, 101), 0.01)
    assert hopeless.degraded_below == 0.05 and hopeless.false_accept > 0.9
    assert with_thresholds(fitted.calibration, [], 0.01).false_accept == 0.0


def test_the_rule_takes_the_worst_and_names_the_indicator(fitted):
    calibration = with_thresholds(fitted.calibration, [1e-9], 0.01)
    usual = indicators_of(np.full(5, -2.0))
    unusual = {**usual, "descriptor_residual": 3.0}
    assert classify_state(calibration, usual, 0.5, 2, 2) == (State.OK, "")
    state, reason = classify_state(calibration, unusual, 0.001, 1, 2)
    assert state is State.LOST and "descriptor_residual 3" in reason
    assert classify_state(calibration, unusual, 0.01, 2, 2)[0] is State.DEGRADED
    assert classify_state(calibration, usual, 0.5, 1, 2) == (State.DEGRADED, "seen in 1 of 2 images")
    assert classify_state(None, {}, float("nan"), 2, 2)[0] is State.OK
    assert classify_state(calibration, usual, float("nan"), 2, 2)[0] is State.LOST


def test_a_calibration_survives_the_file(fitted):
    values = yaml.safe_load(yaml.safe_dump(to_plain(fitted.calibration)))
    assert from_plain(ErrorCalibration, values) == fitted.calibration


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("frames", 0, "frames is 0"),
        ("strangeness", [float("nan")] * len(SCORE_LEVELS), "strangeness is"),
        ("strangeness", [3.0, 2.0], "strangeness is"),
        ("strangeness_tail", 0.0, "strangeness_tail"),
        ("shape", np.zeros((6, 6)).tolist(), "shape is"),
        ("shape", np.diag([1, 1, 1, 1, 1, -1.0]).tolist(), "shape is"),
        ("shape", np.triu(np.full((6, 6), 0.1)).tolist(), "shape is"),
        ("shape", (1e9 * np.eye(6)).tolist(), "shape is"),
        ("shape", [[1.0]], "shape is"),
        ("position_scale", [float("inf"), 0, 0, 0], "position_scale is"),
        ("orientation_scale", [0.0], "orientation_scale is"),
        ("signs", {}, "signs is"),
        ("degraded_below", 2.0, "lost_below, degraded_below"),
        ("lost_below", 0.5, "lost_below, degraded_below"),
        ("false_accept", float("nan"), "shares is"),
        ("coverage", {}, "coverage is {}"),
    ],
)
def test_absurd_calibrations_are_refused_by_name(fitted, key, value, message):
    values = {**to_plain(fitted.calibration), key: value}
    with pytest.raises(ValueError, match=re.escape(message)):
        from_plain(ErrorCalibration, values)


def test_shape_is_not_bent_by_gross_errors():
    rng = np.random.default_rng(0)
    vectors = rng.multivariate_normal(np.zeros(3), np.diag([1.0, 1.0, 9.0]), 5000)
    vectors[:100] *= [[1e4, 1.0, 1.0]]
    shape = tyler_shape(vectors)
    assert np.trace(shape) == pytest.approx(3.0, rel=1e-3)
    assert shape[2, 2] / shape[1, 1] == pytest.approx(9.0, rel=0.1)
    assert np.linalg.eigvalsh(tyler_shape(np.eye(3)[[0, 0, 1, 1]]))[0] > 0


def test_roc_of_known_scores():
    assert area_under_roc(np.array([0.5, 0.9]), np.array([0.1, 0.2])) == 1.0
    assert area_under_roc(np.array([0.5, 0.5]), np.array([0.5])) == 0.5
    scores, others = np.random.default_rng(0).integers(0, 9, (2, 40)) + np.array([[2], [0]])
    pairs = (scores[:, None] > others).mean() + (scores[:, None] == others).mean() / 2
    assert area_under_roc(scores, others) == pytest.approx(pairs, abs=1e-12)
    good = np.linspace(0.0, 1.0, 101)
    assert accepted_at(good, np.array([0.04, 0.06]), 0.95) == 0.5


def test_tables_tell_shares(fitted):
    calibration = with_thresholds(fitted.calibration, [1e-9], 0.01)
    text = rejection_table(calibration, np.array([0.5, 0.01]), {"noise": np.array([0.001, 0.01, 0.5, 0.6])})
    assert re.search(r"noise +4 +50.0% +25.0%", text) and re.search(r"of the scene +2 +50.0% +0.0%", text)


def test_coverage_of_a_perfect_covariance():
    rng = np.random.default_rng(0)
    squares = {kind: rng.chisquare(3, 20000) for kind in ("position", "orientation")}
    check = ConsistencyReport(squares, np.full(20000, State.OK), None, None)
    for kind in ("position", "orientation"):
        assert check.coverage()[kind] == pytest.approx({"0.5": 0.5, "0.9": 0.9, "0.95": 0.95}, abs=0.01)
    assert chi2.ppf(0.9, 3) == pytest.approx(6.25, abs=0.01)


def test_out_of_distribution_images_are_images_and_all_different():
    scene = [np.arange(64 * 96 * 3, dtype=np.uint32).reshape(64, 96, 3).astype(np.uint8)] * 2
    made = list(out_of_distribution_images(96, 64, scene, count=2))
    assert len({image.tobytes() for _, image in made}) == len(made) == 14
    assert all(image.shape == (64, 96, 3) and image.dtype == np.uint8 for _, image in made)
    scrambled = made[-1][1]
    np.testing.assert_array_equal(np.sort(scrambled, axis=None), np.sort(scene[0], axis=None))
    assert to_aspect(np.zeros((480, 640, 3)), 320, 180).shape == (360, 640, 3)
    assert to_aspect(np.zeros((480, 640, 3)), 100, 100).shape == (480, 480, 3)


def test_logarithms_of_indicators_stop_at_the_floor():
    np.testing.assert_allclose(log_indicators(dict.fromkeys(INDICATORS, 0.0)), np.log(1e-3))
