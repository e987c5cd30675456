# SPDX-License-Identifier: BSD-3-Clause
"""Checks of conventions: which axis of the parent points up, and does the camera look along its z axis?"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import invert, pose_matrix, position_quat
from camera_relocalization_ros.core.image_files import decode_grey, read_image_file
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.dataset import Dataset, Frame
from camera_relocalization_ros.data.doctor.finding import BAD, LOOK, OK, Finding
from camera_relocalization_ros.data.doctor.image_measures import WIDTH
from camera_relocalization_ros.data.doctor.pose_convention import MIRROR, R_BODY_OPTICAL, R_OPENGL, check_axes
from camera_relocalization_ros.vision.visual_rotation import RotationPairs, visual_rotations

AXIS_NAMES = ("+x", "+y", "+z", "-x", "-y", "-z")
# an axis is up when the cameras' tops point along it this much on average, and their sides do not
MIN_SCORE, MIN_LEAD = 0.4, 0.15
# frames of a pair lie this far apart, or one step where frames are rarer
GAP_S = 0.4
# how many pairs are looked at, and at what width; more of them, and more closely, where these do not tell
LOOKS = ((32, WIDTH), (300, 640))


def up_axis(quats_xyzw: np.ndarray) -> str:
    """Which axis of the parent, "+z" for example, points up, read from optical frames (N, 4); "" if none does.

    An upright camera's top leans with its pitch, but its x axis stays level: an axis is up when tops point along it
    and sides do not.
    """
    cameras = Rotation.from_quat(quats_xyzw)
    tops, sides = cameras.apply([0.0, -1.0, 0.0]), cameras.apply([1.0, 0.0, 0.0])
    tilt = np.sqrt(np.mean(sides**2, axis=0))
    scores = np.concatenate([tops.mean(axis=0) - tilt, -tops.mean(axis=0) - tilt])
    second, best = np.sort(scores)[-2:]
    return AXIS_NAMES[int(np.argmax(scores))] if best > MIN_SCORE and best - second > MIN_LEAD else ""


def check_up_axis(dataset: Dataset) -> Finding:
    """The parent's z axis points up, as ROS has it (REP 103)."""
    up = up_axis(dataset.poses.quats_xyzw)
    values = {"up": up}
    name = dataset.parent_frame
    if up == "+z":
        return Finding("up axis", OK, f"+z of {name} points up", values)
    if not up:
        sentence = f"cannot tell which axis of {name} points up: cameras are turned every way; see the side view"
        return Finding("up axis", LOOK, sentence, values)
    if up == "-z":
        why = "the cameras hang upside down, or z points down (NED)"
    else:
        why = "motion capture with other axes than ROS, or a map that began at a camera"
    sentence = f"{up} of {name} points up, not +z as in ROS: {why}; training works, other nodes may misread the answers"
    return Finding("up axis", LOOK, sentence, values)


def first_looked_at(dataset: Dataset) -> set[Path]:
    """The image files that `check_convention` begins with; none where no camera is known."""
    if not dataset.cameras:
        return set()
    return {frame.image_path for pair in _choose(dataset, LOOKS[0][0])[0] for frame in pair.frames}


def check_convention(dataset: Dataset, greys: Mapping[Path, np.ndarray]) -> Finding:
    """The poses turn as the images do, which those of OpenGL cameras and inverted ones do not.

    greys: those of `ImageMeasures`; other images are decoded.
    """
    if not dataset.cameras:
        return Finding("axes of the camera", LOOK, "unknown intrinsics: not checked; add the camera to dataset.yaml")
    for count, width in LOOKS:
        result = check_axes(*_pairs_and_poses(dataset, count, width, greys if width == WIDTH else {}))
        if result.name:
            break
    level = OK if result.name == "optical" else BAD if result.name else LOOK
    values = {"name": result.name, "residuals_deg": result.residuals_deg}
    rest = "; all else here is judged as if that were done" if level == BAD else ""
    return Finding("axes of the camera", level, result.sentence + rest, values)


def as_optical(dataset: Dataset, convention: str) -> Dataset:
    """The data set with poses of optical frames, when its own follow the named convention of check_convention."""
    if convention in ("", "optical"):
        return dataset
    sequences = (replace(s, frames=tuple(_as_optical(f, convention) for f in s.frames)) for s in dataset.sequences)
    return replace(dataset, sequences=tuple(sequences))


