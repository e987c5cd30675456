# SPDX-License-Identifier: BSD-3-Clause
"""Recordings in mcap files, by the library mcap: of ROS 1, and of ROS 2 where the file does not say so.

A file may say by its profile what recorded it, and rosbags reads those of profile ros2 alone.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Iterator, Mapping, Protocol, Sequence

import genpy
from mcap.reader import make_reader

from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.ros.bags.containers.source import Definition, Recorded, TopicSource
from camera_relocalization_ros.ros.message_classes import have_same_bytes

# of messages; the profile of a file, which it may lack, is named alike but for the second
ROS1, CDR = "ros1", "cdr"


def encoding_here(path: Path) -> str:
    """Of the messages that McapSource reads in an mcap file; "" for a file of profile ros2, or with none of either.

    Raises what mcap raises.
    """
    with open(path, "rb") as file:
        reader = make_reader(file)
        profile = reader.get_header().profile
        if profile in (ROS1, "ros2"):
            return ROS1 if profile == ROS1 else ""
        summary = reader.get_summary()
        found = {channel.message_encoding for channel in summary.channels.values()} if summary is not None else set()
        return next((encoding for encoding in (ROS1, CDR) if encoding in found), "")


class Messages(Protocol):
    """How messages of an encoding become those of ROS 1; `schema` and `channel` as mcap has them."""

    def kind(self, schema: Any) -> str:
        """The name of the type in ROS 1."""

    def definition(self, schema: Any, channel: Any) -> Definition:
        """Of the type, in ROS 1."""

    def content(self, schema: Any, content: bytes) -> bytes:
        """The bytes of a message, in ROS 1."""


class Ros1Messages:
    """Messages as they are; see Messages."""

    def kind(self, schema: Any) -> str:
        """As Messages has it."""
        return str(schema.name)

    def definition(self, schema: Any, channel: Any) -> Definition:
        """As Messages has it."""
        text = schema.data.decode("utf-8")
        if channel.metadata.get("md5sum"):
            return text, channel.metadata["md5sum"]
        installed: Any = genpy.message.get_message_class(schema.name)
        same = installed is not None and installed._full_text.split() == text.split()
        return text, installed._md5sum if same else ""

    def content(self, schema: Any, content: bytes) -> bytes:
        """As Messages has it."""
        return content


class McapSource:
    """A recording of an encoding in an mcap file; see Source."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._encoding, self._messages = encoding, _messages_of(encoding)
        self._file = open(path, "rb")  # noqa: SIM115  closed by close
        try:
            self._reader = make_reader(self._file)
            summary = self._reader.get_summary()
            if summary is None or summary.statistics is None:
                raise BagError("no summary, because the recording was not closed; `mcap recover` makes one")
            if summary.statistics.channel_message_counts.keys() - summary.channels.keys():
                raise BagError(
                    "its summary does not repeat the channels; `mcap recover` writes a file whose summary does"
                )
            self._summary: Any = summary
            self._topics = self._found_topics()
        except BaseException:
            self._file.close()
            raise

    @property
    def topics(self) -> Mapping[str, TopicSource]:
        """All topics by name."""
        return self._topics

    @property
    def span_ns(self) -> tuple[int, int]:
        """When the first and the last message were recorded."""
        statistics = self._summary.statistics
        return statistics.message_start_time, statistics.message_end_time

    def messages(self, topics: Sequence[str], from_ns: int | None = None) -> Iterator[Recorded]:
        """The messages of some topics in the order of their record times, from one on."""
        for schema, channel, message in self._reader.iter_messages(topics=list(topics), starting_at=from_ns):
            yield channel.topic, message.log_time, self._messages.content(schema, message.data)

    def close(self) -> None:
        """Close its files."""
        self._file.close()

    def _found_topics(self) -> dict[str, TopicSource]:
        topics: dict[str, TopicSource] = {}
        counts = self._summary.statistics.channel_message_counts
        for channel in self._summary.channels.values():
            schema = self._summary.schemas.get(channel.schema_id)
            if channel.message_encoding != self._encoding or schema is None:
                continue  # of another middleware
            kind, count = self._messages.kind(schema), counts.get(channel.id, 0)
            before, definition = topics.get(channel.topic), partial(self._messages.definition, schema, channel)
            if before is not None:
                if before.kind != kind:
                    raise BagError(f"topic {channel.topic!r} has messages of several types; expected one")
                if not have_same_bytes(kind, before.definition()[0], definition()[0]):
                    raise BagError(f"topic {channel.topic!r} has several definitions of {kind}; expected one")
                count += before.message_count
            topics[channel.topic] = TopicSource(kind, count, definition)
        return topics


def _messages_of(encoding: str) -> Messages:
    if encoding == ROS1:
        return Ros1Messages()
    from camera_relocalization_ros.ros.bags.containers.ros2_source import Ros2Messages

    return Ros2Messages()
