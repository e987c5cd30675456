# SPDX-License-Identifier: BSD-3-Clause
"""Inputs that tests share, built in code and seeded."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Mapping, Sequence

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter

START_NS = 1_500_000_000_000_000_000
CAMERA = CameraIntrinsics(width=64, height=48, fx=60.0, fy=60.0, cx=31.5, cy=23.5)
PARENT_FRAME, CHILD_FRAME = "wing/base_link", "camera_optical_frame"

# for Python in a process of its own: it finds the package in the checkout, as the tests do, and does not spin
OWN_PROCESS = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def shared_data(*parts: str) -> Path:
    """A path below the folder of real recordings, which may not exist: tests skip then."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("RELOC_SHARED_DATA", default)).joinpath(*parts)


def load_benchmark(name: str) -> ModuleType:
    """The module benchmarks/`name`.py, of which a test runs a slice."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for their module there
    spec.loader.exec_module(module)
    return module


def fake_trajectory(count: int, period_s: float = 0.1) -> Trajectory:
    """A smooth curve of poses, `count` of them."""
    t = np.arange(count) * period_s
    positions = np.stack([np.cos(0.5 * t), np.sin(0.5 * t), 1.0 + 0.1 * t], axis=1)
    quats_xyzw = Rotation.from_euler("ZYX", np.stack([0.5 * t, 0.2 * np.sin(t), 0.1 * np.cos(t)], axis=1)).as_quat()
    return Trajectory(START_NS + np.round(t * 1e9).astype(np.int64), positions, quats_xyzw)


def fake_image_rgb(seed: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A smooth colourful image (height, width, 3) uint8 that differs from seed to seed."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(image_rgb: np.ndarray, suffix: str = ".png") -> bytes:
    """The bytes of an image file."""
    done, buffer = cv2.imencode(suffix, cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR))
    assert done
    return buffer.tobytes()


def write_fake_dataset(
    path: Path,
    counts: tuple[int, ...] = (12,),
    camera: CameraIntrinsics | None = CAMERA,
    period_s: float = 0.1,
    offset_m: Sequence[float] = (0.0, 0.0, 0.0),
    info: Mapping[str, Any] | None = None,
) -> Dataset:
    """A data set of small PNG images along `fake_trajectory`, offset_m from there, one sequence for each count.

    info: what the information of its sequences says besides their source.
    """
    with DatasetWriter(path, PARENT_FRAME, CHILD_FRAME, camera) as writer:
        for number, count in enumerate(counts):
            trajectory = fake_trajectory(count, period_s)
            with writer.sequence(f"flight{number}", {"source": "fake", **(info or {})}) as sequence:
                for row in range(count):
                    sequence.add(
                        int(trajectory.stamps_ns[row]),
                        trajectory.positions[row] + np.asarray(offset_m),
                        trajectory.quats_xyzw[row],
                        encoded(fake_image_rgb(100 * number + row)),
                        ".png",
                    )
    return Dataset.load(path)
