# SPDX-License-Identifier: BSD-3-Clause
"""What is in a bag, and its images in the order of their header stamps; knows nothing of poses."""

from __future__ import annotations

import heapq
import logging
import struct
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple

import genpy
import numpy as np
import rosbag

from camera_relocalization_ros.core.errors import BagError, FrameError
from camera_relocalization_ros.ros.bags.containers.other_bag import OtherBag
from camera_relocalization_ros.ros.bags.containers.remote_bags import local_bag
from camera_relocalization_ros.ros.bags.containers.source import is_other_container
from camera_relocalization_ros.ros.bags.records import (
    HEADER,
    READ_ERRORS,
    Place,
    RecordedBag,
    message_places,
    open_indexed,
    open_unindexed,
    read_record,
    read_records,
)

# how an image topic is called in the node's parameter `transport`
TRANSPORTS = {"sensor_msgs/Image": "raw", "sensor_msgs/CompressedImage": "compressed"}
# images that a recorder may have received too early, and that are put back in their place; bounds the memory
REORDER_WINDOW = 32
# of a header before its frame_id: three numbers and the length of the text
HEADER_BYTES = 16

logger = logging.getLogger(__name__)


class RecordedImage(NamedTuple):
    """An image message as its bytes in the bag, deserialised only when it is needed."""

    kind: type
    data: bytes

    @property
    def stamp_ns(self) -> int:
        """The stamp of its header."""
        return _header_stamp_ns(self.data)

    def message(self) -> Any:
        """The Image or CompressedImage; raises FrameError when the bytes are none."""
        try:
            return self.kind().deserialize(self.data)
        except (genpy.DeserializationError, struct.error, UnicodeDecodeError) as error:
            raise FrameError(f"a message that does not deserialise ({error})") from error

    def shows_the_same(self, other: RecordedImage | None) -> bool:
        """Whether two messages differ in nothing but their headers: the camera was frozen."""
        # most images differ in their last bytes, so that the whole is seldom compared
        if other is None or len(self.data) != len(other.data) or self.data[-1024:] != other.data[-1024:]:
            return False
        start = HEADER_BYTES + struct.unpack_from("<I", self.data, 12)[0]
        return self.data[start:] == other.data[start:]


@contextmanager
def open_bag(path: Path | str, reindex: bool = False, stamps: str = HEADER) -> Iterator[RecordedBag | OtherBag]:
    """A bag open for reading; raises BagError when it is missing or damaged.

    One of ROS 1, of ROS 2 (its folder, or a file .db3 or .mcap), or of ROS 1 in mcap: all read alike. One behind a URL
    is fetched first, see remote_bags.

    With `reindex`, a bag without an index is read as far as it goes, and a warning tells what is lost. The file is
    never changed. stamps: HEADER, or RECEIPT: then what is read has the times of recording in its headers.
    """
    with local_bag(Path(path)) as local:
        bag = _opened(local, reindex)
        bag.stamps = stamps
        with bag:
            yield bag


def _opened(path: Path, reindex: bool) -> RecordedBag | OtherBag:
    if is_other_container(path) and path.exists():
        return OtherBag(path)
    if not path.is_file():
        raise BagError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}; expected a bag")
    try:
        return open_indexed(path)
    except rosbag.ROSBagUnindexedException as error:
        if not reindex:
            raise BagError(
                f"{path}: the bag has no index, because the recording was not closed or the file was cut short; "
                f"`rosbag reindex {path}` recovers what is there, `reloc extract --reindex` reads it as it is"
            ) from error
        return _open_unindexed(path)
    except READ_ERRORS as error:
        raise _damaged(path, error) from error


def _open_unindexed(path: Path) -> RecordedBag:
    try:
        bag, lost = open_unindexed(path)
    except READ_ERRORS as error:
        raise _damaged(path, error) from error
    count = bag.get_message_count()
    if not count:
        raise BagError(f"{path}: no whole chunk of messages in its {bag.size} bytes")
    text = "%s: no index; %d messages are readable, the last %d of %d bytes are not"
    logger.warning(text, path, count, lost, bag.size)
    return bag


def read_messages(bag: rosbag.Bag, topics: Iterable[str], raw: bool = False) -> Iterator[Any]:
    """rosbag's (topic, message, record time) of some topics; raises BagError where the bag is damaged.

    raw: in place of each message (type, bytes, md5sum, ...), as rosbag has them.
    """
    if isinstance(bag, OtherBag):
        return read_records(bag, topics, raw)
    return (read_message(bag, place, raw) for place in places(bag, topics))


