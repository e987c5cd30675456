# SPDX-License-Identifier: BSD-3-Clause
"""Data sets on disk: images in order with the pose of each; reads, never writes (see dataset_writer).

The format is written down in docs/dataset_format.md.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError, one_line
from camera_relocalization_ros.core.frames import FramePair
from camera_relocalization_ros.core.geometry import position_origin
from camera_relocalization_ros.core.image_files import decode_image, image_fault, read_image_file
from camera_relocalization_ros.core.output_files import found_folder
from camera_relocalization_ros.core.plain_values import READ_FAULTS, from_plain, read_text, read_yaml_mapping, scalar
from camera_relocalization_ros.core.pose import MAX_POSITION_M, Pose, Poses, is_pose
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.camera_lists import read_cameras
from camera_relocalization_ros.data.splits import is_within, load_split_part

FORMAT = "camera_relocalization_dataset"
VERSION = 1
MANIFEST = "dataset.yaml"
FRAMES_FILE = "frames.csv"
# in a sequence's info: it is no stream
PHOTOGRAPHS = "photographs"
# in a sequence's info: the size of the pictures that its intrinsics were for when they were imported
SCALED_FROM = "intrinsics_scaled_from"
# in a sequence's info, false: its poses are of a scene whose scale and axes mean nothing outside
METRIC = "metric"
# in a sequence's info: how its poses were surveyed, and what is known of their errors
SURVEY = "survey"
COLUMNS = ("number", "stamp_ns", "image", "x", "y", "z", "qx", "qy", "qz", "qw")
# in data sets of several cameras: their list, and in the frames which of it, empty where that is not known
CAMERAS_FILE = "cameras.csv"
CAMERA_COLUMN = "camera"


@dataclass(frozen=True)
class Frame:
    """One image and its pose: position (3,) and quat_xyzw (4,) of the child frame in the parent frame.

    `number` is the frame's number in its recording, so that splits survive frames that were skipped. `camera` took it,
    where the data set has several; `Dataset.camera_of` knows it in any case.
    """

    number: int
    stamp_ns: int
    image_path: Path
    position: np.ndarray
    quat_xyzw: np.ndarray
    camera: CameraIntrinsics | None = None

    @property
    def pose(self) -> Pose:
        """T_parent_child."""
        return Pose(self.position, self.quat_xyzw)


@dataclass(frozen=True)
class Sequence:
    """One recording: frames with strictly ascending stamps; `info` holds its source and what was skipped.

    It is a stream of images, or photographs, whose stamps were made up: those give them an order and are no times.
    """

    name: str
    frames: tuple[Frame, ...]
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def is_photographs(self) -> bool:
        """Whether nothing may be judged by how far stamps are apart."""
        return bool(self.info.get(PHOTOGRAPHS))

    def trajectory(self) -> Trajectory:
        """The poses of all frames."""
        return Trajectory(
            np.array([frame.stamp_ns for frame in self.frames], dtype=np.int64),
            np.array([frame.position for frame in self.frames]).reshape(-1, 3),
            np.array([frame.quat_xyzw for frame in self.frames]).reshape(-1, 4),
        )

    def windows(self, length: int, max_gap_s: float) -> np.ndarray:
        """Indices (W, length) of consecutive frames no further apart than max_gap_s; W may be 0."""
        stamps_ns = np.array([frame.stamp_ns for frame in self.frames], dtype=np.int64)
        joined = np.concatenate([[0], np.cumsum(np.diff(stamps_ns) > round(max_gap_s * 1e9))])
        first = np.arange(max(len(stamps_ns) - length + 1, 0))
        first = first[joined[first] == joined[first + length - 1]]
        return first[:, None] + np.arange(length)[None, :]


@dataclass(frozen=True)
class Dataset:
    """Sequences of images with the pose of `child_frame` in `parent_frame`; `part` is SPLIT.PART, "" for all.

    camera: that of all frames; None where it is not known, or not the same for all: see `camera_of`.

    Poses are whole, in float64; who computes with them in float32 takes `position_origin` (3,) off first, and adds it
    to what comes out.
    """

    path: Path
    parent_frame: str
    child_frame: str
    camera: CameraIntrinsics | None
    sequences: tuple[Sequence, ...]
    part: str = ""
    position_origin: np.ndarray = field(default_factory=lambda: np.zeros(3))

    @classmethod
    def load(cls, spec: str | Path) -> Dataset:
        """Load `PATH`, or the part `PATH@SPLIT.PART` of it; raises DatasetError."""
        path_text, at, part = str(spec).rpartition("@") if "@" in Path(spec).name else (str(spec), "", "")
        dataset = _load_folder(Path(path_text))
        if at:
            ranges = load_split_part(dataset.path, part)
            dataset = replace(dataset, sequences=_select(dataset, ranges, part), part=part)
        if not dataset.frame_count:
            raise DatasetError(f"{spec}: the data set holds no frames; expected at least one")
        return _with_common_camera(dataset)

    def absolute(self) -> Dataset:
        """The same with paths that hold in any working directory."""
        if self.path.is_absolute():
            return self
        sequences = tuple(
            replace(s, frames=tuple(replace(f, image_path=f.image_path.absolute()) for f in s.frames))
            for s in self.sequences
        )
        return replace(self, path=self.path.absolute(), sequences=sequences)

    @property
    def frame_pair(self) -> FramePair:
        """What the poses are between."""
        return FramePair(self.parent_frame, self.child_frame)

    @property
    def is_metric(self) -> bool:
        """Whether positions are in metres, as far as is known: scenes of structure from motion have any scale."""
        return all(sequence.info.get(METRIC, True) for sequence in self.sequences)

    @property
    def frame_count(self) -> int:
        """Frames in all sequences."""
        return sum(len(sequence.frames) for sequence in self.sequences)

    @property
    def frames(self) -> list[Frame]:
        """All frames, sequence after sequence."""
        return [frame for sequence in self.sequences for frame in sequence.frames]

    @property
    def poses(self) -> Poses:
        """Those of `frames`."""
        return Poses.stack(frame.pose for frame in self.frames)

    def camera_of(self, frame: Frame) -> CameraIntrinsics | None:
        """The intrinsics of a frame's image, None where they are not known."""
        return self.camera if frame.camera is None else frame.camera

    def known_camera_of(self, frame: Frame) -> CameraIntrinsics:
        """As `camera_of`; raises DatasetError where the intrinsics are not known."""
        camera = self.camera_of(frame)
        if camera is None:
            raise DatasetError(f"{frame.image_path}: the camera's intrinsics are not known")
        return camera

    @property
    def cameras(self) -> tuple[CameraIntrinsics, ...]:
        """Each camera that took a frame once, that of most frames first."""
        counts = Counter(self.camera_of(frame) for frame in self.frames)
        return tuple(camera for camera, _ in counts.most_common() if camera is not None)

    @property
    def typical_camera(self) -> CameraIntrinsics | None:
        """The one that stands for all where one must: that of most frames, None where none is known."""
        return next(iter(self.cameras), None)


