# SPDX-License-Identifier: BSD-3-Clause
"""How far errors reach beyond their covariances, fitted to errors whose distribution is known."""

from dataclasses import replace

import numpy as np
import pytest
from calibrated_bundle import SIGMA_M, SIGMA_RAD, calibration
from colour_bundle import COLOUR_BUNDLE
from helpers import write_fake_dataset
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from camera_relocalization_ros.bundle.indicators import INDICATORS
from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.uncertainty import stage_fit
from camera_relocalization_ros.uncertainty.stage_fit import (
    Promise,
    Regressions,
    asked_evidence,
    fitted_promise,
    fitting_ellipsoids,
    joint_reach,
    least_evidence,
    reach,
    with_stages,
)


def missed(draw, fits=40, count=1000):
    """Share of poses beyond a reach fitted to so many others, over many fits; draw(n): n pairs of ratios."""
    tried = draw(50_000)
    return np.mean([(tried > joint_reach(draw(count))).any(axis=1).mean() for _ in range(fits)])


@pytest.mark.parametrize(("freedom", "alike"), [(4, 0.95), (8, 0.0), (np.inf, 0.95)])
def test_both_reaches_hold_what_they_promise_of_light_and_of_heavy_tails(freedom, alike):
    rng = np.random.default_rng(0)

    def draw(count):
        one, other = rng.normal(size=(2, count, 3))
        scale = np.ones(count) if np.isinf(freedom) else np.sqrt(freedom / rng.chisquare(freedom, count))
        both = [one, 3 * (alike * one + np.sqrt(1 - alike**2) * other)]
        return np.stack([scale * np.linalg.norm(errors, axis=1) for errors in both], axis=1)

    # one in a thousand is promised; ten times fewer would be too cautious
    assert 0.0001 < missed(draw) < 0.001
    position, orientation = joint_reach(draw(50_000))
    assert orientation == pytest.approx(3 * position, rel=0.05)


def test_the_reach_is_never_less_than_what_was_seen():
    lengths = np.ones(5000)
    assert reach(lengths) == 1.0 and joint_reach(np.stack([0 * lengths, 0.1 * lengths], axis=1)) == (1.0, 1.0)
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


def test_of_few_poses_nothing_is_told_but_how_many_it_takes(tmp_path, caplog):
    assert with_stages(load_bundle(COLOUR_BUNDLE), calibration(), [regressions(tmp_path / "few", 60)]).stages == {}
    assert "60 images gave 59 poses by regression" in caplog.text and "calibrate on about 600 images" in caplog.text


def by_landmarks(evidence, off_m=0.0, turned_deg=0.0, stage=Stage.REFINED, **changes):
    """A pose and the true one."""
    truth = Pose([1.0, 2.0, 3.0], [0, 0, 0, 1.0])
    turn = Rotation.from_euler("z", turned_deg, degrees=True)
    pose = Pose(truth.position + [off_m, 0, 0], turn.as_quat())
    found = Estimate(0, pose, 1, 0.0, np.zeros(1), State.OK, "", np.eye(6), stage=stage, evidence=evidence)
    return replace(found, **changes), truth


def test_wrong_poses_tell_how_much_evidence_it_takes():
    inexact = [by_landmarks(50.0, off_m=0.2, turned_deg=5), by_landmarks(12.0, stage=Stage.TRACKED)]
    assert least_evidence(inexact, 1.0) == 0
    turned, off = by_landmarks(20.0, turned_deg=180.0), by_landmarks(30.0, off_m=0.3)
    assert least_evidence([*inexact, turned], 1.0) == 30.0
    assert least_evidence([*inexact, turned, off], 1.0) == 45.0
    assert least_evidence([by_landmarks(np.inf, off_m=1.0)], 1.0) == 1e9
    # no less than the gate asks for by itself, and a regressed pose has none
    assert least_evidence([by_landmarks(-3.0, off_m=1.0)], 1.0) == 8.0
    assert least_evidence([by_landmarks(np.nan, off_m=1.0, stage=Stage.REGRESSION)], 1.0) == 0
    # what was followed slipped off, which is no fault of the search that had the evidence
    assert least_evidence([by_landmarks(37.0, off_m=0.3, stage=Stage.TRACKED)], 1.0) == 0
    # of a scene whose metres are larger
    assert least_evidence([off], 2.0) == 0


def errors_of(evidence, deviations, rng, count=600):
    """Poses of some orders of evidence, a centimetre certain, whose errors are as many such deviations as drawn."""
    covariance = np.diag([1e-4] * 3 + [1e-5] * 3)
    return [
        by_landmarks(one, off_m=0.01 * deviations * rng.normal(), covariance=covariance)
        for one in rng.uniform(*evidence, count)
    ]


