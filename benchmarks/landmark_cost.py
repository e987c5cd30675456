#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What landmarks cost per image of a stream, of this checkout beside another one: the processor's time, and accuracy.

    python benchmarks/landmark_cost.py models/airframe out/airframe/test_0 [--before OTHER_CHECKOUT] [--images 150]

Every image is refined as `reloc evaluate` and the node's refine_first do: where landmarks are tracked near their pose,
else as a whole. `benchmarks/refinement.py` has errors and trust of all images, and the time of a whole search.
"""

from __future__ import annotations

from contextlib import suppress

# a checkout from before the folders of today has none
with suppress(ImportError):
    from camera_relocalization_ros.core.program import multiply_in_one_thread, prepare_process

    # before NumPy, as in the node
    prepare_process()
    multiply_in_one_thread()

# isort: split
import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np

from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.state import State


def refined_stream(bundle: Path, test: str) -> tuple[Any, Callable[[np.ndarray, int], tuple[Any, float]]]:
    """The frames of a data set, and what makes of an image and its stamp an estimate, and seconds by landmarks."""
    try:
        from camera_relocalization_ros.data.dataset import Dataset
        from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline as Landmarks
        from camera_relocalization_ros.localization.relocalizer import Relocalizer

        refined = Landmarks.estimate
    except ImportError:  # as they lay at 7a28b2f
        from camera_relocalization_ros.core.dataset import Dataset
        from camera_relocalization_ros.inference.landmark_stage import LandmarkStage as Landmarks
        from camera_relocalization_ros.inference.relocalizer import Relocalizer
        from camera_relocalization_ros.inference.staged_relocalizer import refine_first as refined

    relocalizer, dataset = Relocalizer.from_bundle(bundle), Dataset.load(test)
    assert relocalizer.bundle.landmark_map is not None and dataset.camera is not None
    landmarks = Landmarks(relocalizer.bundle.landmark_map, dataset.camera)

    def estimate(image_rgb: np.ndarray, stamp_ns: int) -> tuple[Any, float]:
        regression = relocalizer.estimate(image_rgb, stamp_ns)
        started_s = time.process_time()
        fused = refined(landmarks, image_rgb, regression).fused
        return fused, time.process_time() - started_s

    return dataset.frames, estimate


def stream_cost(bundle: Path, test: str, count: int) -> str:
    """Milliseconds of the processor that landmarks take of the first images, and the median error."""
    frames, estimate = refined_stream(bundle, test)
    busy_s, metres, radians, refined = 0.0, [], [], 0
    for frame in frames[:count]:
        image_rgb = cv2.cvtColor(cv2.imread(str(frame.image_path)), cv2.COLOR_BGR2RGB)
        fused, seconds = estimate(image_rgb, frame.stamp_ns)
        busy_s += seconds
        refined += fused.state is State.OK
        # both have their numbers in a pose, or at 7a28b2f in themselves
        pose, truth = (getattr(each, "pose", each) for each in (fused, frame))
        metres.append(np.linalg.norm(pose.position - truth.position))
        radians.append(angular_distance(pose.quat_xyzw, truth.quat_xyzw))
    return (
        f"{1e3 * busy_s / len(metres):.1f} ms an image, {1e3 * busy_s / max(refined, 1):.1f} ms a refined one; "
        f"{refined} of {len(metres)} refined; "
        f"median {100 * np.median(metres):.2f} cm {np.degrees(np.median(radians)):.3f} deg"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("test", help="data set, or a part of one, whose images follow one another")
    parser.add_argument("--images", type=int, default=150)
    parser.add_argument("--before", type=Path, metavar="CHECKOUT")
    arguments = parser.parse_args()
    print(stream_cost(arguments.bundle, arguments.test, arguments.images), flush=True)
    if arguments.before:
        # its own environment, where it has one: it may need packages that are no longer needed
        own = arguments.before / ".venv" / "bin" / "python"
        python = own if own.exists() else sys.executable
        command = [python, __file__, arguments.bundle, arguments.test, "--images", arguments.images]
        environment = {**os.environ, "PYTHONPATH": str(arguments.before.resolve())}
        print("before:", end=" ", flush=True)
        subprocess.run([str(word) for word in command], env=environment, check=False)


if __name__ == "__main__":
    main()
