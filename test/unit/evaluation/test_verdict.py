# SPDX-License-Identifier: BSD-3-Clause
"""What a result means, of results whose errors are known."""

from dataclasses import replace

import numpy as np
import pytest
from made_result import SIGMA_M, made_result

from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.evaluation.metrics import summarise
from camera_relocalization_ros.evaluation.results import LIVE
from camera_relocalization_ros.evaluation.verdict import verdict_lines

COUNT = 60


def lines_of(result):
    return verdict_lines(result, summarise(result, intervals=False))


@pytest.mark.parametrize(
    "position, orientation, says",
    [
        (10 * SIGMA_M, 60.0, "good: it beats looking up"),
        (SIGMA_M / 100, 60.0, "BAD: it loses against looking up the most similar training image in position: "),
        (SIGMA_M / 100, 0.01, "in position and orientation: "),
    ],
)
def test_a_model_is_held_against_retrieval(position, orientation, says):
    result = made_result(COUNT)
    result.baselines["feature retrieval"] = PoseErrors(np.full(COUNT, position), np.full(COUNT, orientation))
    # one that is worse changes nothing
    result.baselines["retrieval, best k"] = PoseErrors(np.full(COUNT, 50.0), np.full(COUNT, 170.0))
    assert says in lines_of(result)[0]
    assert "of feature retrieval, medians" in lines_of(result)[0]


@pytest.mark.parametrize(
    "position, orientation, lost",
    [(50.0, 170.0, ""), (50.0, 0.01, "orientation"), (0.01, 0.01, "position and orientation")],
)
def test_what_is_no_better_than_one_pose_for_all_images_is_not_good(position, orientation, lost):
    # elsewhere retrieval fails too, and to beat it says nothing
    result = made_result(COUNT)
    result.baselines["feature retrieval"] = PoseErrors(np.full(COUNT, 60.0), np.full(COUNT, 175.0))
    result.baselines["constant pose"] = PoseErrors(np.full(COUNT, position), np.full(COUNT, orientation))
    said = f"BAD: it is no better in {lost} than one pose for all images: " if lost else "good: it beats looking up"
    assert lines_of(result)[0].startswith(said)


def test_without_retrieval_nothing_is_said_of_it():
    assert not any("looking up" in line for line in lines_of(made_result()))


def test_the_promise_of_ok_is_held_against_the_errors():
    generous, strict = (made_result(ok_position_m=limit, ok_orientation_deg=90.0) for limit in (9.0, SIGMA_M))
    assert "good: 100 % of images are OK and may be flown on; 0 of these are beyond 9.00 m" in lines_of(generous)[0]
    assert lines_of(strict)[0].startswith("BAD: 100 % of images are OK and may be flown on, but ")
    degraded = replace(made_result(never_ok="not calibrated"), states=np.full(COUNT, State.DEGRADED, dtype=np.int8))
    assert lines_of(degraded)[0] == "BAD: no pose is OK, so none may be flown on: not calibrated"


@pytest.mark.parametrize("count, tells", [(1, False), (29, False), (30, True)])
def test_a_handful_of_ok_poses_is_no_leave_to_fly(count, tells):
    states = np.where(np.arange(COUNT) < count, State.OK, State.DEGRADED).astype(np.int8)
    said = lines_of(replace(made_result(ok_position_m=9.0, ok_orientation_deg=90.0), states=states))[0]
    few = f"{count} of {COUNT} images OK, too few to tell whether such may be flown on"
    assert (few in said) is not tells and ("images are OK and may be flown on" in said) is tells


def test_what_most_images_say_is_told_where_few_are_ok():
    reasons = np.array(
        [f"the focal length is {0.9 + n / 1000:.3f} times that of camera_info" for n in range(COUNT)], object
    )
    states = np.full(COUNT, State.DEGRADED, dtype=np.int8)
    degraded = replace(made_result(), states=states, reasons=reasons)
    why = f"the focal length is 0.900 times that of camera_info ({COUNT} of {COUNT} images say so)"
    assert lines_of(degraded)[0] == f"BAD: no pose is OK, so none may be flown on: {why}"
    some = replace(degraded, states=np.where(np.arange(COUNT) < 6, State.OK, State.DEGRADED).astype(np.int8))
    assert "; others are not: the focal length is 0.906 times" in lines_of(some)[0]
    assert f"({COUNT - 6} of {COUNT} images say so)" in lines_of(some)[0]
    # each its own
    letters = np.array([chr(ord("a") + n // 20) * (1 + n % 20) for n in range(COUNT)], object)
    assert lines_of(replace(degraded, reasons=letters))[0].endswith("no pose was certain enough")


def test_a_computer_that_is_too_slow_is_named():
    def live(**info):
        result = made_result(ok_position_m=9.0, ok_orientation_deg=90.0, **info)
        return replace(result, info=replace(result.info, kind=LIVE))

    assert lines_of(live(dropped=1))[1] == "good: this computer kept up with the camera: 1 of 60 images dropped"
    slow = lines_of(live(dropped=20))[1]
    assert slow.startswith("BAD: this computer was too slow, or busy with something else: 20 of 60 images dropped")
    assert "took up to 30 ms; reloc benchmark" in slow
    stages = np.where(np.arange(COUNT) < 12, Stage.TRACKED, Stage.REGRESSION).astype(np.int8)
    assert "BAD: landmarks gave only 20 % of the poses" in lines_of(replace(live(), stages=stages))[2]