def test_poses_of_little_evidence_that_err_far_beyond_their_deviations_are_not_asked_for():
    rng = np.random.default_rng(0)
    sure, unsure = errors_of((20.0, 60.0), 1.0, rng), errors_of((5.0, 12.0), 6.0, rng, 150)
    # 6 deviations of 1 cm, and 4 of that: none of either could be promised to be within 10 cm
    assert 10.0 < asked_evidence([*sure, *unsure], 1.0) < 30.0
    # all err alike: what is asked for would make fewer OK
    assert asked_evidence([*sure, *errors_of((5.0, 12.0), 1.0, rng, 150)], 1.0) == 0
    # what is left is too little to be measured
    assert asked_evidence([*sure[:450], *unsure], 1.0) == 0
    # and a wrong one rules out as many as it did
    wrong = by_landmarks(30.0, off_m=1.0, covariance=np.diag([1e-4] * 3 + [1e-5] * 3))
    assert asked_evidence([*sure, *errors_of((20.0, 60.0), 1.0, rng), *unsure, wrong], 1.0) >= 45.0


def test_reach_is_of_all_poses_that_can_be_ok(monkeypatch):
    monkeypatch.setattr(stage_fit, "LEAST_SAMPLES", 20)
    bundle, right = load_bundle(COLOUR_BUNDLE), [by_landmarks(evidence, off_m=0.1) for evidence in (-np.inf, 50.0) * 20]

    def stages_of(pairs):
        monkeypatch.setattr(stage_fit, "_published", lambda *arguments: pairs)
        found = with_stages(bundle, calibration(), [Regressions(None, [])])
        needed = found.least_evidence, found.confirmed_evidence
        return needed, {name: stage.frames for name, stage in found.stages.items()}

    # with little evidence the regression agreed: as long as none is wrong they can be OK, and count
    assert stages_of(right) == ((0.0, 0.0), {"refined": 40})
    wrong = by_landmarks(20.0, off_m=1.0)
    assert stages_of([*right, wrong]) == ((30.0, 0.0), {"refined": 20})
    # those that two searches agree on are judged by themselves
    agreed = [by_landmarks(9.0, off_m=0.1, is_confirmed=True)] * 30
    assert stages_of([*right, wrong, *agreed]) == ((30.0, 0.0), {"refined": 20, "confirmed": 30})
    both = [*right, *agreed, by_landmarks(10.0, off_m=1.0, is_confirmed=True)]
    assert stages_of(both) == ((0.0, 15.0), {"refined": 40})
    # those of a kind that are too few are measured with others, but not by a handful
    tracked, few = (
        [by_landmarks(50.0, off_m=0.1, is_confirmed=True, stage=Stage.TRACKED, landmarks=landmarks)] * 15
        for landmarks in (90, 20)
    )
    assert stages_of([*right, *agreed[:10], *tracked])[1] == {"refined": 40, "confirmed": 25, "tracked": 25}
    assert stages_of([*agreed, *tracked[:3], *few[:3]])[1] == {"confirmed": 30}
    # those by few landmarks, which err furthest, tell of others only where these are too few together
    assert stages_of([*agreed, *tracked, *few])[1] == {"confirmed": 30, "tracked": 45, "tracked_few": 30}
    assert stages_of([*agreed, *few])[1] == {"confirmed": 30, "tracked_few": 45}
    assert stages_of([*tracked[:10], *few])[1] == {"tracked": 25, "tracked_few": 25}


def drawn_sizes(rng, alike_m, alike_rad, count=2000):
    """Errors (n, 2), and deviations (n, 2) that know nothing of what is alike in all landmarks of a view."""
    deviations_m = np.exp(rng.uniform(np.log(0.002), np.log(0.04), count))
    deviations = np.stack([deviations_m, 0.3 * deviations_m], axis=1)
    total = np.hypot(deviations, [alike_m, alike_rad])
    return np.linalg.norm(total[:, None, :] * rng.normal(size=(count, 3, 2)), axis=1), deviations


def test_what_maps_err_by_alike_does_not_lengthen_the_promise_of_poses_that_know_they_err():
    errors, deviations = drawn_sizes(np.random.default_rng(0), 0.01, 0.003)
    promise, limits = fitted_promise(errors, deviations, OkLimits()), OkLimits()
    share = promise.floor[0] / limits.position_m
    assert promise.floor[1] == pytest.approx(share * limits.orientation_rad) and 0.05 <= share <= 0.15
    without = Promise(joint_reach(errors / deviations), (0.0, 0.0))
    assert promise.ok(deviations, limits) > 2 * without.ok(deviations, limits)
    # others keep it, those of small deviations and those of large ones alike; without, the former do not
    errors, deviations = drawn_sizes(np.random.default_rng(1), 0.01, 0.003, 200_000)
    small = deviations[:, 0] < np.quantile(deviations[:, 0], 0.2)

    def beyond(one, which):
        promised = np.array(one.reach) * np.hypot(deviations, one.floor)
        return (errors > promised).any(axis=1)[which].mean()

    assert beyond(promise, small) < 0.001 and beyond(promise, ~small) < 0.001
    assert beyond(without, small) > 100 * beyond(without, ~small)


