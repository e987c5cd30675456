# SPDX-License-Identifier: BSD-3-Clause
"""What OK promises, and who can."""

import math
from dataclasses import replace

import numpy as np
import pytest
from calibrated_bundle import calibration
from scipy.stats import chi2, f

from camera_relocalization_ros.bundle.stage_calibration import FEW_LANDMARKS, UNMEASURED_REACH, StageCalibration
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.plain_values import from_plain, to_plain
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.classify import OkContract, OkLimits
from camera_relocalization_ros.localization.estimate import Estimate

MEASURED = replace(calibration(), stages={"tracked": StageCalibration(frames=1000, reach=(5.0, 8.0))})


def estimate(sd_m, sd_rad, **changes):
    """A tracked pose; along one axis its deviations are as told, along the others a tenth of that."""
    covariance = np.diag([0.1 * sd_m, sd_m, 0.1 * sd_m, sd_rad, 0.1 * sd_rad, 0.1 * sd_rad]) ** 2
    plain = Estimate(0, Pose(np.zeros(3), [0, 0, 0, 1.0]), 1, 0.0, np.zeros(1), State.OK, "", covariance)
    return replace(plain, **{"stage": Stage.TRACKED, "landmarks": FEW_LANDMARKS, "is_confirmed": True, **changes})


@pytest.mark.parametrize(
    ("sd_m", "sd_rad", "state"),
    [
        # 5 deviations are 10 cm and 8 are 3 deg at 2 cm and 0.375 deg
        (0.0199, math.radians(0.374), State.OK),
        (0.0201, math.radians(0.374), State.DEGRADED),
        (0.0199, math.radians(0.376), State.DEGRADED),
    ],
)
def test_ok_is_what_promises_the_limits_by_its_stages_calibration(sd_m, sd_rad, state):
    settled = OkContract(MEASURED).settle(estimate(sd_m, sd_rad))
    assert settled.state is state
    assert settled.reason == "" if state is State.OK else settled.reason.endswith("OK is 0.1 m and 3 deg")


def test_poses_by_few_landmarks_have_a_reach_of_their_own():
    few, many = (estimate(0.0149, 1e-3, landmarks=FEW_LANDMARKS + more) for more in (-1, 0))
    # as long as it was not measured, that of all of the stage
    assert [OkContract(MEASURED).settle(one).state for one in (few, many)] == [State.OK, State.OK]
    known = OkContract(replace(MEASURED, stages={**MEASURED.stages, "tracked_few": StageCalibration(600, (9.0, 8.0))}))
    assert [known.settle(one).state for one in (few, many)] == [State.DEGRADED, State.OK]
    # those that were searched for lie where a gate looked at each
    assert known.settle(replace(few, stage=Stage.REFINED)).state is State.OK


def test_of_one_search_alone_is_promised_what_searches_alone_were_seen_to_keep():
    measured = {"refined": (20.0, 20.0), "confirmed": (4.0, 4.0), "tracked": (5.0, 5.0)}
    contract = OkContract(replace(MEASURED, stages={name: StageCalibration(600, r) for name, r in measured.items()}))
    for stage, reach in ((Stage.REFINED, 4.0), (Stage.TRACKED, 5.0)):
        confirmed = estimate(0.01, 1e-3, stage=stage)
        assert contract.promised(confirmed) == pytest.approx((0.01 * reach, 1e-3 * reach))
        assert contract.promised(replace(confirmed, is_confirmed=False)) == pytest.approx((0.2, 0.02))
    # calibrations of before measured both together
    before = OkContract(
        replace(MEASURED, stages={n: StageCalibration(600, (r, r)) for n, r in (("refined", 7.0), ("tracked", 5.0))})
    )
    assert contract.calibration.tells_confirmed and not before.calibration.tells_confirmed
    assert replace(before.calibration, least_evidence=15.0).tells_confirmed
    for is_confirmed in (True, False):
        searched, tracked = (
            estimate(0.01, 1e-3, stage=s, is_confirmed=is_confirmed) for s in (Stage.REFINED, Stage.TRACKED)
        )
        assert before.promised(searched) == pytest.approx((0.07, 0.007))
        assert before.promised(tracked) == pytest.approx((0.05, 0.005))
    known = OkContract(replace(MEASURED, stages={"refined": StageCalibration(600, (7.0, 7.0))}))
    assert known.promised(estimate(0.01, 1e-3, stage=Stage.REFINED)) == pytest.approx((0.07, 0.007))


