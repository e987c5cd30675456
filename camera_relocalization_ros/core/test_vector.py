# SPDX-License-Identifier: BSD-3-Clause
"""The test vector of a bundle: images with the answers that its network gave to them when it was made.

A wrong network, runtime or number format is found by it before the first image of a flight. It knows no runtime:
who calls hands in the function that runs the network.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, Dict, Sequence

import numpy as np

from camera_relocalization_ros.core.array_files import load_arrays

RunNetwork = Callable[[Dict[str, np.ndarray]], Sequence[np.ndarray]]
OUTPUTS = ("position", "quat_xyzw", "descriptor", "frame_features")
# relative; versions and settings of ONNX Runtime differ by 2e-6, TF32 by 4e-3 (docs/bundle_format.md)
TOLERANCE = 1e-3
MAX_TOLERANCE = 0.1
# below this an output's own size says nothing about what a difference matters: 1 m, a whole turn of the quaternion
SMALLEST_SCALE = {"position": 1.0, "quat_xyzw": 1.0, "descriptor": 1e-3, "frame_features": 1e-3}
PATCH_ROWS, PATCH_COLS = 9, 16


@dataclass(frozen=True)
class KnownAnswers:
    """images (T, H, W, 3) uint8, shown one after another, and what the network answers to each.

    position (T, 3), quat_xyzw (T, 4), descriptor (T, C), frame_features (T, F); F is 0 for single-frame networks.
    """

    images: np.ndarray
    position: np.ndarray
    quat_xyzw: np.ndarray
    descriptor: np.ndarray
    frame_features: np.ndarray


def patchwork_images(width: int, height: int, count: int) -> np.ndarray:
    """Images (count, height, width, 3) uint8 of patches in random colours: edges for filters, small when zipped."""
    patches = np.random.default_rng(0).integers(0, 256, (count, PATCH_ROWS, PATCH_COLS, 3), dtype=np.uint8)
    rows, cols = np.arange(height) * PATCH_ROWS // height, np.arange(width) * PATCH_COLS // width
    return patches[:, rows][:, :, cols]


def answer_images(run: RunNetwork, images: np.ndarray, window_length: int, feature_count: int) -> KnownAnswers:
    """What a network answers to images (T, H, W, 3) in this order, with windows that grow from one frame.

    `run` takes the inputs of docs/bundle_format.md by name; feature_count F is not used when window_length is 1.
    """
    previous = np.zeros((1, 0, feature_count), dtype=np.float32)
    answers = []
    for image in images:
        feeds = {"image": image[None]}
        if window_length > 1:
            feeds["previous"] = previous[:, -(window_length - 1) :]
        answers.append([np.asarray(output) for output in run(feeds)])
        if window_length > 1:
            previous = np.concatenate([previous, answers[-1][3]], axis=1)
    outputs = [np.concatenate(output).astype(np.float32) for output in zip(*answers)]
    features = outputs[3][:, 0] if window_length > 1 else np.zeros((len(images), 0), dtype=np.float32)
    return KnownAnswers(images, *outputs[:3], features)


def relative_differences(expected: KnownAnswers, found: KnownAnswers) -> dict[str, float]:
    """Largest difference of each output, relative to the largest expected value of that output; NaN where one is."""
    differences = {}
    for name in OUTPUTS:
        a, b = getattr(expected, name), getattr(found, name)
        if a.shape != b.shape:
            differences[name] = float("inf")
        elif a.size:
            differences[name] = float(np.abs(a - b).max() / max(np.abs(a).max(), SMALLEST_SCALE[name]))
    return differences


def save_answers(path: Path, answers: KnownAnswers) -> None:
    """Write a test vector as a compressed .npz file."""
    np.savez_compressed(path, **asdict(answers))


def load_answers(path: Path) -> KnownAnswers:
    """The inverse of `save_answers`; raises ValueError on anything else."""
    answers = KnownAnswers(**load_arrays(path, ("images", *OUTPUTS), max_bytes=64 * 2**20))
    count = len(answers.images) if answers.images.ndim == 4 else 0
    sizes = {"position": 3, "quat_xyzw": 4}
    for name in OUTPUTS:
        values = getattr(answers, name)
        fits = values.ndim == 2 and len(values) == count and values.shape[1] == sizes.get(name, values.shape[1])
        if not (count and fits and values.dtype == np.float32 and np.isfinite(values).all()):
            raise ValueError(f"{name} of shape {values.shape} {values.dtype}; expected {count} finite float32 rows")
    return answers