def test_one_that_errs_far_by_small_deviations_does_not_lengthen_the_promise_of_all():
    limits, (errors, deviations) = OkLimits(), drawn_sizes(np.random.default_rng(3), 0.0, 0.0, 600)
    deviations = np.maximum(deviations, [0.004, 0.0012])
    # 3 cm and half a degree by 4 mm: too few of them to tell by where the largest twentieth lies
    smallest = np.argmin(deviations[:, 0])
    errors[smallest] = 0.03, 0.009
    promise, without = fitted_promise(errors, deviations, limits), Promise(joint_reach(errors / deviations), (0.0, 0.0))
    assert without.reach[0] > 5 and promise.floor[0] > 0 and promise.reach[0] < 4.5
    assert promise.ok(deviations, limits) > 1.1 * without.ok(deviations, limits)
    # of large deviations no more is promised than they keep by themselves
    large = deviations[:, 0] >= np.median(deviations[:, 0])
    alone = joint_reach(errors[large] / np.hypot(deviations[large], promise.floor))
    assert promise.reach[0] >= alone[0] and promise.reach[1] >= alone[1]
    # of a handful nothing is measured twice
    few = fitted_promise(errors[:18], deviations[:18], limits)
    assert few.reach == joint_reach(errors[:18] / np.hypot(deviations[:18], few.floor))
    # one of large deviations is believed
    errors[np.argmax(deviations[:, 0])] = 8 * deviations.max(axis=0)
    assert fitted_promise(errors, deviations, limits).reach[0] > 6


def test_deviations_that_tell_all_need_no_floor():
    floors = [
        fitted_promise(*drawn_sizes(np.random.default_rng(seed), 0.0, 0.0), OkLimits()).floor for seed in range(40)
    ]
    # by accident one in forty
    assert sum(floor != (0.0, 0.0) for floor in floors) <= 4
    # errors that reach furthest where deviations are large need a longer reach, and no floor makes up for it
    errors, deviations = drawn_sizes(np.random.default_rng(2), 0.0, 0.0)
    errors[deviations[:, 0] > 0.03] *= 3
    assert fitted_promise(errors, deviations, OkLimits()).floor == (0.0, 0.0)
    # in a scene of other units it is one of these
    errors, deviations = drawn_sizes(np.random.default_rng(0), 0.01, 0.003)
    in_units = fitted_promise(errors * [7, 1], deviations * [7, 1], OkLimits().in_units(7.0))
    assert in_units.floor[0] == pytest.approx(7 * fitted_promise(errors, deviations, OkLimits()).floor[0])


def test_ellipsoids_are_fitted_to_hold_nine_of_ten():
    rng, made = np.random.default_rng(0), np.diag([1e-4, 4e-4, 1e-4, 1e-6, 1e-6, 4e-6])
    pairs = []
    for _ in range(4000):
        # half as far off as is claimed in position, three times as far in orientation
        error = np.repeat([0.5, 3.0], 3) * np.sqrt(np.diag(made)) * rng.normal(size=6)
        moved = Pose(error[:3], Rotation.from_rotvec(error[3:]).as_quat())
        estimate, truth = by_landmarks(50.0, covariance=made)
        pairs.append((replace(estimate, pose=moved), replace(truth, position=np.zeros(3), quat_xyzw=[0, 0, 0, 1.0])))
    assert fitting_ellipsoids(pairs) == pytest.approx((0.5, 3.0), rel=0.03)
    # none errs: as small as may be, but an ellipsoid still
    assert fitting_ellipsoids([(e, e.pose) for e, _ in pairs]) == (0.1, 0.1)


def test_stages_learn_how_wide_their_ellipsoids_are_but_not_that_of_regressed_poses(monkeypatch):
    monkeypatch.setattr(stage_fit, "LEAST_SAMPLES", 20)
    sure = by_landmarks(50.0, off_m=0.1, covariance=1e-2 * np.eye(6))
    found = [sure] * 30 + [by_landmarks(0.0, off_m=0.1, stage=Stage.REGRESSION)] * 30
    monkeypatch.setattr(stage_fit, "_published", lambda *arguments: found)
    stages = with_stages(load_bundle(COLOUR_BUNDLE), calibration(), [Regressions(None, [])]).stages
    # one deviation off, all of them
    assert stages["refined"].widened[0] == pytest.approx(1 / np.sqrt(chi2.ppf(0.9, 3)), rel=1e-6)
    assert stages["regression"].widened == (1.0, 1.0)
