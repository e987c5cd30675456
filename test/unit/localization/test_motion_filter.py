# SPDX-License-Identifier: BSD-3-Clause
"""Smoothing, the gate and its hysteresis, on made-up flights whose truth and noise are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.pose import Pose, pose_residual
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.motion_filter import FilterSettings, MotionFilter
from camera_relocalization_ros.localization.pose_track import Motion, at_least

PERIOD_NS = 50_000_000
SIGMA_M, SIGMA_RAD = 0.05, 0.03
COVARIANCE = np.diag(np.repeat([SIGMA_M, SIGMA_RAD], 3) ** 2)
FAR = np.array([5.0, 0.0, 0.0])
SETTINGS = FilterSettings()


def make_estimate(k: int, position: np.ndarray, rotation: Rotation | None = None, **values) -> Estimate:
    quat_xyzw = (rotation or Rotation.identity()).as_quat()
    fields = {"covariance": COVARIANCE, "state": State.OK, "reason": "", **values}
    return Estimate(k * PERIOD_NS, Pose(position, quat_xyzw), 2, 0.01, np.zeros(1), **fields)


def truth(k: int) -> tuple[np.ndarray, Rotation]:
    """A circle of 1 m at 0.5 rad/s, looking along it."""
    angle = 0.5 * k * PERIOD_NS / 1e9
    return np.array([np.cos(angle), np.sin(angle), 0.1 * angle]), Rotation.from_rotvec([0.0, 0.0, angle])


def flight(count: int, rng: np.random.Generator, correlated_share: float, correlation_s: float = 0.5):
    """Estimates with noise of SIGMA, a share of whose variance decays with a time constant."""
    kept = np.exp(-PERIOD_NS / 1e9 / correlation_s)
    bias = rng.normal(size=6)
    for k in range(count):
        position, rotation = truth(k)
        unit = np.sqrt(correlated_share) * bias + np.sqrt(1 - correlated_share) * rng.normal(size=6)
        noise = unit * np.sqrt(np.diag(COVARIANCE))
        bias = kept * bias + np.sqrt(1 - kept**2) * rng.normal(size=6)
        yield make_estimate(k, position + noise[:3], Rotation.from_rotvec(noise[3:]) * rotation)


def errors_of(estimates: list[Estimate]) -> np.ndarray:
    """(n, 6) in the order and axes of a covariance."""
    rows = []
    for estimate in estimates:
        position, rotation = truth(estimate.stamp_ns // PERIOD_NS)
        turn = (Rotation.from_quat(estimate.quat_xyzw) * rotation.inv()).as_rotvec()
        rows.append(np.concatenate([estimate.position - position, turn]))
    return np.array(rows)


def nees(estimates: list[Estimate]) -> float:
    """Mean of the errors' squares in units of their covariances: 6 is what they claim."""
    covariances = np.array([estimate.covariance for estimate in estimates])
    errors = errors_of(estimates)
    return float(np.einsum("ni,ni->n", errors, np.linalg.solve(covariances, errors[..., None])[..., 0]).mean())


def run(estimates, settings: FilterSettings = SETTINGS) -> list[Estimate]:
    motion_filter = MotionFilter(settings)
    return [motion_filter.update(estimate) for estimate in estimates]


def states(estimates: list[Estimate]) -> str:
    return "".join(estimate.state.name[0] for estimate in estimates)


def at(*positions: np.ndarray) -> list[Estimate]:
    return [make_estimate(k, position) for k, position in enumerate(positions)]


def test_white_noise_is_nearly_halved_on_a_calm_flight():
    raw = list(flight(400, np.random.default_rng(0), correlated_share=0.0))
    settings = replace(SETTINGS, motion=Motion(0.3, 0.3, 1.0, 1.0))
    before, after = (np.sqrt(np.mean(errors_of(some)[50:] ** 2, axis=0)) for some in (raw, run(raw, settings)))
    assert np.all(after[:3] < 0.6 * before[:3])
    # less noise against as much motion
    assert np.all(after[3:] < 0.7 * before[3:])


