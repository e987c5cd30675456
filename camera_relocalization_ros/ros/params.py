# SPDX-License-Identifier: BSD-3-Clause
"""The parameter server -> one dataclass, and the only place that reads it; see config/relocalizer.yaml."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import rospy

from camera_relocalization_ros.core.errors import ConfigError

TRANSPORTS = ("raw", "compressed")


@dataclass(frozen=True)
class NodeParams:
    """Private parameters of the node relocalizer; `bundle` has no default."""

    bundle: str = ""
    transport: str = "raw"
    publish_tf: bool = True
    estimate_frame: str = ""
    providers: tuple[str, ...] = ("CPUExecutionProvider",)
    threads: int = 0
    stale_after: float = 2.0

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> NodeParams:
        """Checked parameters; raises ConfigError for an unknown name, a wrong type or a value out of range."""
        defaults = asdict(cls())
        unknown = sorted(set(values) - set(defaults))
        if unknown:
            raise ConfigError(f"unknown parameter ~{unknown[0]}; the node knows: {', '.join(sorted(defaults))}")
        params = cls(**{name: _typed(name, value, defaults[name]) for name, value in values.items()})
        params._check()
        return params

    def _check(self) -> None:
        if not self.bundle:
            raise ConfigError("parameter ~bundle is not set; expected the folder of a model")
        if self.transport not in TRANSPORTS:
            raise ConfigError(f"parameter ~transport is {self.transport!r}; expected one of {', '.join(TRANSPORTS)}")
        if self.threads < 0:
            raise ConfigError(f"parameter ~threads is {self.threads}; expected 0 (one per core) or more")
        if not self.stale_after > 0:
            raise ConfigError(f"parameter ~stale_after is {self.stale_after}; expected seconds above 0")
        if not self.providers:
            raise ConfigError("parameter ~providers is empty; expected at least one of ONNX Runtime's")


def read_params() -> NodeParams:
    """The private parameters of this node; raises ConfigError."""
    values = rospy.get_param("~", {})
    if not isinstance(values, dict):
        raise ConfigError(f"{rospy.get_name()} is a parameter with the value {values!r}; expected a namespace")
    return NodeParams.from_values(values)


def _typed(name: str, value: Any, default: Any) -> Any:
    """The value in the type of the default; a whole number is a float too, and nothing else is converted."""
    if isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise ConfigError(f"parameter ~{name} is {value!r}; expected a list of strings")
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        expected = type(default).__name__
        raise ConfigError(f"parameter ~{name} is {value!r} ({type(value).__name__}); expected {expected}")
    return value
