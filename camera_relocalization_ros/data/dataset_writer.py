# SPDX-License-Identifier: BSD-3-Clause
"""Writes data sets so that a half-written one never loads: everything lands in a side folder that is renamed last."""

from __future__ import annotations

import csv
import fcntl
import json
import logging
import os
import shutil
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ContextManager, Iterator, Sequence

import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError, RelocalizationError
from camera_relocalization_ros.core.geometry import canonical_quat, position_origin
from camera_relocalization_ros.core.output_files import is_taken, partial_path, taken_text, write_yaml, writing
from camera_relocalization_ros.core.plain_values import read_json_mapping, to_plain
from camera_relocalization_ros.core.pose import Poses, is_pose
from camera_relocalization_ros.data.camera_lists import write_cameras
from camera_relocalization_ros.data.dataset import (
    CAMERA_COLUMN,
    CAMERAS_FILE,
    COLUMNS,
    FORMAT,
    FRAMES_FILE,
    MANIFEST,
    VERSION,
    safe_name,
)
from camera_relocalization_ros.data.still_pictures import STILL_PICTURE, ranges_of, still_among, still_frames

# only in the side folder: what it is being filled with, who fills it, which sequences are whole
JOB_FILE, LOCK_FILE, ENTRY_FILE = "job.json", "lock", "entry.json"

logger = logging.getLogger(__name__)


class SequenceWriter:
    """Takes the frames of one sequence in ascending order of their stamps.

    cameras: of a data set that has several; a frame is of one of them, or of none that is known. What was `shown` is
    not read again to tell whether the picture stood still. last_stamp_ns: that of the newest frame.
    """

    def __init__(self, folder: Path, cameras: Sequence[CameraIntrinsics] = ()) -> None:
        self._folder = folder
        self._camera_numbers = {camera: number for number, camera in enumerate(cameras)}
        columns = (*COLUMNS, CAMERA_COLUMN) if cameras else COLUMNS
        # no parents: a data set that was given up does not come back
        folder.mkdir(exist_ok=True)
        self.image_folder.mkdir(exist_ok=True)
        kept = _keep_whole_rows(folder)
        self._numbers = frozenset(int(row["number"]) for row in kept)
        self.last_stamp_ns = int(kept[-1]["stamp_ns"]) if kept else -(2**63)
        # each row is handed over at once, so that a kill costs no more than the frames it interrupts
        path = folder / FRAMES_FILE
        self._file = open(path, "a", newline="", encoding="utf-8", buffering=1)  # noqa: SIM115  see close
        self._rows = csv.DictWriter(self._file, columns)
        if self._file.tell() == 0:
            self._rows.writeheader()
        self.frame_count = len(kept)
        self.skipped: Counter[str] = Counter()
        self.left_out_rows: Counter[str] = Counter()
        self._textures: dict[int, np.ndarray] = {}

    def stored_numbers(self) -> frozenset[int]:
        """The frames that an interrupted run stored."""
        return self._numbers

    def add(
        self,
        stamp_ns: int,
        position: np.ndarray,
        quat_xyzw: np.ndarray,
        image_bytes: bytes,
        suffix: str,
        number: int | None = None,
        camera: CameraIntrinsics | None = None,
    ) -> None:
        """Store one encoded image (suffix .jpg or .png) and the pose of the child in the parent frame.

        camera: that of the image, where the data set has several.
        """
        number = self.frame_count + sum(self.skipped.values()) if number is None else number
        image_name = store_image(self.image_folder, number, image_bytes, suffix)
        self.add_stored(stamp_ns, position, quat_xyzw, image_name, number, camera)

    @property
    def image_folder(self) -> Path:
        """Where `store_image` puts this sequence's images."""
        return self._folder / "images"

    def add_stored(
        self,
        stamp_ns: int,
        position: np.ndarray,
        quat_xyzw: np.ndarray,
        image_name: str,
        number: int,
        camera: CameraIntrinsics | None = None,
    ) -> None:
        """Add the frame of an image that is already stored."""
        if stamp_ns <= self.last_stamp_ns:
            raise DatasetError(f"stamp {stamp_ns} does not come after {self.last_stamp_ns}")
        if not (stamp_ns < 2**63 and is_pose(position, quat_xyzw)):
            raise DatasetError(f"no stamp or pose: {stamp_ns}, {np.asarray(position)}, {np.asarray(quat_xyzw)}")
        values = (number, stamp_ns, image_name, *map(float, position), *map(float, canonical_quat(quat_xyzw)))
        row = dict(zip(COLUMNS, values))
        if self._camera_numbers:
            row[CAMERA_COLUMN] = "" if camera is None else self._camera_numbers[camera]
        self._rows.writerow(row)
        self.last_stamp_ns = stamp_ns
        self.frame_count += 1

    def show(self, number: int, texture: np.ndarray) -> None:
        """Say what a frame shows (`texture_of`); of a sequence some are enough, evenly spread."""
        self._textures[number] = texture

    def skip(self, reason: str) -> None:
        """Count a frame that was left out."""
        self.skipped[reason] += 1

    def leave_out(self, reason: str, count: int) -> None:
        """Count rows of a list of poses that were left out; they are no frames."""
        self.left_out_rows[reason] += count

    def still_ranges(self) -> list[list[int]]:
        """Numbers [first, last] of the frames whose picture stood still while the poses moved."""
        rows = list(csv.DictReader((self._folder / FRAMES_FILE).read_text(encoding="utf-8").splitlines()))
        poses = np.array([[float(row[key]) for key in COLUMNS[3:]] for row in rows]).reshape(-1, 7)
        paths = [self.image_folder / safe_name(row["image"]) for row in rows]
        numbers = [int(row["number"]) for row in rows]
        if not self._textures:
            return ranges_of(numbers, still_frames(paths, Poses.from_rows(poses)))
        shown = np.array([row for row, number in enumerate(numbers) if number in self._textures], dtype=int)
        textures = [self._textures[numbers[row]] for row in shown]
        return ranges_of(numbers, still_among(shown, textures, Poses.from_rows(poses)))

    def close(self) -> None:
        """End the sequence's file."""
        self._file.close()