@pytest.mark.parametrize("correlated_share", [0.0, 0.5, 0.8, 0.95])
def test_smoothed_poses_are_never_claimed_better_than_they_are(correlated_share):
    mean = np.mean([nees(run(flight(300, np.random.default_rng(seed), correlated_share))[20:]) for seed in range(5)])
    assert 1.0 < mean < 6.6


def test_without_the_floor_a_filter_would_claim_too_much():
    """What at_least is for: the filter's own covariance, which takes errors for white noise, is far too small."""
    motion_filter = MotionFilter(SETTINGS)
    overconfident = []
    for estimate in flight(300, np.random.default_rng(1), correlated_share=0.95):
        smoothed = motion_filter.update(estimate)
        overconfident.append(replace(smoothed, covariance=motion_filter._track.pose_covariance))
    assert nees(overconfident[20:]) > 12


def test_a_still_camera_is_not_known_better_for_looking_longer():
    last = run(at(*[np.zeros(3)] * 500))[-1]
    assert np.all(np.linalg.eigvalsh(last.covariance - 0.999 * COVARIANCE) > 0)


def test_without_covariance_the_stand_in_steers_and_none_is_made_up():
    raw = [replace(estimate, covariance=None) for estimate in at(np.zeros(3), FAR, np.zeros(3))]
    out = run(raw)
    assert states(out) == "OLD"
    assert out[0].covariance is None


def test_an_outlier_is_lost_and_says_by_how_much():
    out = run(at(*[np.zeros(3)] * 5, FAR, *[np.zeros(3)] * 4))
    assert states(out) == "OOOOOLDDOO"
    assert out[5].reason.startswith("rejected by the gate: ")
    assert np.array_equal(out[5].position, FAR)
    # and it left nothing behind
    assert np.allclose(out[6].position, 0.0, atol=1e-9)


def test_a_rotation_alone_may_be_an_outlier():
    raw = at(*[np.zeros(3)] * 6)
    raw[4] = make_estimate(4, np.zeros(3), Rotation.from_rotvec([0.0, 1.0, 0.0]))
    assert states(run(raw)) == "OOOOLD"


def test_outliers_that_agree_are_believed_after_some():
    out = run(at(*[np.zeros(3)] * 5, *[FAR] * 10))
    assert states(out) == "OOOOO" + "LLLL" + "DDO" + "OOO"
    assert np.allclose(out[-1].position, FAR, atol=1e-6)


def test_outliers_that_disagree_are_not_believed():
    rng = np.random.default_rng(2)
    out = run(at(*[np.zeros(3)] * 5, *rng.uniform(-20, 20, (12, 3)), np.zeros(3)))
    assert states(out) == "O" * 5 + "L" * 12 + "D"


def test_outliers_for_longer_than_the_gap_leave_no_open_gate():
    """The prediction's covariance grows until it would take anything; only agreement brings the filter back then."""
    rng = np.random.default_rng(3)
    out = run(at(*[np.zeros(3)] * 5, *rng.uniform(-20, 20, (60, 3))))
    assert states(out) == "O" * 5 + "L" * 60


def test_alternating_outliers_never_add_up():
    out = run(at(*[np.zeros(3), np.zeros(3), np.zeros(3)], *[FAR, np.zeros(3)] * 6))
    assert states(out) == "OOO" + "LD" * 6


def test_after_lost_some_must_pass():
    raw = at(*[np.zeros(3)] * 8)
    raw[2] = replace(raw[2], state=State.LOST, reason="score")
    out = run(raw)
    assert states(out) == "OOLDDOOO"
    assert out[2] is raw[2]


