# SPDX-License-Identifier: BSD-3-Clause
"""The aircraft's gimbal and attitude out of a bag, as arrays in the order of their stamps."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any, Callable, Iterator

import numpy as np
import rosbag

from camera_relocalization_ros.core.errors import BagError, FrameError
from camera_relocalization_ros.data.gimbal_convention import Rotations
from camera_relocalization_ros.ros.aircraft_messages import gimbal_vector_of
from camera_relocalization_ros.ros.attitude_messages import attitude_of, stamp_of
from camera_relocalization_ros.ros.bags.reader import read_messages, topic_types
from camera_relocalization_ros.ros.bags.tf.image_clock import ImageClock

logger = logging.getLogger(__name__)


def topic_in_bag(bag: rosbag.Bag, topic: str, expected: str) -> str:
    """The topic as the bag spells it, with a leading slash or without; raises BagError that lists the others."""
    types = topic_types(bag)
    for name in (topic, f"/{topic}", topic.lstrip("/")):
        if name in types:
            return name
    known = ", ".join(sorted(types)) or "none"
    raise BagError(f"{bag.filename}: topic {topic!r} is not in the bag; expected {expected}; its topics are: {known}")


def read_attitude(bag: rosbag.Bag, topic: str, clock: ImageClock | None = None) -> Rotations:
    """Quaternions (N, 4) as the aircraft reports them, those of one clock; raises BagError."""
    clock = clock or ImageClock(bag)
    return _read(bag, topic, "the aircraft's attitude", lambda message: (attitude_of(message), True), clock)[0]


def read_gimbal(bag: rosbag.Bag, topic: str, clock: ImageClock | None = None) -> tuple[Rotations, bool]:
    """Angles (N, 3) in degrees, those of one clock, and whether they are roll, pitch, yaw by name; raises BagError."""
    return _read(bag, topic, "the gimbal's angles", gimbal_vector_of, clock or ImageClock(bag))


def _read(
    bag: rosbag.Bag,
    topic: str,
    expected: str,
    values_of: Callable[[Any], tuple[np.ndarray, bool]],
    clock: ImageClock,
) -> tuple[Rotations, bool]:
    faults: Counter[str] = Counter()
    rows = list(_rows(bag, topic_in_bag(bag, topic, expected), values_of, faults))
    if faults:
        counts = ", ".join(f"{count} times: {fault}" for fault, count in faults.most_common(3))
        logger.warning("%s: topic %r: messages left out: %s", bag.filename, topic, counts)
    if not rows:
        reason = next(iter(faults), "it is empty")
        raise BagError(f"{bag.filename}: topic {topic!r}: no message with {expected}: {reason}")
    arrived_ns = np.array([row[0] for row in rows], dtype=np.int64)
    kept = np.flatnonzero(clock.kept(arrived_ns, f"topic {topic!r}"))
    # of samples with the same stamp the first one counts
    stamps_ns, order = np.unique(arrived_ns[kept], return_index=True)
    return Rotations(stamps_ns, np.array([row[1] for row in rows])[kept][order]), rows[0][2]


def _rows(
    bag: rosbag.Bag, name: str, values_of: Callable[[Any], tuple[np.ndarray, bool]], faults: Counter[str]
) -> Iterator[tuple[int, np.ndarray, bool]]:
    for _, message, _ in read_messages(bag, [name]):
        try:
            yield (stamp_of(message), *values_of(message))
        except FrameError as error:
            faults[str(error)] += 1
