# SPDX-License-Identifier: BSD-3-Clause
"""Recordings of ROS 2, by rosbags: folders with metadata.yaml, files .db3 and .mcap; CDR becomes ROS 1's bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Sequence

from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, TypesysError, get_types_from_idl, get_types_from_msg, get_typestore

from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.core.plain_values import read_yaml_mapping
from camera_relocalization_ros.ros.bags.containers.source import METADATA, Definition, Recorded, TopicSource

# of a recording's folder, what its reader takes for granted
INFORMATION = "rosbag2_bagfile_information"
EXPECTED = {
    "version": int,
    "storage_identifier": str,
    "relative_file_paths": list,
    "duration": dict,
    "starting_time": dict,
    "message_count": int,
    "topics_with_message_count": list,
}
HEADER = "std_msgs/msg/Header"
# how a definition in that language begins, where its type was not defined in ROS' own
IDL = "=" * 80
# of the languages in which mcap files describe messages
PARSERS: Mapping[str, Callable[[str, str], Any]] = {
    "ros2msg": get_types_from_msg,
    "ros2idl": lambda text, _name: get_types_from_idl(text),
}
# what old recordings, which hold no definitions, are of
DISTRIBUTION = Stores.ROS2_HUMBLE


class Ros2Source:
    """A recording of ROS 2; see Source."""

    def __init__(self, path: Path) -> None:
        if path.is_dir():
            _check_metadata(path)
        self._reader = AnyReader([path], default_typestore=get_typestore(DISTRIBUTION))
        self._reader.open()
        try:
            _check_definitions(self._reader.connections)
        except BaseException:
            self._reader.close()
            raise
        self._topics = {name: self._topic(name, info) for name, info in self._reader.topics.items()}

    @property
    def topics(self) -> Mapping[str, TopicSource]:
        """All topics by name."""
        return self._topics

    @property
    def span_ns(self) -> tuple[int, int]:
        """When the first and the last message were recorded."""
        return self._reader.start_time, self._reader.end_time - 1

    def messages(self, topics: Sequence[str], from_ns: int | None = None) -> Iterator[Recorded]:
        """The messages of some topics in the order of their record times, from one on."""
        connections = [connection for connection in self._reader.connections if connection.topic in topics]
        if not connections:
            return
        for connection, received_ns, content in self._reader.messages(connections, start=from_ns):
            yield connection.topic, received_ns, bytes(self._reader.typestore.cdr_to_ros1(content, connection.msgtype))

    def close(self) -> None:
        """Close its files."""
        self._reader.close()

    def _topic(self, name: str, info: Any) -> TopicSource:
        if info.msgtype is None:
            raise BagError(f"topic {name!r} has messages of several types; expected one")
        kind: str = info.msgtype
        return TopicSource(_ros1_name(kind), info.msgcount, lambda: _ros1_definition(self._reader.typestore, kind))


class Ros2Messages:
    """Messages that a file describes one by one; see Messages of mcap_source."""

    def __init__(self) -> None:
        self._store = get_typestore(Stores.EMPTY)

    def kind(self, schema: Any) -> str:
        """As Messages has it; raises BagError for a description in a language that rosbags does not read."""
        if schema.encoding not in PARSERS:
            raise BagError(f"{schema.name} is described in {schema.encoding!r}; expected one of {', '.join(PARSERS)}")
        self._store.register(PARSERS[schema.encoding](schema.data.decode("utf-8"), schema.name))
        return _ros1_name(schema.name)

    def definition(self, schema: Any, channel: Any) -> Definition:
        """As Messages has it."""
        return _ros1_definition(self._store, schema.name)

    def content(self, schema: Any, content: bytes) -> bytes:
        """As Messages has it."""
        return bytes(self._store.cdr_to_ros1(content, schema.name))


def _ros1_name(kind: str) -> str:
    return kind.replace("/msg/", "/")


def _ros1_definition(store: Any, kind: str) -> Definition:
    """Of ROS 1 where it has the type, whose fields may be spelled otherwise (K and k of CameraInfo)."""
    noetic, own = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.EMPTY)
    # ROS 1's header begins with a number, which rosbags puts before it
    own.register({**_types_of(store), HEADER: _types_of(noetic)[HEADER]})
    found: Definition = own.generate_msgdef(kind)
    if kind not in _types_of(noetic):
        return found
    of_noetic: Definition = noetic.generate_msgdef(kind)
    return of_noetic if _fields(of_noetic[0]) == _fields(found[0]) else found


def _check_definitions(connections: Sequence[Any]) -> None:
    """Raise BagError where a type is defined twice: rosbags reads all by one (findings/rosbags_two_definitions.sh).

    Those in IDL are not compared.
    """
    store = get_typestore(Stores.EMPTY)
    # rosbags for Python 3.8 has the text itself
    texts = {(each.msgtype, getattr(each.msgdef, "data", each.msgdef)) for each in connections}
    for kind, text in sorted(texts):
        if text and not text.startswith(IDL):
            try:
                store.register(get_types_from_msg(text, kind))
            except TypesysError as error:
                reason = " ".join(str(error).split())
                raise BagError(f"two definitions of a type, as of recordings that were merged; {reason}") from error


def _check_metadata(folder: Path) -> None:
    """Raise BagError where a recording's metadata were cut short or are of another shape."""
    advice = f"`ros2 bag reindex {folder}` makes it again"
    try:
        values = read_yaml_mapping(folder / METADATA).get(INFORMATION)
    except ValueError as error:
        raise BagError(f"{METADATA}: {error}; {advice}") from error
    if not isinstance(values, dict):
        raise BagError(f"{METADATA}: no {INFORMATION}; {advice}")
    for key, kind in EXPECTED.items():
        if not isinstance(values.get(key), kind):
            raise BagError(f"{METADATA}: no {key}, or of another kind than expected; {advice}")
    if not isinstance(values.get("files", []), list):
        raise BagError(f"{METADATA}: files is no list; {advice}")
    for key, part in (("duration", "nanoseconds"), ("starting_time", "nanoseconds_since_epoch")):
        if not isinstance(values[key].get(part), int):
            raise BagError(f"{METADATA}: no {key}.{part}, or no whole number; {advice}")


def _types_of(store: Any) -> dict[str, Any]:
    """Types by name; rosbags for Python 3.8 spells it in capitals."""
    found: dict[str, Any] = store.fielddefs if hasattr(store, "fielddefs") else store.FIELDDEFS
    return found


def _fields(definition: str) -> list[str]:
    """The lines of fields, without constants, which differ between distributions, and without capitals."""
    lines = (line.lower() for line in definition.splitlines())
    return [line for line in lines if line and ("=" not in line or line.startswith("==="))]
