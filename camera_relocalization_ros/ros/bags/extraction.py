# SPDX-License-Identifier: BSD-3-Clause
"""Bags in, data set out: each image with the pose at its stamp. A frame is skipped, never guessed."""

from __future__ import annotations

import logging
import os
import platform
import uuid
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import tee
from pathlib import Path
from typing import Any, Iterable, Iterator, Sequence

import numpy as np
import rosbag

from camera_relocalization_ros.core.camera import AUTO, CameraIntrinsics
from camera_relocalization_ros.core.errors import BagError, DatasetError
from camera_relocalization_ros.core.frames import FramePair, bare_frame
from camera_relocalization_ros.core.progress import tracked
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter, SequenceFolders, SequenceWriter
from camera_relocalization_ros.data.pose_stream import StreamLimits
from camera_relocalization_ros.data.pose_suspicions import clock_suspicion, unit_suspicion
from camera_relocalization_ros.data.sequence_names import sequence_names
from camera_relocalization_ros.data.still_pictures import compared_step
from camera_relocalization_ros.fleet.engine import Engine, Here
from camera_relocalization_ros.ros.bags.containers.remote_bags import absolute, identity, shown
from camera_relocalization_ros.ros.bags.extraction_workers import FrameJob, ProcessedFrame, processed_frames
from camera_relocalization_ros.ros.bags.pose_sources import PoseSources
from camera_relocalization_ros.ros.bags.reader import image_count, image_topic, in_stamp_order, open_bag, read_messages
from camera_relocalization_ros.ros.bags.recorded_cameras import (
    CameraChoice,
    PictureTransforms,
    RecordedCameras,
    recorded_cameras,
)
from camera_relocalization_ros.ros.bags.records import HEADER
from camera_relocalization_ros.ros.bags.tf.frame_tree import frame_doubts
from camera_relocalization_ros.ros.bags.tf.image_clock import OUT_OF_ORDER, ImageClock
from camera_relocalization_ros.ros.bags.tf.pieces import Span, pieces_before, recorded_span
from camera_relocalization_ros.ros.bags.tf.stays import Stay, stays_of
from camera_relocalization_ros.ros.bags.transforms import NO_STAMP, BagTransforms, FrameChain

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExtractionOptions:
    """What to take out of bags, and how.

    The poses are those of `child` in `parent`. image_format is jpg or png, for images that do not keep their bytes;
    resize is (width, height). image_delay_s is how much later an image is stamped than the poses of the same moment.
    `camera` takes the place of what camera_info says; camera_info_topic and rectification: see CameraChoice. `reindex`
    reads bags without an index as far as they go. stamps: HEADER, or RECEIPT for the times of recording instead.
    """

    image_topic: str
    parent: str
    child: str
    limits: StreamLimits = field(default_factory=StreamLimits)
    image_format: str = "jpg"
    resize: tuple[int, int] | None = None
    undistort: bool = False
    image_delay_s: float = 0.0
    camera: CameraIntrinsics | None = None
    camera_info_topic: str = ""
    rectification: str = AUTO
    sources: PoseSources = field(default_factory=PoseSources)
    reindex: bool = False
    stamps: str = HEADER

    @property
    def camera_choice(self) -> CameraChoice:
        """Where the intrinsics come from."""
        return CameraChoice(self.camera, self.camera_info_topic, self.rectification)


@dataclass(frozen=True)
class BagTask:
    """All that decides the sequences that a bag becomes.

    recorded: its pictures' cameras; pieces: the bags that it goes on from; cameras: of the data set, where it has
    several. folder: of the sequences; where is_attempt, of attempts, each of which has a folder of its own and may use
    one process.
    """

    name: str
    path: Path
    options: ExtractionOptions
    recorded: RecordedCameras
    pieces: tuple[Path, ...]
    cameras: tuple[CameraIntrinsics, ...]
    folder: Path
    is_attempt: bool

    @property
    def transforms(self) -> PictureTransforms:
        """What is done to its pictures."""
        return PictureTransforms(self.recorded, self.options.resize, self.options.undistort)


