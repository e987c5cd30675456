# SPDX-License-Identifier: BSD-3-Clause
"""A bag in words: span, topics and, below its image topics, what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import rosbag

from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.ros.bags.reader import TRANSPORTS, open_bag, read_messages
from camera_relocalization_ros.ros.bags.recorded_cameras import read_camera
from camera_relocalization_ros.ros.bags.tf.frame_tree import FrameTree, extract_line


def describe_bag(path: Path | str) -> str:
    """A text about a bag; a topic that cannot be described says why. Raises BagError when the bag cannot be read."""
    with open_bag(path) as bag:
        topics = bag.get_type_and_topic_info().topics
        if not topics:
            return f"bag {path}: no messages"
        duration_s = bag.get_end_time() - bag.get_start_time()
        lines = [f"bag {path}: {duration_s:.1f} s, {bag.get_message_count()} messages"]
        width = max(map(len, topics))
        for name, info in sorted(topics.items()):
            rate = f"{info.message_count / duration_s:8.1f} Hz" if duration_s > 0 else " " * 11
            lines.append(f"  {name:<{width}}  {info.message_count:7d} {rate}  {info.msg_type}")
            if info.msg_type in TRANSPORTS:
                lines.append(f"  {'':<{width}}  {_describe_images(bag, name)}")
        images = [name for name, info in sorted(topics.items()) if info.msg_type in TRANSPORTS]
        return "\n".join([*lines, *_describe_frames(bag, images)])


def _describe_frames(bag: rosbag.Bag, image_topics: list[str]) -> Iterator[str]:
    """The tree of TF, and for each topic with images the command that extracts it."""
    tree = FrameTree.from_bag(bag)
    if not tree.parents:
        yield "no TF: poses from topics, gimbal or GPS need --sources FILE (docs/dataset_format.md)"
    else:
        yield "frames in TF:"
        yield from (f"  {line}" for line in tree.lines())
    for topic in image_topics:
        first = next(iter(read_messages(bag, [topic])), None)
        if first is not None:
            yield f"next: {extract_line(bag.filename, topic, first[1].header.frame_id, tree)}"


def _describe_images(bag: rosbag.Bag, topic: str) -> str:
    try:
        _, message, _ = next(iter(read_messages(bag, [topic])))
    except (BagError, StopIteration) as error:
        return f"cannot be read ({error})"
    if hasattr(message, "encoding"):
        kind = f"{message.width}x{message.height} {message.encoding}"
    else:
        kind = f"format {message.format!r}"
    stamped = "" if message.header.stamp else ", without stamps: extract with --stamps receipt"
    return f"{kind}, frame {message.header.frame_id!r}, {_describe_camera(bag, topic)}{stamped}"


def _describe_camera(bag: rosbag.Bag, topic: str) -> str:
    try:
        camera = read_camera(bag, topic)
    except BagError as error:
        return f"no intrinsics that can be used ({error})"
    if camera is None:
        return "no intrinsics"
    lens = ", fisheye" if camera.is_fisheye else ""
    return f"fx {camera.fx:.1f} fy {camera.fy:.1f} at {camera.width}x{camera.height}{lens}"
