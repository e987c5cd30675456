# SPDX-License-Identifier: BSD-3-Clause
"""What the reader of a container offers: its topics, and their messages as bytes of ROS 1."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator, Mapping, NamedTuple, Protocol, Sequence, Tuple

# a folder of ROS 2 has this file
METADATA = "metadata.yaml"
SUFFIXES = (".db3", ".mcap")
# topic, when it was recorded (ns), and the message as ROS 1 serialises it
Recorded = Tuple[str, int, bytes]
# the text of a ROS 1 definition, with those of all parts, and its MD5 sum
Definition = Tuple[str, str]


def is_other_container(path: Path) -> bool:
    """Whether a path is that of a recording that is no bag of ROS 1, by its name."""
    return (path / METADATA).is_file() if path.is_dir() else path.suffix in SUFFIXES


class TopicSource(NamedTuple):
    """A topic: its type in ROS 1's spelling, how many messages it has, and how to find the type's definition."""

    kind: str
    message_count: int
    definition: Callable[[], Definition]


class Source(Protocol):
    """An open container. Whatever its library raises for damaged bytes may come out of it."""

    @property
    def topics(self) -> Mapping[str, TopicSource]:
        """All topics by name."""

    @property
    def span_ns(self) -> tuple[int, int]:
        """When the first and the last message were recorded."""

    def messages(self, topics: Sequence[str], from_ns: int | None = None) -> Iterator[Recorded]:
        """The messages of some topics in the order of their record times, from one on."""

    def close(self) -> None:
        """Close its files."""