def extract(
    bag_paths: Sequence[Path], options: ExtractionOptions, output: Path, engine: Engine | None = None
) -> Dataset:
    """Write the data set `output`, one sequence per bag, and return it.

    JPEG and PNG messages keep their bytes unless the pixels must change. When it is interrupted, what is done stays
    beside `output`, and the same call resumes. engine: does the bags, this process where there is none, with the same
    result to the byte; bags and output lie where all of its workers see them. Raises BagError, ConfigError or
    DatasetError.
    """
    engine = engine or Here()
    # workers have another working directory
    paths = [absolute(path) for path in bag_paths] if engine.is_elsewhere else bag_paths
    recorded, spans = _surveyed(paths, options, engine)
    transforms = [PictureTransforms(each, options.resize, options.undistort) for each in recorded]
    cameras = [camera for each in transforms for camera in each.cameras if camera is not None]
    frames = FramePair(options.parent, options.child)
    with DatasetWriter(output, frames.parent, frames.child, cameras, _job(paths, options)) as writer:
        folder = writer.attempts_folder().absolute() if engine.is_elsewhere else writer.sequences.path
        to_all = (writer.sequences.cameras, folder, engine.is_elsewhere)
        tasks = [
            BagTask(name, path, options, of_bag, tuple(pieces_before(path, spans)), *to_all)
            for name, path, of_bag in zip(sequence_names(paths), paths, recorded)
        ]
        _extract_bags(tasks, writer, engine)
    return Dataset.load(output)


def _extract_bags(tasks: Sequence[BagTask], writer: DatasetWriter, engine: Engine) -> None:
    """Do the bags that no run before finished; each counts when it is whole, whoever else was at it."""
    before = SequenceFolders(writer.sequences.path)
    waiting = [task for task in tasks if not before.is_finished(task.name)]
    labels = [shown(task.path) for task in waiting]
    parts = {task.name: [task.name] for task in tasks}
    for number, (folder, names) in engine.completed(extract_bag, waiting, labels, "bag"):
        name = waiting[number].name
        others = {part for other, of_other in parts.items() if other != name for part in of_other}
        for part in sorted(others.intersection(names)):
            raise DatasetError(f"two sequences are named {part!r}; rename one of the bags")
        writer.sequences.adopt(folder, names)
        parts[name] = names
    # in the order of the bags, whichever was done first
    for name in (name for task in tasks for name in parts[task.name]):
        if not writer.is_finished(name):
            raise DatasetError(f"{writer.path}: sequence {name!r} vanished while it was written")


def extract_bag(task: BagTask) -> tuple[Path, list[str]]:
    """Write a bag's sequences: the folder in which they are, and their names in order.

    Raises BagError, also where an attempt's folder is not shared with the process that gave it.
    """
    folder = _own_folder(task.folder) if task.is_attempt else task.folder
    sequences = SequenceFolders(folder, task.cameras)
    with open_bag(task.path, task.options.reindex, task.options.stamps) as bag:
        _extract_opened(bag, task, sequences)
    return folder, [entry["name"] for entry in sequences.entries]


def _own_folder(attempts: Path) -> Path:
    folder = attempts / uuid.uuid4().hex
    try:
        folder.mkdir()
    except OSError as error:
        text = f"cannot be written on {platform.node()} ({error.strerror}); all workers must share bags and output"
        raise BagError(f"{attempts}: {text}") from error
    return folder


def _extract_opened(bag: rosbag.Bag, task: BagTask, sequences: SequenceFolders) -> None:
    options = task.options
    topic, _ = image_topic(bag, options.image_topic)
    transforms = BagTransforms.from_bag(bag, options.sources, task.pieces, options.reindex, topic)
    chain = transforms.chain(options.parent, options.child, options.limits)
    for doubt in _frame_doubts(bag, topic, transforms, options):
        logger.warning("%s: %s", bag.filename, doubt)
    info: dict[str, Any] = {"source": Path(bag.filename).name, "image_topic": topic, "images": image_count(bag, topic)}
    if options.image_delay_s:
        info["image_delay_s"] = options.image_delay_s
    if chain.static_changes_ns:
        info["static_changes_ns"] = chain.static_changes_ns
    stays = stays_of(transforms, options.parent, options.limits)
    if len(stays) > 1:
        text = "%s: %r stood at %d places, %s; each becomes a sequence of its own"
        logger.warning(text, bag.filename, options.parent, len(stays), " and ".join(map(str, stays)))
    for number, stay in enumerate(stays, start=1):
        part = f"{task.name}_{number}" if len(stays) > 1 else task.name
        if not sequences.is_finished(part):
            _extract_stay(bag, topic, chain, transforms.clock, stay, task, sequences, part, dict(info))


def _frame_doubts(bag: rosbag.Bag, topic: str, transforms: BagTransforms, options: ExtractionOptions) -> Iterator[str]:
    first = next(iter(read_messages(bag, [topic])), None)
    frame_id = first[1].header.frame_id if first is not None else ""
    known = bare_frame(frame_id) in transforms.frames
    return frame_doubts(options.parent, options.child, frame_id, transforms.above(options.parent), known)


