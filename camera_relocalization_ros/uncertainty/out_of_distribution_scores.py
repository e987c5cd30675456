# SPDX-License-Identifier: BSD-3-Clause
"""What a bundle estimates for out-of-distribution images, and how those score."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable

import numpy as np

from camera_relocalization_ros.bundle.error_calibration import ErrorCalibration
from camera_relocalization_ros.core.errors import DatasetError, FrameError
from camera_relocalization_ros.core.image_files import SIGNATURES
from camera_relocalization_ros.core.progress import tracked
from camera_relocalization_ros.data.dataset import MANIFEST, Dataset, load_image_rgb
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.uncertainty.out_of_distribution_images import to_aspect

# between images that follow one another in no recording; any gap that does not empty the window
STEP_NS = 10_000_000


def image_paths(spec: Path | str) -> list[Path]:
    """The images of a folder and those below it, or of DATASET or DATASET@SPLIT.PART; raises DatasetError."""
    path = Path(spec)
    if "@" in path.name or (path / MANIFEST).is_file():
        return [frame.image_path for frame in Dataset.load(spec).frames]
    suffixes = {*SIGNATURES, ".jpeg"}
    paths = sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes)
    if not paths:
        raise DatasetError(f"{path}: no image in it; expected a folder of {', '.join(sorted(suffixes))} or a data set")
    return paths


def estimate_images(
    relocalizer: Relocalizer, images: Iterable[tuple[str, np.ndarray]]
) -> dict[str, list[Estimate | None]]:
    """Estimates for images (H, W, 3) by kind, None where one was refused; the images of a kind are one stream."""
    width, height = relocalizer.bundle.sidecar.preprocessing.whole
    estimates: dict[str, list[Estimate | None]] = {}
    for number, (kind, image_rgb) in enumerate(tracked(images, "out of distribution", "image")):
        if kind not in estimates:
            relocalizer.reset()
        try:
            estimate = relocalizer.estimate(to_aspect(image_rgb, width, height), (number + 1) * STEP_NS)
            estimates.setdefault(kind, []).append(estimate)
        except FrameError:
            estimates.setdefault(kind, []).append(None)
    relocalizer.reset()
    return estimates


def estimate_files(relocalizer: Relocalizer, name: str, paths: list[Path]) -> dict[str, list[Estimate | None]]:
    """The same for image files, all of the kind `name`."""
    return estimate_images(relocalizer, ((name, load_image_rgb(path)) for path in paths))


def image_scores(calibration: ErrorCalibration, estimates: list[Estimate | None]) -> np.ndarray:
    """Scores (n,), 0 where there is no estimate."""
    return np.array([0.0 if estimate is None else calibration.score(estimate.indicators) for estimate in estimates])
