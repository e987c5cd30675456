# SPDX-License-Identifier: BSD-3-Clause
"""Bags in, data set out: each image with the pose at its stamp. A frame is skipped, never guessed."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Iterable, Sequence

import rosbag

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import BagError, FrameError
from camera_relocalization_ros.core.frames import FramePair
from camera_relocalization_ros.core.progress import tracked
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter, SequenceWriter
from camera_relocalization_ros.data.pose_stream import StreamLimits
from camera_relocalization_ros.ros.bags.extraction_workers import FrameJob, ProcessedFrame, processed_frames
from camera_relocalization_ros.ros.bags.pose_sources import PoseSources
from camera_relocalization_ros.ros.bags.reader import (
    image_count,
    image_topic,
    in_stamp_order,
    open_bag,
    read_camera,
    read_images,
)
from camera_relocalization_ros.ros.bags.tf.pieces import pieces_before, recorded_span
from camera_relocalization_ros.ros.bags.tf.stays import Stay, stays_of
from camera_relocalization_ros.ros.bags.transforms import BagTransforms, FrameChain
from camera_relocalization_ros.ros.conversions import message_to_rgb
from camera_relocalization_ros.vision.image_transform import ImageTransform

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExtractionOptions:
    """What to take out of bags, and how.

    The poses are those of `child` in `parent`. image_format is jpg or png, for images that do not keep their bytes;
    resize is (width, height). image_delay_s is how much later an image is stamped than the poses of the same moment.
    `camera` takes the place of what camera_info says. `reindex` reads bags without an index as far as they go.
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
    sources: PoseSources = field(default_factory=PoseSources)
    reindex: bool = False


def extract(bag_paths: Sequence[Path], options: ExtractionOptions, output: Path) -> Dataset:
    """Write the data set `output`, one sequence per bag, and return it.

    JPEG and PNG messages keep their bytes unless the pixels must change. When it is interrupted, what is done stays
    beside `output`, and the same call resumes. Raises BagError, ConfigError or DatasetError.
    """
    camera = _common_camera(bag_paths, options)
    transform = ImageTransform(camera, options.resize, options.undistort)
    frames = FramePair(options.parent, options.child)
    spans = {path: recorded_span(path, options.reindex) for path in bag_paths}
    with DatasetWriter(output, frames.parent, frames.child, transform.camera, _job(bag_paths, options)) as writer:
        for name, path in zip(_sequence_names(bag_paths), bag_paths):
            if not writer.is_finished(name):
                with open_bag(path, options.reindex) as bag:
                    _extract_bag(bag, name, options, transform, writer, pieces_before(path, spans))
    return Dataset.load(output)


def _extract_bag(
    bag: rosbag.Bag,
    name: str,
    options: ExtractionOptions,
    transform: ImageTransform,
    writer: DatasetWriter,
    pieces: Sequence[Path],
) -> None:
    topic, _ = image_topic(bag, options.image_topic)
    transforms = BagTransforms.from_bag(bag, options.sources, pieces, options.reindex)
    chain = transforms.chain(options.parent, options.child, options.limits)
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
            _extract_stay(bag, topic, chain, stay, options, transform, writer, part, dict(info))


def _extract_stay(
    bag: rosbag.Bag,
    topic: str,
    chain: FrameChain,
    stay: Stay,
    options: ExtractionOptions,
    transform: ImageTransform,
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
            transform=transform,
            image_folder=sequence.image_folder,
            stored=sequence.stored_numbers(),
            stay=stay,
        )
        progress = tracked(processed_frames(job), Path(bag.filename).name, "image", info["images"])
        _record_frames(progress, sequence)
        if stay.is_part:
            info["images"] = sequence.frame_count + sum(sequence.skipped.values())


def _record_frames(frames: Iterable[ProcessedFrame], sequence: SequenceWriter) -> None:
    """Add the sound frames to the sequence in the order of their stamps, and count the others."""
    last_ns = None
    for stamp_ns, frame in in_stamp_order((frame.stamp_ns, frame) for frame in frames):
        fault = frame.fault
        if last_ns is not None and stamp_ns <= last_ns:
            fault = "duplicate stamp" if stamp_ns == last_ns else "stamp out of order"
            if frame.image_name:
                (sequence.image_folder / frame.image_name).unlink()
        else:
            last_ns = stamp_ns
        if fault:
            sequence.skip(fault)
        elif frame.image_name:
            sequence.add_stored(stamp_ns, frame.position, frame.quat_xyzw, frame.image_name, frame.number)


def _job(bag_paths: Sequence[Path], options: ExtractionOptions) -> dict[str, Any]:
    """What decides the data set: another job must not be resumed with the frames of this one."""
    files = [Path(path).resolve() for path in bag_paths]
    bags = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    return {"bags": bags, "options": asdict(options)}


def _common_camera(bag_paths: Sequence[Path], options: ExtractionOptions) -> CameraIntrinsics | None:
    """The one camera of all bags, or the one that was given; raises BagError when there are two, or no images."""
    known = None
    for path in bag_paths:
        with open_bag(path, options.reindex) as bag:
            camera = camera_of(bag, image_topic(bag, options.image_topic)[0], options.camera)
        if known is not None and camera is not None and known != camera:
            raise BagError(
                f"{path}: intrinsics {camera} differ from those of the bags before it, {known}; extract apart"
            )
        known = camera or known
    return known


def camera_of(bag: rosbag.Bag, topic: str, given: CameraIntrinsics | None = None) -> CameraIntrinsics | None:
    """The intrinsics, for the size the images have: a driver may shrink them after filling in camera_info.

    `given` takes the place of what camera_info says. Raises BagError.
    """
    camera = given or read_camera(bag, topic)
    size = next((_size(message) for _, message in read_images(bag, topic) if _size(message)), None)
    if camera is None or size is None or size == (camera.width, camera.height):
        return camera
    if not camera.width or not camera.height:  # left empty by some drivers
        return replace(camera, width=size[0], height=size[1])
    logger.warning(
        "%s: images are %dx%d, intrinsics are for %dx%d; scaled", bag.filename, *size, camera.width, camera.height
    )
    return camera.scaled(*size)


def _size(message: Any) -> tuple[int, int] | None:
    """(width, height); None where the image does not decode."""
    try:
        height, width = message_to_rgb(message).shape[:2]
    except FrameError:
        return None
    return width, height


def _sequence_names(paths: Sequence[Path]) -> list[str]:
    """The bags' names without .bag, numbered where bags of several folders share one."""
    stems = [Path(path).name.replace(".active", "").replace(".bag", "") for path in paths]
    return [stem if stems.count(stem) == 1 else f"{stem}_{number}" for number, stem in enumerate(stems, start=1)]
