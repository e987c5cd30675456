# SPDX-License-Identifier: BSD-3-Clause
"""One picture of a delay between images and poses: what was searched, and the turns that both show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from scipy.spatial.transform import Rotation, Slerp

from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.motion_alignment import DelayEstimate
from camera_relocalization_ros.report.figures.canvas import new_figure, save_figure, title_figure
from camera_relocalization_ros.vision.visual_rotation import RotationPairs

IMAGES, POSES, SHIFTED = "#b2182b", "#999999", "#1a9850"


def draw_sync(path: Path, estimate: DelayEstimate, pairs: RotationPairs, poses: Trajectory) -> None:
    """Write a PNG."""
    figure = new_figure(12, 7)
    top, bottom = figure.subplots(2, 1)
    _draw_search(top, estimate)
    _draw_turns(bottom, estimate, pairs, poses)
    conclusion = f"NOT to be trusted: {estimate.doubt}" if estimate.doubt else "to be trusted"
    found = f"images {1e3 * estimate.delay_s:+.1f} +- {1e3 * estimate.sigma_s:.1f} ms after the poses"
    title_figure(figure, f"{found}\n{conclusion}", "large")
    save_figure(figure, path)


def _draw_search(axes: Axes, estimate: DelayEstimate) -> None:
    axes.plot(estimate.delays_s, np.degrees(np.sqrt(estimate.costs)), color=IMAGES)
    axes.axvline(estimate.delay_s, color=SHIFTED, linestyle="--", label=f"found: {estimate.delay_s:.3f} s")
    axes.set(xlabel="delay of the images [s]", ylabel="turns disagree by [deg, rms]", ylim=(0, None))
    axes.legend()


def _draw_turns(axes: Axes, estimate: DelayEstimate, pairs: RotationPairs, poses: Trajectory) -> None:
    seconds = (pairs.first_ns - pairs.first_ns[0]) * 1e-9
    apart_s = (pairs.second_ns - pairs.first_ns) * 1e-9
    rates = np.degrees(np.linalg.norm(pairs.rotvecs, axis=1)) / apart_s
    axes.plot(seconds, _pose_rates(pairs, poses, 0.0), color=POSES, label="poses as stamped")
    axes.plot(seconds, _pose_rates(pairs, poses, estimate.delay_s), color=SHIFTED, label="poses, delay taken off")
    axes.plot(seconds, rates, color=IMAGES, linestyle="", marker=".", label="images")
    axes.set(xlabel="time since the first image [s]", ylabel="the camera turns by [deg/s]")
    axes.legend()


def _pose_rates(pairs: RotationPairs, poses: Trajectory, delay_s: float) -> np.ndarray:
    """Turn rates (P,) in deg/s over each pair; NaN outside the poses."""
    origin_ns = poses.stamps_ns[0]
    slerp = Slerp((poses.stamps_ns - origin_ns) * 1e-9, Rotation.from_quat(poses.quats_xyzw))
    first, second = ((stamps_ns - origin_ns) * 1e-9 - delay_s for stamps_ns in (pairs.first_ns, pairs.second_ns))
    inside = (first >= slerp.times[0]) & (second <= slerp.times[-1])
    rates = np.full(len(pairs), np.nan)
    turns = (slerp(first[inside]).inv() * slerp(second[inside])).magnitude()
    rates[inside] = np.degrees(turns) / (second - first)[inside]
    return rates
