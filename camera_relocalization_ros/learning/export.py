# SPDX-License-Identifier: BSD-3-Clause
"""A finished run -> a bundle, after ONNX Runtime has answered as PyTorch does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch

from camera_relocalization_ros.core.errors import BundleError
from camera_relocalization_ros.core.model_bundle import BundleSidecar, save_bundle
from camera_relocalization_ros.learning.backbones import build_backbone
from camera_relocalization_ros.learning.onnx_graph import onnx_bytes
from camera_relocalization_ros.learning.pose_network import FlightStep, PooledBackbone
from camera_relocalization_ros.learning.run_folder import Run

# metres, and components of a quaternion
PARITY_TOLERANCE = 1e-4
OUTPUTS = ["position", "quat_xyzw", "descriptor"]


def export(run: Run, path: Path) -> float:
    """Write the bundle and return the largest difference to PyTorch; raises BundleError when it is over 1e-4."""
    size = run.preprocessing
    backbone = build_backbone(run.config.backbone)
    step = FlightStep(PooledBackbone(backbone, size.width, size.height, run.config.head), run.pose_head).eval()
    network = _step_bytes(step, run)
    difference = _parity(step, network, run)
    if difference > PARITY_TOLERANCE:
        raise BundleError(f"{path}: ONNX Runtime differs from PyTorch by {difference:.1e}; expected {PARITY_TOLERANCE}")
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
            "weights_licence": backbone.weights.licence,
            "recipe": run.config.to_dict(),
            "training": run.results,
            "parity_with_torch": float(difference),
        },
    )
    save_bundle(path, sidecar, network, run.index)
    return difference


def _step_bytes(step: FlightStep, run: Run) -> bytes:
    image = torch.zeros(1, run.preprocessing.height, run.preprocessing.width, 3, dtype=torch.uint8)
    if run.pose_head.window_length == 1:
        return onnx_bytes(step, (image,), ["image"], OUTPUTS)
    previous = torch.zeros(1, run.pose_head.window_length - 1, run.config.head.hidden)
    return onnx_bytes(
        step,
        (image, previous),
        ["image", "previous"],
        [*OUTPUTS, "frame_features"],
        dynamic_axes={"previous": {1: "previous_frames"}},
    )


def _parity(step: FlightStep, network: bytes, run: Run) -> float:
    """Largest difference of positions and quaternions over some images, with windows of every length."""
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    shape = (1, run.preprocessing.height, run.preprocessing.width, 3)
    previous = None if run.pose_head.window_length == 1 else np.zeros((1, 0, run.config.head.hidden), np.float32)
    worst = 0.0
    for _ in range(run.pose_head.window_length + 1):
        image = rng.integers(0, 256, shape, dtype=np.uint8)
        inputs = [image] if previous is None else [image, previous]
        with torch.inference_mode():
            expected = [value.numpy() for value in step(*map(torch.from_numpy, inputs))]
        found = session.run(None, dict(zip(["image", "previous"], inputs)))
        worst = max(worst, *(float(np.abs(a - b).max()) for a, b in zip(expected[:2], found[:2])))
        if previous is not None:
            previous = np.concatenate([previous, found[3]], axis=1)[:, 1 - run.pose_head.window_length :]
    return worst
