# SPDX-License-Identifier: BSD-3-Clause
"""Single messages of a bag, by their place in it; the one module that reaches into rosbag's private parts.

rosbag has no public access to a message by its place, reads a whole chunk, images and all, for a single transform in
it, and repairs a bag without an index only by changing the file. It is finished software: its names stay as they are.
"""

from __future__ import annotations

import bz2
import io
import os
import struct
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple, Union

import genpy
import rosbag
from rosbag.bag import _BagReader200, _ChunkHeader, _message_types, _ROSBagNoEncryptor

from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.ros.bags.containers.other_bag import OtherBag, OtherPlace
from camera_relocalization_ros.ros.message_classes import message_class

READ_ERRORS = (rosbag.ROSBagException, genpy.MessageException, EOFError, OSError, ValueError, KeyError, struct.error)
FORMAT_VERSION = 200
# stamps as their headers have them, or when the recorder received the messages
HEADER, RECEIPT = "header", "receipt"
# of a record: recorders end a chunk of messages below one megabyte, and the largest image that is read has 2**26 pixels
MAX_RECORD_BYTES = 2**29
MAX_LINE_BYTES = 4096
# of a read that takes no memory worth a look at how much there is: most of an index are numbers of 4 bytes
SMALL_BYTES = 2**16
# of a packed chunk that are unpacked at a time: at most 255 bytes come of each
LZ4_PIECE_BYTES = 2**16


class RecordSizeError(ValueError):
    """A record that says of itself that it is larger than any; no error of rosbag's, which takes those for a cut."""


class _BoundedFile(io.BufferedReader):
    """A bag's file, of which a size that lies takes no memory: neither more than there is nor than a record has."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(io.FileIO(path))
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """As a file has it; raises RecordSizeError."""
        if size is not None and 0 <= size <= SMALL_BYTES:
            return super().read(size)
        left = max(0, self._size - self.tell())
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > MAX_RECORD_BYTES:
            raise RecordSizeError(f"a record of {wanted} bytes; expected at most {MAX_RECORD_BYTES}")
        return super().read(wanted)

    def readline(self, size: int | None = -1, /) -> bytes:
        """As a file has it, but of no more than MAX_LINE_BYTES."""
        return super().readline(MAX_LINE_BYTES if size is None or size < 0 else min(size, MAX_LINE_BYTES))


class ChunkPlace(NamedTuple):
    """Where a message lies: its chunk's place in the file, and its own in the chunk."""

    chunk: int
    offset: int


class RecordedBag(rosbag.Bag):  # type: ignore[misc]  # rosbag has no types
    """rosbag's, with what is taken for the stamps of its messages: HEADER or RECEIPT."""

    stamps = HEADER


Place = Union[ChunkPlace, OtherPlace]


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


def open_indexed(path: Path, allow_unindexed: bool = False) -> RecordedBag:
    """A bag open for reading; raises one of READ_ERRORS, RecordSizeError where rosbag only says that no index is."""
    try:
        bag = RecordedBag(_BoundedFile(path), "r", allow_unindexed=allow_unindexed)
    except rosbag.ROSBagUnindexedException as error:
        if isinstance(error.__context__, RecordSizeError):
            raise error.__context__ from error
        raise
    bag._filename = str(path)
    return bag


def message_places(bag: rosbag.Bag, topics: Iterable[str]) -> list[Place]:
    """Where the messages of some topics lie, in the order of their arrival; their classes are found now."""
    if isinstance(bag, OtherBag):
        return [*bag.places(topics)]
    if bag.version != FORMAT_VERSION:
        raise rosbag.ROSBagException(f"format {bag.version / 100}; `rosbag fix` makes 2.0 of it")
    names = list(topics)
    connections = list(bag._get_connections(names)) if names else []
    for connection in connections:
        _find_class(connection)
    return [ChunkPlace(entry.chunk_pos, entry.offset) for entry in bag._get_entries(connections)] if connections else []


def read_record(bag: rosbag.Bag, place: Place, raw: bool = False) -> tuple[str, Any, genpy.Time]:
    """rosbag's (topic, message, record time) of the message at a place; raises one of READ_ERRORS."""
    if isinstance(bag, OtherBag):
        assert isinstance(place, OtherPlace)
        return _restamped(bag, bag.read(place, raw), raw)
    assert isinstance(place, ChunkPlace)
    reader, chunk = bag._reader, bag._chunk_headers[place.chunk]
    is_plain = chunk.compression == rosbag.Compression.NONE and isinstance(bag._encryptor, _ROSBagNoEncryptor)
    if is_plain and reader.decompressed_chunk_pos != place.chunk:
        reader.decompressed_chunk_io = _ChunkView(bag._file, chunk.data_pos)
        reader.decompressed_chunk_pos = place.chunk
    elif not is_plain and reader.decompressed_chunk_pos != place.chunk:
        reader.decompressed_chunk_io = io.BytesIO(_decompressed(bag, chunk))
        reader.decompressed_chunk_pos = place.chunk
    return _restamped(bag, reader.seek_and_read_message_data_record(place, raw), raw)


def read_records(bag: OtherBag, topics: Iterable[str], raw: bool = False) -> Iterator[tuple[str, Any, genpy.Time]]:
    """rosbag's (topic, message, record time) of all messages of some topics, without a search; raises BagError."""
    return (_restamped(bag, record, raw) for record in bag.read_all(topics, raw))


