# SPDX-License-Identifier: BSD-3-Clause
import re
from dataclasses import replace

import numpy as np
import pytest
from made_result import made_result
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.evaluation.results import NO_STATE
from camera_relocalization_ros.report.figures.error_axes import error_range, gap_seconds, lifted
from camera_relocalization_ros.report.figures.flight_plot import plot_flight
from camera_relocalization_ros.report.figures.result_figures import (
    draw_cumulative,
    draw_dependence,
    draw_over_time,
    draw_reliability,
)
from camera_relocalization_ros.report.figures.style import BANDS, MARKERS, look_of
from camera_relocalization_ros.report.figures.trajectory_figures import draw_trajectory
from camera_relocalization_ros.report.tables.comparison import with_distinct_names

LONG = "a model that somebody trained on seven flights around it with efficientnet_lite0 and a temporal GRU, "
UNIT = re.compile(r"\[(m|deg|s)\]")
FIGURES = (draw_over_time, draw_dependence, draw_trajectory, lambda result: draw_cumulative([result]))


def with_all_states():
    """Runs of each state, and frames that were never looked at."""
    result = made_result(60)
    result.states[10:14], result.states[20:23], result.states[40:45] = State.DEGRADED, State.LOST, NO_STATE
    result.estimate[40:45] = np.nan
    return result


