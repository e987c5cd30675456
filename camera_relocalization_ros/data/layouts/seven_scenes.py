# SPDX-License-Identifier: BSD-3-Clause
"""The layout of Microsoft 7-Scenes (Shotton et al. 2013): seq-XX/frame-NNNNNN.color.png and .pose.txt."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.image_files import read_image_file
from camera_relocalization_ros.core.plain_values import read_text
from camera_relocalization_ros.core.progress import tracked
from camera_relocalization_ros.data.dataset import Dataset, Sequence
from camera_relocalization_ros.data.dataset_writer import DatasetWriter, SequenceWriter
from camera_relocalization_ros.data.layouts.folders import new_export
from camera_relocalization_ros.data.layouts.natural_order import natural_key
from camera_relocalization_ros.data.layouts.pose_numbers import read_number
from camera_relocalization_ros.data.layouts.stampless import add_image_file, synthetic_stamp_ns
from camera_relocalization_ros.data.splits import is_within, load_split, save_split, split_names

# intrinsics that the data set's users agreed on; it ships none
CAMERA = CameraIntrinsics(width=640, height=480, fx=585.0, fy=585.0, cx=320.0, cy=240.0)
PARENT_FRAME, CHILD_FRAME = "scene", "camera_optical_frame"
IMAGE_NAME = re.compile(r"frame-(\d+)\.color\.(png|jpg|jpeg)$")


def import_seven_scenes(source: Path, output: Path) -> Dataset:
    """Write the data set `output` from a scene folder and return it; images are copied byte for byte.

    TrainSplit.txt and TestSplit.txt, where they lie, become the split `official`. Raises DatasetError.
    """
    folders = [path for path in source.glob("seq-*") if path.is_dir()]
    folders.sort(key=lambda path: natural_key(path.name))
    if not folders:
        found = "no folder seq-XX in it" if source.is_dir() else "no such folder"
        raise DatasetError(f"{source}: {found}; expected the layout of 7-Scenes")
    with DatasetWriter(output, PARENT_FRAME, CHILD_FRAME, CAMERA) as writer:
        for folder in folders:
            with writer.sequence(folder.name, {"source": f"7scenes {source.name}/{folder.name}"}) as sequence:
                _import_sequence(folder, sequence)
    dataset = Dataset.load(output)
    parts = {name: _official_part(source / f"{name.capitalize()}Split.txt", dataset) for name in ("train", "test")}
    if all(parts.values()):
        save_split(output, "official", parts, "TrainSplit.txt and TestSplit.txt of 7-Scenes")
    return dataset


def _import_sequence(folder: Path, sequence: SequenceWriter) -> None:
    index = int(re.sub(r"\D", "", folder.name) or 0)
    images = sorted((int(match[1]), path) for path in folder.iterdir() if (match := IMAGE_NAME.match(path.name)))
    if not images:
        raise DatasetError(f"{folder}: no frame-NNNNNN.color.png or .jpg in it")
    for number, image_path in tracked(images, folder.name, "image"):
        T_scene_camera = _read_pose(folder / f"{image_path.name.split('.')[0]}.pose.txt")
        add_image_file(sequence, synthetic_stamp_ns(index, number), T_scene_camera, image_path, number)


def export_seven_scenes(dataset: Dataset, output: Path) -> list[Path]:
    """Write the layout and return its folders: seq-01, seq-02, ... in the data set's order, or their seq-NN names.

    A split `official` of whole sequences becomes TrainSplit.txt and TestSplit.txt. Raises DatasetError when `output`
    exists.
    """
    indices = _sequence_indices(dataset)
    names = [f"seq-{index:02d}" for index in indices]
    with new_export(output) as root:
        for name, sequence in zip(names, dataset.sequences):
            _export_sequence(sequence, root / name)
        _export_official(dataset, root, indices)
    return [output / name for name in names]


def _export_sequence(sequence: Sequence, folder: Path) -> None:
    folder.mkdir()
    for frame, T_scene_camera in zip(sequence.frames, sequence.trajectory().matrices()):
        stem = f"frame-{frame.number:06d}"
        image_path = folder / f"{stem}.color{frame.image_path.suffix}"
        image_path.write_bytes(read_image_file(frame.image_path))
        np.savetxt(folder / f"{stem}.pose.txt", T_scene_camera, fmt="%.17g", delimiter="\t")


def _sequence_indices(dataset: Dataset) -> list[int]:
    """Those of the names when all are seq-NN; 1, 2, ... otherwise."""
    named = [re.fullmatch(r"seq-(\d\d)", sequence.name) for sequence in dataset.sequences]
    numbers = [int(match[1]) for match in named if match]
    return numbers if len(numbers) == len(named) else list(range(1, len(named) + 1))


def _export_official(dataset: Dataset, output: Path, indices: list[int]) -> None:
    if "official" not in split_names(dataset.path):
        return
    parts = load_split(dataset.path, "official")
    for part in {"train", "test"} & set(parts):  # no other: names of parts that others sent may be paths
        ranges = parts[part]
        whole = [
            index
            for index, sequence in zip(indices, dataset.sequences)
            if sequence.name in ranges and all(is_within(f.number, ranges[sequence.name]) for f in sequence.frames)
        ]
        text = "".join(f"sequence{index}\n" for index in whole)
        (output / f"{part.capitalize()}Split.txt").write_text(text, encoding="utf-8")


def _read_pose(path: Path) -> np.ndarray | None:
    """The 4x4 matrix of a file; None where KinectFusion lost track and the file holds what is no number.

    Not numpy's loadtxt: it takes the # of -1.#INF for the start of a comment, and reads -1.
    """
    try:
        lines = [line.split() for line in read_text(path).splitlines() if not line.startswith("#")]
        T_scene_camera = np.array([[read_number(field) for field in fields] for fields in lines if fields], float)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: not a 4x4 matrix of numbers ({error})") from error
    if T_scene_camera.shape != (4, 4):
        raise DatasetError(f"{path}: numbers of shape {T_scene_camera.shape}; expected (4, 4)")
    return T_scene_camera if np.isfinite(T_scene_camera).all() else None


def _official_part(path: Path, dataset: Dataset) -> dict[str, list[list[int]]]:
    """Whole sequences that a split file ("sequence1" in each line) names, as ranges of frame numbers."""
    if not path.is_file():
        return {}
    wanted = {int(number) for number in re.findall(r"\d+", read_text(path))}
    named = {int(re.sub(r"\D", "", s.name)): s for s in dataset.sequences}
    return {
        sequence.name: [[sequence.frames[0].number, sequence.frames[-1].number]]
        for number, sequence in named.items()
        if number in wanted and sequence.frames
    }
