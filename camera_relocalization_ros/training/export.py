# SPDX-License-Identifier: BSD-3-Clause
"""A finished run -> a bundle, after ONNX Runtime has given what PyTorch does."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from camera_relocalization_ros.bundle.model_bundle import save_bundle
from camera_relocalization_ros.bundle.reference_outputs import (
    ReferenceOutputs,
    output_names,
    patchwork_images,
    record_outputs,
)
from camera_relocalization_ros.bundle.sidecar import BundleSidecar
from camera_relocalization_ros.core.errors import BundleError
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.training.onnx_graph import onnx_bytes
from camera_relocalization_ros.training.pose_network import FlightStep, PooledBackbone
from camera_relocalization_ros.training.precision import to_fp16, to_int8
from camera_relocalization_ros.training.run_folder import Run

logger = logging.getLogger(__name__)

# largest difference to PyTorch in components of a quaternion, and in positions by their unit (`_position_unit_m`).
# Measured on Red Kitchen: 0.003 for fp16, 0.1 for int8.
PARITY_TOLERANCE = {"fp32": 1e-4, "fp16": 0.02, "int8": 0.25}
# of the test vector: other machines round otherwise, and the fewer the bits, the more that changes
ANSWER_TOLERANCE = {"fp32": 1e-3, "fp16": 1e-2, "int8": 5e-2}
CALIBRATION_IMAGES = 100


def export(run: Run, path: Path, precision: str = "fp32", calibration: Dataset | None = None) -> float:
    """Write the bundle and return the largest difference to PyTorch, of positions as a share of the place's size.

    int8 needs the training images as `calibration`. Raises BundleError when the difference is over PARITY_TOLERANCE.
    """
    backbone = run.backbone()
    size = run.preprocessing
    step = FlightStep(PooledBackbone(backbone, size.width, size.height, run.config.head), run.pose_head).eval()
    network, parity = _network(step, run, precision, calibration, path)
    sidecar = BundleSidecar(
        parent_frame=run.parent_frame,
        child_frame=run.child_frame,
        camera=run.camera,
        preprocessing=size,
        backbone=run.config.backbone,
        head=run.config.head.name,
        window_length=run.pose_head.window_length,
        max_gap_s=run.config.head.max_gap_s,
        origin={
            "recipe": run.config.to_dict(),
            "training": run.results,
            "parity_with_torch": parity,
            "backbone_sha256": run.backbone_sha256,
        },
        precision=precision,
        weights_licence=backbone.weights.licence,
        training_data=run.training_data,
        tolerance=ANSWER_TOLERANCE[precision],
        position_origin=tuple(run.position_origin.tolist()),
        tested_with=f"ONNX Runtime {onnxruntime.__version__} on CPUExecutionProvider",
    )
    images = patchwork_images(size.width, size.height, min(run.pose_head.window_length, 2))
    save_bundle(path, sidecar, network, run.index, _outputs(network, images, run))
    return parity


def _network(
    step: FlightStep, run: Run, precision: str, calibration: Dataset | None, path: Path
) -> tuple[bytes, float]:
    """The network in the precision asked for, and its largest difference to PyTorch."""
    images = _noise(run)
    network = _step_bytes(step, run)
    parity = _checked_parity(step, network, images, run, "fp32", path)
    if precision == "fp32":
        return network, parity
    if precision == "int8" and calibration is None:
        raise BundleError(f"{path}: int8 is calibrated on training images; expected a data set of them")
    if calibration is not None:
        images = _calibration_images(calibration, run)
    if precision == "fp16":
        network = to_fp16(network)
    else:
        exact, network = network, to_int8(network, images, run.pose_head.window_length)
        if not _parity(step, network, images, run) <= PARITY_TOLERANCE["int8"]:
            logger.info("int8: products of 8 bits overflow on this processor; weights have 7 bits, which fit any")
            network = to_int8(exact, images, run.pose_head.window_length, weight_bits=7)
    return network, _checked_parity(step, network, images, run, precision, path)


def _checked_parity(
    step: FlightStep, network: bytes, images: np.ndarray, run: Run, precision: str, path: Path
) -> float:
    difference = _parity(step, network, images, run)
    tolerance = PARITY_TOLERANCE[precision]
    if not difference <= tolerance:
        raise BundleError(
            f"{path}: ONNX Runtime in {precision} differs from PyTorch by {difference:.1e}; expected {tolerance:.1e}"
        )
    return difference


def _step_bytes(step: FlightStep, run: Run) -> bytes:
    image = torch.zeros(1, run.preprocessing.height, run.preprocessing.width, 3, dtype=torch.uint8)
    if run.pose_head.window_length == 1:
        return onnx_bytes(step, (image,), ["image"], output_names(1))
    previous = torch.zeros(1, run.pose_head.window_length - 1, run.pose_head.feature_size)
    return onnx_bytes(
        step,
        (image, previous),
        ["image", "previous"],
        output_names(run.pose_head.window_length),
        dynamic_axes={"previous": {1: "previous_frames"}},
    )


def _noise(run: Run) -> np.ndarray:
    """Images enough for windows of every length, and one more."""
    shape = (run.pose_head.window_length + 1, run.preprocessing.height, run.preprocessing.width, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _calibration_images(dataset: Dataset, run: Run) -> np.ndarray:
    """Images (N, H, W, 3) spread over the data set."""
    frames = dataset.frames
    chosen = np.unique(np.linspace(0, len(frames) - 1, CALIBRATION_IMAGES).round().astype(int))
    return np.stack([run.preprocessing.apply(load_image_rgb(frames[row].image_path)) for row in chosen])


def _outputs(network: bytes, images: np.ndarray, run: Run) -> ReferenceOutputs:
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    window_length = run.pose_head.window_length
    return record_outputs(lambda feeds: session.run(None, feeds), images, window_length, run.pose_head.feature_size)


def _parity(step: FlightStep, network: bytes, images: np.ndarray, run: Run) -> float:
    """Largest difference of poses, the members' too, over the images, with windows that grow to full length.

    That of positions is a share of `_position_unit_m`.
    """

    def in_torch(feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        with torch.inference_mode():
            return [value.numpy() for value in step(*map(torch.from_numpy, feeds.values()))]

    expected = record_outputs(in_torch, images, run.pose_head.window_length, run.pose_head.feature_size)
    found = _outputs(network, images, run)
    unit_m = _position_unit_m(run)
    units = {"position": unit_m, "member_position": unit_m, "quat_xyzw": 1.0, "member_quat_xyzw": 1.0}
    return max(
        float(np.abs(getattr(expected, name) - getattr(found, name)).max()) / unit for name, unit in units.items()
    )


def _position_unit_m(run: Run) -> float:
    """The spread of the training positions, at least 1 m: rounding grows with the place.

    Far from the origin, where float32 itself is coarse, two of its steps are within the tolerance of fp32.
    """
    spread_m, far_m = float(run.pose_head.position_scale), float(run.pose_head.position_mean.abs().max())
    step_m = float(np.spacing(np.float32(far_m + spread_m)))
    return max(spread_m, 1.0, 2 * step_m / PARITY_TOLERANCE["fp32"])
