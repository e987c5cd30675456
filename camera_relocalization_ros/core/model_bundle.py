# SPDX-License-Identifier: BSD-3-Clause
"""The model bundle: the one thing that flies. A folder of bundle.yaml, network.onnx and training.npz.

The format is written down in docs/bundle_format.md. Reading a bundle runs no code of its author's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import BundleError
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.core.retrieval import RetrievalIndex, load_index, save_index

FORMAT = "camera_relocalization_bundle"
VERSION = 1
SIDECAR, NETWORK, TRAINING = "bundle.yaml", "network.onnx", "training.npz"


@dataclass(frozen=True)
class BundleSidecar:
    """What bundle.yaml says, apart from format and checksums.

    The pose is that of `child_frame` (the camera's optical frame) in `parent_frame`; `camera` are the intrinsics
    of the training images; `window_length` frames no further apart than `max_gap_s` make one answer;
    `origin` tells how the model was made (recipe, data, weights licence, parity) and is not interpreted.
    """

    parent_frame: str
    child_frame: str
    camera: CameraIntrinsics | None
    preprocessing: Preprocessing
    backbone: str
    head: str
    window_length: int
    max_gap_s: float
    origin: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for YAML."""
        return {
            "parent_frame": self.parent_frame,
            "child_frame": self.child_frame,
            "camera": self.camera.to_dict() if self.camera else None,
            "preprocessing": {"width": self.preprocessing.width, "height": self.preprocessing.height},
            "backbone": self.backbone,
            "head": self.head,
            "window_length": self.window_length,
            "max_gap_s": self.max_gap_s,
            "origin": self.origin,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> BundleSidecar:
        """The inverse of `to_dict`; raises KeyError, TypeError or ValueError on anything else."""
        sidecar = cls(
            parent_frame=str(values["parent_frame"]),
            child_frame=str(values["child_frame"]),
            camera=CameraIntrinsics.from_dict(values["camera"]) if values["camera"] else None,
            preprocessing=Preprocessing(**{key: int(value) for key, value in values["preprocessing"].items()}),
            backbone=str(values["backbone"]),
            head=str(values["head"]),
            window_length=int(values["window_length"]),
            max_gap_s=float(values["max_gap_s"]),
            origin=dict(values["origin"]),
        )
        if sidecar.window_length < 1 or sidecar.max_gap_s <= 0:
            raise ValueError("window_length must be at least 1 and max_gap_s positive")
        return sidecar


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle whose files agree with their checksums; `bundle_id` names its network."""

    path: Path
    bundle_id: str
    sidecar: BundleSidecar
    network: bytes
    index: RetrievalIndex


def load_bundle(path: Path | str) -> Bundle:
    """Read and check a bundle folder; raises BundleError that names the file, what was found and expected."""
    path = Path(path)
    sidecar_path = path / SIDECAR
    if not path.exists():
        raise BundleError(f"{path}: no such bundle")
    if not sidecar_path.is_file():
        raise BundleError(f"{path}: no {SIDECAR} in it; expected a bundle made by reloc export")
    try:
        values = yaml.safe_load(sidecar_path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT or values["version"] != VERSION:
            raise BundleError(
                f"{sidecar_path}: format {values['format']!r} version {values['version']!r}; "
                f"expected {FORMAT!r} version {VERSION}"
            )
        sidecar = BundleSidecar.from_dict(values)
        checksums = {name: str(values["sha256"][name]) for name in (NETWORK, TRAINING)}
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, UnicodeDecodeError) as error:
        raise BundleError(f"{sidecar_path}: not a valid sidecar ({type(error).__name__}: {error})") from error
    network = _checked_bytes(path / NETWORK, checksums[NETWORK])
    _checked_bytes(path / TRAINING, checksums[TRAINING])
    try:
        index = load_index(path / TRAINING)
    except ValueError as error:
        raise BundleError(f"{path / TRAINING}: not the training descriptors of a bundle ({error})") from error
    return Bundle(path, checksums[NETWORK][:12], sidecar, network, index)


def save_bundle(path: Path | str, sidecar: BundleSidecar, network: bytes, index: RetrievalIndex) -> None:
    """Write a bundle folder, whole or not at all; an older bundle at `path` is replaced, anything else refused."""
    path = Path(path)
    if path.exists() and not (path / SIDECAR).is_file():
        raise BundleError(f"{path}: exists and is no bundle; choose another name")
    partial = path.with_name(path.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        (partial / NETWORK).write_bytes(network)
        save_index(partial / TRAINING, index)
        checksums = {name: _sha256((partial / name).read_bytes()) for name in (NETWORK, TRAINING)}
        values = {"format": FORMAT, "version": VERSION, **sidecar.to_dict(), "sha256": checksums}
        (partial / SIDECAR).write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        if path.exists():
            shutil.rmtree(path)
        os.replace(partial, path)
    except OSError as error:
        raise BundleError(f"{path}: cannot be written ({error.strerror})") from error


def _checked_bytes(path: Path, expected_sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}") from error
    found = _sha256(content)
    if found != expected_sha256:
        raise BundleError(
            f"{path}: {len(content)} bytes with sha256 {found[:12]}..; expected {expected_sha256[:12]}.. "
            f"(the file was cut short or replaced)"
        )
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