def check_same_frames(datasets: list[Dataset]) -> None:
    """Raises DatasetError when poses of different frames would be mixed."""
    first = datasets[0]
    for other in datasets[1:]:
        mismatch = other.frame_pair.mismatch(first.frame_pair, f"expected, as in {first.path},")
        if mismatch:
            raise DatasetError(f"{other.path}: {mismatch}")


def check_same_camera(datasets: list[Dataset]) -> None:
    """Raises DatasetError when images of different intrinsics would be mixed."""
    first = datasets[0]
    for other in datasets[1:]:
        if other.camera != first.camera:
            raise DatasetError(
                f"{other.path}: its camera is {other.camera}; expected {first.camera} as in {first.path}"
            )


def joined(datasets: list[Dataset]) -> Dataset:
    """The sequences of data sets as one, named NUMBER/NAME where there are several; each frame keeps its camera.

    Raises DatasetError when the frames of the poses differ.
    """
    check_same_frames(datasets)
    first = datasets[0]
    if len(datasets) == 1:
        return first
    numbered = [(number, _with_own_cameras(dataset)) for number, dataset in enumerate(datasets, 1)]
    sequences = [replace(s, name=f"{number}/{s.name}") for number, dataset in numbered for s in dataset.sequences]
    return _with_common_camera(replace(first, camera=None, sequences=tuple(sequences), part=""))


