#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whether OK poses lie where pictures are not what camera_info describes, from the start of a flight or from within.

    python benchmarks/tampered.py BUNDLE FLIGHT [--begin 20] [--kinds "zoom 1.1" mirrored]

FLIGHT is a data set of a model's scene that it was not trained on. Every `--every`th image is searched for landmarks
and tracked into, as `reloc evaluate` does it; from the image `--begin` on each picture is changed as the row says. For
each kind: share of OK poses after that; how many of them are off by more than OK promises, and by more than 25 cm or
10 degrees; the worst; and the most frequent reason of the others. Truth is the recorded pose: a picture that is later
than its stamp is off by how far the camera went, which nothing in it tells.
"""

from __future__ import annotations

import argparse
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import pose_errors, within
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.data.dataset import Dataset, Frame, load_image_rgb
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import StagedRelocalizer
from camera_relocalization_ros.localization.relocalizer import Relocalizer

Change = Callable[[np.ndarray], np.ndarray]
# which picture is shown at the place of another: of its number and the number where it began
ORDERS: Dict[str, Callable[[int, int], int]] = {
    "one image late": lambda number, begin: number - 1,
    "pairs swapped": lambda number, begin: number ^ 1,
    "backwards": lambda number, begin: 2 * begin - number,
    "every image twice": lambda number, begin: number - number % 2,
}
WRONG = (0.25, 10.0)


def affine(x: float, y: float, right: float = 0.0, shear: float = 0.0) -> Change:
    """Stretched about the middle by x and y, moved by a share of the width, and sheared as by a rolling shutter."""

    def change(picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[:2]
        middle = [(1 - x) * width / 2 + right * width - shear * height / 2, (1 - y) * height / 2]
        matrix = np.array([[x, shear, middle[0]], [0.0, y, middle[1]]])
        return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)

    return change


def radial(camera: CameraIntrinsics, amount: float) -> Change:
    """As by a lens with another first radial coefficient."""

    def change(picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[:2]
        own = camera.scaled(width, height)
        x, y = np.meshgrid((np.arange(width) - own.cx) / own.fx, (np.arange(height) - own.cy) / own.fy)
        grown = 1 + amount * (x * x + y * y)
        columns, rows = own.fx * x * grown + own.cx, own.fy * y * grown + own.cy
        maps = columns.astype(np.float32), rows.astype(np.float32)
        return cv2.remap(picture, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    return change


def boxed(x: float, y: float) -> Change:
    """Shrunk into the middle of a black picture."""

    def change(picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[:2]
        inner = cv2.resize(picture, (round(x * width), round(y * height)), interpolation=cv2.INTER_AREA)
        top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
        framed = np.zeros_like(picture)
        framed[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
        return framed

    return change


def with_text(picture: np.ndarray) -> np.ndarray:
    """With what a ground station writes over pictures."""
    shown, height = picture.copy(), picture.shape[0]
    for row in range(height // 10, height, height // 9):
        place, size = (picture.shape[1] // 30, row), height / 560
        cv2.putText(shown, "ALT 12.3  SPD 4.5  SAT 14", place, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 2)
    return shown


def covered(picture: np.ndarray) -> np.ndarray:
    """The left six tenths are dark."""
    shown = picture.copy()
    shown[:, : picture.shape[1] * 6 // 10] = 20
    return shown


def changes(camera: CameraIntrinsics) -> Dict[str, Change]:
    """All that is done to pictures, by name."""
    return {
        "as recorded": lambda picture: picture,
        **{f"zoom {by:g}": affine(by, by) for by in (1.02, 1.05, 1.1, 1.25, 0.9)},
        **{f"wider by {by:g}": affine(by, 1.0) for by in (1.05, 1.1, 1.33)},
        "higher by 1.1": affine(1.0, 1.1),
        **{f"shifted by {share:.1%} of the width": affine(1.0, 1.0, share) for share in (0.016, 0.047, 0.094)},
        **{f"distorted by {amount:g}": radial(camera, amount) for amount in (-0.1, 0.1, 0.3)},
        **{f"sheared by {amount:g}": affine(1.0, 1.0, shear=amount) for amount in (0.05, 0.15)},
        "letterbox": boxed(1.0, 0.75),
        "pillar box": boxed(0.75, 1.0),
        "picture in picture": boxed(0.5, 0.5),
        "mirrored": lambda picture: np.ascontiguousarray(picture[:, ::-1]),
        "upside down": lambda picture: np.ascontiguousarray(picture[::-1, ::-1]),
        "text on it": with_text,
        "covered by six tenths": covered,
        "blurred": lambda picture: cv2.blur(picture, (15, 1)),
        "negative": lambda picture: 255 - picture,
    }


def flown(
    staged: StagedRelocalizer, frames: List[Frame], shown: Callable[[int], np.ndarray]
) -> List[Tuple[Estimate, Frame]]:
    """What is published of each frame where pictures are `shown`."""
    staged.reset()
    return [(staged.estimate(shown(number), frame.stamp_ns), frame) for number, frame in enumerate(frames)]


def row(kind: str, pairs: List[Tuple[Estimate, Frame]], limits: Tuple[float, float]) -> str:
    """One line of the table."""
    is_ok = np.array([estimate.state is State.OK for estimate, _ in pairs])
    poses, truth = (Poses.stack(poses) for poses in ([e.pose for e, _ in pairs], [f.pose for _, f in pairs]))
    errors = pose_errors(poses, truth)
    broken, wrong = (int((is_ok & ~within(errors, *limit)).sum()) for limit in (limits, WRONG))
    worst = "-"
    if is_ok.any():
        worst = f"{100 * errors.position_m[is_ok].max():.1f} cm {errors.orientation_deg[is_ok].max():.1f} deg"
    reasons = Counter("".join(c for c in e.reason if not c.isdigit())[:60] for e, _ in pairs if e.state is not State.OK)
    often = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(1))
    return f"{kind:<30}{is_ok.mean():>6.1%}{broken:>7}{wrong:>7}  {worst:<20}{often}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("flight", type=Path)
    parser.add_argument("--begin", type=int, default=20, metavar="N", help="image from which on pictures are changed")
    parser.add_argument("--every", type=int, default=2, metavar="N", help="take every Nth image")
    parser.add_argument("--count", type=int, default=120, metavar="N", help="of these, at most")
    parser.add_argument("--kinds", nargs="+", help="some of the rows alone")
    arguments = parser.parse_args()
    relocalizer, data = Relocalizer.from_bundle(arguments.bundle), Dataset.load(arguments.flight)
    frames = list(data.sequences[0].frames[:: arguments.every][: arguments.count])
    staged, limits = StagedRelocalizer(relocalizer, data.typical_camera), relocalizer.contract.limits
    known, begin = changes(staged.refiner.extractor.camera), arguments.begin
    kinds = arguments.kinds or [*known, *ORDERS]
    if not set(kinds) <= {*known, *ORDERS}:
        parser.error(f"kinds are: {', '.join([*known, *ORDERS])}")

    @lru_cache(maxsize=4)
    def recorded(number: int) -> np.ndarray:
        return load_image_rgb(frames[min(max(number, 0), len(frames) - 1)].image_path)

    print(f"{'':<30}{'OK':>6}{'broken':>7}{'wrong':>7}  {'worst OK':<20}why the others are not")
    for kind in kinds:

        def shown(number: int, kind: str = kind) -> np.ndarray:
            if number < begin:
                return recorded(number)
            return recorded(ORDERS[kind](number, begin)) if kind in ORDERS else known[kind](recorded(number))

        pairs = flown(staged, frames, shown)[begin:]
        print(row(kind, pairs, (limits.position_m, np.degrees(limits.orientation_rad))), flush=True)


if __name__ == "__main__":
    main()
