# SPDX-License-Identifier: BSD-3-Clause
"""Bags in, data set out: each image with the pose that TF has for its stamp. A frame is skipped, never guessed."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, Sequence

import cv2
import numpy as np
import rosbag
from tqdm import tqdm

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.dataset import Dataset
from camera_relocalization_ros.core.dataset_writer import DatasetWriter, SequenceWriter
from camera_relocalization_ros.core.errors import BagError, FrameError
from camera_relocalization_ros.ros.bag_reader import image_count, image_topic, open_bag, read_camera, read_images
from camera_relocalization_ros.ros.bag_tf import DEFAULT_MAX_GAP_S, BagTransforms, FrameChain, NoPoseError
from camera_relocalization_ros.ros.conversions import check_complete, encoded_suffix, message_to_rgb

JPEG_QUALITY = 95
ENCODER_OPTIONS = {"jpg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY], "png": [cv2.IMWRITE_PNG_COMPRESSION, 3]}

logger = logging.getLogger(__name__)


def extract(
    bag_paths: Sequence[Path],
    topic: str,
    parent: str,
    child: str,
    output: Path,
    max_gap_s: float = DEFAULT_MAX_GAP_S,
    image_format: str = "jpg",
) -> Dataset:
    """Write the data set `output`, one sequence per bag, with the poses of `child` in `parent`; returns it.

    Poses further than max_gap_s apart are not interpolated. Raw images are stored as image_format, jpg or png;
    JPEG and PNG messages keep their bytes. Raises BagError or DatasetError, and leaves nothing behind then.
    """
    with DatasetWriter(output, parent.lstrip("/"), child.lstrip("/")) as writer:
        for name, path in zip(_sequence_names(bag_paths), bag_paths):
            with open_bag(path) as bag:
                bag_topic, _ = image_topic(bag, topic)
                chain = BagTransforms.from_bag(bag).chain(parent, child, max_gap_s)
                writer.camera = _same_camera(writer.camera, _camera(bag, bag_topic), path)
                info = {"source": path.name, "image_topic": bag_topic, "images": image_count(bag, bag_topic)}
                with writer.sequence(name, info) as sequence:
                    _extract_images(bag, bag_topic, chain, image_format, sequence)
    return Dataset.load(output)


def encode(message: Any, image_format: str) -> tuple[bytes, str]:
    """(bytes of an image file, its suffix) of an Image or CompressedImage; raises FrameError."""
    if hasattr(message, "format") and encoded_suffix(message.data):
        check_complete(message.data, f"image of {len(message.data)} bytes")
        # an eighth of the size takes a fraction of the time, and reads all of the coded data
        if cv2.imdecode(np.frombuffer(message.data, dtype=np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8) is None:
            raise FrameError(f"image of {len(message.data)} bytes does not decode")
        return message.data, encoded_suffix(message.data)
    image_bgr = cv2.cvtColor(message_to_rgb(message), cv2.COLOR_RGB2BGR)
    _, buffer = cv2.imencode(f".{image_format}", image_bgr, ENCODER_OPTIONS[image_format])
    return buffer.tobytes(), f".{image_format}"


def _extract_images(
    bag: rosbag.Bag, topic: str, chain: FrameChain, image_format: str, sequence: SequenceWriter
) -> None:
    last_ns = None
    images = tqdm(read_images(bag, topic), desc=Path(bag.filename).name, total=image_count(bag, topic), unit="image")
    for stamp_ns, message in images:
        if last_ns is not None and stamp_ns <= last_ns:
            sequence.skip("duplicate stamp" if stamp_ns == last_ns else "stamp out of order")
            continue
        last_ns = stamp_ns
        try:
            position, quat_xyzw = chain.at(stamp_ns)
            sequence.add(stamp_ns, position, quat_xyzw, *encode(message, image_format))
        except NoPoseError as error:
            sequence.skip(str(error))
        except FrameError as error:
            logger.debug("%s: stamp %d: %s", bag.filename, stamp_ns, error)
            sequence.skip("image does not decode")


def _camera(bag: rosbag.Bag, topic: str) -> CameraIntrinsics | None:
    """The intrinsics, for the size the images have: a driver may shrink them after filling in camera_info."""
    camera = read_camera(bag, topic)
    size = next((_size(message) for _, message in read_images(bag, topic) if _size(message)), None)
    if camera is None or size is None or size == (camera.width, camera.height):
        return camera
    if not camera.width or not camera.height:  # left empty by some drivers
        return replace(camera, width=size[0], height=size[1])
    logger.warning(
        "%s: images are %dx%d, camera_info is for %dx%d; scaled", bag.filename, *size, camera.width, camera.height
    )
    return camera.scaled(*size)


def _size(message: Any) -> tuple[int, int] | None:
    """(width, height); None where the image does not decode."""
    try:
        return message_to_rgb(message).shape[1::-1]
    except FrameError:
        return None


def _same_camera(
    known: CameraIntrinsics | None, camera: CameraIntrinsics | None, path: Path
) -> CameraIntrinsics | None:
    """The one camera of all bags so far; raises BagError when there are two."""
    if known is not None and camera is not None and known != camera:
        raise BagError(f"{path}: intrinsics {camera} differ from those of the bags before it, {known}; extract apart")
    return camera or known


def _sequence_names(paths: Sequence[Path]) -> list[str]:
    """The bags' names without .bag, numbered where bags of several folders share one."""
    stems = [Path(path).stem for path in paths]
    return [stem if stems.count(stem) == 1 else f"{stem}_{number}" for number, stem in enumerate(stems, start=1)]
