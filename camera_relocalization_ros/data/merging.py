# SPDX-License-Identifier: BSD-3-Clause
"""Several data sets as one: sequences, cameras, counts and splits are carried over, and nothing is there twice."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.image_files import read_image_file
from camera_relocalization_ros.core.progress import tracked
from camera_relocalization_ros.data.dataset import METRIC, Dataset, Sequence, check_same_frames
from camera_relocalization_ros.data.dataset_writer import DatasetWriter, SequenceWriter
from camera_relocalization_ros.data.splits import Parts, load_split, save_split, split_names

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Member:
    """A sequence of one of the data sets, and its name in the merged one."""

    dataset: Dataset
    sequence: Sequence
    name: str


def merge(datasets: list[Dataset], output: Path) -> Dataset:
    """Write the data set `output` of the sequences of all, and return it; images keep their bytes, poses every digit.

    A name that several have becomes FOLDER_NAME. Each frame keeps its camera, and the origin of far positions is found
    anew. Splits that all data sets have by one name are joined, if they were given whole. Raises DatasetError where
    frames of poses or units differ, or a recording is in two of them.
    """
    check_same_frames(datasets)
    _check_same_units(datasets)
    members = list(_named(datasets))
    _check_once(members)
    cameras = list(dict.fromkeys(camera for dataset in datasets for camera in dataset.cameras))
    first = datasets[0]
    with DatasetWriter(output, first.parent_frame, first.child_frame, cameras) as writer:
        for member in members:
            info = {key: value for key, value in member.sequence.info.items() if key != "skipped"}
            with writer.sequence(member.name, info) as sequence:
                _copy(member, sequence)
    _join_splits(datasets, members, output)
    return Dataset.load(output)


def _copy(member: _Member, writer: SequenceWriter) -> None:
    writer.skipped.update(member.sequence.info.get("skipped", {}))
    for reason, count in member.sequence.info.get("left_out_rows", {}).items():
        writer.leave_out(reason, count)
    frames = member.sequence.frames
    for frame in tracked(frames, member.name, "image", len(frames)):
        image = read_image_file(frame.image_path)
        camera = member.dataset.camera_of(frame)
        pose = (frame.position, frame.quat_xyzw)
        writer.add(frame.stamp_ns, *pose, image, frame.image_path.suffix, frame.number, camera)


def _named(datasets: list[Dataset]) -> Iterator[_Member]:
    """All sequences by names that none has twice: its own, its folder's and its own, or numbered."""
    all_names = [sequence.name for dataset in datasets for sequence in dataset.sequences]
    taken = {name for name in all_names if all_names.count(name) == 1}
    for dataset in datasets:
        for sequence in dataset.sequences:
            name = sequence.name
            if all_names.count(name) > 1:
                name, number = f"{dataset.path.resolve().name}_{sequence.name}", 1
                while name in taken:
                    number += 1
                    name = f"{dataset.path.resolve().name}_{sequence.name}_{number}"
                taken.add(name)
            yield _Member(dataset, sequence, name)


def _check_once(members: list[_Member]) -> None:
    """Raise DatasetError for a recording that is there twice: the same frames would be trained and tested on."""
    seen: dict[tuple[tuple[int, bytes], ...], _Member] = {}
    for member in members:
        frames = member.sequence.frames
        key = tuple((frame.stamp_ns, frame.position.tobytes() + frame.quat_xyzw.tobytes()) for frame in frames)
        before = seen.setdefault(key, member)
        if before is not member and frames:
            places = " and ".join(f"{one.dataset.path} ({one.sequence.name})" for one in (before, member))
            raise DatasetError(f"the same frames are in {places}; expected each recording once")


def _check_same_units(datasets: list[Dataset]) -> None:
    """Raise DatasetError for scenes of unknown scale: each has its own, and its own axes."""
    unscaled = [dataset for dataset in datasets if not dataset.is_metric]
    if unscaled and len(datasets) > 1 and len({dataset.path.resolve() for dataset in datasets}) > 1:
        raise DatasetError(
            f"{unscaled[0].path}: its poses are of a scene of its own scale and axes ({METRIC}: false); expected poses "
            "in metres, in one frame for all"
        )


def _join_splits(datasets: list[Dataset], members: list[_Member], output: Path) -> None:
    """Write the splits that all the data sets have; those that only some have are named."""
    if any(dataset.part for dataset in datasets):
        return
    names = [set(split_names(dataset.path)) for dataset in datasets]
    shared = set.intersection(*names)
    for name in sorted(shared):
        parts: Parts = {}
        for dataset in datasets:
            renamed = {member.sequence.name: member.name for member in members if member.dataset is dataset}
            for part, ranges in load_split(dataset.path, name).items():
                parts.setdefault(part, {}).update({renamed[sequence]: each for sequence, each in ranges.items()})
        save_split(output, name, parts, f"the splits {name} of {', '.join(dataset.path.name for dataset in datasets)}")
    left_out = sorted(set.union(*names) - shared)
    if left_out:
        logger.warning("splits that not all of the data sets have are left out: %s", ", ".join(left_out))
