# SPDX-License-Identifier: BSD-3-Clause
"""Intrinsics of a camera out of YAML files: of ROS's camera_calibration, of kalibr, or plain ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from camera_relocalization_ros.core.camera import EQUIDISTANT, CameraIntrinsics, distortion_model
from camera_relocalization_ros.core.errors import ConfigError, one_line
from camera_relocalization_ros.core.plain_values import READ_FAULTS, from_plain, load_yaml_mapping


def load_camera(path: Path) -> CameraIntrinsics:
    """Intrinsics of a YAML file: what ROS's camera_calibration or kalibr writes, or `to_plain` of them.

    Of a camchain of several cameras FILE:cam1 names one. Raises ConfigError.
    """
    path, member = _file_and_member(path)
    values = load_yaml_mapping(path)
    try:
        if "camera_matrix" in values:
            values = _from_calibration(values)
        elif member or any(_is_kalibr(value) for value in values.values()):
            values = _from_kalibr(values, member)
        return from_plain(CameraIntrinsics, values)
    except READ_FAULTS as error:
        raise ConfigError(
            f"{path}: not the intrinsics of a camera ({type(error).__name__}: {one_line(error)[:200]}); expected "
            "the file of camera_calibration or of kalibr, or width, height, fx, fy, cx, cy, distortion"
        ) from error


def _file_and_member(path: Path) -> tuple[Path, str]:
    """FILE:cam1 as the file and the name in it."""
    name, colon, member = path.name.rpartition(":")
    return (path.with_name(name), member) if colon and not path.exists() else (path, "")


def _from_calibration(values: dict[str, Any]) -> dict[str, Any]:
    """The plain values from a file of ROS's camera_calibration (camera_calibration_parsers)."""
    K = values["camera_matrix"]["data"]
    size = {"width": values["image_width"], "height": values["image_height"]}
    lens = {key: float(K[index]) for key, index in (("fx", 0), ("fy", 4), ("cx", 2), ("cy", 5))}
    model = values.get("distortion_model", "plumb_bob")
    return {**size, **lens, **_distortion(model, values["distortion_coefficients"]["data"])}


def _is_kalibr(value: Any) -> bool:
    return isinstance(value, dict) and "camera_model" in value and "intrinsics" in value


def _from_kalibr(values: dict[str, Any], member: str) -> dict[str, Any]:
    """The plain values from a camchain of kalibr (github.com/ethz-asl/kalibr/wiki/yaml-formats)."""
    cameras = {name: value for name, value in values.items() if _is_kalibr(value)}
    if len(cameras) > 1 and not member:
        topics = ", ".join(f"{name} ({value.get('rostopic', 'no topic')})" for name, value in cameras.items())
        raise ValueError(f"it holds {topics}; name one, as in FILE:{next(iter(cameras))}")
    name = member or next(iter(cameras))
    if name not in cameras:
        raise ValueError(f"no camera {name!r}; it holds {', '.join(cameras) or 'none'}")
    camera = cameras[name]
    if camera["camera_model"] != "pinhole":
        raise ValueError(f"camera_model {camera['camera_model']!r}; expected pinhole, with any distortion known here")
    width, height = camera["resolution"]
    fx, fy, cx, cy = map(float, camera["intrinsics"])
    size = {"width": width, "height": height, "fx": fx, "fy": fy, "cx": cx, "cy": cy}
    return {**size, **_distortion(camera.get("distortion_model", "none"), camera.get("distortion_coeffs", []))}


def _distortion(model: str, coefficients: list[Any]) -> dict[str, Any]:
    """Model and coefficients, at least as many as are usual; raises ValueError for an unknown model."""
    known = distortion_model(model)
    values = [float(value) for value in coefficients]
    usual = 4 if known == EQUIDISTANT else 5
    return {"distortion": values + [0.0] * (usual - len(values)), "distortion_model": known}
