# SPDX-License-Identifier: BSD-3-Clause
"""Bags in, data set out: each image with the pose at its stamp. A frame is skipped, never guessed."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from itertools import tee
from pathlib import Path
from typing import Any, Iterable, Iterator, Sequence

import numpy as np
import rosbag

from camera_relocalization_ros.core.camera import AUTO, CameraIntrinsics
from camera_relocalization_ros.core.frames import FramePair, bare_frame
from camera_relocalization_ros.core.progress import tracked
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter, SequenceWriter
from camera_relocalization_ros.data.pose_stream import StreamLimits
from camera_relocalization_ros.data.pose_suspicions import clock_suspicion, unit_suspicion
from camera_relocalization_ros.data.sequence_names import sequence_names
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
from camera_relocalization_ros.ros.bags.tf.pieces import pieces_before, recorded_span
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


def extract(bag_paths: Sequence[Path], options: ExtractionOptions, output: Path) -> Dataset:
    """Write the data set `output`, one sequence per bag, and return it.

    JPEG and PNG messages keep their bytes unless the pixels must change. When it is interrupted, what is done stays
    beside `output`, and the same call resumes. Raises BagError, ConfigError or DatasetError.
    """
    transforms = _transforms(bag_paths, options)
    cameras = [camera for each in transforms for camera in each.cameras if camera is not None]
    frames = FramePair(options.parent, options.child)
    spans = {path: recorded_span(path, options.reindex) for path in bag_paths}
    with DatasetWriter(output, frames.parent, frames.child, cameras, _job(bag_paths, options)) as writer:
        for name, path, of_bag in zip(sequence_names(bag_paths), bag_paths, transforms):
            if not writer.is_finished(name):
                with open_bag(path, options.reindex, options.stamps) as bag:
                    _extract_bag(bag, name, options, of_bag, writer, pieces_before(path, spans))
    return Dataset.load(output)


def _extract_bag(
    bag: rosbag.Bag,
    name: str,
    options: ExtractionOptions,
    pictures: PictureTransforms,
    writer: DatasetWriter,
    pieces: Sequence[Path],
) -> None:
    topic, _ = image_topic(bag, options.image_topic)
    transforms = BagTransforms.from_bag(bag, options.sources, pieces, options.reindex, topic)
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
        part = f"{name}_{number}" if len(stays) > 1 else name
        if not writer.is_finished(part):
            _extract_stay(bag, topic, chain, transforms.clock, stay, options, pictures, writer, part, dict(info))


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
    options: ExtractionOptions,
    pictures: PictureTransforms,
    writer: DatasetWriter,
    name: str,
    info: dict[str, Any],
) -> None:
    """Write a sequence of the images during which the parent stood at one place."""
    info.update(stay.info)
    with writer.sequence(name, info) as sequence:
        job = FrameJob(
            bag=bag,
            topic=topic,
            chain=chain,
            image_delay_ns=round(options.image_delay_s * 1e9),
            image_format=options.image_format,
            transforms=pictures,
            image_folder=sequence.image_folder,
            stored=sequence.stored_numbers(),
            stay=stay,
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
    files = [Path(path).resolve() for path in bag_paths]
    bags = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    return {"bags": bags, "options": asdict(options)}


def _transforms(bag_paths: Sequence[Path], options: ExtractionOptions) -> list[PictureTransforms]:
    """What is done to the pictures of each bag, by their cameras; raises BagError or ConfigError."""
    recorded = []
    for path in bag_paths:
        with open_bag(path, options.reindex, options.stamps) as bag:
            topic, _ = image_topic(bag, options.image_topic)
            recorded.append(recorded_cameras(bag, topic, options.camera_choice))
    cameras = list(dict.fromkeys(camera for each in recorded for camera in each.distinct))
    if len(cameras) == 1:
        for n, path in enumerate(bag_paths):
            if not recorded[n].cameras:
                logger.warning("%s: no intrinsics; those of the other bags are taken", path)
                recorded[n] = RecordedCameras(np.zeros(1, dtype=np.int64), (cameras[0],))
    return [PictureTransforms(each, options.resize, options.undistort) for each in recorded]