def read_message(bag: rosbag.Bag, place: Place, raw: bool = False) -> Any:
    """rosbag's (topic, message, record time) of one message; raises BagError where the bag is damaged."""
    try:
        return read_record(bag, place, raw)
    except READ_ERRORS as error:
        raise _damaged(bag.filename, error) from error


def places(bag: rosbag.Bag, topics: Iterable[str]) -> list[Place]:
    """Where the messages of some topics lie, in the order of their arrival; raises BagError for a damaged bag."""
    try:
        return message_places(bag, topics)
    except READ_ERRORS as error:
        raise _damaged(bag.filename, error) from error


def _damaged(path: Path | str, error: Exception) -> BagError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return BagError(f"{path}: not a whole bag of format 2.0 ({reason})")


def topic_types(bag: rosbag.Bag) -> dict[str, str]:
    """Message type of each topic."""
    return {topic: info.msg_type for topic, info in bag.get_type_and_topic_info().topics.items()}


def image_topic(bag: rosbag.Bag, topic: str) -> tuple[str, str]:
    """The topic as the bag spells it and its transport, raw or compressed; raises BagError that lists the others."""
    types = topic_types(bag)
    images = {name: TRANSPORTS[kind] for name, kind in types.items() if kind in TRANSPORTS}
    for name in (topic, f"/{topic}"):
        if name in images:
            return name, images[name]
    found = f"holds {types[topic]}" if topic in types else "is not in the bag"
    known = ", ".join(sorted(images)) or f"none (topics: {', '.join(sorted(types)) or 'none'})"
    raise BagError(f"{bag.filename}: topic {topic!r} {found}; its image topics are: {known}")


def only_image_topic(bag: rosbag.Bag) -> str:
    """The topic with images, where there is one alone; raises BagError."""
    images = sorted(name for name, kind in topic_types(bag).items() if kind in TRANSPORTS)
    if len(images) != 1:
        raise BagError(f"{bag.filename}: image topics are {', '.join(images) or 'none'}; name one with --image-topic")
    return images[0]


def image_count(bag: rosbag.Bag, topic: str) -> int:
    """Number of messages on a topic."""
    count: int = bag.get_message_count(topic)
    return count


def read_recorded_image(bag: rosbag.Bag, place: Place) -> RecordedImage:
    """One image, wherever it lies; raises BagError where the bag is damaged."""
    _, raw, _ = read_message(bag, place, raw=True)
    return RecordedImage(raw[4], raw[1])


def read_images(bag: rosbag.Bag, topic: str) -> Iterator[tuple[int, Any]]:
    """(header stamp in nanoseconds, message) of each image, put in the order of the stamps.

    An image more than REORDER_WINDOW places late still comes late: the caller sees its stamp go back.
    """
    messages = ((message.header.stamp.to_nsec(), message) for _, message, _ in read_messages(bag, [topic]))
    return in_stamp_order(messages)


def in_stamp_order(stamped: Iterator[tuple[int, Any]], window: int = REORDER_WINDOW) -> Iterator[tuple[int, Any]]:
    """The same pairs sorted by stamp, of which at most `window` are held; equal stamps keep their order."""
    held: list[tuple[int, int, Any]] = []
    for arrival, (stamp_ns, message) in enumerate(stamped):
        heapq.heappush(held, (stamp_ns, arrival, message))
        if len(held) > window:
            stamp_ns, _, message = heapq.heappop(held)
            yield stamp_ns, message
    while held:
        stamp_ns, _, message = heapq.heappop(held)
        yield stamp_ns, message


def read_image_stamps(bag: rosbag.Bag, topic: str) -> np.ndarray:
    """Header stamps (N,) int64 of a topic's images, ascending, each once; the images are not deserialised."""
    stamps_ns = [read_recorded_image(bag, place).stamp_ns for place in places(bag, [topic])]
    return np.unique(np.array(stamps_ns, dtype=np.int64))


def _header_stamp_ns(data: bytes) -> int:
    # a message begins with its header: sequence number, seconds, nanoseconds, each a little-endian uint32
    secs: int
    nsecs: int
    secs, nsecs = struct.unpack_from("<II", data, 4)
    return secs * 1_000_000_000 + nsecs
