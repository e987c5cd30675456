# SPDX-License-Identifier: BSD-3-Clause
"""The parameter server -> one dataclass for each node, and the only place that reads it; see config."""

from __future__ import annotations

import math
import re
from dataclasses import Field, dataclass, field, fields
from typing import Any, Tuple, TypeVar  # of fields: evaluated at run time

import rospy

from camera_relocalization_ros.core.camera import RECTIFICATIONS
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.plain_values import from_plain, to_plain

P = TypeVar("P")

# a ROS duration holds 68 years; a node that waits for days is not meant to work
MAX_SECONDS = 1e6
# shorter than any message takes, so that a timer of that period would only take processors away
MIN_SECONDS = 1e-3
MAX_RATE_HZ = 1.0 / MIN_SECONDS
# no computer that flies has as many cores
MAX_THREADS = 1024
# what roscpp and the master take, relative or not; rospy itself only warns, and goes on without the topic
TOPIC = re.compile(r"(?:[A-Za-z]\w*|[/~]\w+|~/\w+)(?:/\w+)*/?", re.ASCII)
# a name that is left without its slashes and spaces; motion capture has such with spaces between words
FRAME = re.compile(r"/*[^\s/](?:.*\S)?")
SHA256 = re.compile("(?:[0-9a-f]{64})?")
# of which each may be empty
FRAMES = ("parent_frame", "child_frame", "tf_child_frame", "camera_frame", "body_frame", "body_pose_in")
TRANSPORTS = ("raw", "compressed")
TF_MODES = ("none", "camera", "object", "odom")
PUBLISH_STATES = ("all", "ok")


@dataclass(frozen=True)
class Setting:
    """A parameter that may be changed in flight, between `min` and `max`."""

    description: str
    min: Any
    max: Any


def setting(default: Any, description: str, low: Any, high: Any) -> Any:
    """A field of a dataclass that is a setting."""
    return field(default=default, metadata={"setting": Setting(description, low, high)})


def setting_of(described: Field) -> Setting | None:
    """What makes a field a setting, None when it is none."""
    return described.metadata.get("setting")