def _with_own_cameras(dataset: Dataset) -> Dataset:
    """The same data set, each frame with its camera."""
    return replace(
        dataset,
        sequences=tuple(
            replace(s, frames=tuple(replace(f, camera=dataset.camera_of(f)) for f in s.frames))
            for s in dataset.sequences
        ),
    )


def _with_common_camera(dataset: Dataset) -> Dataset:
    """The same data set; `camera` is set where all frames, maybe those of a part, are of one."""
    cameras = {dataset.camera_of(frame) for frame in dataset.frames}
    return replace(dataset, camera=cameras.pop()) if len(cameras) == 1 else dataset


def load_image_rgb(path: Path) -> np.ndarray:
    """The image (H, W, 3) uint8 in RGB order; raises DatasetError that names the file."""
    data = read_image_file(path)
    image_bgr = decode_image(data, cv2.IMREAD_COLOR)
    if image_bgr is None:
        fault = image_fault(data)
        found = f"a file that does not decode{f' ({fault})' if fault else ''}"
        raise DatasetError(f"{path}: {found}; expected a whole JPEG or PNG image")
    return cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB)


def _load_folder(path: Path) -> Dataset:
    path = found_folder(path)
    manifest_path = path / MANIFEST
    if not path.exists():
        raise DatasetError(f"{path}: no such data set")
    if not manifest_path.is_file():
        raise DatasetError(f"{path}: no {MANIFEST} in it; expected a data set made by reloc extract or reloc import")
    try:
        manifest = read_yaml_mapping(manifest_path)
        if manifest["format"] != FORMAT or manifest["version"] != VERSION:
            raise DatasetError(
                f"{manifest_path}: format {manifest['format']!r} version {manifest['version']!r}; "
                f"expected {FORMAT!r} version {VERSION}"
            )
        camera = from_plain(CameraIntrinsics, manifest["camera"], "camera") if manifest["camera"] else None
        cameras = _load_cameras(path, manifest["cameras"]) if "cameras" in manifest else ()
        sequences = tuple(_load_sequence(path, entry, cameras) for entry in manifest["sequences"])
        parent_frame, child_frame = (scalar(str, manifest[key]) for key in ("parent_frame", "child_frame"))
        origin = _position_origin(manifest, sequences)
        return Dataset(path, parent_frame, child_frame, camera, sequences, position_origin=origin)
    except READ_FAULTS as error:
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise DatasetError(f"{manifest_path}: not a valid manifest ({reason})") from error


def _position_origin(manifest: dict[str, Any], sequences: tuple[Sequence, ...]) -> np.ndarray:
    """The manifest's; that of all positions where it names none, as in data sets of before there was one."""
    if "position_origin" not in manifest:
        return position_origin(np.array([f.position for s in sequences for f in s.frames]).reshape(-1, 3))
    origin = np.array(manifest["position_origin"], dtype=np.float64)
    if origin.shape != (3,) or not (np.abs(origin) <= MAX_POSITION_M).all():
        raise ValueError(f"position_origin {manifest['position_origin']!r}; expected three numbers within 1e8 m")
    return origin


def _load_cameras(path: Path, count: int) -> tuple[CameraIntrinsics, ...]:
    """A list of thousands is no matter for YAML, which takes minutes for it."""
    cameras = read_cameras(path / CAMERAS_FILE)
    if len(cameras) != count:
        raise DatasetError(f"{path / CAMERAS_FILE}: {len(cameras)} cameras; the manifest says {count}")
    return cameras


