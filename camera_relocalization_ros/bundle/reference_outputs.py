# SPDX-License-Identifier: BSD-3-Clause
"""The test vector of a bundle: images with the outputs that its network gave for them when it was made.

A wrong network, runtime or number format is found by it before the first image of a flight. It knows no runtime:
who calls hands in the function that runs the network.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, Dict, Sequence

import numpy as np

from camera_relocalization_ros.core.array_files import load_arrays, save_arrays

RunNetwork = Callable[[Dict[str, np.ndarray]], Sequence[np.ndarray]]
OUTPUTS = ("position", "quat_xyzw", "descriptor", "member_position", "member_quat_xyzw", "frame_features")
MEMBER_OUTPUTS = ("member_position", "member_quat_xyzw")
# relative; versions and settings of ONNX Runtime differ by 2e-6, TF32 by 4e-3 (docs/bundle_format.md)
TOLERANCE = 1e-3
MAX_TOLERANCE = 0.1
# below this an output's own size says nothing about what a difference matters; of poses 1 m, and 1 of the quaternion
SMALLEST_SCALE = {"descriptor": 1e-3, "frame_features": 1e-3}
# of one image's output; None is any size
ROW_SHAPES = {
    "position": (3,),
    "quat_xyzw": (4,),
    "descriptor": (None,),
    "member_position": (None, 3),
    "member_quat_xyzw": (None, 4),
    "frame_features": (None,),
}
MAX_MEMBERS = 64
PATCH_ROWS, PATCH_COLS = 9, 16


@dataclass(frozen=True)
class ReferenceOutputs:
    """images (T, H, W, 3) uint8, shown one after another, and the network's outputs for each.

    position (T, 3), quat_xyzw (T, 4), descriptor (T, C), member_position (T, M, 3), member_quat_xyzw (T, M, 4),
    frame_features (T, F). M is 0 where the network does not give its members' poses, F for single-frame networks.
    """

    images: np.ndarray
    position: np.ndarray
    quat_xyzw: np.ndarray
    descriptor: np.ndarray
    member_position: np.ndarray
    member_quat_xyzw: np.ndarray
    frame_features: np.ndarray

    @property
    def has_members(self) -> bool:
        """Whether the network gives the pose of each member of its ensemble."""
        return 1 <= self.member_position.shape[1] <= MAX_MEMBERS


def patchwork_images(width: int, height: int, count: int) -> np.ndarray:
    """Images (count, height, width, 3) uint8 of patches in random colours: edges for filters, small when zipped."""
    patches = np.random.default_rng(0).integers(0, 256, (count, PATCH_ROWS, PATCH_COLS, 3), dtype=np.uint8)
    rows, cols = np.arange(height) * PATCH_ROWS // height, np.arange(width) * PATCH_COLS // width
    return patches[:, rows][:, :, cols]


def output_names(window_length: int, has_members: bool = True) -> list[str]:
    """The outputs of a network in their order; before version 3 of the format there were none of members."""
    names = [name for name in OUTPUTS if has_members or name not in MEMBER_OUTPUTS]
    return names if window_length > 1 else names[:-1]


def record_outputs(
    run: RunNetwork, images: np.ndarray, window_length: int, feature_count: int, has_members: bool = True
) -> ReferenceOutputs:
    """The outputs of a network for images (T, H, W, 3) in this order, with windows that grow from one frame.

    `run` takes the inputs of docs/bundle_format.md by name and returns the outputs of `output_names`; feature_count F
    is not used when window_length is 1.
    """
    names = output_names(window_length, has_members)
    previous = np.zeros((1, 0, feature_count), dtype=np.float32)
    by_image: list[dict[str, np.ndarray]] = []
    for image in images:
        feeds = {"image": image[None]}
        if window_length > 1:
            feeds["previous"] = previous[:, -(window_length - 1) :]
        by_image.append(dict(zip(names, map(np.asarray, run(feeds)))))
        if window_length > 1:
            previous = np.concatenate([previous, by_image[-1]["frame_features"]], axis=1)
    outputs = {name: np.concatenate([one[name] for one in by_image]).astype(np.float32) for name in names}
    outputs["frame_features"] = previous[0] if window_length > 1 else np.zeros((len(images), 0), dtype=np.float32)
    if not has_members:
        outputs.update(_no_members(len(images)))
    return ReferenceOutputs(images, **outputs)


def _no_members(count: int) -> dict[str, np.ndarray]:
    return {name: np.zeros((count, 0, size), dtype=np.float32) for name, size in zip(MEMBER_OUTPUTS, (3, 4))}


def relative_differences(expected: ReferenceOutputs, found: ReferenceOutputs) -> dict[str, float]:
    """Largest difference of each output, relative to the largest expected value of that output; NaN where one is."""
    differences = {}
    for name in OUTPUTS:
        a, b = getattr(expected, name), getattr(found, name)
        if a.shape != b.shape:
            differences[name] = float("inf")
        elif a.size:
            differences[name] = float(np.abs(a - b).max() / max(np.abs(a).max(), SMALLEST_SCALE.get(name, 1.0)))
    return differences


def save_reference_outputs(path: Path, outputs: ReferenceOutputs) -> None:
    """Write a test vector as a compressed .npz file."""
    save_arrays(path, asdict(outputs))


def load_reference_outputs(path: Path, has_members: bool = True) -> ReferenceOutputs:
    """The inverse of `save_reference_outputs`; raises ValueError on anything else. Members came with version 3."""
    names = [name for name in OUTPUTS if has_members or name not in MEMBER_OUTPUTS]
    arrays = load_arrays(path, ("images", *names), max_bytes=64 * 2**20)
    count = len(arrays["images"]) if arrays["images"].ndim == 4 else 0
    if not has_members:
        arrays.update(_no_members(count))
    outputs = ReferenceOutputs(**arrays)
    for name in OUTPUTS:
        _check_output(name, getattr(outputs, name), count)
    shapes = outputs.member_position.shape, outputs.member_quat_xyzw.shape
    if shapes[0][1] != shapes[1][1] or has_members != outputs.has_members:
        raise ValueError(
            f"members' answers of shapes {shapes[0]} and {shapes[1]}; expected those of 1 to {MAX_MEMBERS} members"
        )
    return outputs


def _check_output(name: str, values: np.ndarray, count: int) -> None:
    inner = ROW_SHAPES[name]
    fits = values.ndim == 1 + len(inner) and len(values) == count
    fits = fits and all(expected in (None, found) for expected, found in zip(inner, values.shape[1:]))
    if not (count and fits and values.dtype == np.float32 and np.isfinite(values).all()):
        raise ValueError(f"{name} of shape {values.shape} {values.dtype}; expected {count} finite float32 rows")
