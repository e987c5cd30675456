# SPDX-License-Identifier: BSD-3-Clause
"""YAML files as dataclasses: an unknown key and a wrong type are errors that name the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import dacite
import yaml

from camera_relocalization_ros.core.errors import ConfigError

T = TypeVar("T")


def load_yaml_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, {} when it is empty; raises ConfigError."""
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a readable YAML file ({error})") from error
    if values is not None and not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping, found {type(values).__name__}")
    return values or {}


def dataclass_from_dict(kind: type[T], values: dict[str, Any], source: str) -> T:
    """A dataclass of `kind` with the given values; raises ConfigError that names `source` and the key."""
    try:
        return dacite.from_dict(kind, values, dacite.Config(strict=True, cast=[tuple]))
    except dacite.DaciteError as error:
        raise ConfigError(f"{source}: {error}") from error
