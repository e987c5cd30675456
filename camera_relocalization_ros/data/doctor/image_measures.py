# SPDX-License-Identifier: BSD-3-Clause
"""Numbers that tell bad images from good ones; knows nothing of poses."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import cv2
import numpy as np

from camera_relocalization_ros.core.image_files import decode_image
from camera_relocalization_ros.core.progress import tracked

# images are measured at this width or less, so that sharpness does not depend on their size
WIDTH = 320
# grey values at or beyond these are clipped
DARKEST, BRIGHTEST = 2, 253


@dataclass(frozen=True)
class ImageMeasures:
    """Of N images: sharpness (variance of the Laplacian), mean brightness (0 to 255), shares of clipped pixels.

    All (N,), NaN for an image that does not decode; sizes (N, 2) are width and height in pixels, 0 for such a one.
    digests has N hashes of the files, "" for one that is missing.
    """

    sharpness: np.ndarray
    brightness: np.ndarray
    shadows: np.ndarray
    highlights: np.ndarray
    sizes: np.ndarray
    digests: tuple[str, ...]

    @property
    def is_readable(self) -> np.ndarray:
        """Mask (N,) of the images that decode."""
        return self.sizes[:, 0] > 0

    @property
    def median_sharpness(self) -> float:
        """Of the images that decode; NaN when none does."""
        return float(np.median(self.sharpness[self.is_readable])) if self.is_readable.any() else float("nan")

    @property
    def relative_sharpness(self) -> np.ndarray:
        """Sharpness (N,) as a multiple of the median; NaN for an image that does not decode."""
        return self.sharpness / max(self.median_sharpness, 1e-9)


def measure_images(paths: Sequence[Path]) -> ImageMeasures:
    """Read each image once."""
    with ThreadPoolExecutor() as pool:
        rows = list(tracked(pool.map(_measure, paths), "images", "image", len(paths)))
    numbers = np.array([row[:6] for row in rows], dtype=np.float64).reshape(-1, 6)
    return ImageMeasures(
        sharpness=numbers[:, 0],
        brightness=numbers[:, 1],
        shadows=numbers[:, 2],
        highlights=numbers[:, 3],
        sizes=numbers[:, 4:].astype(int),
        digests=tuple(row[6] for row in rows),
    )


def _measure(path: Path) -> tuple[float, float, float, float, int, int, str]:
    try:
        data = path.read_bytes()
    except OSError:
        return (np.nan, np.nan, np.nan, np.nan, 0, 0, "")
    grey = decode_image(data, cv2.IMREAD_GRAYSCALE)
    digest = hashlib.sha1(data).hexdigest()
    if grey is None:
        return (np.nan, np.nan, np.nan, np.nan, 0, 0, digest)
    height, width = grey.shape
    if width > WIDTH:
        grey = cv2.resize(grey, (WIDTH, max(round(height * WIDTH / width), 1)), interpolation=cv2.INTER_AREA)
    sharpness = float(cv2.Laplacian(grey, cv2.CV_64F).var())
    shadows, highlights = float(np.mean(grey <= DARKEST)), float(np.mean(grey >= BRIGHTEST))
    return (sharpness, float(grey.mean()), shadows, highlights, width, height, digest)
