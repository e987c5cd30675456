# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of a data set for the doctor's page; judges nothing."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.pose_errors import length_unit
from camera_relocalization_ros.data.doctor.coverage import to_cylinder
from camera_relocalization_ros.data.doctor.examination import Examination
from camera_relocalization_ros.data.doctor.image_checks import BLURRED, BRIGHT, DARK
from camera_relocalization_ros.data.doctor.recording_checks import MAX_TURN_RATE, STREAM, gap_rows
from camera_relocalization_ros.report.figures.canvas import new_figure

CAMERA, FAULT, LIMIT, ORIGIN = "#2166ac", "#b2182b", "#666666", "#1a9850"
MAX_ARROWS = 120
# the two axes of the parent seen from above, and whether the second one points down the page
TOP_VIEWS = {
    "+z": (0, 1, False),
    "-z": (0, 1, True),
    "+y": (0, 2, True),
    "-y": (0, 2, False),
    "+x": (1, 2, False),
    "-x": (1, 2, True),
}
MAX_ROWS, MAX_NAME = 30, 24
# of no more images dots are larger
FEW_DOTS = 200
# a parent's zero further away than so many extents of the flight would shrink it to a dot; that of an object matters
ORIGIN_REACH, OBJECT_REACH = 3.0, 20.0


def draw_places(examination: Examination) -> Figure:
    """Cameras from above and from the side, with arrows where they look and numbers where to fly next."""
    figure = new_figure(11, 5.4)
    above, side = figure.subplots(1, 2)
    up = _up(examination)
    first, second, is_down = TOP_VIEWS[up]
    _draw_view(above, examination, (first, second))
    above.set_title("seen from above")
    _draw_view(side, examination, (first, "xyz".index(up[1])))
    side.set_title("seen from the side")
    if is_down:
        above.invert_yaxis()
    if up[0] == "-":
        side.invert_yaxis()
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncol=4, frameon=False)
    return figure


def draw_directions(examination: Examination) -> Figure:
    """Images by direction, and by distance to the parent's origin."""
    figure = new_figure(11, 3.8)
    directions, distances = figure.subplots(1, 2, width_ratios=(2, 1))
    poses = examination.dataset.poses
    positions = poses.positions
    if examination.coverage.is_around_object:
        vectors, title = positions, "from which side the object is seen"
        directions.set_xlabel("azimuth of the camera [deg]: 0 in front (+x), 90 left (+y)")
    else:
        first, second, is_down = TOP_VIEWS[_up(examination)]
        forward = poses.rotations.apply([0.0, 0.0, 1.0])
        vectors, title = _levelled(forward, _up(examination)), "where the cameras look"
        signed = ("-" if is_down else "+") + "xyz"[second]
        directions.set_xlabel(f"azimuth of the view [deg]: 0 along +{'xyz'[first]}, 90 along {signed}")
    _draw_heatmap(figure, directions, vectors)
    directions.set_title(title)
    distances.hist(np.linalg.norm(positions, axis=1), bins=20, color=CAMERA)
    unit = length_unit(examination.dataset.is_metric)
    distances.set(xlabel=f"distance to the parent's origin [{unit}]", ylabel="images", title="from how far")
    return figure


def draw_time(examination: Examination) -> Figure:
    """When frames were taken, one row for each sequence, with gaps; then speeds and turn rates between frames.

    Photographs have no times, and are left out.
    """
    sequences = [sequence for sequence in examination.dataset.sequences if not sequence.is_photographs][:MAX_ROWS]
    figure = new_figure(11, 4.2 + 0.3 * len(sequences))
    rows, speed, turn = figure.subplots(3, 1, height_ratios=(0.6 + 0.3 * len(sequences), 1.6, 1.6))
    for row, sequence in enumerate(sequences):
        seconds = _seconds([frame.stamp_ns for frame in sequence.frames])
        rows.plot(seconds, np.full(len(seconds), row), "|", color=CAMERA, markersize=9)
        for gap in gap_rows(sequence):
            rows.plot(seconds[gap : gap + 2], [row, row], color=FAULT, linewidth=5, solid_capstyle="butt")
    rows.set(ylim=(len(sequences) - 0.4, -0.6), title="frames over time, gaps in red", xlabel="seconds in the sequence")
    rows.set_yticks(range(len(sequences)), [s.name[:MAX_NAME] for s in sequences])
    for label in rows.get_yticklabels():
        label.set_parse_math(False)  # names come from other people
    _draw_rates(speed, turn, examination)
    return figure


def draw_images(examination: Examination) -> Figure:
    """Sharpness and brightness of each image."""
    figure = new_figure(11, 4.6)
    sharp, bright = figure.subplots(2, 1, sharex=True)
    measures = examination.images
    ratio = measures.relative_sharpness
    _draw_points(sharp, ratio, ratio < BLURRED, "of typical sharpness")
    sharp.axhline(BLURRED, color=LIMIT, linestyle="--", label="blurred below")
    sharp.set_yscale("log")
    sharp.set_yticks([0.1, 0.2, 0.5, 1, 2, 5], ["10 %", "20 %", "50 %", "100 %", "200 %", "500 %"])
    sharp.minorticks_off()
    _draw_points(
        bright, measures.brightness, (measures.brightness < DARK) | (measures.brightness > BRIGHT), "mean grey"
    )
    bright.axhline(DARK, color=LIMIT, linestyle="--", label="too dark below, too bright above")
    bright.axhline(BRIGHT, color=LIMIT, linestyle="--")
    bright.set(ylim=(0, 255), xlabel="image, all sequences one after the other")
    bright.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (sharp, bright):
        axes.legend(loc="lower right")
    return figure