def store_image(folder: Path, number: int, image_bytes: bytes, suffix: str) -> str:
    """Write the image file of a frame and return its name, for `SequenceWriter.add_stored`; any process may."""
    image_name = f"{number:06d}{suffix}"
    with open(f"{folder}/{image_name}", "wb") as file:
        file.write(image_bytes)
    return image_name


class SequenceFolders:
    """The sequences of a data set in the making, a folder each below `path`, and their entries in its manifest.

    cameras: of a data set that has several.
    """

    def __init__(self, path: Path, cameras: Sequence[CameraIntrinsics] = ()) -> None:
        self.path = path
        self.cameras = tuple(cameras)
        self.entries: list[dict[str, Any]] = []

    def is_finished(self, name: str) -> bool:
        """Whether an interrupted run finished this sequence; it then counts as written."""
        path = self.path / safe_name(name) / ENTRY_FILE
        if not path.is_file():
            return False
        try:
            self.entries.append(read_json_mapping(path))
        except (OSError, ValueError):
            return False  # it is written again
        return True

    @contextmanager
    def sequence(self, name: str, info: dict[str, Any] | None = None) -> Iterator[SequenceWriter]:
        """Open a new sequence; its frames and the counts of skipped ones are recorded when the block ends."""
        if any(entry["name"] == name for entry in self.entries):
            raise DatasetError(f"two sequences are named {name!r}")
        folder = self.path / safe_name(name)
        sequence = SequenceWriter(folder, self.cameras)
        try:
            yield sequence
        finally:
            sequence.close()
        sequence_info = {**(info or {}), "skipped": dict(sequence.skipped)}
        still = sequence.still_ranges()
        if still:
            sequence_info[STILL_PICTURE] = still
            count = sum(last - first + 1 for first, last in still)
            logger.warning("%s: in about %d frames the picture stands still while the poses move", name, count)
        if sequence.left_out_rows:
            sequence_info["left_out_rows"] = dict(sequence.left_out_rows)
        entry = {"name": name, "frames": sequence.frame_count, "info": sequence_info}
        # an OSError, as of the frames: what is done is kept
        partial_entry = partial_path(folder / ENTRY_FILE)
        partial_entry.write_text(json.dumps(entry), encoding="utf-8")
        os.replace(partial_entry, folder / ENTRY_FILE)
        self.entries.append(entry)

    def adopt(self, folder: Path, names: Sequence[str]) -> None:
        """Move finished sequences of another folder, on the same file system, to here; nothing where it is this one.

        They do not count as written until `is_finished` is asked.
        """
        if os.path.realpath(folder) == os.path.realpath(self.path):
            return
        for name in map(safe_name, names):
            shutil.rmtree(self.path / name, ignore_errors=True)
            os.replace(folder / name, self.path / name)


