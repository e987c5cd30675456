# SPDX-License-Identifier: BSD-3-Clause
"""One part of an image, object or background, made useless while the other stays as it is.

What a model estimates then shows which of the two it reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from camera_relocalization_ros.vision.image_parts import painted_over, with_background

BACKGROUND, OBJECT = "background", "object"
MASKED, BLURRED, SWAPPED = "masked", "blurred", "swapped"
PARTS, CHANGES = (BACKGROUND, OBJECT), (MASKED, BLURRED, SWAPPED)
# ImageNet's mean colour, which backbones subtract: it is nothing to them
MASK_RGB = (124, 116, 104)
# of the image's width: shapes and texture are gone, rough colours stay
BLUR_SHARE = 1 / 32


@dataclass(frozen=True)
class Cutout:
    """An image (H, W, 3) uint8 in RGB order, and its object's silhouette (H, W): 255 there, else 0."""

    image_rgb: np.ndarray
    silhouette: np.ndarray

    @property
    def object_share(self) -> float:
        """Share of the image that is the object."""
        return float(np.count_nonzero(self.silhouette) / self.silhouette.size)


def changed(image: Cutout, part: str, change: str, other: Cutout) -> np.ndarray:
    """The image with `change` of CHANGES done to `part` of PARTS; when swapped, that part is the other image's.

    A swapped background has its own object painted over. A swapped object stands where it stood in the other image,
    before this one's background, whose object is painted over: what it covers of the background is lost.
    """
    if change == SWAPPED:
        front, behind = (image, other) if part == BACKGROUND else (other, image)
        return with_background(front.image_rgb, front.silhouette, painted_over(behind.image_rgb, behind.silhouette))
    keep = image.silhouette if part == BACKGROUND else 255 - image.silhouette
    if change == MASKED:
        return with_background(image.image_rgb, keep, np.full_like(image.image_rgb, MASK_RGB))
    # what is kept is painted over before the rest is blurred, or it would shine into it
    blur_px = BLUR_SHARE * keep.shape[1]
    return with_background(
        image.image_rgb, keep, cv2.GaussianBlur(painted_over(image.image_rgb, keep), (0, 0), blur_px)
    )


def swap_partners(positions: np.ndarray) -> np.ndarray:
    """For each of n frames taken at positions (n, 3) another one's number (n,), all by the same shift.

    Of the shifts by a quarter to three quarters of the frames that which puts partners furthest apart, by the median.
    A shift keeps neighbours neighbours, so a window of frames sees a background that moves as in flight.
    """
    count = len(positions)
    rows = np.arange(count)
    shifts = np.unique(np.linspace(count / 4, 3 * count / 4, 50).round().astype(int))
    apart = [np.median(np.linalg.norm(positions - positions[(rows + shift) % count], axis=1)) for shift in shifts]
    return (rows + shifts[int(np.argmax(apart))]) % count
