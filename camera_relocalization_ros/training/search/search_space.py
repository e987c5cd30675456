# SPDX-License-Identifier: BSD-3-Clause
"""What a hyper-parameter search may change in a recipe: parameters by path, each with a range or with choices."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Dict, Union, get_type_hints

from optuna.trial import BaseTrial

from camera_relocalization_ros.core.errors import ConfigError, unknown_name
from camera_relocalization_ros.core.plain_values import load_yaml_mapping, scalar
from camera_relocalization_ros.training.config import TrainingConfig, config_from_dict

# config/training/search.yaml says the same with the reasons. The grid of cells is not in it: every other grid needs
# features of its own, minutes for each, where a head on stored features is trained in seconds.
DEFAULT_SPACE: dict[str, Any] = {
    "optimiser.learning_rate": {"low": 1.0e-4, "high": 1.0e-2, "log": True},
    "optimiser.weight_decay": {"low": 1.0e-6, "high": 1.0e-1, "log": True},
    "optimiser.batch_size": {"choices": [32, 64, 128]},
    "head.hidden": {"choices": [256, 512, 1024, 2048]},
    "loss.name": {"choices": ["qeh", "geodesic", "nh_canonical"]},
    "loss.p": {"choices": [1, 2]},
}
RANGE_KEYS, CHOICES_KEYS = {"low", "high", "log"}, {"choices"}


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included; with `log` their exponent is drawn evenly (thesis 1.2.4)."""

    low: float
    high: float
    log: bool = False

    def suggest(self, trial: BaseTrial, path: str) -> float:
        """A whole number where the bounds are."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(path, self.low, self.high, log=self.log)
        return trial.suggest_float(path, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Choices:
    """One of some values, without an order."""

    values: tuple[Any, ...]

    def suggest(self, trial: BaseTrial, path: str) -> Any:
        """One of them."""
        return trial.suggest_categorical(path, self.values)


SearchSpace = Dict[str, Union[Range, Choices]]


def load_search_space(path: Path | None) -> SearchSpace:
    """The space in a YAML file, DEFAULT_SPACE without one; raises ConfigError that names the file and the parameter."""
    if path is None:
        return search_space(DEFAULT_SPACE, "search space")
    return search_space(load_yaml_mapping(path), str(path))


def search_space(values: dict[str, Any], source: str) -> SearchSpace:
    """A space from plain values: path of a parameter -> {low, high, log} or {choices}; raises ConfigError."""
    if not values:
        raise ConfigError(f"{source}: no parameter to search; expected lines such as loss.p: {{choices: [1, 2]}}")
    kinds = _parameters(TrainingConfig)
    return {path: _dimension(path, entry, kinds, source) for path, entry in values.items()}


def suggested_config(base: TrainingConfig, space: SearchSpace, trial: BaseTrial) -> TrainingConfig:
    """The recipe `base` with what the sampler suggests for this trial."""
    values = base.to_dict()
    for path, dimension in space.items():
        *sections, key = path.split(".")
        section = values
        for name in sections:
            section = section[name]
        section[key] = dimension.suggest(trial, path)
    return config_from_dict(values, f"trial {trial.number}")


def _parameters(kind: type, prefix: str = "") -> dict[str, type]:
    """The type of every parameter of a dataclass, by its path."""
    hints, found = get_type_hints(kind), {}
    for field in fields(kind):
        hint = hints[field.name]
        if isinstance(hint, type) and is_dataclass(hint):
            found.update(_parameters(hint, f"{prefix}{field.name}."))
        else:
            found[f"{prefix}{field.name}"] = hint
    return found


def _dimension(path: Any, entry: Any, kinds: dict[str, type], source: str) -> Range | Choices:
    if path not in kinds:
        raise ConfigError(f"{source}: {unknown_name('parameter', path, kinds)}")
    keys = set(entry) if isinstance(entry, dict) else set()
    where, kind = f"{source}: {path}", kinds[path]
    if keys == CHOICES_KEYS:
        choices = entry["choices"]
        if not isinstance(choices, list) or not choices:
            raise ConfigError(f"{where}: choices are {choices!r}; expected a list that is not empty")
        values = tuple(_value(value, kind, where) for value in choices)
        if len(set(values)) < len(values):
            raise ConfigError(f"{where}: choices {choices} hold a value twice")
        return Choices(values)
    if not {"low", "high"} <= keys <= RANGE_KEYS:
        raise ConfigError(f"{where}: found {entry!r}; expected {{low, high}}, {{low, high, log}} or {{choices}}")
    return _range(entry, kind, where)


def _range(entry: dict[str, Any], kind: type, where: str) -> Range:
    if kind not in (int, float):
        raise ConfigError(f"{where}: a parameter of type {kind.__name__} has no range; expected {{choices}}")
    low, high = (_value(entry[key], kind, f"{where}: {key}") for key in ("low", "high"))
    log = entry.get("log", False)
    if not isinstance(log, bool):
        raise ConfigError(f"{where}: log is {log!r}; expected true or false")
    if not low < high:
        raise ConfigError(f"{where}: low {low} is not below high {high}")
    if log and low <= 0:
        raise ConfigError(f"{where}: low is {low}; a logarithmic range begins above 0")
    return Range(low, high, log)


def _value(value: Any, kind: type, where: str) -> Any:
    try:
        return scalar(kind, value)
    except ValueError as hint:
        found = f"{value!r} of type {type(value).__name__}"
        raise ConfigError(f"{where}: found {found}; expected {kind.__name__}{hint}") from None
