# SPDX-License-Identifier: BSD-3-Clause
"""Intrinsics of a camera out of YAML files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from camera_relocalization_ros.core.camera import DISTORTION_MODELS, CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.plain_values import from_plain, load_yaml_mapping


def load_camera(path: Path) -> CameraIntrinsics:
    """Intrinsics of a YAML file: what ROS's camera_calibration writes, or `to_plain` of them; raises ConfigError."""
    values = load_yaml_mapping(path)
    try:
        if "camera_matrix" in values:
            values = _from_calibration(values)
        return from_plain(CameraIntrinsics, values)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ConfigError(
            f"{path}: not the intrinsics of a camera ({type(error).__name__}: {error}); expected the file of "
            "camera_calibration, or width, height, fx, fy, cx, cy, distortion"
        ) from error


def _from_calibration(values: dict[str, Any]) -> dict[str, Any]:
    """The plain values from a file of ROS's camera_calibration (camera_calibration_parsers)."""
    model = values.get("distortion_model", "plumb_bob")
    if model not in DISTORTION_MODELS:
        raise ValueError(f"distortion model {model!r}; expected one of {list(DISTORTION_MODELS)}")
    K = values["camera_matrix"]["data"]
    distortion = [float(value) for value in values["distortion_coefficients"]["data"]]
    size = {"width": values["image_width"], "height": values["image_height"]}
    lens = {key: float(K[index]) for key, index in (("fx", 0), ("fy", 4), ("cx", 2), ("cy", 5))}
    return {**size, **lens, "distortion": distortion + [0.0] * (5 - len(distortion))}
