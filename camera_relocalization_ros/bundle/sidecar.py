# SPDX-License-Identifier: BSD-3-Clause
"""What bundle.yaml says, as a dataclass that checks every value; reads no files."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple  # read from YAML: evaluated at run time

import numpy as np

from camera_relocalization_ros.bundle.error_calibration import ErrorCalibration
from camera_relocalization_ros.bundle.reference_outputs import MAX_TOLERANCE, TOLERANCE
from camera_relocalization_ros.bundle.training_set import TrainingSet
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.frames import FramePair
from camera_relocalization_ros.core.plain_values import EXPECTED, KEY, from_plain, to_plain
from camera_relocalization_ros.core.preprocessing import Preprocessing

PRECISIONS = ("fp32", "fp16", "int8")
# a side of the network's input; 16 images of the largest size are a gigabyte of float32
MIN_SIDE, MAX_SIDE = 8, 4096
MAX_WINDOW, MAX_GAP_S = 64, 3600.0
MAX_TEXT = 255
TEXT = f"a printable text of at most {MAX_TEXT} characters"
# keys of bundle.yaml by the version that brought them, which are fields too
KEYS_OF_1 = (
    *("parent_frame", "child_frame", "camera", "preprocessing", "backbone", "head"),
    *("window_length", "max_gap_s", "origin"),
)
KEYS_OF_2, KEYS_OF_3 = ("precision", "weights_licence", "training_data"), ("calibration",)
KEYS_OF_4 = ("position_origin",)


@dataclass(frozen=True)
class PositionRange:
    """Smallest and largest x, y, z in metres of the training cameras in the parent frame."""

    min: tuple[float, float, float]
    max: tuple[float, float, float]

    @classmethod
    def from_positions(cls, positions: np.ndarray) -> PositionRange:
        """That of positions (N, 3)."""
        (x0, y0, z0), (x1, y1, z1) = positions.min(axis=0).tolist(), positions.max(axis=0).tolist()
        return cls(min=(x0, y0, z0), max=(x1, y1, z1))


@dataclass(frozen=True)
class BundleSidecar:
    """What bundle.yaml says, apart from format and checksums.

    The pose is that of `child_frame` (the camera's optical frame) in `parent_frame`; `camera` are the intrinsics
    of the training images; `window_length` frames no further apart than `max_gap_s` make one estimate;
    `origin` says how the model was made (recipe, errors, parity) and is not interpreted. The network may differ
    from its test vector by `tolerance`, which was computed by `tested_with`. `error_calibration` is None until
    `reloc calibrate`. The network's positions are from `position_origin` on (metres in the parent frame). What a bundle
    of version 1 does not say is empty.
    """

    parent_frame: str = field(metadata={EXPECTED: TEXT})
    child_frame: str = field(metadata={EXPECTED: TEXT})
    camera: Optional[CameraIntrinsics]
    preprocessing: Preprocessing
    backbone: str = field(metadata={EXPECTED: TEXT})
    head: str = field(metadata={EXPECTED: TEXT})
    window_length: int
    max_gap_s: float
    origin: Dict[str, Any]
    precision: str = "fp32"
    weights_licence: str = ""
    training_data: Tuple[TrainingSet, ...] = ()
    tolerance: float = TOLERANCE
    tested_with: str = ""
    error_calibration: Optional[ErrorCalibration] = field(default=None, metadata={KEY: "calibration"})
    position_origin: Tuple[float, ...] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        """Raises ValueError that names the key, what was found and what was expected."""
        for key in ("parent_frame", "child_frame", "backbone", "head", "weights_licence", "tested_with"):
            _check_text(key, getattr(self, key))
        for key, side in (("width", self.preprocessing.width), ("height", self.preprocessing.height)):
            _check(f"preprocessing {key}", side, MIN_SIDE <= side <= MAX_SIDE, f"{MIN_SIDE} to {MAX_SIDE} pixels")
        if self.preprocessing.is_cropped:
            _check_crop(self.preprocessing)
        _check("window_length", self.window_length, 1 <= self.window_length <= MAX_WINDOW, f"1 to {MAX_WINDOW}")
        _check("max_gap_s", self.max_gap_s, 0 < self.max_gap_s <= MAX_GAP_S, f"above 0, at most {MAX_GAP_S} s")
        _check("tolerance", self.tolerance, 0 < self.tolerance <= MAX_TOLERANCE, f"above 0, at most {MAX_TOLERANCE}")
        _check("precision", self.precision, self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}")
        fits = len(self.position_origin) == 3 and all(map(math.isfinite, self.position_origin))
        _check("position_origin", self.position_origin, fits, "three finite numbers")

    @property
    def frame_pair(self) -> FramePair:
        """What the poses are between."""
        return FramePair(self.parent_frame, self.child_frame)

    @property
    def version(self) -> int:
        """Of the format: 4 where positions have an origin, which readers of version 3 would not add."""
        return 4 if any(self.position_origin) else 3

    def to_dict(self) -> dict[str, Any]:
        """Plain values for YAML."""
        values = to_plain(self)
        if self.version < 4:
            del values["position_origin"]
        values["preprocessing"] = self.preprocessing.to_dict()
        outputs = {"tolerance": values.pop("tolerance"), "made_with": values.pop("tested_with")}
        last = {key: values.pop(key) for key in ("calibration", "origin")}
        return {**values, "test_vector": outputs, **last}

    @classmethod
    def from_dict(cls, values: dict[str, Any], version: int) -> BundleSidecar:
        """The inverse of `to_dict`; raises KeyError, TypeError or ValueError on anything else."""
        keys = KEYS_OF_1 + (KEYS_OF_2 if version > 1 else ()) + (KEYS_OF_3 if version > 2 else ())
        keys += KEYS_OF_4 if version > 3 else ()
        found = {key: values[key] for key in keys}
        if version > 1:
            outputs = values["test_vector"]
            found.update(tolerance=outputs["tolerance"], tested_with=outputs["made_with"])
        return from_plain(cls, found)


def _check(key: str, found: Any, fits: bool, expected: str) -> None:
    if not fits:
        raise ValueError(f"{key} is {found!r}; expected {expected}")


def _check_text(key: str, text: str) -> None:
    _check(key, text[:20], len(text) <= MAX_TEXT and text.isprintable(), TEXT)


def _check_crop(size: Preprocessing) -> None:
    for key, side, part in (
        ("whole_width", size.whole_width, size.width),
        ("whole_height", size.whole_height, size.height),
    ):
        _check(f"preprocessing {key}", side, part <= side <= MAX_SIDE, f"{part} to {MAX_SIDE} pixels")
