# SPDX-License-Identifier: BSD-3-Clause
"""Ways to divide a data set into parts for training and testing; see splits for the file.

Neighbouring frames are almost the same image with almost the same pose: a test frame between training frames proves
nothing. So parts are whole sequences, or blocks of frames with guards between them.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np

from camera_relocalization_ros.core.dataset import Dataset, Sequence
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.splits import Parts

REST = "rest"
# an object that moved less between two recordings stood in the same place
SAME_PLACE_M, SAME_PLACE_RAD = 0.1, np.radians(5.0)
# blocks of the airframe's mixed split, in seconds: a quarter is tested, as in the thesis (table 4.4)
MIXED_BLOCK_S, MIXED_EVERY, MIXED_GUARD_S = 4.0, 4, 1.0


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


def airframe_mixed(dataset: Dataset) -> Parts:
    """Every recording is trained and tested on, in blocks: how well does a model know places it has seen?"""
    parts: Parts = {"train": {}, "test": {}}
    for sequence in dataset.sequences:
        stamps_ns = [frame.stamp_ns for frame in sequence.frames]
        numbers = [frame.number for frame in sequence.frames]
        if len(numbers) < 2:
            continue
        rate_hz = (numbers[-1] - numbers[0]) / ((stamps_ns[-1] - stamps_ns[0]) * 1e-9)
        length, guard = max(round(MIXED_BLOCK_S * rate_hz), 1), max(round(MIXED_GUARD_S * rate_hz), 1)
        own = Dataset(dataset.path, dataset.parent_frame, dataset.child_frame, dataset.camera, (sequence,))
        for part, sequences in blocks(own, length, MIXED_EVERY, guard).items():
            parts[part].update(sequences)
    return parts


def airframe_ind(dataset: Dataset, placements: dict[str, int], held_out: int) -> Parts:
    """One placement of the object is tested, the others are trained on: does a model know the object, or the room?"""
    known = sorted(set(placements.values()))
    if held_out not in known or len(known) < 2:
        raise DatasetError(f"placement {held_out} cannot be held out; the data set has {known}, expected two or more")
    test = {name for name, placement in placements.items() if placement == held_out}
    return {"train": _whole(dataset, set(placements) - test), "test": _whole(dataset, test)}


def placements_of(dataset: Dataset, given: dict[str, int] | None = None) -> dict[str, int]:
    """The number of the object's placement in each sequence.

    `given`: numbers by shell patterns of sequence names. The other sequences are grouped by where extraction found the
    object (info T_world_parent), and numbered from 1 as they come, past the numbers given. Raises DatasetError.
    """
    numbers: dict[str, int] = {}
    groups: list[tuple[int, np.ndarray, np.ndarray]] = []
    free = (number for number in range(1, 10**6) if number not in (given or {}).values())
    for sequence in dataset.sequences:
        named = [number for pattern, number in (given or {}).items() if fnmatchcase(sequence.name, pattern)]
        if named:
            numbers[sequence.name] = named[0]
            continue
        position, quat_xyzw = _place(dataset, sequence)
        for number, group_position, group_quat in groups:
            is_near = np.linalg.norm(position - group_position) < SAME_PLACE_M
            if is_near and angular_distance(quat_xyzw, group_quat) < SAME_PLACE_RAD:
                numbers[sequence.name] = number
                break
        else:
            numbers[sequence.name] = next(free)
            groups.append((numbers[sequence.name], position, quat_xyzw))
    return numbers


def _place(dataset: Dataset, sequence: Sequence) -> tuple[np.ndarray, np.ndarray]:
    pose = sequence.info.get("T_world_parent")
    if not isinstance(pose, dict) or len(pose.get("position", ())) != 3 or len(pose.get("quat_xyzw", ())) != 4:
        raise DatasetError(
            f"{dataset.path}: where {dataset.parent_frame!r} stood in sequence {sequence.name!r} is not known; "
            f"say it with --placement {sequence.name}=NUMBER"
        )
    return np.array(pose["position"], dtype=float), np.array(pose["quat_xyzw"], dtype=float)


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