def test_a_degraded_estimate_keeps_its_reason():
    raw = [
        replace(one, state=State.DEGRADED, reason="seen in 1 of 2 images") for one in at(np.zeros(3), FAR, np.zeros(3))
    ]
    assert [one.reason for one in run(raw)[::2]] == ["seen in 1 of 2 images"] * 2


@pytest.mark.parametrize("jump_ns", [0, -PERIOD_NS, 1_050_000_000])
def test_stamps_that_repeat_go_back_or_jump_begin_anew(jump_ns):
    motion_filter = MotionFilter(SETTINGS)
    for estimate in at(*[np.zeros(3)] * 30):
        motion_filter.update(estimate)
    moved = replace(make_estimate(0, FAR), stamp_ns=29 * PERIOD_NS + jump_ns)
    out = motion_filter.update(moved)
    assert (out.state, out.reason) == (State.OK, "")
    assert np.array_equal(out.position, FAR)


def test_a_gap_just_allowed_is_no_jump():
    motion_filter = MotionFilter(replace(SETTINGS, motion=Motion(0.1, 0.1, 0.1, 0.1)))
    motion_filter.update(make_estimate(0, np.zeros(3)))
    assert motion_filter.update(make_estimate(20, FAR)).state == State.LOST


def test_reset_forgets():
    motion_filter = MotionFilter(SETTINGS)
    motion_filter.update(make_estimate(0, np.zeros(3)))
    motion_filter.reset()
    assert motion_filter.update(make_estimate(1, FAR)).state == State.OK


def test_the_gate_alone_changes_no_pose():
    raw = list(flight(50, np.random.default_rng(4), 0.5))
    for before, after in zip(raw, run(raw, replace(SETTINGS, smooths=False))):
        assert np.array_equal(before.position, after.position) and before.covariance is after.covariance


def test_smoothing_alone_calls_nothing_lost():
    assert set(states(run(at(*[np.zeros(3)] * 5, FAR, FAR), replace(SETTINGS, gates=False)))) == {"O"}


def test_neither_changes_anything():
    raw = at(np.zeros(3), FAR)
    assert [id(one) for one in run(raw, replace(SETTINGS, smooths=False, gates=False))] == [id(one) for one in raw]


def test_good_estimates_pass_the_gate():
    """With the covariance that they have, at most a few times the gate's own chance."""
    settings = replace(SETTINGS, gate_chance=0.01)
    out = [one for seed in range(5) for one in run(flight(400, np.random.default_rng(seed), 0.8), settings)]
    assert np.mean([one.state == State.LOST for one in out]) < 0.01


def test_turning_through_half_a_turn_has_no_seam():
    """Quaternions change sign and rotation vectors wrap at pi; a filter must not notice."""
    raw = [make_estimate(k, np.zeros(3), Rotation.from_rotvec([0, 0, 0.1 * k])) for k in range(200)]
    for before, after in list(zip(raw, run(raw)))[20:]:
        assert after.state == State.OK
        assert angular_distance(before.quat_xyzw, after.quat_xyzw) < 0.01


def test_at_least_is_the_larger_in_every_direction():
    rng = np.random.default_rng(5)
    a, b = (m @ m.T for m in rng.normal(size=(2, 6, 6)))
    joined = at_least(a, b)
    assert np.linalg.eigvalsh(joined - a).min() > -1e-9
    assert np.linalg.eigvalsh(joined - b).min() > -1e-9
    assert np.allclose(at_least(2 * b, b), 2 * b) and np.allclose(at_least(b / 2, b), b)


@pytest.mark.parametrize(
    "changes",
    [{"gate_chance": 0.0}, {"gate_chance": 1.0}, {"sigma_m": 0.0}, {"max_gap_s": np.nan}, {"recover_after": 0}]
    + [{"motion": Motion(0.0, 1.0, 1.0, 1.0)}, {"sigma_rad": np.inf}, {"reinitialise_after": 0}],
)
def test_settings_without_sense_are_named(changes):
    with pytest.raises(ConfigError, match="filter setting"):
        replace(SETTINGS, **changes)