def _restamped(bag: rosbag.Bag, record: tuple[str, Any, genpy.Time], raw: bool) -> tuple[str, Any, genpy.Time]:
    """The record with the stamps that the bag is read by."""
    topic, message, received = record
    if getattr(bag, "stamps", HEADER) == RECEIPT:
        message = _raw_stamped(message, received) if raw else _stamped(message, received)
    return topic, message, received


def _stamped(message: Any, received: genpy.Time) -> Any:
    """The message with another stamp in its header, or in those of its transforms."""
    for each in (message, *getattr(message, "transforms", ())):
        if hasattr(each, "header"):
            each.header.stamp = received
    return message


def _raw_stamped(raw: tuple[Any, ...], received: genpy.Time) -> tuple[Any, ...]:
    """rosbag's (type, bytes, ...) with another stamp; a header begins with sequence number, seconds, nanoseconds."""
    if raw[4]._slot_types[:1] != ["std_msgs/Header"]:
        return raw
    stamp = struct.pack("<II", received.secs, received.nsecs)
    return (raw[0], raw[1][:4] + stamp + raw[1][12:], *raw[2:])


def _find_class(connection: Any) -> None:
    # rosbag would build it in a folder that stays when the process is killed
    if connection.md5sum not in _message_types:
        try:
            found = message_class(connection.datatype, connection.msg_def, connection.md5sum)
        except FrameError as error:
            raise rosbag.ROSBagException(str(error)) from error
        _message_types[connection.md5sum] = found


def _decompressed(bag: rosbag.Bag, chunk: Any) -> bytes:
    """What a chunk holds; raises RecordSizeError rather than more than it says, or than any holds."""
    if chunk.uncompressed_size > MAX_RECORD_BYTES:
        raise RecordSizeError(f"a chunk of {chunk.uncompressed_size} bytes; expected at most {MAX_RECORD_BYTES}")
    bag._file.seek(chunk.data_pos)
    content = bag._encryptor.decrypt_chunk(bag._file.read(chunk.compressed_size))
    if chunk.compression == rosbag.Compression.BZ2:
        inside = bz2.BZ2Decompressor().decompress(content, chunk.uncompressed_size + 1)
    elif chunk.compression == rosbag.Compression.LZ4:
        inside = _lz4_decompressed(content, chunk.uncompressed_size + 1)
    else:
        inside = content
    if len(inside) != chunk.uncompressed_size:
        raise RecordSizeError(f"a chunk that holds other than the {chunk.uncompressed_size} bytes that it says")
    return inside


def _lz4_decompressed(content: bytes, wanted: int) -> bytes:
    """What an LZ4 chunk holds, hardly more than `wanted` bytes of it; raises ROSBagException where it is none."""
    import roslz4  # rosbag's own, which it does without where the system has none

    decompressor, pieces, length = roslz4.LZ4Decompressor(), [], 0
    for start in range(0, len(content), LZ4_PIECE_BYTES):
        try:
            pieces.append(decompressor.decompress(content[start : start + LZ4_PIECE_BYTES]))
        except RuntimeError as error:
            raise rosbag.ROSBagException(f"a chunk that is no LZ4: {error}") from error
        length += len(pieces[-1])
        if length >= wanted:
            break
    return b"".join(pieces)


class _BoundedReader(_BagReader200):  # type: ignore[misc]  # rosbag has no types
    """rosbag's, which makes an index without unpacking more of a chunk than the chunk says that it holds."""

    _unpacked: Any = None

    def read_chunk_header(self) -> Any:
        """As rosbag has it; of a chunk that was unpacked before, that of one which is not packed."""
        return self._unpacked or super().read_chunk_header()

    def _reindex_read_chunk(self, file: Any, place: int, size: int) -> None:
        chunk = super().read_chunk_header()
        if chunk.compression == rosbag.Compression.NONE or not isinstance(self.bag._encryptor, _ROSBagNoEncryptor):
            file.seek(place)
            super()._reindex_read_chunk(file, place, size)
            return
        content = _decompressed(self.bag, chunk)
        self._unpacked = _ChunkHeader(rosbag.Compression.NONE, len(content), len(content), chunk.data_pos)
        try:
            super()._reindex_read_chunk(_ContentFirst(file, content), place, size)
        finally:
            self._unpacked = None
        self.bag._chunk_headers[place] = chunk


class _ContentFirst:
    """A bag's file, whose first read has the content of a chunk instead, that was unpacked before."""

    def __init__(self, file: Any, content: bytes) -> None:
        self._file, self._content = file, content

    def read(self, size: int) -> bytes:
        content, self._content = self._content, b""
        return content or bytes(self._file.read(size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def reopen_in_child(bag: rosbag.Bag) -> None:
    """Give a forked process a file of its own: otherwise it shares the place in the file with its parent."""
    if isinstance(bag, OtherBag):
        bag.reopen()
        return
    bag._file = _BoundedFile(bag.filename)
    bag._reader.decompressed_chunk_pos = None


def open_unindexed(path: Path) -> tuple[RecordedBag, int]:
    """A bag with an index made in memory from the chunks that are whole, and the bytes at its end that are lost."""
    bag = open_indexed(path, allow_unindexed=True)
    if isinstance(bag._reader, _BagReader200):
        bag._reader = _BoundedReader(bag)
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
