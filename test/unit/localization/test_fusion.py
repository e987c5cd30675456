# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np
import pytest

from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.fusion import fuse, refined_alone
from camera_relocalization_ros.localization.landmarks.gate import gate
from camera_relocalization_ros.localization.refinement import Refinement

IDENTITY = np.array([0.0, 0.0, 0.0, 1.0])
REGRESSED_SD = np.array([0.1] * 3 + [0.05] * 3)
REFINED_SD = np.array([0.01] * 3 + [0.005] * 3)


def estimate(**changes):
    plain = Estimate(
        stamp_ns=0,
        pose=Pose([0.1, 0.0, 0.0], IDENTITY),
        window_length=1,
        inference_s=0.0,
        descriptor=np.zeros(1),
        state=State.OK,
        reason="",
        covariance=np.diag(REGRESSED_SD**2),
    )
    return replace(plain, **changes)


def refinement(**changes):
    return replace(
        Refinement(
            True, Pose(np.zeros(3), IDENTITY), np.diag(REFINED_SD**2), np.arange(40), np.zeros((40, 2)), 60, 1.0
        ),
        **changes,
    )


def fused_of(regressed, refined):
    return fuse(regressed, refined, gate(regressed, refined))


def test_a_good_refined_pose_is_published_with_its_covariance():
    fused = fused_of(estimate(), refinement())
    assert (fused.stage, fused.state, fused.reason) == (Stage.REFINED, State.OK, "")
    assert fused.position.tolist() == [0, 0, 0]
    assert np.diag(fused.covariance)[0] == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("faulty", "word"),
    [
        (refinement(found=False, pose=Pose(np.full(3, np.nan), IDENTITY)), "matches"),
        (refinement(landmarks=np.arange(19)), "landmarks"),
        # two standard deviations of 30 are 10.95
        (refinement(by_chance=30.0), "40 landmarks, of which 30 may agree by chance"),
        # the regression agrees, and so does chance now and then
        (refinement(by_chance=20.0, evidence=3.5, support=3.5), "40 landmarks, of which 20 may agree by chance"),
        (refinement(evidence=40.0, support=40.0, is_mirrored=True), "the picture is a mirror image"),
        (refinement(covariance=np.diag((6 * REFINED_SD) ** 2)), "deviation"),
        (refinement(pose=Pose(np.array([1.2, 0.0, 0.0]), IDENTITY)), "regressed"),
    ],
)
def test_a_refined_pose_that_cannot_be_trusted_is_refused_and_the_regressed_one_is_not_ok(faulty, word):
    fused = fused_of(estimate(state=State.DEGRADED, reason="promises 2 m"), faulty)
    assert (fused.stage, fused.state) == (Stage.REGRESSION, State.DEGRADED)
    assert fused.reason.startswith("not refined: ") and word in fused.reason
    assert fused.position.tolist() == [0.1, 0, 0]


def test_a_regressed_pose_of_which_no_calibration_says_how_far_it_errs_is_degraded_with_these_words():
    for covariance, is_unknown in ((None, True), (np.diag(REGRESSED_SD**2), False)):
        fused = fused_of(estimate(covariance=covariance, state=State.DEGRADED), refinement(found=False))
        assert fused.state is State.DEGRADED and fused.stage is Stage.REGRESSION
        assert ("how far the regressed pose errs is not known" in fused.reason) == is_unknown


def test_a_regression_that_promises_enough_by_itself_is_ok_unless_landmarks_contradict_it():
    fused = fused_of(estimate(), refinement(landmarks=np.arange(19)))
    assert (fused.stage, fused.state, fused.reason) == (Stage.REGRESSION, State.OK, "")
    contradicted = fused_of(estimate(), refinement(pose=Pose(np.array([1.2, 0.0, 0.0]), IDENTITY)))
    assert contradicted.state is State.DEGRADED and contradicted.reason.startswith("not refined: ")


def test_a_refined_pose_by_itself_is_ok_where_the_gate_accepts_it():
    few, none = refinement(landmarks=np.arange(19)), refinement(found=False)
    found = [refined_alone(estimate(), one, gate(estimate(), one)) for one in (refinement(), few, none)]
    assert [one.state for one in found] == [State.OK, State.DEGRADED, State.LOST]
    assert "19 landmarks" in found[1].reason and "matches" in found[2].reason


def test_what_exceeds_chance_by_two_standard_deviations_is_published():
    assert fused_of(estimate(), refinement(by_chance=29.0)).stage is Stage.REFINED


def test_a_regression_that_is_lost_stays_lost_unless_landmarks_find_the_pose():
    lost = estimate(state=State.LOST, reason="score")
    assert fused_of(lost, refinement()).state is State.OK
    fused = fused_of(lost, refinement(landmarks=np.arange(3)))
    assert (fused.state, fused.reason) == (State.LOST, "score")


def test_without_a_covariance_the_answers_may_differ_by_what_regressors_err():
    uncertain = estimate(covariance=None)
    assert fused_of(uncertain, refinement(pose=Pose(np.array([1.0, 0.0, 0.0]), IDENTITY))).stage is Stage.REFINED
    assert fused_of(uncertain, refinement(pose=Pose(np.array([3.0, 0.0, 0.0]), IDENTITY))).stage is Stage.REGRESSION


@pytest.mark.parametrize(("distance_m", "stage"), [(0.9, Stage.REFINED), (1.0, Stage.REGRESSION)])
def test_answers_may_differ_by_twice_what_gaussian_errors_do(distance_m, stage):
    # 99.9 % of six Gaussian numbers lie within 4.74 deviations, here of the root of 0.1^2 + 0.01^2 m
    refined = refinement(pose=Pose(np.array([0.1 + distance_m, 0.0, 0.0]), IDENTITY))
    assert fused_of(estimate(), refined).stage is stage


@pytest.mark.parametrize(
    ("faulty", "word"), [(refinement(share=0.45), "45% of the tracked"), (refinement(noise_px=1.6), "1.6 px only")]
)
def test_of_tracked_landmarks_enough_must_still_agree_and_closely(faulty, word):
    assert gate(estimate(), refinement(share=0.5, noise_px=1.5), Stage.TRACKED).is_accepted
    assert word in gate(estimate(), faulty, Stage.TRACKED).description
    # a search has neither lost landmarks nor moved any
    assert gate(estimate(), faulty).is_accepted


@pytest.mark.parametrize(("covariance", "distance_m"), [(np.diag(REGRESSED_SD**2), 5.0), (None, 5.0)])
def test_landmarks_that_chance_cannot_explain_outweigh_a_regression_that_is_far_off(covariance, distance_m):
    regressed = estimate(covariance=covariance)
    right = refinement(pose=Pose(np.array([distance_m, 0.0, 0.0]), IDENTITY), by_chance=45.0, evidence=12.0)
    assert fused_of(regressed, right).stage is Stage.REFINED
    assert fused_of(regressed, replace(right, by_chance=0.0, evidence=11.0)).stage is Stage.REGRESSION
    # however sure it is what is seen, it must fix the pose
    assert fused_of(regressed, replace(right, evidence=99.0, covariance=np.eye(6))).stage is Stage.REGRESSION
    assert fused_of(regressed, replace(right, evidence=99.0, landmarks=np.arange(19))).stage is Stage.REGRESSION


def test_a_regression_nearby_leaves_less_to_be_outweighed():
    crowded = refinement(by_chance=45.0, evidence=9.5)
    assert fused_of(estimate(), crowded).stage is Stage.REFINED
    assert fused_of(estimate(), replace(crowded, evidence=7.0)).stage is Stage.REGRESSION