def axis_labels(figure):
    """The labels of all axes that have numbers; inner axes share those of the outer ones."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis, *([axes.zaxis] if hasattr(axes, "zaxis") else [])):
            if any(label.get_visible() and label.get_text() for label in axis.get_ticklabels()):
                yield axis.get_label_text()


@pytest.mark.parametrize("draw", FIGURES)
def test_every_axis_has_a_unit(draw):
    figure = draw(with_all_states())
    figure.canvas.draw()
    labels = set(axis_labels(figure)) - {"share of estimates", ""}
    assert len(labels) >= 2 and all(UNIT.search(label) for label in labels), labels


def test_bands_lie_where_the_state_was_not_ok():
    result = with_all_states()
    figure = draw_over_time(result)
    seconds = (result.stamps_ns - result.stamps_ns[0]) * 1e-9
    for axes in figure.axes:
        bands = {
            patch.get_label(): patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches
        }
        assert set(bands) == {label for _, _, label in BANDS.values()}
        for label, first, last in (("DEGRADED", 10, 13), ("LOST", 20, 22), ("no answer", 40, 44)):
            assert seconds[first - 1] < bands[label].x0 < seconds[first]
            assert seconds[last] < bands[label].x1 < seconds[last + 1]
        assert axes.get_yscale() == "log"


def test_a_band_of_one_image_is_seen_in_hours_and_hides_nothing():
    count = 20_000
    result = made_result(count)
    result.states[5_000], result.states[15_000:15_002] = State.LOST, State.DEGRADED
    axes = draw_over_time(result).axes[0]
    span = np.ptp(axes.get_xlim())
    bands = [patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches]
    assert len(bands) == 2 and all(band.width >= 0.99e-3 * span for band in bands)
    # dots, between which bands are seen
    assert axes.lines[0].get_linestyle() == "None"
    # neighbours are joined: at this pace each second image would be a band of its own
    result.states[::2] = State.DEGRADED
    assert len(draw_over_time(result).axes[0].patches) < 10


def test_estimates_are_marked_by_their_state():
    above = draw_trajectory(with_all_states()).axes[0]
    marked = {line.get_label(): line.get_marker() for line in above.lines if line.get_label().startswith("estimate, ")}
    states = (State.OK, State.DEGRADED, State.LOST)
    assert marked == {MARKERS[state]["label"]: MARKERS[state]["marker"] for state in states}


def test_the_line_of_truth_is_lifted_at_gaps_of_any_pace():
    for step_s in (0.03, 4.0):
        seconds = step_s * np.array([0, 1, 2, 3, 50, 51, 52.0])
        assert 3 * step_s < gap_seconds(seconds) < 40 * step_s
        line = lifted(np.arange(7.0), seconds)
        np.testing.assert_array_equal(line, [0, 1, 2, 3, np.nan, 4, 5, 6])
    assert not np.isnan(lifted(np.ones((3, 2)), np.arange(3.0))).any()


def test_results_of_one_name_have_a_curve_and_an_entry_each():
    named = with_distinct_names([made_result(60, 0), made_result(60, 1)])
    assert [result.info.name for result in named] == ["made", "made (2)"]
    # also where nobody made the names distinct
    for results in (named, [made_result(60, 0), made_result(60, 1)]):
        curves = draw_reliability(results).axes[0].lines[1:]
        assert len(curves) == 2 and curves[0].get_color() != curves[1].get_color()
    entries = [text.get_text() for text in draw_cumulative(named).legends[0].texts]
    assert entries == ["made", "made (2)", "constant pose"]


@pytest.mark.parametrize("draw", [draw_cumulative, draw_reliability])
def test_long_names_stay_within_the_picture(draw):
    alone = draw([made_result(60, name="short")])
    figure = draw([made_result(60, seed, f"{LONG}seed {seed}") for seed in range(3)])
    for each in (alone, figure):
        each.canvas.draw()
    extent = figure.legends[0].get_window_extent()
    assert figure.bbox.x0 <= extent.x0 and extent.x1 <= figure.bbox.x1
    # and the curves keep their room
    heights = [each.axes[0].get_window_extent().height for each in (alone, figure)]
    assert heights[1] > 0.85 * heights[0]


def test_each_of_many_results_looks_its_own():
    looks = [look_of(number) for number in range(24)]
    assert len(set(looks)) == 24
    curves = draw_cumulative([made_result(20, seed, f"seed {seed}") for seed in range(7)]).axes[0].lines
    assert (curves[0].get_color(), curves[0].get_linestyle()) == (curves[6].get_color(), "-")
    assert curves[6].get_linestyle() == "--"


def test_results_in_metres_and_in_units_are_told_apart():
    both = [made_result(20), made_result(20, metric=False)]
    assert draw_cumulative(both).axes[0].get_xlabel() == "position error [m or units]"
    assert draw_cumulative(both[1:]).axes[0].get_xlabel() == "position error [units]"


@pytest.mark.parametrize("turn_deg, says", [(128.4, "median\n128.4 deg"), (0.123, "median\n0.12 deg")])
def test_the_median_of_an_orientation_is_a_plain_number(turn_deg, says):
    truth = made_result(20).truth
    turned = (Rotation.from_quat(truth[:, 3:]) * Rotation.from_rotvec([0, 0, np.radians(turn_deg)])).as_quat()
    result = replace(made_result(20), estimate=np.hstack([truth[:, :3], turned]))
    assert says in [text.get_text() for text in draw_over_time(result).axes[1].texts]


@pytest.mark.parametrize("origin", [(0.0, 0.0, 0.0), (293_456.7, 5_512_345.6, 312.0)])
def test_neither_a_wild_estimate_nor_a_far_origin_shrinks_the_flight(origin):
    result = made_result(60)
    result.truth[:, :3] += origin
    result.estimate[:, :3] += origin
    usual = draw_trajectory(result).axes
    result.estimate[5, 0] += 5e4
    above, space = draw_trajectory(result).axes
    assert above.get_title().endswith("not drawn, as they lie far outside: 1 of the estimates")
    assert not usual[0].get_title().endswith("estimates")
    shown = np.ptp([above.get_xlim(), above.get_ylim(), space.get_xlim(), space.get_ylim(), space.get_zlim()], axis=1)
    assert (shown < 5.0).all()
    # the parent's axes are drawn where they are in sight
    assert ("x" in [text.get_text() for text in above.texts]) == (origin[0] == 0)


def test_all_of_a_model_that_is_far_off_everywhere_is_drawn():
    result = made_result(60)
    result.estimate[:, 0] += 40.0
    above = draw_trajectory(result).axes[0]
    assert "not drawn" not in above.get_title() and above.get_xlim()[1] > 40


def test_labels_of_the_axes_in_space_are_within_the_picture():
    figure = draw_trajectory(made_result(60))
    figure.canvas.draw()
    for axis in (figure.axes[1].xaxis, figure.axes[1].yaxis, figure.axes[1].zaxis):
        extent = axis.label.get_window_extent(figure.canvas.get_renderer())
        assert extent.x0 >= 0 and extent.x1 <= figure.bbox.x1 and extent.y0 >= 0


def test_a_single_image_is_seen_in_the_middle_of_its_time():
    low, high = draw_over_time(made_result(1)).axes[0].get_xlim()
    assert low < 0 < high


def test_labels_of_far_away_distances_and_angles_are_plain():
    result = made_result(60)
    result.truth[:, :3] += (293_456.7, 5_512_345.6, 312.0)
    result.estimate[:, :3] += (293_456.7, 5_512_345.6, 312.0)
    figure = draw_dependence(result)
    figure.canvas.draw()
    for axes in figure.axes[-3:]:
        assert axes.xaxis.get_offset_text().get_text() == ""
    assert all(np.ptp(axes.get_xlim()) >= 1.0 for axes in figure.axes[-2:])


def test_the_axis_shows_a_wild_error_and_an_exact_answer():
    errors = np.array([0.005] * 50 + [12.0, 0.0])
    low, high = error_range("position_m", errors)
    assert 0 < low < 0.005 and high > 12
    exact = replace(made_result(20), estimate=made_result(20).truth)
    assert draw_over_time(exact).axes[0].get_ylim()[0] > 0


def test_picture_of_a_flight(tmp_path):
    plot_flight(tmp_path / "new" / "flight.png", "A flight", with_all_states(), np.array([[0, 0], [1, 0], [0, 1]]))
    assert (tmp_path / "new" / "flight.png").stat().st_size > 10_000
