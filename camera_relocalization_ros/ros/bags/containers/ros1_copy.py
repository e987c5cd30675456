# SPDX-License-Identifier: BSD-3-Clause
"""A recording in another container as a bag of ROS 1, for programs that read no other, as rosbag play."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Iterator

from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.ros.bags.containers.other_bag import OtherBag
from camera_relocalization_ros.ros.bags.containers.source import is_other_container
from camera_relocalization_ros.ros.bags.writer import new_bag

logger = logging.getLogger(__name__)


@contextmanager
def as_ros1_bag(path: Path) -> Iterator[Path]:
    """The path of a bag of ROS 1: the recording itself, or a copy of its messages that is removed in the end.

    Topics of types that ROS 1 cannot have are left out, and told. Raises BagError.
    """
    if not is_other_container(path):
        yield path
        return
    with TemporaryDirectory(prefix="reloc_bag_") as folder:
        copy = Path(folder) / f"{path.stem}.bag"
        with OtherBag(path) as source, new_bag(copy) as target:
            for topic, raw, received in source.read_all(_readable(source), raw=True):
                target.write(topic, raw, received, raw=True)
        yield copy


def _readable(bag: OtherBag) -> list[str]:
    found = []
    for topic in bag.get_type_and_topic_info().topics:
        try:
            bag.check_type(topic)
        except BagError as error:
            logger.warning("%s: not played: %s", topic, error)
        else:
            found.append(topic)
    return found
