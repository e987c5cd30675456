# SPDX-License-Identifier: BSD-3-Clause
"""The table of what OK promised, on poses whose errors are set by hand."""

from dataclasses import replace

import numpy as np
import pytest
from made_result import made_result
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.evaluation.metrics import summarise
from camera_relocalization_ros.evaluation.reliability import reliability_rows, reliability_table

OK, DEGRADED = State.OK, State.DEGRADED
# position error in metres, orientation error in degrees, state, stage
FRAMES = [
    *[(0.01, 0.1, OK, Stage.REFINED)] * 3,
    (0.11, 0.1, OK, Stage.TRACKED),
    (0.01, 3.5, OK, Stage.TRACKED),
    (0.09, 2.9, OK, Stage.TRACKED),
    (0.05, 0.1, DEGRADED, Stage.REGRESSION),
    (0.70, 8.0, DEGRADED, Stage.REGRESSION),
]


def flight(**info):
    result = made_result(len(FRAMES))
    metres, degrees, states, stages = (np.array(column) for column in zip(*FRAMES))
    turns = Rotation.from_rotvec(np.outer(np.radians(degrees), [0, 0, 1]))
    result.estimate[:, :3] = result.truth[:, :3] + np.outer(metres, [0, 1, 0])
    result.estimate[:, 3:] = (turns * Rotation.from_quat(result.truth[:, 3:])).as_quat()
    return replace(result, states=states.astype(np.int8), stages=stages, info=replace(result.info, **info))


def test_promised_seen_and_of_how_many():
    rows = {(row.state, row.stage): row for row in reliability_rows(flight())}
    assert list(rows) == [("OK", "refined"), ("OK", "tracked"), ("OK", "all"), ("DEGRADED", "regression")]
    assert {name: (row.promised, row.kept, row.count) for name, row in rows.items()} == {
        ("OK", "refined"): (0.999, 3, 3),
        ("OK", "tracked"): (0.999, 1, 3),
        ("OK", "all"): (0.999, 4, 6),
        ("DEGRADED", "regression"): (None, 1, 2),
    }
    worst = rows["OK", "all"]
    assert (worst.worst_m, worst.worst_deg) == pytest.approx((0.11, 3.5))


def test_a_pilots_own_limits_are_what_is_counted():
    rows = reliability_rows(flight(ok_position_m=1.0, ok_orientation_deg=3.0))
    assert [(row.kept, row.count) for row in rows] == [(3, 3), (2, 3), (5, 6), (1, 2)]


def test_the_table_in_words_and_in_the_summary():
    text = reliability_table(flight())
    assert text.splitlines()[0] == "errors below 0.1 m and 3 deg, which is what OK promises:"
    assert "OK        all         99.9 %    66.7 %   4 of 6       11.0 cm, 3.5 deg" in text
    assert "DEGRADED  regression  nothing   50.0 %   1 of 2       70.0 cm, 8.0 deg" in text
    rows = summarise(flight(), intervals=False)["reliability"]
    assert [row["seen"] for row in rows] == [1.0, 1 / 3, 2 / 3, 0.5]


def test_where_no_pose_has_a_state_nothing_was_promised():
    result = flight()
    assert reliability_table(replace(result, states=np.full(len(FRAMES), -1))) == ""
