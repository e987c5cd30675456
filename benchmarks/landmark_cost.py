#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What landmarks cost per image of a stream, of this checkout beside another one: the processor's time, and accuracy.

    python benchmarks/landmark_cost.py models/airframe out/airframe/test_0 [--before OTHER_CHECKOUT] [--images 150]

Every image is refined as `reloc evaluate` and the node's refine_first do: where landmarks are tracked near their pose,
else as a whole. `benchmarks/refinement.py` has errors and trust of all images, and the time of a whole search.
"""

from __future__ import annotations

from camera_relocalization_ros.core.program import prepare_process

# before NumPy, as in the node
prepare_process()

# isort: split
import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from camera_relocalization_ros.core.pose import pose_residual
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline
from camera_relocalization_ros.localization.relocalizer import Relocalizer


def stream_cost(relocalizer: Relocalizer, test: Dataset, count: int) -> str:
    """Milliseconds of the processor that landmarks take of the first images, and the median error."""
    assert relocalizer.bundle.landmark_map is not None and test.camera is not None
    pipeline, frames = LandmarkPipeline(relocalizer.bundle.landmark_map, test.camera), test.frames[:count]
    busy_s, errors, refined = 0.0, [], 0
    for frame in frames:
        image_rgb = load_image_rgb(frame.image_path)
        regression = relocalizer.estimate(image_rgb, frame.stamp_ns)
        started_s = time.process_time()
        fused = pipeline.estimate(image_rgb, regression).fused
        busy_s += time.process_time() - started_s
        refined += fused.state is State.OK
        errors.append(pose_residual(fused.pose, frame.pose))
    metres, radians = (np.median(np.linalg.norm(part, axis=1)) for part in np.split(np.array(errors), 2, axis=1))
    return (
        f"{1e3 * busy_s / len(frames):.1f} ms an image, {1e3 * busy_s / max(refined, 1):.1f} ms a refined one; "
        f"{refined} of {len(frames)} refined; median {100 * metres:.2f} cm {np.degrees(radians):.3f} deg"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("test", help="data set, or a part of one, whose images follow one another")
    parser.add_argument("--images", type=int, default=150)
    parser.add_argument("--before", type=Path, metavar="CHECKOUT")
    arguments = parser.parse_args()
    relocalizer = Relocalizer.from_bundle(arguments.bundle)
    print(stream_cost(relocalizer, Dataset.load(arguments.test), arguments.images), flush=True)
    if arguments.before:
        command = [sys.executable, __file__, arguments.bundle, arguments.test, "--images", arguments.images]
        environment = {**os.environ, "PYTHONPATH": str(arguments.before.resolve())}
        print("before:", end=" ", flush=True)
        subprocess.run([str(word) for word in command], env=environment, check=True)


if __name__ == "__main__":
    main()
