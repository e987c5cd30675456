#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Time for an image and answers of bundles on ONNX Runtime's execution providers, in turns.

    python benchmarks/providers.py models/airframe --providers CUDAExecutionProvider CPUExecutionProvider

Bundles of one run in several precisions show what fewer bits are worth here. Times are those of `Estimate`, from the
image to the pose, without camera and ROS; differences are to the first bundle on the last provider.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from camera_relocalization_ros.bundle.reference_outputs import patchwork_images
from camera_relocalization_ros.localization.relocalizer import Relocalizer

PERIOD_NS = 33_333_333
WARM_UP, ROUND = 20, 50


def fly(relocalizer: Relocalizer, images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds (N,) and positions (N, 3) of the answers to N images from an empty buffer on."""
    relocalizer.reset()
    found = [relocalizer.estimate(image, row * PERIOD_NS) for row, image in enumerate(images)]
    return np.array([answer.inference_s for answer in found]), np.stack([answer.position for answer in found])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--providers", nargs="+", default=["CUDAExecutionProvider", "CPUExecutionProvider"])
    parser.add_argument("--rounds", type=int, default=10, help=f"of {ROUND} images")
    parser.add_argument("--threads", type=int, default=0, help="of ONNX Runtime; 0: one for each core")
    arguments = parser.parse_args()

    flown = {}
    for bundle in arguments.bundles:
        for provider in arguments.providers:
            # alone: one that fails or answers wrongly is an error here
            flown[f"{bundle}, {provider}"] = Relocalizer.from_bundle(bundle, (provider,), arguments.threads)
    camera = next(iter(flown.values())).bundle.sidecar.camera
    images = patchwork_images(camera.width, camera.height, ROUND)
    for relocalizer in flown.values():
        fly(relocalizer, images[:WARM_UP])
    seconds, positions = {name: [] for name in flown}, {}
    for _ in range(arguments.rounds):
        for name, relocalizer in flown.items():
            taken, positions[name] = fly(relocalizer, images)
            seconds[name].append(taken)
    reference = positions[f"{arguments.bundles[0]}, {arguments.providers[-1]}"]
    print(f"{arguments.rounds * ROUND} images of {camera.width}x{camera.height}")
    for name, rounds in seconds.items():
        median, late = 1e3 * np.percentile(np.concatenate(rounds), [50, 95])
        furthest_mm = 1e3 * np.linalg.norm(positions[name] - reference, axis=1).max()
        print(f"{name:60} median {median:6.2f} ms  p95 {late:6.2f} ms  at most {furthest_mm:8.3f} mm apart")


if __name__ == "__main__":
    main()