def _load_sequence(dataset_path: Path, entry: dict[str, Any], cameras: tuple[CameraIntrinsics, ...]) -> Sequence:
    name = entry["name"]
    folder = dataset_path / "sequences" / safe_name(name)
    frames_path = folder / FRAMES_FILE
    try:
        reader = csv.DictReader(read_text(frames_path).splitlines())
        columns = (*COLUMNS, CAMERA_COLUMN) if cameras else COLUMNS
        if tuple(reader.fieldnames or ()) != columns:
            found = one_line(reader.fieldnames)[:200]
            raise DatasetError(f"{frames_path}: columns {found}; expected {list(columns)}")
        frames = tuple(_frame(folder, row, cameras) for row in reader)
    except OSError as error:
        raise DatasetError(f"{frames_path}: {error.strerror}") from error
    except (*READ_FAULTS, csv.Error) as error:
        raise DatasetError(f"{frames_path}: a row that does not parse ({one_line(error)[:200]})") from error
    _check_images(dataset_path, folder / "images", frames)
    if len(frames) != entry["frames"]:
        raise DatasetError(f"{frames_path}: {len(frames)} frames; the manifest says {entry['frames']}")
    if any(a.stamp_ns >= b.stamp_ns for a, b in zip(frames, frames[1:])):
        raise DatasetError(f"{frames_path}: stamps are not strictly ascending")
    return Sequence(name, frames, entry.get("info") or {})


def _check_images(dataset_path: Path, folder: Path, frames: tuple[Frame, ...]) -> None:
    """Raise DatasetError when an image is missing, empty or elsewhere.

    A power cut leaves empty what was not on the disk yet. With a link out of the data set, who passes it on would pass
    on other files of this machine.
    """
    root = dataset_path.resolve()
    try:
        items = list(os.scandir(folder))
        sizes = {item.name: item.stat().st_size if item.is_file() else 0 for item in items}
        away = [item.path for item in items if item.is_symlink() and root not in Path(item.path).resolve().parents]
    except OSError as error:
        raise DatasetError(f"{folder}: {error.strerror}; expected a folder of images") from error
    if root not in folder.resolve().parents:
        away = [str(folder)]
    if away:
        raise DatasetError(f"{away[0]}: a link that leads out of {dataset_path}; copy what it leads to")
    gone = [frame.image_path for frame in frames if frame.image_path.name not in sizes]
    if gone:
        count = f", and {len(gone) - 1} more of {len(frames)}" if len(gone) > 1 else ""
        raise DatasetError(f"{gone[0]}: is missing{count}; if it was moved put it back, else make the data set again")
    for frame in frames:
        if not sizes[frame.image_path.name]:
            raise DatasetError(f"{frame.image_path}: is empty; the data set is damaged, make it again")


def _frame(folder: Path, row: dict[str, str], cameras: tuple[CameraIntrinsics, ...]) -> Frame:
    position = np.array([float(row[key]) for key in ("x", "y", "z")])
    quat_xyzw = np.array([float(row[key]) for key in ("qx", "qy", "qz", "qw")])
    if not (is_pose(position, quat_xyzw) and abs(np.linalg.norm(quat_xyzw) - 1.0) < 1e-3):
        raise ValueError(f"frame {row['number']}: not a position within {MAX_POSITION_M:g} m and a unit quaternion")
    image_path = folder / "images" / safe_name(row["image"])
    camera = _numbered(cameras, row[CAMERA_COLUMN]) if cameras else None
    number, stamp_ns = int(row["number"]), int(row["stamp_ns"])
    if not max(abs(number), abs(stamp_ns)) < 2**63:
        raise ValueError(f"number {number}, stamp {stamp_ns}: beyond 64 bits")
    return Frame(number, stamp_ns, image_path, position, quat_xyzw, camera)


def _numbered(cameras: tuple[CameraIntrinsics, ...], number: str) -> CameraIntrinsics | None:
    if number == "":
        return None
    if not 0 <= int(number) < len(cameras):
        raise ValueError(f"camera {number}; the data set has {len(cameras)}")
    return cameras[int(number)]


def safe_name(name: str) -> str:
    """The name itself when it is a plain file name; data that others send must not lead out of its folder."""
    if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise DatasetError(f"{name!r} is not a plain file name")
    return name


def _select(dataset: Dataset, ranges: dict[str, list[list[int]]], part: str) -> tuple[Sequence, ...]:
    known = {sequence.name for sequence in dataset.sequences}
    unknown = sorted(set(ranges) - known)
    if unknown:
        raise DatasetError(f"{dataset.path}@{part}: split names sequences {unknown}; the data set has {sorted(known)}")
    return tuple(
        replace(sequence, frames=tuple(f for f in sequence.frames if is_within(f.number, ranges[sequence.name])))
        for sequence in dataset.sequences
        if sequence.name in ranges
    )