def _dot_size(images: int) -> float:
    return 3.0 if images > FEW_DOTS else 6.0


def _up(examination: Examination) -> str:
    return examination.finding("up axis").values["up"] or "+z"


def _levelled(vectors: np.ndarray, up: str) -> np.ndarray:
    """The same vectors (N, 3) in axes of which the third points up."""
    first, second, is_down = TOP_VIEWS[up]
    height = (1.0 if up[0] == "+" else -1.0) * vectors[:, "xyz".index(up[1])]
    return np.stack([vectors[:, first], (-1.0 if is_down else 1.0) * vectors[:, second], height], axis=1)


def _draw_view(axes: Axes, examination: Examination, columns: tuple[int, int]) -> None:
    poses = examination.dataset.poses
    positions = poses.positions
    plane = list(columns)
    axes.plot(*positions[:, plane].T, ".", color="#6baed6", markersize=_dot_size(len(positions)), label="cameras")
    chosen = np.unique(np.linspace(0, len(positions) - 1, MAX_ARROWS).astype(int))
    forward = poses[chosen].rotations.apply([0.0, 0.0, 1.0])
    extent = float(np.linalg.norm(np.ptp(positions, axis=0)))
    reach = OBJECT_REACH if examination.coverage.is_around_object else ORIGIN_REACH
    has_origin = float(np.linalg.norm(positions, axis=1).min()) <= reach * extent
    shown = np.vstack([positions, np.zeros((1, 3))]) if has_origin else positions
    length = 0.08 * float(np.ptp(shown, axis=0).max())
    ends = positions[chosen] + max(length, 1e-3) * forward
    arrows = (ends - positions[chosen])[:, plane].T
    axes.quiver(
        *positions[chosen][:, plane].T,
        *arrows,
        angles="xy",
        scale_units="xy",
        scale=1,
        color=CAMERA,
        width=0.003,
        label="where some of them look",
    )
    if has_origin:
        axes.plot(0, 0, "P", color=ORIGIN, markersize=10, linestyle="none", label="origin of the parent frame")
    for number, suggestion in enumerate(examination.coverage.suggestions, start=1):
        label = "fly here next" if number == 1 else None
        across, up = suggestion.position[plane]
        axes.plot(across, up, "o", color=FAULT, markersize=13, label=label, linestyle="none")
        axes.annotate(str(number), (across, up), color="white", ha="center", va="center", weight="bold", fontsize=9)
    axes.set_aspect("equal", adjustable="datalim")
    unit = length_unit(examination.dataset.is_metric)
    axes.set(xlabel=f"{'xyz'[columns[0]]} [{unit}]", ylabel=f"{'xyz'[columns[1]]} [{unit}]")
    axes.grid(color="#eeeeee")


def _draw_heatmap(figure: Figure, axes: Axes, vectors: np.ndarray) -> None:
    azimuth, distance, height = to_cylinder(vectors).T
    elevation = np.degrees(np.arctan2(height, distance))
    edges = (np.arange(-180, 181, 15), np.arange(-90, 91, 15))
    counts = np.histogram2d(azimuth, elevation, bins=edges)[0]
    shown = np.ma.masked_equal(counts.T, 0)
    mesh = axes.pcolormesh(*edges, shown, cmap="viridis_r")
    figure.colorbar(mesh, ax=axes, label="images (white: none)", ticks=MaxNLocator(integer=True))
    axes.set(xticks=np.arange(-180, 181, 45), yticks=np.arange(-90, 91, 30), ylabel="elevation [deg]")
    axes.grid(color="#dddddd", linewidth=0.5)


def _draw_rates(speed_axes: Axes, turn_axes: Axes, examination: Examination) -> None:
    start = 0
    for sequence in examination.dataset.sequences:
        if len(sequence.frames) > 1 and not sequence.is_photographs:
            poses = sequence.trajectory()
            step_s = np.diff(poses.stamps_ns) * 1e-9
            step_s = np.maximum(step_s, np.median(step_s))
            rows = start + np.arange(1, len(poses))
            speed = np.linalg.norm(np.diff(poses.positions, axis=0), axis=1) / step_s
            turn = np.degrees(angular_distance(poses.quats_xyzw[:-1], poses.quats_xyzw[1:])) / step_s
            _draw_points(speed_axes, speed, speed > STREAM.max_speed, "speed [m/s]", rows)
            _draw_points(turn_axes, turn, turn > np.degrees(MAX_TURN_RATE), "turn rate [deg/s]", rows)
        start += len(sequence.frames)
    for axes in (speed_axes, turn_axes):
        axes.set_ylim(0, 1.1 * axes.dataLim.y1 if axes.dataLim.y1 > 0 else None)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    speed_axes.set(title="motion between neighbouring frames, impossible ones in red")
    turn_axes.set(xlabel="image, all sequences one after the other")


def _draw_points(
    axes: Axes, values: np.ndarray, is_fault: np.ndarray, label: str, rows: np.ndarray | None = None
) -> None:
    rows = np.arange(len(values)) if rows is None else rows
    axes.plot(rows, values, ".", color=CAMERA, markersize=_dot_size(len(values)))
    axes.plot(rows[is_fault], values[is_fault], "x", color=FAULT)
    axes.set_ylabel(label)
    axes.grid(color="#eeeeee")


def _seconds(stamps_ns: list[int]) -> np.ndarray:
    stamps = np.array(stamps_ns, dtype=np.int64)
    return (stamps - stamps[0]) * 1e-9 if len(stamps) else np.zeros(0)