@pytest.mark.parametrize("is_confirmed", [True, False])
@pytest.mark.parametrize(("evidence", "state"), [(14.9, State.DEGRADED), (15.0, State.OK), (math.nan, State.DEGRADED)])
def test_where_landmarks_were_wrong_a_pose_by_them_needs_more_evidence(evidence, state, is_confirmed):
    wrong, right = (
        ("confirmed_evidence", "least_evidence") if is_confirmed else ("least_evidence", "confirmed_evidence")
    )
    contract, other = (OkContract(replace(MEASURED, **{one: 15.0})) for one in (wrong, right))
    for stage in (Stage.TRACKED, Stage.REFINED):
        pose = estimate(0.001, 0.001, stage=stage, evidence=evidence, is_confirmed=is_confirmed)
        settled = contract.settle(pose)
        assert settled.state is state and ("15 are needed" in settled.reason) is (state is State.DEGRADED)
        assert other.settle(pose).state is State.OK
    assert contract.settle(estimate(0.001, 0.001, stage=Stage.REGRESSION, landmarks=0)).state is State.OK
    # where none was wrong, one that the regression agreed with may have evidence against it
    assert MEASURED.is_enough(-math.inf, is_confirmed) and MEASURED.is_enough(math.nan, is_confirmed)


def test_ellipsoids_are_published_as_wide_as_errors_of_their_kind_are_and_promise_the_same():
    stages = {
        "regression": StageCalibration(600, (5.0, 5.0), widened=(3.0, 3.0)),
        "refined": StageCalibration(600, (5.0, 5.0), widened=(1.5, 2.0)),
        "tracked": StageCalibration(600, (5.0, 8.0), widened=(0.8, 0.5)),
    }
    contract, plain = (OkContract(replace(MEASURED, stages=one)) for one in (stages, MEASURED.stages))
    made = estimate(0.0199, math.radians(0.374))
    for pose, times in (
        (made, (0.8, 0.5)),
        (replace(made, landmarks=FEW_LANDMARKS - 1), (0.8, 0.5)),
        (replace(made, stage=Stage.REFINED, is_confirmed=False), (1.5, 2.0)),
        (replace(made, state=State.DEGRADED), (0.8, 0.5)),
        # its own covariance is that of errors already
        (replace(made, stage=Stage.REGRESSION, landmarks=0), (1.0, 1.0)),
    ):
        settled = contract.settle(pose)
        by = np.repeat(times, 3)
        np.testing.assert_allclose(settled.covariance, made.covariance * np.outer(by, by), rtol=1e-12)
        assert settled.pose is pose.pose
    assert contract.settle(made).state is plain.settle(made).state is State.OK
    wide = estimate(0.0201, math.radians(0.1))
    assert contract.settle(wide).state is plain.settle(wide).state is State.DEGRADED
    assert contract.settle(wide).reason == plain.settle(wide).reason
    np.testing.assert_array_equal(plain.settle(made).covariance, made.covariance)
    assert contract.settle(replace(made, covariance=None)).covariance is None


def test_small_deviations_are_not_believed_beyond_what_maps_err_by():
    measured = StageCalibration(600, (3.0, 4.0), floor=(0.01, 0.005))
    contract = OkContract(replace(MEASURED, stages={"tracked": measured}))
    promised_m, promised_rad = contract.promised(estimate(0.0, 0.012))
    assert promised_m == pytest.approx(3 * 0.01) and promised_rad == pytest.approx(4 * 0.013)
    assert contract.promised(estimate(0.0, 0.0, landmarks=FEW_LANDMARKS - 1)) == pytest.approx((0.03, 0.02))
    # what is published does not know of it
    np.testing.assert_array_equal(contract.settle(estimate(0.001, 0.001)).covariance, estimate(0.001, 0.001).covariance)
    assert from_plain(StageCalibration, to_plain(measured)) == measured
    assert "floor" not in to_plain(StageCalibration(600, (5.0, 8.0)))
    for floor in ((-0.1, 0.0), (0.0, math.inf), (math.nan, 0.0)):
        with pytest.raises(ValueError, match="calibration floor is .*; expected 0 to"):
            StageCalibration(600, (5.0, 8.0), floor=floor)


