# SPDX-License-Identifier: BSD-3-Clause
"""Whether another processor gives the poses of this one: estimates of a bundle on a few images, kept and compared.

    python benchmarks/emulated.py keep BUNDLE IMAGES FILE       poses of a folder's images, in order, to FILE (JSON)
    python benchmarks/emulated.py compare BUNDLE IMAGES FILE    the same here, and how far they are from those in FILE

It loads what flies and no more. The camera is the bundle's own. benchmarks/emulated.sh runs it under QEMU.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import StagedRelocalizer
from camera_relocalization_ros.localization.relocalizer import Relocalizer

COUNT = 2
PERIOD_NS = 200_000_000


def estimates(bundle: Path, folder: Path) -> list[dict[str, Any]]:
    """Each stage's stage, state, position (m) and quaternion for a folder's first images.

    Raises BundleError where the test vector is answered wrongly.
    """
    began = time.monotonic()
    relocalizer = Relocalizer.from_bundle(bundle)
    print(f"{platform.machine()}: loaded, test vector right, {time.monotonic() - began:.1f} s", flush=True)
    has_map = relocalizer.bundle.landmark_map is not None
    staged = StagedRelocalizer(relocalizer, relocalizer.bundle.sidecar.camera) if has_map else None
    found = []
    for number, path in enumerate(sorted(folder.glob("*.jpg"))[:COUNT]):
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        began, stamp_ns = time.monotonic(), number * PERIOD_NS
        if staged is None:
            stages = [relocalizer.estimate(image, stamp_ns)]
        else:
            both = staged.estimate_stages(image, stamp_ns)
            stages = [both.regression, both.fused]
        print(f"{path.name}: {time.monotonic() - began:.1f} s", flush=True)
        found += [{"image": path.name, **_values(estimate)} for estimate in stages]
    return found


def _values(estimate: Estimate) -> dict[str, Any]:
    pose = {"position": estimate.position.tolist(), "quat_xyzw": estimate.quat_xyzw.tolist()}
    return {"stage": estimate.stage.name, "state": estimate.state.name, **pose}


def compare(here: list[dict[str, Any]], there: list[dict[str, Any]]) -> int:
    """Print the differences of two lists of estimates; 1 where a stage or state differs, or their number."""
    differ = 0 if len(here) == len(there) else 1
    for a, b in zip(here, there):
        metres = float(np.linalg.norm(np.subtract(a["position"], b["position"])))
        degrees = float(np.degrees(angular_distance(np.array(a["quat_xyzw"]), np.array(b["quat_xyzw"]))))
        same = (a["stage"], a["state"]) == (b["stage"], b["state"])
        differ += not same
        there_too = "there too" if same else f"there {b['stage']} {b['state']}"
        print(f"{a['image']}: {a['stage']} {a['state']}, {there_too}; {metres:.1e} m, {degrees:.1e} deg apart")
    return min(differ, 1)


def main() -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("keep", "compare"))
    parser.add_argument("bundle", type=Path)
    parser.add_argument("images", type=Path, help="folder of JPEG files")
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    found = estimates(arguments.bundle, arguments.images)
    if arguments.mode == "compare":
        return compare(found, json.loads(arguments.file.read_text(encoding="utf-8")))
    arguments.file.write_text(json.dumps(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
