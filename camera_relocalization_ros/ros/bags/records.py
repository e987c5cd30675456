# SPDX-License-Identifier: BSD-3-Clause
"""Single messages of a bag, by their place in it; the one module that reaches into rosbag's private parts.

rosbag has no public access to a message by its place, reads a whole chunk, images and all, for a single transform in
it, and repairs a bag without an index only by changing the file. It is finished software: its names stay as they are.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any, Iterable, NamedTuple

import genpy
import rosbag
from rosbag.bag import _ROSBagNoEncryptor

READ_ERRORS = (rosbag.ROSBagException, genpy.MessageException, EOFError, OSError, ValueError, KeyError, struct.error)
FORMAT_VERSION = 200


class Place(NamedTuple):
    """Where a message lies: its chunk's place in the file, and its own in the chunk."""

    chunk: int
    offset: int


class _ChunkView:
    """A chunk that is not compressed, as the file that rosbag expects it to be, but read only where it is needed."""

    def __init__(self, file: Any, start: int) -> None:
        self._file = file
        self._start = start

    def seek(self, offset: int) -> None:
        self._file.seek(self._start + offset)

    def read(self, size: int) -> bytes:
        content: bytes = self._file.read(size)
        return content

    def tell(self) -> int:
        position: int = self._file.tell() - self._start
        return position

    def close(self) -> None:
        """Nothing: the file is the bag's."""


def message_places(bag: rosbag.Bag, topics: Iterable[str]) -> list[Place]:
    """Where the messages of some topics lie, in the order of their arrival."""
    if bag.version != FORMAT_VERSION:
        raise rosbag.ROSBagException(f"format {bag.version / 100}; `rosbag fix` makes 2.0 of it")
    names = list(topics)
    connections = list(bag._get_connections(names)) if names else []
    return [Place(entry.chunk_pos, entry.offset) for entry in bag._get_entries(connections)] if connections else []


def read_record(bag: rosbag.Bag, place: Place, raw: bool = False) -> tuple[str, Any, genpy.Time]:
    """rosbag's (topic, message, record time) of the message at a place; raises one of READ_ERRORS."""
    reader, chunk = bag._reader, bag._chunk_headers[place.chunk]
    is_plain = chunk.compression == rosbag.Compression.NONE and isinstance(bag._encryptor, _ROSBagNoEncryptor)
    if is_plain and reader.decompressed_chunk_pos != place.chunk:
        reader.decompressed_chunk_io = _ChunkView(bag._file, chunk.data_pos)
        reader.decompressed_chunk_pos = place.chunk
    record: tuple[str, Any, genpy.Time] = reader.seek_and_read_message_data_record(place, raw)
    return record


def reopen_in_child(bag: rosbag.Bag) -> None:
    """Give a forked process a file of its own: otherwise it shares the place in the file with its parent."""
    bag._file = open(bag.filename, "rb")  # noqa: SIM115  lives as long as the process
    bag._reader.decompressed_chunk_pos = None


def open_unindexed(path: Path) -> tuple[rosbag.Bag, int]:
    """A bag with an index made in memory from the chunks that are whole, and the bytes at its end that are lost."""
    bag = rosbag.Bag(str(path), "r", allow_unindexed=True)
    end = 0
    try:
        for position in bag.reindex():
            end = position
        end = bag.size
    except io.UnsupportedOperation:  # rosbag would now cut off what it cannot read
        pass
    # otherwise rosbag reads the old index of each whole chunk as well, and has each message twice
    bag._connection_indexes_read = True
    bag._reader.decompressed_chunk_pos = None
    return bag, bag.size - end