def test_how_wide_ellipsoids_are_is_read_and_written_where_it_was_measured():
    known = StageCalibration(600, (5.0, 8.0), widened=(0.8, 1.25))
    assert from_plain(StageCalibration, to_plain(known)) == known
    assert "widened" not in to_plain(StageCalibration(600, (5.0, 8.0)))
    for widened in ((0.0, 1.0), (1.0, 11.0), (math.nan, 1.0)):
        with pytest.raises(ValueError, match="calibration widened is .*; expected 0.1 to 10 times"):
            StageCalibration(600, (5.0, 8.0), widened=widened)


def test_the_reason_tells_what_is_promised_instead():
    settled = OkContract(MEASURED).settle(estimate(0.06, math.radians(0.25)))
    assert settled.reason == "promises 0.3 m and 2 deg; OK is 0.1 m and 3 deg"


def test_a_pilots_limits_decide():
    contract = OkContract(MEASURED, OkLimits.from_degrees(1.0, 10.0))
    assert contract.settle(estimate(0.19, math.radians(1.2))).state is State.OK
    assert OkContract(MEASURED).settle(estimate(0.19, math.radians(1.2))).state is State.DEGRADED
    # no orientation is further off than half a turn, so who asks for that is promised it
    assert OkContract(MEASURED, OkLimits.from_degrees(1.0, 180.0)).settle(estimate(0.19, 9.0)).state is State.OK


@pytest.mark.parametrize(
    ("stage", "degrees_of_freedom"), [(Stage.REGRESSION, 4), (Stage.REFINED, 8), (Stage.TRACKED, 8)]
)
def test_what_was_not_measured_is_taken_for_heavy_tailed(stage, degrees_of_freedom):
    # three times an F-distributed number is the squared length of three numbers of Student's t; nine of ten lie inside
    # of the ellipsoid, and 999 of 1000 in both position and orientation
    scale = chi2.ppf(0.9, 3) / f.ppf(0.9, 3, degrees_of_freedom)
    reach = UNMEASURED_REACH[stage.name.lower()]
    assert reach == pytest.approx(math.sqrt(scale * f.ppf(0.9995, 3, degrees_of_freedom)), rel=0.01)
    contract = OkContract(replace(MEASURED, stages={}))
    assert contract.settle(estimate(0.0999 / reach, 1e-6, stage=stage)).state is State.OK
    assert contract.settle(estimate(0.1001 / reach, 1e-6, stage=stage)).state is State.DEGRADED
    assert OkContract(None).settle(estimate(0.0999 / reach, 1e-6, stage=stage)).state is State.OK


def test_without_a_covariance_nothing_is_promised():
    settled = OkContract(None, OkLimits(1e3, math.pi)).settle(estimate(1.0, 1.0, covariance=None))
    assert (settled.state, settled.reason) == (State.DEGRADED, "not calibrated")


@pytest.mark.parametrize("state", [State.DEGRADED, State.LOST])
def test_what_is_not_ok_for_another_reason_stays_as_it_is(state):
    bad = estimate(1e-6, 1e-6, state=state, reason="few")
    assert OkContract(MEASURED).settle(bad) is bad


@pytest.mark.parametrize("metres", [0.0, -1.0, math.inf, math.nan])
def test_limits_that_are_none_are_refused(metres):
    with pytest.raises(ConfigError, match="limit position_m"):
        OkLimits(metres)


def test_a_stages_calibration_survives_the_file_and_older_files_have_none():
    assert from_plain(type(MEASURED), to_plain(MEASURED)) == MEASURED
    older = to_plain(MEASURED)
    del older["stages"]
    assert from_plain(type(MEASURED), older).stages == {}


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        ({"guess": {"frames": 9, "reach": [5.0, 5.0]}}, "calibration stages"),
        ({"tracked": {"frames": 0, "reach": [5.0, 5.0]}}, "frames of a stage"),
        ({"tracked": {"frames": 9, "reach": [0.5, 5.0]}}, "reach"),
        ({"tracked": {"frames": 9, "reach": [float("nan"), 5.0]}}, "reach"),
    ],
)
def test_absurd_calibrations_of_stages_are_refused(stages, says):
    with pytest.raises(ValueError, match=says):
        from_plain(type(MEASURED), {**to_plain(MEASURED), "stages": stages})
