# SPDX-License-Identifier: BSD-3-Clause
"""Images of other things than the scene, shown to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterable, Optional

import numpy as np
from tqdm import tqdm

from camera_relocalization_ros.core.calibration import Calibration
from camera_relocalization_ros.core.dataset import MANIFEST, Dataset, load_image_rgb
from camera_relocalization_ros.core.errors import DatasetError, FrameError
from camera_relocalization_ros.core.image_files import SIGNATURES
from camera_relocalization_ros.core.negatives import to_aspect
from camera_relocalization_ros.inference.relocalizer import Relocalizer

# of one answer; None where an image was refused
Signs = Optional[Dict[str, float]]
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


def negative_signs(relocalizer: Relocalizer, images: Iterable[tuple[str, np.ndarray]]) -> dict[str, list[Signs]]:
    """Signs of the answers to images (H, W, 3) by kind, None where there is no answer; they are shown as one stream."""
    size = relocalizer.bundle.sidecar.preprocessing
    signs: dict[str, list[Signs]] = {}
    for number, (kind, image_rgb) in enumerate(tqdm(images, desc="negatives", unit="image")):
        if kind not in signs:
            relocalizer.reset()
        try:
            estimate = relocalizer.estimate(to_aspect(image_rgb, size.width, size.height), (number + 1) * STEP_NS)
            signs.setdefault(kind, []).append(estimate.signs)
        except FrameError:
            signs.setdefault(kind, []).append(None)
    relocalizer.reset()
    return signs


def scores_of(calibration: Calibration, signs: list[Signs]) -> np.ndarray:
    """Scores (n,), 0 of refused images."""
    return np.array([0.0 if values is None else calibration.score(values) for values in signs])


def negative_scores(relocalizer: Relocalizer, paths: list[Path], name: str) -> np.ndarray:
    """Scores (n,) of image files by a calibrated bundle."""
    signs = negative_signs(relocalizer, ((name, load_image_rgb(path)) for path in paths))
    return scores_of(relocalizer.bundle.sidecar.calibration, signs[name])
