# SPDX-License-Identifier: BSD-3-Clause
"""An image's two parts, an object and what surrounds it: one of them painted over, or put before another picture."""

from __future__ import annotations

import cv2
import numpy as np


def with_background(image_rgb: np.ndarray, silhouette: np.ndarray, background_rgb: np.ndarray) -> np.ndarray:
    """The image within the silhouette (H, W), the background everywhere else."""
    combined_rgb: np.ndarray = cv2.copyTo(image_rgb, silhouette, background_rgb.copy())
    return combined_rgb


def painted_over(image_rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image (H, W, 3) with what the mask (H, W) marks filled smoothly from around it."""
    height, width = mask.shape
    small = (max(width // 8, 1), max(height // 8, 1))
    keep = cv2.resize((mask == 0).astype(np.float32), small, interpolation=cv2.INTER_AREA)
    kept_rgb = cv2.copyTo(image_rgb, (mask == 0).astype(np.uint8), np.zeros_like(image_rgb))
    colours = cv2.resize(kept_rgb, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    # the mean of what is kept nearby; the wider circles count only where the narrower ones hold next to nothing
    total, weight = np.zeros_like(colours), np.full_like(keep, 1e-9)
    for sigma, importance in ((2.0, 1.0), (6.0, 1e-2), (18.0, 1e-4), (54.0, 1e-6)):
        total += importance * cv2.GaussianBlur(colours, (0, 0), sigma)
        weight += importance * cv2.GaussianBlur(keep, (0, 0), sigma)
    fill = np.clip(total / weight[..., None], 0, 255).astype(np.uint8)
    return with_background(cv2.resize(fill, (width, height), interpolation=cv2.INTER_LINEAR), mask, image_rgb)
