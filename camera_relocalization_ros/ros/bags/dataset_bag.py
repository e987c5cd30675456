# SPDX-License-Identifier: BSD-3-Clause
"""A data set as a bag: images, camera_info and TF, stamped as in the data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rosbag
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.image_files import encoded_suffix, read_image_file
from camera_relocalization_ros.core.progress import tracked
from camera_relocalization_ros.data.dataset import Dataset, Frame, load_image_rgb
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.bags.writer import new_bag

IMAGE_TOPIC, INFO_TOPIC = "/camera/image_raw", "/camera/camera_info"
# tf2 takes the stamp 0 for "the latest", and ROS times are unsigned 32-bit seconds
FIRST_NS, LAST_NS = 1, 2**32 * 1_000_000_000 - 1


def write_dataset_bag(dataset: Dataset, path: Path, raw: bool = False) -> str:
    """Write all frames in the order of their stamps; returns the topic of the images.

    A frame's transform has the image's stamp, so TF needs no interpolation there. Image files are sent with their
    bytes as CompressedImage, or decoded as Image when `raw`. Raises DatasetError or BagError.
    """
    frames = sorted(dataset.frames, key=lambda frame: frame.stamp_ns)
    _check_stamps(dataset, frames)
    topic = IMAGE_TOPIC if raw else f"{IMAGE_TOPIC}/compressed"
    with new_bag(path) as bag:
        for frame in tracked(frames, "to-bag", "image"):
            message = _image(frame, dataset.child_frame, raw)
            _write_frame(bag, dataset, frame, topic, message)
    return topic


def _write_frame(bag: rosbag.Bag, dataset: Dataset, frame: Frame, topic: str, message: Any) -> None:
    stamp_ns, child = frame.stamp_ns, dataset.child_frame
    received = conversions.stamp_from_ns(stamp_ns)
    transform = conversions.pose_to_transform(frame.pose, stamp_ns, dataset.parent_frame, child)
    bag.write("/tf", TFMessage([transform]), received)
    camera = dataset.camera_of(frame)
    if camera is not None:
        bag.write(INFO_TOPIC, conversions.camera_to_info(camera, stamp_ns, child), received)
    bag.write(topic, message, received)


def _image(frame: Frame, frame_id: str, raw: bool) -> Any:
    if raw:
        return conversions.rgb_to_image(load_image_rgb(frame.image_path), frame.stamp_ns, frame_id)
    data = read_image_file(frame.image_path)
    suffix = encoded_suffix(data)
    if not suffix:
        raise DatasetError(f"{frame.image_path}: neither JPEG nor PNG")
    return conversions.encoded_to_compressed(data, suffix, frame.stamp_ns, frame_id)


def _check_stamps(dataset: Dataset, frames: list[Frame]) -> None:
    first, last = frames[0].stamp_ns, frames[-1].stamp_ns
    if not FIRST_NS <= first <= last <= LAST_NS:
        raise DatasetError(f"{dataset.path}: stamps {first} to {last} ns; a bag holds {FIRST_NS} to {LAST_NS}")
    if any(a.stamp_ns == b.stamp_ns for a, b in zip(frames, frames[1:])):
        raise DatasetError(f"{dataset.path}: two sequences have a frame at the same time; one bag cannot hold both")
