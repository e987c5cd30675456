# SPDX-License-Identifier: BSD-3-Clause
"""Ways to divide a data set into parts for training and testing; see splits for the file.

Neighbouring frames are almost the same image with almost the same pose: a test frame between training frames proves
nothing. So parts are whole sequences, or blocks of frames with guards between them.
"""

from __future__ import annotations

import logging
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.data.dataset import Dataset, Sequence
from camera_relocalization_ros.data.splits import Parts

REST = "rest"
# an object that moved less between two recordings stood in the same place
SAME_PLACE_M, SAME_PLACE_RAD = 0.1, np.radians(5.0)
# the airframe's mixed split: a quarter of each cycle is tested; what the guards take from training makes it the 29 % of
# the thesis (table 4.4)
MIXED_CYCLE_S, MIXED_TRAIN, MIXED_SHORTEST_S = 16.0, 0.75, 8.0
# frames of one recording that are closer in time show almost the same
GUARD_S = 1.0
LONGEST_BLOCK = 50

logger = logging.getLogger(__name__)


def periodic(dataset: Dataset, period: int, stretches: dict[str, tuple[int, int]]) -> Parts:
    """Of every `period` frame numbers the stretch (first, last), ends included, of each part."""
    for first, last in stretches.values():
        if not 0 <= first <= last < period:
            raise DatasetError(f"a range {first}-{last} does not lie within a period of {period} frames")
    parts: Parts = {}
    for part, (first, last) in stretches.items():
        parts[part] = {
            sequence.name: [[start + first, start + last] for start in _starts(sequence, period)]
            for sequence in dataset.sequences
            if sequence.frames
        }
    return parts


def blocks(dataset: Dataset, length: int, every: int, guard: int) -> Parts:
    """Of every `every` blocks of `length` frame numbers the last is "test", the others "train".

    The training frames within `guard` numbers of a test block belong to neither. Raises DatasetError.
    """
    if length < 1 or every < 2 or guard < 0 or 2 * guard >= (every - 1) * length:
        raise DatasetError(
            f"blocks of {length} frames, every {every}, guard {guard}: nothing would be left to train on"
        )
    train_end, test_end = (every - 1) * length - 1, every * length - 1
    parts: Parts = {"train": {}, "test": {}}
    for sequence in dataset.sequences:
        starts = _starts(sequence, every * length) if sequence.frames else []
        # before the first training block there is no test block to keep away from
        parts["train"][sequence.name] = [
            [start + (guard if number else 0), start + train_end - guard] for number, start in enumerate(starts)
        ]
        parts["test"][sequence.name] = [[start + train_end + 1, start + test_end] for start in starts]
    return parts