class DatasetWriter:
    """`with DatasetWriter(...) as writer: with writer.sequence(name, info) as sequence: sequence.add(...)`.

    The data set appears at `path` when the block ends well. Raises DatasetError when `path` is already there.
    With `job`, plain values that say what the data set is made of, an interrupted run can be resumed: the same job
    finds the frames it stored (`SequenceWriter.stored_numbers`) and the sequences it finished (`is_finished`).
    camera: of all images, None where it is not known; or all cameras of a data set that may have several, of which
    `add` then names one for each image.
    """

    def __init__(
        self,
        path: Path | str,
        parent_frame: str,
        child_frame: str,
        camera: CameraIntrinsics | Sequence[CameraIntrinsics] | None = None,
        job: dict[str, Any] | None = None,
    ) -> None:
        self.path = Path(path)
        self._partial = partial_path(self.path)
        self._parent_frame = parent_frame
        self._child_frame = child_frame
        given = (camera,) if camera is None or isinstance(camera, CameraIntrinsics) else tuple(dict.fromkeys(camera))
        self.camera = given[0] if len(given) == 1 else None
        self._cameras = given if len(given) > 1 else ()
        self._job = None if job is None else json.dumps(job, indent=1, sort_keys=True)
        self._lock: Any = None
        self.sequences = SequenceFolders(self._partial / "sequences", self._cameras)
        # beside, so that a worker that was given up and writes on cannot get into the data set
        self._attempts = self._partial.with_name(f"{self.path.name}.attempts")

    def __enter__(self) -> DatasetWriter:
        if is_taken(self.path):
            raise DatasetError(taken_text(self.path))
        with writing(self._partial, DatasetError):
            self._partial.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            self._prepare()
        return self

    def _take_lock(self) -> None:
        self._lock = open(self._partial / LOCK_FILE, "w", encoding="utf-8")  # noqa: SIM115  held until the end
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise DatasetError(f"{self._partial}: another process is writing it") from None

    def _prepare(self) -> None:
        """Keep what an interrupted run of the same job left, and nothing else."""
        job_path = self._partial / JOB_FILE
        if self._job is not None and job_path.is_file() and job_path.read_text(encoding="utf-8") == self._job:
            logger.info("%s: resumed", self._partial)
        else:
            shutil.rmtree(self._partial / "sequences", ignore_errors=True)
            job_path.write_text(self._job or "", encoding="utf-8")
        (self._partial / "sequences").mkdir(exist_ok=True)

    def __exit__(self, kind: type | None, error: BaseException | None, _trace: object) -> None:
        try:
            if kind is None:
                with writing(self.path, DatasetError):
                    self._finish()
            else:
                self._abandon(error)
        finally:
            self._drop_attempts()
            self._lock.close()

    def attempts_folder(self) -> Path:
        """A new folder for `SequenceFolders` of others, to be adopted; it is gone when the block ends."""
        self._drop_attempts()
        self._attempts.mkdir()
        return self._attempts

    def _drop_attempts(self) -> None:
        # renamed first: who still writes there finds no folder, and fills none that is being removed
        dropped = self._attempts.with_name(f"{self._attempts.name}.dropped")
        shutil.rmtree(dropped, ignore_errors=True)
        if self._attempts.is_dir():
            os.replace(self._attempts, dropped)
            shutil.rmtree(dropped, ignore_errors=True)

    def _abandon(self, error: BaseException | None) -> None:
        # what was asked for cannot be had, against: it could not be carried through
        is_over = self._job is None or isinstance(error, RelocalizationError)
        if is_over:
            shutil.rmtree(self._partial, ignore_errors=True)
        kept = "" if is_over else "; what is done is kept, and the same command resumes"
        if isinstance(error, OSError):
            with writing(self._partial, DatasetError, then=kept):
                raise error
        if kept:
            logger.warning("%s: interrupted%s", self._partial, kept)

    def _finish(self) -> None:
        if not any(entry["frames"] for entry in self.sequences.entries):
            shutil.rmtree(self._partial, ignore_errors=True)
            raise DatasetError(f"{self.path}: no frame was kept ({self.skipped_summary()}); nothing was written")
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "parent_frame": self._parent_frame,
            "child_frame": self._child_frame,
            "camera": to_plain(self.camera),
            **({"cameras": len(self._cameras)} if self._cameras else {}),
            **self._origin(),
            "sequences": self.sequences.entries,
        }
        for path in (self._partial / JOB_FILE, *self._partial.glob(f"sequences/*/{ENTRY_FILE}")):
            path.unlink()
        if self._cameras:
            write_cameras(self._partial / CAMERAS_FILE, self._cameras)
        write_yaml(self._partial / MANIFEST, manifest, DatasetError)
        (self._partial / LOCK_FILE).unlink()
        os.replace(self._partial, self.path)

    def _origin(self) -> dict[str, list[float]]:
        """The key that far positions need; none where they lie around zero."""
        folder = self._partial / "sequences"
        paths = [folder / safe_name(entry["name"]) / FRAMES_FILE for entry in self.sequences.entries]
        rows = [row for path in paths for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())]
        origin = position_origin(np.array([[float(row[axis]) for axis in "xyz"] for row in rows]))
        return {"position_origin": origin.tolist()} if origin.any() else {}

    def is_finished(self, name: str) -> bool:
        """Whether an interrupted run finished this sequence; it then counts as written."""
        return self.sequences.is_finished(name)

    def sequence(self, name: str, info: dict[str, Any] | None = None) -> ContextManager[SequenceWriter]:
        """Open a new sequence; its frames and the counts of skipped ones are recorded when the block ends."""
        return self.sequences.sequence(name, info)

    def skipped_summary(self) -> str:
        """The counts of skipped frames by reason, in words."""
        total: Counter[str] = Counter()
        for entry in self.sequences.entries:
            total.update(entry["info"]["skipped"])
        return ", ".join(f"{count} {reason}" for reason, count in sorted(total.items())) or "none skipped"


def _keep_whole_rows(folder: Path) -> list[dict[str, str]]:
    """The rows that an interrupted run finished; the file is cut off behind them."""
    path = folder / FRAMES_FILE
    if not path.is_file():
        return []
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    rows = list(csv.DictReader(line.decode("utf-8") for line in lines))
    whole = 0
    for row in rows:
        image_path = folder / "images" / safe_name(row["image"])
        if None in row.values() or not image_path.is_file() or not image_path.stat().st_size:
            break
        whole += 1
    os.truncate(path, sum(len(line) for line in lines[: whole + 1]) if rows else 0)
    return rows[:whole]
