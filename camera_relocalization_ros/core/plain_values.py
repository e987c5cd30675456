# SPDX-License-Identifier: BSD-3-Clause
"""Plain values, as YAML files and the parameter server hold them, to dataclasses and back: the one, strict reader.

An unknown key, a missing one and a value of another type are errors that name the key's path; nothing is converted but
a whole number where a float is expected, and a list to a tuple. What values mean is checked by each dataclass itself.
A dataclass that is read here spells its annotations as Python 3.8 evaluates them: Tuple, Dict, Optional.
"""

from __future__ import annotations

import json
import os
import reprlib
import stat
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, Callable, Tuple, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from camera_relocalization_ros.core.errors import ConfigError, did_you_mean, unreadable

T = TypeVar("T")

# of a field's metadata: its key, where that is another than its name, and in words what is expected of its value
KEY, EXPECTED = "key", "expected"
# of a field that is written only where it has not its default: files stay as they were before the field came
OMITTED_DEFAULT = "omitted_default"
# a data set of ten thousand recordings lists them in less; PyYAML takes ten seconds for a megabyte
MAX_YAML_BYTES = 2**22
# of a whole number: more than 128 bits have
MAX_DIGITS = 40
# a line for each of two million images
MAX_TEXT_BYTES = 2**28
# what values from a file bring about where they are not those that were expected
READ_FAULTS = (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
# of the key <<
MERGE = "tag:yaml.org,2002:merge"
ITEMS = {float: "numbers", int: "whole numbers", str: "strings"}


def from_plain(kind: type[T], values: Any, path: str = "") -> T:
    """A dataclass of `kind` with the given values; `path` is that of the mapping within a larger one.

    Raises ValueError that names a key, what was found and what was expected, KeyError of the path of a missing key, and
    whatever `kind` itself raises.
    """
    if not isinstance(values, dict):
        raise _wrong(path or kind.__name__, values, "a mapping")
    known = {str(one.metadata.get(KEY, one.name)): one for one in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    unknown = [key for key in values if key not in known]
    if unknown:
        meant = did_you_mean(unknown[0], known)
        raise ValueError(f"unknown key {_shortened(_join(path, unknown[0]))}{meant}; known: {', '.join(known)}")
    hints, found = get_type_hints(kind), {}
    for key, one in known.items():
        if key in values:
            found[one.name] = _read(hints[one.name], values[key], _join(path, key), one.metadata.get(EXPECTED, ""))
        elif one.default is MISSING and one.default_factory is MISSING:
            raise KeyError(_join(path, key))
    return kind(**found)


def to_plain(value: Any) -> Any:
    """The inverse of `from_plain`: mappings, lists, numbers, texts and None, in the order of the fields."""
    if is_dataclass(value):
        kept = (one for one in fields(value) if not _is_omitted(one, getattr(value, one.name)))
        return {str(one.metadata.get(KEY, one.name)): to_plain(getattr(value, one.name)) for one in kept}
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


def _is_omitted(one: Field, value: Any) -> bool:
    return OMITTED_DEFAULT in one.metadata and value == one.default


def dataclass_from_dict(kind: type[T], values: dict[str, Any], source: str) -> T:
    """As `from_plain`; raises ConfigError that names `source` and the key."""
    try:
        return from_plain(kind, values)
    except KeyError as error:
        raise ConfigError(f"{source}: no {error.args[0]}, which has no default") from error
    except ValueError as error:
        raise ConfigError(f"{source}: {error}") from error


def read_bounded(path: Path | str, max_bytes: int) -> bytes:
    """The bytes of a plain file of at most `max_bytes`: a pipe would make its reader wait, a device never ends.

    Raises OSError, and ValueError in one line.
    """
    # a pipe without a writer is not waited for
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("expected a plain file")
        if status.st_size > max_bytes:
            raise ValueError(f"{status.st_size} bytes; expected at most {max_bytes}")
        # a read of max_bytes would take as much memory, however little there is to read
        return file.read(status.st_size)


def read_text(path: Path | str, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """The text of a plain file in UTF-8; raises OSError, and ValueError in one line."""
    return read_bounded(path, max_bytes).decode("utf-8")


def read_yaml_mapping(path: Path, max_bytes: int = MAX_YAML_BYTES) -> dict[str, Any]:
    """The mapping in a YAML file, {} when it is empty; no more than `max_bytes` are read.

    Raises OSError, and ValueError in one line for what is no mapping in YAML.
    """
    return yaml_mapping(read_bounded(path, max_bytes))


def yaml_mapping(content: bytes) -> dict[str, Any]:
    """The same of bytes in UTF-8."""
    return _mapping(content, lambda text: yaml.load(text, _StrictLoader))


def read_json_mapping(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> dict[str, Any]:
    """The same of a JSON file."""
    return _mapping(
        read_bounded(path, max_bytes), lambda text: json.loads(text, parse_int=_short_int, object_pairs_hook=_object)
    )


class _StrictLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML declares no types
    """PyYAML's safe one, without numbers that take their reader minutes, and without a key's first value dropped.

    What merge keys add is the same by every release of PyYAML: 6.0.4 lets a value that a mapping overrides win again
    where that is merged further, by keys of one letter alone (findings/pyyaml_merge_keys.sh).
    """

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        """The node of a mapping, whose keys all differ; before merge keys add to them."""
        node = super().compose_mapping_node(anchor)
        _check_keys([(key.value, key.tag) for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put what merge keys add into a mapping: its own values win, then those of what is merged first."""
        own: list[tuple[yaml.Node, yaml.Node]] = []
        added: dict[tuple[Any, str], tuple[yaml.Node, yaml.Node]] = {}
        # without its merge keys, so that what merges itself ends
        pairs, node.value = node.value, []
        for key, value in pairs:
            if key.tag != MERGE:
                own.append((key, value))
                continue
            for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if not isinstance(merged, yaml.MappingNode):
                    message = f"expected a mapping or a list of mappings to merge, but found a {merged.id}"
                    raise yaml.constructor.ConstructorError(None, None, message, merged.start_mark)
                self.flatten_mapping(merged)
                for pair in merged.value:
                    added.setdefault(_key_of(pair[0]), pair)
        there = {_key_of(key) for key, _ in own}
        node.value = [pair for name, pair in added.items() if name not in there] + own
        super().flatten_mapping(node)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """A whole number."""
        _check_digits(str(node.value))
        return int(super().construct_yaml_int(node))


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_yaml_int)


def _key_of(node: yaml.Node) -> tuple[Any, str]:
    return (node.value if isinstance(node, yaml.ScalarNode) else id(node), node.tag)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _check_keys([(key, "") for key, _ in pairs])
    return dict(pairs)


def _check_keys(keys: list[tuple[str, str]]) -> None:
    # in files that people change by hand; both readers would take the last value in silence
    seen: set[tuple[str, str]] = set()
    for key in keys:
        if key in seen:
            raise ValueError(f"key {_shortened(key[0])} twice in one mapping")
        seen.add(key)


def _short_int(text: str) -> int:
    _check_digits(text)
    return int(text)


def _check_digits(text: str) -> None:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits; expected at most {MAX_DIGITS}")


def _mapping(content: bytes, load: Callable[[str], Any]) -> dict[str, Any]:
    try:
        values = load(content.decode("utf-8"))
    # RecursionError: brackets nested by the thousand; OverflowError: a stamp beyond all years
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise ValueError(" ".join(f"{type(error).__name__}: {error}".split())) from error
    if values is not None and not isinstance(values, dict):
        raise ValueError(f"expected a mapping, found {type(values).__name__}")
    return values or {}


def load_yaml_mapping(path: Path | str) -> dict[str, Any]:
    """The mapping in a YAML file, {} when it is empty; raises ConfigError."""
    try:
        return read_yaml_mapping(Path(path))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {unreadable(error, 'YAML')}") from error


def scalar(kind: Any, value: Any) -> Any:
    """A number, text or truth value of type `kind`; a whole number is a float too, true and false are no numbers.

    Raises ValueError with a hint, where there is one.
    """
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise ValueError(", which is less") from error
    raise ValueError("; YAML reads 1e-4 as text, write 1.0e-4" if kind is float and _is_number_text(value) else "")


def _read(hint: Any, value: Any, path: str, expected: str = "") -> Any:
    """The value in the type of an annotation."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin is Union:
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return None if value is None else _read(inner, value, path, expected)
    if isinstance(hint, type) and is_dataclass(hint):
        return from_plain(hint, value, path)
    if origin is tuple:
        return _read_tuple(arguments, value, path, expected)
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(path, value, expected or "a mapping")
        key_hint, item_hint = arguments
        return {_read(key_hint, key, path): _read(item_hint, item, _join(path, key)) for key, item in value.items()}
    try:
        return scalar(hint, value)
    except ValueError as error:
        raise _wrong(path, value, (expected or hint.__name__) + str(error)) from None


def _read_tuple(hints: Tuple[Any, ...], value: Any, path: str, expected: str) -> Tuple[Any, ...]:
    any_length = hints[1:] == (...,)
    words = "a list" if any_length else f"a list of {len(hints)}"
    if hints[0] in ITEMS:
        words = f"a list of {ITEMS[hints[0]]}" if any_length else f"{len(hints)} {ITEMS[hints[0]]}"
    if not isinstance(value, (list, tuple)) or not (any_length or len(value) == len(hints)):
        raise _wrong(path, value, expected or words)
    each = hints[:1] * len(value) if any_length else hints
    if hints[0] not in ITEMS:
        return tuple(_read(hint, item, f"{path}[{number}]") for number, (hint, item) in enumerate(zip(each, value)))
    try:
        return tuple(scalar(hint, item) for hint, item in zip(each, value))
    except ValueError as error:
        raise _wrong(path, value, (expected or words) + str(error)) from None


def _wrong(path: str, value: Any, expected: str) -> ValueError:
    return ValueError(f"{path} is {_shortened(value)} ({type(value).__name__}); expected {expected}")


def _shortened(value: Any) -> str:
    """As repr has it, but short, whatever refers to itself a million times."""
    short = reprlib.Repr()
    short.maxlevel, short.maxstring, short.maxother = 3, 80, 80
    return short.repr(value)


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _is_number_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and float(value) is not None
    except ValueError:
        return False
