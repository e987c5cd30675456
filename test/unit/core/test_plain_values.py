# SPDX-License-Identifier: BSD-3-Clause
"""The strict reader: what it takes, what it refuses and in which words, and that Python 3.8 can evaluate its types."""

from __future__ import annotations

import tracemalloc
import typing
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Dict, Optional, Tuple

import pytest
import yaml

from camera_relocalization_ros.bundle.sidecar import BundleSidecar
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.plain_values import (
    EXPECTED,
    KEY,
    dataclass_from_dict,
    from_plain,
    load_yaml_mapping,
    read_bounded,
    read_json_mapping,
    read_yaml_mapping,
    to_plain,
)
from camera_relocalization_ros.evaluation.results import ResultInfo


@dataclass(frozen=True)
class Inner:
    size: int
    rate: float = 1.0


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    maybe: Optional[Inner] = None
    on: bool = False
    numbers: Tuple[float, ...] = ()
    pair: Tuple[float, float] = (0.0, 0.0)
    texts: Tuple[str, ...] = ()
    many: Tuple[Inner, ...] = ()
    by_name: Dict[str, Inner] = field(default_factory=dict)
    rows: Tuple[Tuple[float, ...], ...] = ()
    free: Dict[str, Any] = field(default_factory=dict)
    renamed: int = field(default=0, metadata={KEY: "old_name"})
    described: str = field(default="", metadata={EXPECTED: "a short text"})


LEAST = {"name": "a", "inner": {"size": 1}}


def test_round_trip_by_way_of_yaml():
    outer = Outer(
        name="a",
        inner=Inner(1),
        maybe=Inner(2, 0.5),
        on=True,
        numbers=(1.0, 2.5),
        pair=(3.0, 4.0),
        texts=("x",),
        many=(Inner(3), Inner(4)),
        by_name={"y": Inner(5)},
        rows=((1.0,), (2.0, 3.0)),
        free={"any": [1, {"thing": None}]},
        renamed=6,
    )
    values = yaml.safe_load(yaml.safe_dump(to_plain(outer)))
    assert values["old_name"] == 6 and "renamed" not in values
    assert from_plain(Outer, values) == outer


def test_what_is_not_given_has_its_default_and_a_whole_number_is_a_float():
    outer = from_plain(Outer, {**LEAST, "maybe": None, "numbers": [1, 2], "inner": {"size": 1, "rate": 2}})
    assert outer == Outer("a", Inner(1, 2.0), numbers=(1.0, 2.0))
    assert isinstance(outer.inner.rate, float) and isinstance(outer.numbers[0], float)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"nam": "b"}, "unknown key 'nam' (did you mean 'name'?); known: name, inner, "),
        ({"renamed": 1}, "unknown key 'renamed'"),
        ({"inner": {"size": 1, "sise": 2}}, "unknown key 'inner.sise' (did you mean 'size'?); known: size, rate"),
        ({None: 1}, "unknown key 'None'"),
        ({"name": 3}, "name is 3 (int); expected str"),
        ({"name": None}, "name is None (NoneType); expected str"),
        ({"inner": None}, "inner is None (NoneType); expected a mapping"),
        ({"inner": {"size": True}}, "inner.size is True (bool); expected int"),
        ({"inner": {"size": 1.0}}, "inner.size is 1.0 (float); expected int"),
        ({"inner": {"size": 1, "rate": "1e-4"}}, "expected float; YAML reads 1e-4 as text, write 1.0e-4"),
        ({"inner": {"size": 1, "rate": 10**400}}, "expected float"),
        ({"on": 1}, "on is 1 (int); expected bool"),
        ({"numbers": 1.0}, "numbers is 1.0 (float); expected a list of numbers"),
        ({"numbers": [True]}, "numbers is [True] (list); expected a list of numbers"),
        ({"pair": [1.0]}, "pair is [1.0] (list); expected 2 numbers"),
        ({"texts": "abc"}, "expected a list of strings"),
        ({"many": [{"size": 1}, {"size": "x"}]}, "many[1].size is 'x' (str); expected int"),
        ({"by_name": {"y": {"size": []}}}, "by_name.y.size is [] (list); expected int"),
        ({"by_name": {1: {"size": 1}}}, "by_name is 1 (int); expected str"),
        ({"rows": [[1.0], ["x"]]}, "rows[1] is ['x'] (list); expected a list of numbers"),
        ({"described": 1}, "described is 1 (int); expected a short text"),
    ],
)
def test_what_does_not_fit_is_named_with_its_path(values, says):
    with pytest.raises(ConfigError) as error:
        dataclass_from_dict(Outer, {**LEAST, **values}, "file.yaml")
    assert str(error.value).startswith("file.yaml: ") and says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_key_is_named_with_its_path():
    with pytest.raises(KeyError, match="many.0..size"):
        from_plain(Outer, {**LEAST, "many": [{}]})
    with pytest.raises(ConfigError, match="file.yaml: no name, which has no default"):
        dataclass_from_dict(Outer, {"inner": {"size": 1}}, "file.yaml")