def block_length(dataset: Dataset, every: int) -> int:
    """Frames of a block where none is asked for: so few that the longest sequence has a test block."""
    spans = [
        sequence.frames[-1].number - sequence.frames[0].number + 1 for sequence in dataset.sequences if sequence.frames
    ]
    return max(1, min(LONGEST_BLOCK, max(spans, default=1) // max(every, 1)))


def whole_sequences(dataset: Dataset, patterns: dict[str, list[str]]) -> Parts:
    """Each part has the sequences whose names fit one of its shell patterns; "rest" fits what no other part has.

    Raises DatasetError when a pattern fits nothing, or a sequence fits two parts.
    """
    names = [sequence.name for sequence in dataset.sequences]
    chosen: dict[str, str] = {}
    for part, wanted in patterns.items():
        for pattern in wanted:
            fitting = [name for name in names if fnmatchcase(name, pattern)]
            if not fitting and pattern != REST:
                raise DatasetError(f"no sequence {pattern!r}; the data set has {names}")
            for name in fitting:
                if chosen.setdefault(name, part) != part:
                    raise DatasetError(f"sequence {name!r} is in the parts {chosen[name]!r} and {part!r}")
    rest_part = next((part for part, wanted in patterns.items() if REST in wanted), None)
    if rest_part is not None:
        chosen.update({name: rest_part for name in names if name not in chosen})
    return {part: _whole(dataset, {name for name in chosen if chosen[name] == part}) for part in patterns}


def guard_frames(sequence: Sequence) -> int:
    """Frame numbers that take GUARD_S, at the mean rate of a recording, at least 1; 0 for photographs."""
    if sequence.is_photographs:
        return 0
    if len(sequence.frames) < 2:
        return 1
    first, last = sequence.frames[0], sequence.frames[-1]
    rate_hz = (last.number - first.number) / ((last.stamp_ns - first.stamp_ns) / 1e9)
    # stamps rounded to nanoseconds make 30 Hz a little more than that
    return max(int(np.ceil(round(GUARD_S * rate_hz, 3))), 1)


def airframe_mixed(dataset: Dataset) -> Parts:
    """Every recording is trained and tested on, in blocks: how well does a model know places it has seen?

    A recording is cut into equal cycles of about MIXED_CYCLE_S whose last quarter is "test", with guards of GUARD_S.
    One that is shorter than MIXED_SHORTEST_S is only trained on, and a warning says so. Raises DatasetError for
    photographs, which have no times.
    """
    photographs = [sequence.name for sequence in dataset.sequences if sequence.is_photographs]
    if photographs:
        raise DatasetError(f"sequence {photographs[0]!r} is of photographs, without times to cut it at; use blocks")
    parts: Parts = {"train": {}, "test": {}}
    for sequence in dataset.sequences:
        if not sequence.frames:
            continue
        duration_s = (sequence.frames[-1].stamp_ns - sequence.frames[0].stamp_ns) * 1e-9
        if duration_s < MIXED_SHORTEST_S:
            logger.warning("sequence %r lasts %.1f s: too short to test on, it only trains", sequence.name, duration_s)
            parts["train"].update(_whole(dataset, {sequence.name}))
            continue
        cycles = max(round(duration_s / MIXED_CYCLE_S), 1)
        parts["train"][sequence.name], parts["test"][sequence.name] = _mixed_ranges(sequence, cycles)
    return parts


def _mixed_ranges(sequence: Sequence, cycles: int) -> tuple[list[list[int]], list[list[int]]]:
    first, end, guard = sequence.frames[0].number, sequence.frames[-1].number + 1, guard_frames(sequence)
    train, test = [], []
    for cycle in range(cycles):
        start, border, stop = (
            first + round((end - first) * (cycle + share) / cycles) for share in (0.0, MIXED_TRAIN, 1.0)
        )
        train.append([start + (guard if cycle else 0), border - 1 - guard])
        test.append([border, stop - 1])
    return train, test


def airframe_ind(dataset: Dataset, placements: dict[str, int], held_out: int) -> Parts:
    """One placement of the object is tested, the others are trained on: does a model know the object, or the room?"""
    known = sorted(set(placements.values()))
    if held_out not in known or len(known) < 2:
        raise DatasetError(f"placement {held_out} cannot be held out; the data set has {known}, expected two or more")
    test = {name for name, placement in placements.items() if placement == held_out}
    return {"train": _whole(dataset, set(placements) - test), "test": _whole(dataset, test)}


def placements_of(dataset: Dataset, given: dict[str, int] | None = None) -> dict[str, int]:
    """The number of the object's placement in each sequence.

    `given`: numbers by shell patterns of sequence names. Others keep the number that their import tells (info
    placement), or are grouped by where extraction found the object (info T_world_parent), and numbered from 1 as they
    come, past the numbers given. Raises DatasetError.
    """
    recorded = {s.name: s.info["placement"] for s in dataset.sequences if isinstance(s.info.get("placement"), int)}
    numbers = {**recorded, **_given_placements(dataset, given or {})}
    free = (number for number in range(1, 10**6) if number not in numbers.values())
    groups: list[tuple[int, Sequence]] = []
    for sequence in dataset.sequences:
        if sequence.name in numbers:
            continue
        same = (number for number, other in groups if _is_same_place(dataset, sequence, other))
        number = next(same, None)
        if number is None:
            _place(dataset, sequence)
            number = next(free)
            groups.append((number, sequence))
        numbers[sequence.name] = number
    return {sequence.name: numbers[sequence.name] for sequence in dataset.sequences}


def _given_placements(dataset: Dataset, given: dict[str, int]) -> dict[str, int]:
    names = [sequence.name for sequence in dataset.sequences]
    numbers: dict[str, int] = {}
    for pattern, number in given.items():
        fitting = [name for name in names if fnmatchcase(name, pattern)]
        if not fitting:
            raise DatasetError(f"--placement {pattern}={number}: no sequence {pattern!r}; the data set has {names}")
        for name in fitting:
            if numbers.setdefault(name, number) != number:
                raise DatasetError(f"sequence {name!r} is given the placements {numbers[name]} and {number}")
    return numbers


def _is_same_place(dataset: Dataset, one: Sequence, other: Sequence) -> bool:
    (one_frame, one_position, one_quat), (frame, position, quat) = _place(dataset, one), _place(dataset, other)
    if one_frame != frame:
        raise DatasetError(
            f"{dataset.path}: {dataset.parent_frame!r} stood in frame {one_frame!r} in sequence {one.name!r} and in "
            f"{frame!r} in {other.name!r}, which cannot be compared; say it with --placement {one.name}=NUMBER"
        )
    is_near = float(np.linalg.norm(one_position - position)) < SAME_PLACE_M
    return is_near and float(angular_distance(one_quat, quat)) < SAME_PLACE_RAD


def _place(dataset: Dataset, sequence: Sequence) -> tuple[Any, np.ndarray, np.ndarray]:
    """Frame, position (3,) and quaternion (4,) of the object in a sequence."""
    pose: Any = sequence.info.get("T_world_parent")
    try:
        position, quat_xyzw = (np.array(pose[key], dtype=np.float64) for key in ("position", "quat_xyzw"))
        is_known = bool(position.shape == (3,) and quat_xyzw.shape == (4,) and np.isfinite(position).all())
        is_known = bool(is_known and abs(np.linalg.norm(quat_xyzw) - 1.0) < 1e-3)
    except (KeyError, TypeError, ValueError):
        is_known = False
    if not is_known:
        raise DatasetError(
            f"{dataset.path}: where {dataset.parent_frame!r} stood in sequence {sequence.name!r} is not known; "
            f"say it with --placement {sequence.name}=NUMBER"
        )
    return pose.get("frame"), position, quat_xyzw


def _starts(sequence: Sequence, period: int) -> list[int]:
    """The first numbers of all periods, counted from 0, that a sequence reaches."""
    first, last = sequence.frames[0].number, sequence.frames[-1].number
    return [cycle * period for cycle in range(first // period, last // period + 1)]


def _whole(dataset: Dataset, names: set[str]) -> dict[str, list[list[int]]]:
    return {
        sequence.name: [[sequence.frames[0].number, sequence.frames[-1].number]]
        for sequence in dataset.sequences
        if sequence.name in names and sequence.frames
    }
