#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What caching a view costs, on one core: the view itself, and ways to run the frozen backbone on it.

    python benchmarks/frozen_part.py [--turns 3]

The default recipe on images of 640x360 that are noise of several scales. Milliseconds of the processor for a view, the
best of the turns; and how far a way's features are from those that are stored, relative to their norm.
"""

from __future__ import annotations

from camera_relocalization_ros.core.program import prepare_process

# before NumPy, as the commands do
prepare_process()

# isort: split
import argparse
import tempfile
import time
from pathlib import Path
from typing import Callable

import cv2
import numpy as np
import onnxruntime
import torch

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import Frame
from camera_relocalization_ros.training.backbones import build_backbone
from camera_relocalization_ros.training.config import AugmentationConfig, config_from_dict
from camera_relocalization_ros.training.features.backgrounds import random_texture
from camera_relocalization_ros.training.features.views import ViewMaker
from camera_relocalization_ros.training.onnx_graph import onnx_bytes
from camera_relocalization_ros.training.pose_network import PooledBackbone

WIDTH, HEIGHT, BATCH = 640, 360, 8
CAMERA = CameraIntrinsics(WIDTH, HEIGHT, 500.0, 500.0, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)


def milliseconds(work: Callable[[], object], views: int, turns: int) -> float:
    """Of the processor for one of the views that a call handles."""
    work()
    best_s = np.inf
    for _ in range(turns):
        started_s = time.process_time()
        work()
        best_s = min(best_s, time.process_time() - started_s)
    return 1e3 * best_s / views


def onnx_session(network: torch.nn.Module, size: Preprocessing, batch: int) -> onnxruntime.InferenceSession:
    """The network on so many images at a time, in one thread."""
    images = torch.zeros(batch, size.height, size.width, 3, dtype=torch.uint8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = onnx_bytes(network, (images,), ["image"], ["cells"])
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def in_torch(network: torch.nn.Module, images: torch.Tensor, is_half: bool) -> np.ndarray:
    """Features by PyTorch, channels last."""
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=is_half):
        return network(images).float().numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    turns = parser.parse_args().turns
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    config, augmentation = config_from_dict({}, "benchmark"), AugmentationConfig()
    backbone = build_backbone(config.backbone)
    size = Preprocessing.for_image(backbone.input_width, WIDTH, HEIGHT)
    network = PooledBackbone(backbone, size.width, size.height, config.head).eval()
    maker = ViewMaker(size, augmentation, 0, CAMERA)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "0.jpg"
        cv2.imwrite(str(path), random_texture(np.random.default_rng(0), WIDTH, HEIGHT))
        frame = Frame(0, 1, path, np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]))
        made_ms = milliseconds(lambda: maker.views(frame, 0), augmentation.views + 1, turns)
        images = maker.views(frame, 0)[0][:BATCH]
    print(f"views of {size.width}x{size.height}, {augmentation.views} and the original: {made_ms:.1f} ms each")
    single, batched = onnx_session(network, size, 1), onnx_session(network, size, BATCH)
    stored = np.concatenate([single.run(None, {"image": image[None]})[0] for image in images]).astype(np.float32)
    tensor = torch.from_numpy(images)
    ways: dict[str, Callable[[], np.ndarray]] = {
        "ONNX Runtime, one by one (as stored)": lambda: np.concatenate(
            [single.run(None, {"image": image[None]})[0] for image in images]
        ),
        f"ONNX Runtime, {BATCH} at a time": lambda: batched.run(None, {"image": images})[0],
    }
    last = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ways["PyTorch, channels last"] = lambda: in_torch(last, tensor, False)
    ways["PyTorch, channels last, bf16"] = lambda: in_torch(last, tensor, True)
    for way, run in ways.items():
        off = np.linalg.norm(run().astype(np.float32) - stored) / np.linalg.norm(stored)
        print(f"{config.backbone}, {way}: {milliseconds(run, BATCH, turns):.1f} ms, off by {off:.1e}", flush=True)


if __name__ == "__main__":
    main()