def _extract_stay(
    bag: rosbag.Bag,
    topic: str,
    chain: FrameChain,
    clock: ImageClock,
    stay: Stay,
    task: BagTask,
    sequences: SequenceFolders,
    name: str,
    info: dict[str, Any],
) -> None:
    """Write a sequence of the images during which the parent stood at one place."""
    options = task.options
    info.update(stay.info)
    with sequences.sequence(name, info) as sequence:
        job = FrameJob(
            bag=bag,
            topic=topic,
            chain=chain,
            image_delay_ns=round(options.image_delay_s * 1e9),
            image_format=options.image_format,
            transforms=task.transforms,
            image_folder=sequence.image_folder,
            stored=sequence.stored_numbers(),
            stay=stay,
            compared_step=compared_step(info["images"]),
            # an attempt is one of many on its computer
            processes=1 if task.is_attempt else os.cpu_count() or 1,
        )
        progress = tracked(processed_frames(job), Path(bag.filename).name, "image", info["images"])
        span_ns = _record_frames(_in_clock(progress, clock) if chain.streams else progress, sequence)
        for suspicion in filter(None, _suspicions(chain, span_ns, options)):
            logger.warning("%s: %s", bag.filename, suspicion)
        if stay.is_part:
            info["images"] = sequence.frame_count + sum(sequence.skipped.values())


def _suspicions(chain: FrameChain, images_ns: tuple[int, int] | None, options: ExtractionOptions) -> Iterator[str]:
    """What the streams of poses look like that is no fault of theirs, beside images of such first and last stamps."""
    delay_ns = round(options.image_delay_s * 1e9)
    for stream in chain.streams:
        stamps_ns = stream.recorded.stamps_ns
        if images_ns is not None:
            first_ns, last_ns = (stamp_ns - delay_ns for stamp_ns in images_ns)
            yield clock_suspicion((first_ns, last_ns), (int(stamps_ns[0]), int(stamps_ns[-1])))
        yield unit_suspicion(stream.recorded, options.limits)


def _record_frames(frames: Iterable[ProcessedFrame], sequence: SequenceWriter) -> tuple[int, int] | None:
    """Add the sound frames to the sequence in the order of their stamps, and count the others.

    Returns first and last stamp of all, None where there was no image.
    """
    first_ns, last_ns = None, None
    for stamp_ns, frame in in_stamp_order((frame.stamp_ns, frame) for frame in frames):
        fault = frame.fault
        if frame.texture is not None:
            sequence.show(frame.number, frame.texture)
        if stamp_ns <= 0:
            sequence.skip(fault or NO_STAMP)
            continue
        if last_ns is not None and stamp_ns <= last_ns:
            fault = "duplicate stamp" if stamp_ns == last_ns else OUT_OF_ORDER
        else:
            last_ns = stamp_ns
            first_ns = stamp_ns if first_ns is None else first_ns
        if fault:
            if frame.image_name:
                (sequence.image_folder / frame.image_name).unlink()
            sequence.skip(fault)
        elif frame.image_name:
            pose = (frame.position, frame.quat_xyzw)
            sequence.add_stored(stamp_ns, *pose, frame.image_name, frame.number, frame.camera)
    return None if first_ns is None or last_ns is None else (first_ns, last_ns)


def _in_clock(frames: Iterable[ProcessedFrame], clock: ImageClock) -> Iterator[ProcessedFrame]:
    """The frames, in the order of arrival, with a fault where the clock of the images was set back."""
    frames, same = tee(frames)
    for frame, fault in zip(frames, clock.image_faults(frame.stamp_ns for frame in same)):
        yield frame._replace(fault=fault) if fault and frame.image_name else frame


def _job(bag_paths: Sequence[Path], options: ExtractionOptions) -> dict[str, Any]:
    """What decides the data set: another job must not be resumed with the frames of this one."""
    return {"bags": [identity(Path(path)) for path in bag_paths], "options": asdict(options)}


def _surveyed(
    paths: Sequence[Path], options: ExtractionOptions, engine: Engine
) -> tuple[list[RecordedCameras], dict[Path, Span | None]]:
    """The cameras of each bag's pictures, and when each bag was recorded; raises BagError or ConfigError."""
    done = dict(engine.completed(partial(_survey, options=options), paths, list(map(shown, paths)), "bag"))
    found = [done[number] for number in range(len(paths))]
    recorded = [cameras for cameras, _ in found]
    cameras = list(dict.fromkeys(camera for each in recorded for camera in each.distinct))
    if len(cameras) == 1:
        for n, path in enumerate(paths):
            if not recorded[n].cameras:
                logger.warning("%s: no intrinsics; those of the other bags are taken", path)
                recorded[n] = RecordedCameras(np.zeros(1, dtype=np.int64), (cameras[0],))
    return recorded, {path: span for path, (_, span) in zip(paths, found)}


def _survey(path: Path, options: ExtractionOptions) -> tuple[RecordedCameras, Span | None]:
    with open_bag(path, options.reindex, options.stamps) as bag:
        topic, _ = image_topic(bag, options.image_topic)
        return recorded_cameras(bag, topic, options.camera_choice), recorded_span(bag)