def test_a_message_stays_short_whatever_was_found():
    bomb = ["x"]
    for _ in range(40):
        bomb = [bomb, bomb]
    for value in (bomb, "x" * 10**6, {"a": bomb}):
        with pytest.raises(ValueError, match="inner.size is") as error:
            from_plain(Outer, {**LEAST, "inner": {"size": value}})
        assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "content",
    [b"a: [", b"[" * 5000, b"\xff\xfe\x00", b"- 1", b"3", b"\x00", b"a: 2026-13-40", b"!!python/name:os.system"],
)
def test_what_is_no_mapping_in_yaml_is_one_line(tmp_path, content):
    (tmp_path / "file.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match="file.yaml: not a readable YAML file") as error:
        load_yaml_mapping(tmp_path / "file.yaml")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content", ["lr: 1.0e-4\nepochs: 5\nlr: 1.0e-3\n", '{"a": {"lr": 1, "lr": 2}}', "a: {<<: {x: 1}, lr: 1, lr: 2}"]
)
def test_no_value_of_a_key_that_is_there_twice_is_dropped(tmp_path, content):
    path = tmp_path / "file"
    path.write_text(content)
    with pytest.raises(ValueError, match="key 'lr' twice in one mapping"):
        read_yaml_mapping(path)
    if content.startswith("{"):
        with pytest.raises(ValueError, match="key 'lr' twice in one mapping"):
            read_json_mapping(path)


@pytest.mark.parametrize("key", ["x", "speed"])
def test_a_mapping_may_be_merged_into_others_and_changed_there(tmp_path, key):
    path = tmp_path / "file.yaml"
    lines = [
        f"a: &a {{{key}: 1, y: 2}}",
        f"b: &b {{<<: *a, {key}: 3}}",
        "c: {<<: *b, z: 4}",
        "d: {<<: [*a, *b, {z: 5}], y: 6}",
        "1: one",
        "'1': text",
    ]
    path.write_text("\n".join(lines))
    # the first of a list wins
    a, b, c, d = {key: 1, "y": 2}, {key: 3, "y": 2}, {key: 3, "y": 2, "z": 4}, {key: 1, "y": 6, "z": 5}
    assert read_yaml_mapping(path) == {"a": a, "b": b, "c": c, "d": d, 1: "one", "1": "text"}


@pytest.mark.parametrize("content", ["a: {<<: 1}", "a: {<<: [{x: 1}, text]}"])
def test_only_mappings_are_merged(tmp_path, content):
    (tmp_path / "file.yaml").write_text(content)
    with pytest.raises(ValueError, match="expected a mapping or a list of mappings to merge, but found a scalar"):
        read_yaml_mapping(tmp_path / "file.yaml")


def test_a_file_is_read_up_to_a_size_and_an_empty_one_is_an_empty_mapping(tmp_path):
    (tmp_path / "file.yaml").write_text("")
    assert load_yaml_mapping(tmp_path / "file.yaml") == {}
    (tmp_path / "file.yaml").write_text("a: " + "x" * 100)
    with pytest.raises(ValueError, match="103 bytes; expected at most 100"):
        read_yaml_mapping(tmp_path / "file.yaml", 100)
    with pytest.raises(ConfigError, match="nothing.yaml: No such file or directory"):
        load_yaml_mapping(tmp_path / "nothing.yaml")


def parts_of(hint):
    yield hint
    for part in typing.get_args(hint):
        yield from parts_of(part)
    if is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        for one in fields(hint):
            yield from parts_of(hints[one.name])


@pytest.mark.parametrize("kind", [BundleSidecar, CameraIntrinsics, ResultInfo])
def test_annotations_are_spelled_as_python_3_8_evaluates_them(kind):
    # tuple[int], dict[str, int] and int | None are objects of the module types; Python 3.8 has none of them
    assert [part for part in parts_of(kind) if type(part).__module__ == "types" and part is not ...] == []


def test_a_small_file_is_read_in_little_memory_however_much_is_allowed(tmp_path):
    (tmp_path / "small").write_bytes(b"1234")
    tracemalloc.start()
    try:
        assert read_bounded(tmp_path / "small", 2**30) == b"1234"
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