def _as_optical(frame: Frame, convention: str) -> Frame:
    T = pose_matrix(frame.position, frame.quat_xyzw)
    if "inverted" in convention.split():
        T = invert(T)
    if "opengl" in convention.split():
        T[:3, :3] = T[:3, :3] @ R_OPENGL
    if convention == "body":
        T[:3, :3] = T[:3, :3] @ R_BODY_OPTICAL
    if convention == "left-handed":
        T = MIRROR @ T @ MIRROR
    position, quat_xyzw = position_quat(T)
    return replace(frame, position=position, quat_xyzw=quat_xyzw)


def _choose(dataset: Dataset, count: int) -> tuple[list[_Pair], np.ndarray]:
    """About `count` pairs of frames, and stamps (N,) int64 of all, of which each sequence has its own time.

    Recordings may share their stamps.
    """
    share, before = count / dataset.frame_count, 0
    chosen: list[_Pair] = []
    stamps_ns, start_ns = [], 0
    for sequence in dataset.sequences:
        own_ns = np.array([frame.stamp_ns for frame in sequence.frames], dtype=np.int64)
        if sequence.is_photographs:
            # the next one is what may show the same things
            own_ns = np.arange(len(own_ns), dtype=np.int64) * 10**9
        if not len(own_ns):
            continue
        shift_ns = start_ns - own_ns[0]
        stamps_ns.append(own_ns + shift_ns)
        start_ns = int(stamps_ns[-1][-1]) + 10**12
        # rounded over all sequences together: of a thousand not each has a pair
        of_sequence = math.ceil(share * (before + len(own_ns))) - math.ceil(share * before)
        before += len(own_ns)
        for rows, gap_s in choose_pairs(own_ns, of_sequence):
            chosen.append(_Pair([sequence.frames[row] for row in rows], stamps_ns[-1][list(rows)].tolist(), gap_s))
    return chosen, np.concatenate(stamps_ns)


def _pairs_and_poses(
    dataset: Dataset, count: int, width: int, greys: Mapping[Path, np.ndarray]
) -> tuple[RotationPairs, Trajectory]:
    """What about `count` pairs of images tell at a width, and all poses."""
    chosen, stamps_ns = _choose(dataset, count)
    with ThreadPoolExecutor() as pool:
        parts = [visual_rotations([], ()), *pool.map(lambda pair: _turn_of(pair, dataset, width, greys), chosen)]
    pairs = RotationPairs(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(RotationPairs)))
    poses = dataset.poses
    return pairs, Trajectory(stamps_ns, poses.positions, poses.quats_xyzw)


@dataclass(frozen=True)
class _Pair:
    """Two frames with their stamps in a time of all sequences, and a time a little below the one between them (s)."""

    frames: list[Frame]
    stamps_ns: list[int]
    gap_s: float


def _turn_of(pair: _Pair, dataset: Dataset, width: int, greys: Mapping[Path, np.ndarray]) -> RotationPairs:
    """What the images of a pair tell; nothing where one of them, or its camera, is not known."""
    first, second = (
        greys[frame.image_path] if frame.image_path in greys else _load_grey(frame, width) for frame in pair.frames
    )
    cameras = [camera for camera in map(dataset.camera_of, pair.frames) if camera is not None]
    # check_files tells of images that do not decode, or differ in size
    if first is None or second is None or first.shape != second.shape or len(cameras) < 2:
        return visual_rotations([], ())
    return visual_rotations(zip(pair.stamps_ns, (first, second)), cameras, pair.gap_s, width)


def choose_pairs(stamps_ns: np.ndarray, count: int) -> list[tuple[tuple[int, int], float]]:
    """At most `count` pairs of rows, evenly spread, each with a time a little below the one between them (s).

    stamps_ns (N,): int64, ascending. The two of a pair are GAP_S apart, or as little more as the frames allow.
    """
    if len(stamps_ns) < 2 or count < 1:
        return []
    wanted_ns = 1e9 * max(GAP_S, float(np.median(np.diff(stamps_ns))) * 1e-9)
    second = np.searchsorted(stamps_ns, stamps_ns + round(wanted_ns * 0.99))
    first = np.flatnonzero(second < len(stamps_ns))
    first = first[stamps_ns[second[first]] - stamps_ns[first] < 2 * wanted_ns]
    if len(first) > count:
        first = first[np.linspace(0, len(first) - 1, count).astype(int)]
    return [((int(a), int(second[a])), float(stamps_ns[second[a]] - stamps_ns[a]) * 0.99e-9) for a in first]


def _load_grey(frame: Frame, width: int) -> np.ndarray | None:
    try:
        return decode_grey(read_image_file(frame.image_path), width)
    except DatasetError:
        return None