def test_the_gate_means_what_it_says():
    assert MotionFilter(replace(SETTINGS, gate_chance=0.05))._limit == pytest.approx(chi2.ppf(0.95, 6))


LAG_NS, TICK_NS = 80_000_000, 20_000_000


def predictions(seed: int, ahead_ns: int, correlated_share: float = 0.8):
    """Errors (n, 6) of poses predicted so far ahead, of the pose held instead, and covariances (n, 6, 6)."""
    motion_filter, predicted, held, covariances = MotionFilter(SETTINGS), [], [], []
    for k, estimate in enumerate(flight(120, np.random.default_rng(seed), correlated_share)):
        newest = motion_filter.update(estimate)
        if k < 20:
            continue
        ahead = motion_filter.predict(estimate.stamp_ns + ahead_ns)
        position, rotation = truth((estimate.stamp_ns + ahead_ns) / PERIOD_NS)
        actual = Pose(position, rotation.as_quat())
        predicted.append(pose_residual(ahead.pose, actual))
        held.append(pose_residual(newest.pose, actual))
        covariances.append(ahead.covariance)
    return np.array(predicted), np.array(held), np.array(covariances)


@pytest.mark.parametrize("ahead_ns", [TICK_NS, LAG_NS, LAG_NS + PERIOD_NS, 400_000_000])
def test_a_predicted_pose_is_as_far_off_as_it_says(ahead_ns):
    errors, held, covariances = predictions(7, ahead_ns)
    squares = np.einsum("ni,ni->n", errors, np.linalg.solve(covariances, errors[..., None])[..., 0])
    assert np.mean(squares < chi2.ppf(0.9, 6)) > 0.85
    # and no further off than where the camera was, which is what there was without it
    rms, rms_held = (np.sqrt((e[:, :3] ** 2).sum(axis=1).mean()) for e in (errors, held))
    assert rms < 1.05 * rms_held


def test_the_covariance_of_a_prediction_grows_in_every_direction():
    motion_filter = MotionFilter(SETTINGS)
    estimates = run_through(motion_filter, flight(30, np.random.default_rng(3), 0.5))
    now_ns = estimates[-1].stamp_ns
    before = motion_filter.predict(now_ns).covariance
    np.testing.assert_allclose(before, estimates[-1].covariance, atol=1e-12)
    for ahead_ns in (TICK_NS, 5 * TICK_NS, 20 * TICK_NS):
        covariance = motion_filter.predict(now_ns + ahead_ns).covariance
        # of a turning camera the parts change places: no direction of the position, and nothing in sum, gets surer
        assert np.linalg.eigvalsh(covariance[:3, :3] - before[:3, :3]).min() > 0
        assert np.trace(covariance) > np.trace(before)
        before = covariance


def run_through(motion_filter: MotionFilter, estimates) -> list[Estimate]:
    return [motion_filter.update(estimate) for estimate in estimates]


def test_there_is_no_prediction_of_nothing_and_of_the_past():
    motion_filter = MotionFilter(SETTINGS)
    assert motion_filter.predict(PERIOD_NS) is None
    newest = run_through(motion_filter, at(np.zeros(3), np.zeros(3)))[-1]
    assert motion_filter.predict(newest.stamp_ns - 1) is None
    assert motion_filter.predict(newest.stamp_ns) is not None
    motion_filter.reset()
    assert motion_filter.predict(newest.stamp_ns) is None


def test_a_prediction_changes_nothing():
    asked, unasked = MotionFilter(SETTINGS), MotionFilter(SETTINGS)
    for one in flight(20, np.random.default_rng(4), 0.5):
        expected, found = unasked.update(one), asked.update(one)
        asked.predict(one.stamp_ns + LAG_NS)
        np.testing.assert_array_equal(found.position, expected.position)
        np.testing.assert_array_equal(found.covariance, expected.covariance)
