# SPDX-License-Identifier: BSD-3-Clause
"""A recording in another container, with that part of rosbag's interface that is used here.

Single messages are found by their record times, as the libraries offer it; whoever asks for one after the other pays
for no search.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple, Sequence

import genpy

from camera_relocalization_ros.core.errors import BagError, one_line
from camera_relocalization_ros.ros.bags.containers.source import Recorded, Source
from camera_relocalization_ros.ros.message_classes import message_class


class TopicInfo(NamedTuple):
    """As rosbag has it."""

    msg_type: str
    message_count: int


class TopicsInfo(NamedTuple):
    """As rosbag has it."""

    topics: dict[str, TopicInfo]


class OtherPlace(NamedTuple):
    """Where a message lies: the time of its recording, and its number among those of its topic at that time."""

    received_ns: int
    number: int
    topic: str


class OtherBag:
    """A recording of ROS 2, or of ROS 1 in mcap, open for reading; raises BagError."""

    def __init__(self, path: Path) -> None:
        self.filename = str(path)
        self.stamps = ""
        self._classes: dict[str, type] = {}
        self._cursor: _Cursor | None = None
        with self._as_bag_error():
            self._source = _opened(path)

    def __enter__(self) -> OtherBag:
        return self

    def __exit__(self, *_error: object) -> None:
        with self._as_bag_error():
            self._source.close()

    def reopen(self) -> None:
        """Take files of its own, in a process that was forked."""
        self._cursor = None
        with self._as_bag_error():
            self._source = _opened(Path(self.filename))

    def get_type_and_topic_info(self) -> TopicsInfo:
        """Type and count of each topic that has messages."""
        topics = self._source.topics.items()
        return TopicsInfo(
            {name: TopicInfo(topic.kind, topic.message_count) for name, topic in topics if topic.message_count}
        )

    def get_message_count(self, topic: str | None = None) -> int:
        """Messages on a topic, or on all."""
        return sum(each.message_count for name, each in self._source.topics.items() if topic in (None, name))

    def get_start_time(self) -> float:
        """When the first message was recorded, in seconds."""
        return self._source.span_ns[0] / 1e9

    def get_end_time(self) -> float:
        """When the last message was recorded, in seconds."""
        return self._source.span_ns[1] / 1e9

    def places(self, topics: Iterable[str]) -> list[OtherPlace]:
        """Where the messages of some topics lie, in the order of their arrival."""
        with self._as_bag_error():
            return [place for place, _ in _placed(self._source.messages(self._known(topics)))]

    def read(self, place: OtherPlace, raw: bool) -> tuple[str, Any, genpy.Time]:
        """rosbag's (topic, message, record time) of one message."""
        with self._as_bag_error():
            if self._cursor is None or not self._cursor.is_at(place):
                self._cursor = _Cursor(_placed(self._source.messages([place.topic], place.received_ns)))
                while not self._cursor.is_at(place):
                    self._cursor.advance()
            return self._as_rosbag(self._cursor.advance(), raw)

    def read_all(self, topics: Iterable[str], raw: bool = False) -> Iterator[tuple[str, Any, genpy.Time]]:
        """Those of all messages of some topics, in the order of their arrival."""
        with self._as_bag_error():
            for recorded in self._source.messages(self._known(topics)):
                yield self._as_rosbag(recorded, raw)

    def check_type(self, topic: str) -> None:
        """Raise BagError where messages of a topic's type cannot be had in ROS 1."""
        with self._as_bag_error():
            self._class_of(topic)

    def _known(self, topics: Iterable[str]) -> Sequence[str]:
        return [topic for topic in topics if topic in self._source.topics]

    def _as_rosbag(self, recorded: Recorded, raw: bool) -> tuple[str, Any, genpy.Time]:
        topic, received_ns, content = recorded
        kind, received = self._class_of(topic), genpy.Time(*divmod(received_ns, 1_000_000_000))
        if raw:
            return topic, (kind._type, content, kind._md5sum, (0, 0), kind), received  # type: ignore[attr-defined]
        return topic, kind().deserialize(content), received

    def _class_of(self, topic: str) -> type:
        if topic not in self._classes:
            source = self._source.topics[topic]
            self._classes[topic] = message_class(source.kind, *source.definition())
        return self._classes[topic]

    @contextmanager
    def _as_bag_error(self) -> Iterator[None]:
        try:
            yield
        except BagError as error:
            text = str(error)
            raise error if text.startswith(self.filename) else BagError(f"{self.filename}: {text}") from error
        except ModuleNotFoundError:
            raise
        except Exception as error:  # what libraries raise for damaged bytes is their own affair
            reason = one_line(error) or type(error).__name__
            raise BagError(f"{self.filename}: not a whole recording ({reason})") from error


class _Cursor:
    """The messages of a topic one after the other."""

    def __init__(self, placed: Iterator[tuple[OtherPlace, Recorded]]) -> None:
        self._placed = placed
        self._next = next(placed, None)

    def is_at(self, place: OtherPlace) -> bool:
        """Whether the next message is the one at a place."""
        return self._next is not None and self._next[0] == place

    def advance(self) -> Recorded:
        """The next message; raises BagError at the end."""
        if self._next is None:
            raise BagError("a message is missing")
        recorded = self._next[1]
        self._next = next(self._placed, None)
        return recorded


def _placed(messages: Iterator[Recorded]) -> Iterator[tuple[OtherPlace, Recorded]]:
    """Each message with its place."""
    at_ns: int | None = None
    numbers: Counter[str] = Counter()
    for recorded in messages:
        topic, received_ns, _ = recorded
        if received_ns != at_ns:
            at_ns, numbers = received_ns, Counter()
        yield OtherPlace(received_ns, numbers[topic], topic), recorded
        numbers[topic] += 1


def _opened(path: Path) -> Source:
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        # the libraries open whatever has the name, and wait for a pipe for ever
        if not (file.is_file() or file.is_dir()):
            raise BagError(f"{file.name}: expected a plain file")
    if path.suffix == ".mcap" and path.is_file():
        from camera_relocalization_ros.ros.bags.containers.mcap_source import McapSource, encoding_here

        encoding = encoding_here(path)
        if encoding:
            return McapSource(path, encoding)
    from camera_relocalization_ros.ros.bags.containers.ros2_source import Ros2Source

    return Ros2Source(path)
