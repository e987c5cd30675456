# SPDX-License-Identifier: BSD-3-Clause
"""Some pictures of a bag as files, with their stamps and where satellites saw the aircraft: for surveys."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import cv2
import rosbag

from camera_relocalization_ros.aircraft.local_frame import Geodetic
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import BagError, FrameError
from camera_relocalization_ros.core.image_files import decode_image, encoded_suffix, image_fault
from camera_relocalization_ros.data.dataset_writer import store_image
from camera_relocalization_ros.data.footage.places_between import places_between
from camera_relocalization_ros.ros.bags.gps_trajectory import read_places
from camera_relocalization_ros.ros.bags.image_encoding import encode
from camera_relocalization_ros.ros.bags.reader import (
    RecordedImage,
    image_topic,
    in_stamp_order,
    only_image_topic,
    open_bag,
    places,
    read_recorded_image,
)
from camera_relocalization_ros.ros.bags.recorded_cameras import CameraChoice, read_camera

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredPictures:
    """Stamps by file name, in their order; the camera, where it is known; places of those that satellites saw."""

    stamps_ns: dict[str, int]
    camera: CameraIntrinsics | None
    places: dict[str, Geodetic]


def store_pictures(
    path: Path,
    folder: Path,
    topic: str = "",
    period_s: float = 0.5,
    camera: CameraIntrinsics | None = None,
    gps_topic: str = "",
) -> StoredPictures:
    """Store a picture every period_s into a folder.

    topic "": the only one with images. camera takes the place of camera_info. gps_topic "": no places. Raises BagError,
    also where no picture decodes, and where the camera changes in flight.
    """
    with open_bag(path) as bag:
        images = image_topic(bag, topic or only_image_topic(bag))[0]
        known = read_camera(bag, images, CameraChoice(camera))
        stamps_ns = dict(_stored(bag, images, folder, round(period_s * 1e9)))
        if not stamps_ns:
            raise BagError(f"{path}: no picture of {images} decodes")
        found = _places(bag, gps_topic, stamps_ns) if gps_topic else {}
    return StoredPictures(stamps_ns, known, found)


def _stored(bag: rosbag.Bag, topic: str, folder: Path, period_ns: int) -> Iterator[tuple[str, int]]:
    """Name and stamp of each picture that was stored; what does not decode is told, and the next one is taken."""
    faults: Counter[str] = Counter()
    next_ns = 1  # none has a stamp of zero
    for stamp_ns, (number, image) in in_stamp_order(_images(bag, topic)):
        if stamp_ns < next_ns:
            continue
        try:
            content = _content(image.message())
        except FrameError as error:
            faults[str(error)] += 1
            continue
        yield store_image(folder, number, *content), stamp_ns
        next_ns = stamp_ns + max(period_ns, 1)
    for fault, count in faults.items():
        logger.warning("%s: %s: %d images: %s", bag.filename, topic, count, fault)


def _content(message: Any) -> tuple[bytes, str]:
    """The bytes of an image file and its suffix; raises FrameError."""
    suffix = encoded_suffix(message.data) if hasattr(message, "format") else ""
    if not suffix:
        return encode(message, "png")
    # decoded as a whole: the quick probe of extraction makes libjpeg write to stderr
    fault = image_fault(message.data)
    if fault or decode_image(message.data, cv2.IMREAD_GRAYSCALE) is None:
        raise FrameError(f"image of {len(message.data)} bytes: {fault or 'does not decode'}")
    return message.data, suffix


def _images(bag: rosbag.Bag, topic: str) -> Iterator[tuple[int, tuple[int, RecordedImage]]]:
    for number, place in enumerate(places(bag, [topic])):
        image = read_recorded_image(bag, place)
        yield image.stamp_ns, (number, image)


def _places(bag: rosbag.Bag, topic: str, stamps_ns: dict[str, int]) -> dict[str, Geodetic]:
    """Between the fixes before and after each picture, where both are near."""
    fixes_ns, fixes, skipped = read_places(bag, topic)
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items()))
    if counts:
        logger.warning("%s: satellite fixes left out: %s", bag.filename, counts)
    return places_between(fixes_ns, fixes, stamps_ns)
