# SPDX-License-Identifier: BSD-3-Clause
"""Numbers that tell bad images from good ones, and which stand still, of one look at each."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Mapping, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

from camera_relocalization_ros.core.image_files import decode_grey, image_size
from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.data.dataset import Sequence as Recording
from camera_relocalization_ros.data.still_pictures import compared_rows, still_among, texture_of

# images are measured at this width or less, so that sharpness does not depend on their size
WIDTH = 320
# grey values at or beyond these are clipped
DARKEST, BRIGHTEST = 2, 253
# greys are kept up to so many times that width
MOST_KEPT = 2
# of a picture that cannot be compared
NO_TEXTURE = np.zeros(1, np.float32)
# the four numbers, width and height, hash of the file
_Row = Tuple[float, float, float, float, int, int, str]


@dataclass(frozen=True)
class ImageMeasures:
    """Of N images: sharpness (variance of the Laplacian), mean brightness (0 to 255), shares of clipped pixels.

    All (N,), NaN for an image that does not decode; sizes (N, 2) are width and height in pixels, 0 for such a one.
    digests has N hashes of the files, "" for one that is missing. is_still (N,): the picture stands still while the
    poses move. greys: what `decode_grey` made, at WIDTH, of those files that were to be kept and are small.
    """

    sharpness: np.ndarray
    brightness: np.ndarray
    shadows: np.ndarray
    highlights: np.ndarray
    sizes: np.ndarray
    digests: tuple[str, ...]
    is_still: np.ndarray
    greys: Mapping[Path, np.ndarray]

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


def measure_images(sequences: Sequence[Recording], kept: Collection[Path] = ()) -> ImageMeasures:
    """Read each image of some sequences once; greys of the files `kept` are for who looks at them next."""
    greys: dict[Path, np.ndarray] = {}
    with Task("images", sum(len(sequence.frames) for sequence in sequences), "image") as progress:
        rows, still = [], [np.zeros(0, dtype=bool)]
        # textures of one sequence at a time: those of a thousand would fill the memory
        for sequence in sequences:
            compared = compared_rows(len(sequence.frames))
            are_compared = set(compared.tolist())
            jobs = [_Job(f.image_path, n in are_compared, f.image_path in kept) for n, f in enumerate(sequence.frames)]
            measured = _measured(jobs, progress)
            rows += [one.row for one in measured]
            greys.update((job.path, one.grey) for job, one in zip(jobs, measured) if one.grey is not None)
            textures = [measured[row].texture for row in compared]
            still.append(still_among(compared, textures, sequence.trajectory().poses))
    numbers = np.array([row[:6] for row in rows], dtype=np.float64).reshape(-1, 6)
    return ImageMeasures(
        sharpness=numbers[:, 0],
        brightness=numbers[:, 1],
        shadows=numbers[:, 2],
        highlights=numbers[:, 3],
        sizes=numbers[:, 4:].astype(int),
        digests=tuple(row[6] for row in rows),
        is_still=np.concatenate(still),
        greys=greys,
    )


class _Job(NamedTuple):
    """An image file; whether its texture is compared with others, and whether its grey is kept."""

    path: Path
    is_compared: bool
    is_kept: bool


class _Measured(NamedTuple):
    """Of one image the row; its texture where it is to be compared; its grey where it is to be kept and small."""

    row: _Row
    texture: np.ndarray = NO_TEXTURE
    grey: Optional[np.ndarray] = None


def _measured(jobs: Sequence[_Job], progress: Task) -> list[_Measured]:
    found = []
    with ThreadPoolExecutor() as pool:
        for one in pool.map(_measure, jobs):
            found.append(one)
            progress.advance()
    return found


def _measure(job: _Job) -> _Measured:
    try:
        data = job.path.read_bytes()
    except OSError:
        return _Measured((np.nan, np.nan, np.nan, np.nan, 0, 0, ""))
    decoded, digest = decode_grey(data, WIDTH), hashlib.sha1(data).hexdigest()
    if decoded is None:
        return _Measured((np.nan, np.nan, np.nan, np.nan, 0, 0, digest))
    grey, (width, height) = decoded, image_size(data) or decoded.shape[::-1]
    if grey.shape[1] > WIDTH:
        size = (WIDTH, max(round(height * WIDTH / width), 1))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    row = (*_numbers(grey), width, height, digest)
    # files that are no JPEG are decoded as large as they are
    is_small = decoded.shape[1] <= MOST_KEPT * WIDTH
    return _Measured(
        row, texture_of(grey) if job.is_compared else NO_TEXTURE, decoded if job.is_kept and is_small else None
    )


def _numbers(grey: np.ndarray) -> tuple[float, float, float, float]:
    """Sharpness, brightness, shadows and highlights of an image (H, W) uint8."""
    # two passes of OpenCV, whose sums of whole numbers are exact; NumPy's four took most of what a small image takes
    sharpness = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1].item() ** 2
    shares = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(np.float64) / grey.size
    return (
        sharpness,
        float(shares @ np.arange(256)),
        float(shares[: DARKEST + 1].sum()),
        float(shares[BRIGHTEST:].sum()),
    )
