# SPDX-License-Identifier: BSD-3-Clause
"""Points of an image that can be found again in another one, and what surrounds them (SIFT, Lowe 2004)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError, FrameError

DESCRIPTOR_SIZE = 128
# of the entries of a descriptor of unit length few reach a half; finer steps than this change no match
BYTES_PER_UNIT = 512


@dataclass(frozen=True)
class FeatureSettings:
    """Images are brought to `width` pixels; at most `limit` points are taken, those of the strongest contrast."""

    width: int = 640
    limit: int = 1500
    contrast: float = 0.02


@dataclass(frozen=True)
class LocalFeatures:
    """Points of one image: rays (n, 2) are x/z and y/z in the optical frame, free of distortion; float64.

    descriptors (n, 128) uint8 are of length 512, up to rounding; pixels (n, 2) are where the points lie in the grey
    image, focal_px is its focal length.
    """

    rays: np.ndarray
    descriptors: np.ndarray
    pixels: np.ndarray
    focal_px: float

    def __len__(self) -> int:
        return len(self.rays)


def why_none() -> str:
    """Why no points can be found on this computer; empty when they can."""
    if hasattr(cv2, "SIFT_create"):
        return ""
    return f"OpenCV {cv2.__version__} has no SIFT; landmarks need version 4.4 or newer"


class FeatureExtractor:
    """Finds the points of images of one camera; raises ConfigError when OpenCV has no SIFT (before 4.4)."""

    def __init__(self, camera: CameraIntrinsics, settings: FeatureSettings = FeatureSettings()) -> None:
        if why_none():
            raise ConfigError(why_none())
        self.camera = camera
        self._settings = settings
        self._size = (settings.width, round(camera.height * settings.width / camera.width))
        self._scaled = camera.scaled(*self._size)
        self._sift = cv2.SIFT_create(settings.limit, contrastThreshold=settings.contrast)

    def for_camera(self, camera: CameraIntrinsics) -> FeatureExtractor:
        """The same for images of another camera; itself where it is the same."""
        return self if camera == self.camera else FeatureExtractor(camera, self._settings)

    @property
    def focal_px(self) -> float:
        """Focal length of the grey images."""
        return self._scaled.fx

    def grey(self, image_rgb: np.ndarray) -> np.ndarray:
        """An image (H, W, 3) uint8 in the size and the grey in which points are looked for.

        Raises FrameError when it has not the camera's proportions.
        """
        height, width = image_rgb.shape[:2]
        if abs(width * self.camera.height - height * self.camera.width) > max(width, height):
            expected = f"{self.camera.width}x{self.camera.height}"
            raise FrameError(f"image of {width}x{height}; the intrinsics are for the proportions of {expected}")
        grey: np.ndarray = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)
        if grey.shape[::-1] != self._size:
            shrinks = self._size[0] < width
            grey = cv2.resize(grey, self._size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        return grey

    def extract(self, grey: np.ndarray) -> LocalFeatures:
        """The points of an image made by `grey`."""
        points, descriptors = self._sift.detectAndCompute(grey, None)
        if not points:
            nothing = np.empty((0, 2))
            return LocalFeatures(nothing, np.empty((0, DESCRIPTOR_SIZE), np.uint8), nothing, self.focal_px)
        pixels = cv2.KeyPoint_convert(points).astype(np.float64)
        rays = self.rays(pixels)
        seen = np.isfinite(rays).all(axis=1)
        return LocalFeatures(rays[seen], _root_bytes(descriptors[seen]), pixels[seen], self.focal_px)

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Rays (n, 2) of pixels (n, 2) of a grey image; NaN where the lens has none."""
        return self._scaled.rays(pixels)


def unit_descriptors(descriptors: np.ndarray) -> np.ndarray:
    """Descriptors (n, d) of any length as float32 of unit length."""
    floats = descriptors.astype(np.float32)
    units: np.ndarray = floats / np.maximum(np.linalg.norm(floats, axis=1, keepdims=True), 1e-6)
    return units


def _root_bytes(descriptors: np.ndarray) -> np.ndarray:
    """Descriptors whose dot product is Hellinger's kernel (Arandjelovic & Zisserman 2012)."""
    roots = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6))
    codes: np.ndarray = np.clip(np.round(BYTES_PER_UNIT * roots), 0, 255).astype(np.uint8)
    return codes