@dataclass(frozen=True)
class NodeParams:
    """Private parameters of the node relocalizer; `bundle` has no default. config/relocalizer.yaml explains them."""

    bundle: str = ""
    bundle_sha256: str = ""
    parent_frame: str = ""
    child_frame: str = ""
    image_width: int = 0
    image_height: int = 0
    transport: str = "raw"
    camera_info_topic: str = ""
    rectification: str = "auto"
    tf_mode: str = "camera"
    tf_child_frame: str = ""
    fixed_frame: str = "map"
    camera_frame: str = ""
    tf_timeout: float = 0.2
    publish_states: str = "all"
    odometry: bool = False
    odometry_topic: str = ""
    attitude_topic: str = ""
    velocity_topic: str = ""
    body_frame: str = ""
    body_pose_in: str = ""
    output_rate: float = 0.0
    max_prediction: float = 0.5
    object_box: Tuple[float, ...] = ()
    path_length: int = 500
    lazy: bool = True
    providers: Tuple[str, ...] = ("CPUExecutionProvider",)
    threads: int = 0
    refinement_rate: float = 5.0
    refine_first: bool = False
    stale_after: float = 2.0
    frozen_after: float = 1.0
    diagnostic_period: float = 1.0
    min_rate: float = 2.0
    max_latency: float = 0.2
    max_age: float = 0.5
    max_dropped: float = 0.1
    ok_position_m: float = setting(0.10, "Error in metres that OK promises, in 999 of 1000 poses", 0.001, 1000.0)
    ok_orientation_deg: float = setting(3.0, "Error in degrees that OK promises with it", 0.01, 180.0)
    lost_below: float = setting(-1.0, "Score below which an answer is LOST; -1: as calibrated", -1.0, 1.0)
    degraded_below: float = setting(-1.0, "Score below which an answer is DEGRADED; -1: as calibrated", -1.0, 1.0)
    smoothing: bool = setting(False, "Publish poses smoothed over time", False, True)
    gate: bool = setting(False, "Call answers LOST that no camera can have moved to", False, True)
    gate_chance: float = setting(0.001, "Chance below which the gate believes no such move", 1e-9, 0.5)
    reinitialise_after: int = setting(5, "Outliers in a row that agree and are believed", 1, 1000)
    recover_after: int = setting(3, "Answers after a LOST one before one is OK", 1, 1000)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> NodeParams:
        """Checked parameters; raises ConfigError for an unknown name, a wrong type or a value out of range."""
        params = params_from_values(cls, values)
        params._check()
        return params

    def _check(self) -> None:
        if not self.bundle:
            raise ConfigError("parameter ~bundle is not set; expected the folder of a model")
        self._check_range(
            "bundle_sha256", bool(SHA256.fullmatch(self.bundle_sha256)), "64 hexadecimal digits, or nothing"
        )
        if not self.providers:
            raise ConfigError("parameter ~providers is empty; expected at least one of ONNX Runtime's")
        self._check_one_of("transport", TRANSPORTS)
        self._check_one_of("tf_mode", TF_MODES)
        self._check_one_of("publish_states", PUBLISH_STATES)
        self._check_one_of("rectification", RECTIFICATIONS)
        for name in ("image_width", "image_height", "threads", "path_length"):
            self._check_range(name, getattr(self, name) >= 0, "0 or more")
        self._check_range("threads", self.threads <= MAX_THREADS, f"at most {MAX_THREADS}")
        for name in ("stale_after", "tf_timeout", "diagnostic_period", "max_prediction"):
            fits = MIN_SECONDS <= getattr(self, name) <= MAX_SECONDS
            self._check_range(name, fits, f"seconds, at least {MIN_SECONDS:g} and at most {MAX_SECONDS:g}")
        for one in fields(self):
            limits = setting_of(one)
            if limits is not None:
                fits = limits.min <= getattr(self, one.name) <= limits.max
                self._check_range(one.name, fits, f"{limits.min} to {limits.max}")
        for name in ("min_rate", "max_latency", "max_age", "max_dropped", "frozen_after"):
            self._check_range(name, 0 <= getattr(self, name) < math.inf, "0 or more")
        # a rate below is a period of more than MAX_SECONDS
        fits = self.output_rate == 0 or 1.0 / MAX_SECONDS <= self.output_rate <= MAX_RATE_HZ
        self._check_range("output_rate", fits, f"0, or poses a second, at most {MAX_RATE_HZ:g}")
        for name in ("camera_info_topic", "odometry_topic", "attitude_topic", "velocity_topic"):
            topic = getattr(self, name)
            self._check_range(name, not topic or bool(TOPIC.fullmatch(topic)), "the name of a topic, or nothing")
        for name in FRAMES:
            frame = getattr(self, name)
            self._check_range(name, not frame or bool(FRAME.fullmatch(frame)), "the name of a frame, or nothing")
        self._check_range("fixed_frame", bool(FRAME.fullmatch(self.fixed_frame)), "the name of a frame")
        self._check_motion()
        self._check_range("refinement_rate", abs(self.refinement_rate) < math.inf, "refinements a second")
        self._check_box()
        if (self.image_width == 0) != (self.image_height == 0):
            raise ConfigError("of ~image_width and ~image_height one is 0; expected both, or none")

    def _check_motion(self) -> None:
        if bool(self.attitude_topic) != bool(self.velocity_topic):
            raise ConfigError("of ~attitude_topic and ~velocity_topic one is empty; expected both, or none")
        if self.odometry_topic and self.attitude_topic:
            raise ConfigError("~odometry_topic and ~attitude_topic are both set; expected one source of motion")

    def _check_box(self) -> None:
        low, high = self.object_box[:3], self.object_box[3:]
        is_box = len(low) == len(high) == 3 and all(-math.inf < a < b < math.inf for a, b in zip(low, high))
        fits = not self.object_box or is_box
        self._check_range("object_box", fits, "least x, y, z and greatest x, y, z in metres, or nothing")

    def _check_one_of(self, name: str, known: tuple[str, ...]) -> None:
        self._check_range(name, getattr(self, name) in known, f"one of {', '.join(known)}")

    def _check_range(self, name: str, fits: bool, expected: str) -> None:
        if not fits:
            raise ConfigError(f"parameter ~{name} is {getattr(self, name)!r}; expected {expected}")


def read_params() -> NodeParams:
    """The private parameters of the node relocalizer; raises ConfigError."""
    return NodeParams.from_values(private_values())


def values_from_params(params: Any) -> dict[str, Any]:
    """A dataclass of parameters as the parameter server holds it; the inverse of `params_from_values`."""
    values: dict[str, Any] = to_plain(params)
    return values


def private_values() -> dict[str, Any]:
    """All private parameters of this node as they are on the server; raises ConfigError."""
    values = rospy.get_param("~", {})
    if not isinstance(values, dict):
        raise ConfigError(f"{rospy.get_name()} is a parameter with the value {values!r}; expected a namespace")
    return values


def params_from_values(kind: type[P], values: dict[str, Any]) -> P:
    """A dataclass `kind`, all of whose fields have defaults; raises ConfigError for an unknown name or a wrong type."""
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(f"unknown parameter ~{unknown[0]}; the node knows: {', '.join(sorted(known))}")
    try:
        return from_plain(kind, values)
    except ValueError as error:
        raise ConfigError(f"parameter ~{error}") from error
