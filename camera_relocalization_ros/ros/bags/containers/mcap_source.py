# SPDX-License-Identifier: BSD-3-Clause
"""Recordings of ROS 1 in mcap files, by the library mcap: their messages are ROS 1's bytes already."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import genpy
from mcap.reader import make_reader

from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.ros.bags.containers.source import Definition, Recorded, TopicSource

ENCODING = "ros1"


def is_of_ros1(path: Path) -> bool:
    """Whether an mcap file says that ROS 1 recorded it, or holds messages of ROS 1; raises what mcap raises."""
    with open(path, "rb") as file:
        reader = make_reader(file)
        if reader.get_header().profile:
            return bool(reader.get_header().profile == ENCODING)
        summary = reader.get_summary()
        return summary is not None and any(c.message_encoding == ENCODING for c in summary.channels.values())


class McapSource:
    """A recording of ROS 1 in an mcap file; see Source."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb")  # noqa: SIM115  closed by close
        try:
            self._reader = make_reader(self._file)
            summary = self._reader.get_summary()
            if summary is None or summary.statistics is None:
                raise BagError("no summary, because the recording was not closed; `mcap recover` makes one")
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
        for _, channel, message in self._reader.iter_messages(topics=list(topics), starting_at=from_ns):
            yield channel.topic, message.log_time, message.data

    def close(self) -> None:
        """Close its files."""
        self._file.close()

    def _found_topics(self) -> dict[str, TopicSource]:
        topics: dict[str, TopicSource] = {}
        counts = self._summary.statistics.channel_message_counts
        for channel in self._summary.channels.values():
            schema = self._summary.schemas.get(channel.schema_id)
            if channel.message_encoding != ENCODING or schema is None:
                continue  # of another middleware
            count = counts.get(channel.id, 0)
            before = topics.get(channel.topic)
            if before is not None and before.kind != schema.name:
                raise BagError(f"topic {channel.topic!r} has messages of several types; expected one")
            count += before.message_count if before is not None else 0
            topics[channel.topic] = TopicSource(schema.name, count, partial(_definition, schema, channel))
        return topics


def _definition(schema: Any, channel: Any) -> Definition:
    text = schema.data.decode("utf-8")
    if channel.metadata.get("md5sum"):
        return text, channel.metadata["md5sum"]
    installed: Any = genpy.message.get_message_class(schema.name)
    same = installed is not None and installed._full_text.split() == text.split()
    return text, installed._md5sum if same else ""
