# SPDX-License-Identifier: BSD-3-Clause
"""Points of an image that can be found again in another one, and what surrounds them (SIFT, Lowe 2004)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError, FrameError

DESCRIPTOR_SIZE = 128
# of a descriptor of SIFT: rows and columns of cells, along and across the point's direction, and directions in each. In
# a mirror the rows change places, and directions turn the other way
CELLS_OF_SIFT = np.arange(DESCRIPTOR_SIZE).reshape(4, 4, 8)
IN_MIRROR = CELLS_OF_SIFT[::-1][:, :, -np.arange(8)].ravel()
# of OpenCV, and how they are called: the first came with 4.4, the second with 4.5.1
NEEDED = {"SIFT_create": "SIFT", "UsacParams": "USAC"}
# of the entries of a descriptor of unit length few reach a half; finer steps than this change no match
BYTES_PER_UNIT = 512
# of a window: the percentage of points on each side that it need not hold, and places per axis where it is tried
OUTERMOST, PLACES = 2, 7


@dataclass(frozen=True)
class FeatureSettings:
    """Images are brought to `width` pixels; at most `limit` points are taken, those of the strongest contrast."""

    width: int = 640
    limit: int = 1500
    contrast: float = 0.02


@dataclass(frozen=True)
class LocalFeatures:
    """Points of one image, of the strongest contrast first: rays (n, 2) are x/z and y/z in the optical frame, free of
    distortion; float64.

    descriptors (n, 128) uint8 are of length 512, up to rounding; pixels (n, 2) are where the points lie in the grey
    image, focal_px is its focal length. share: of the part of the image that was looked at, where they could lie.
    """

    rays: np.ndarray
    descriptors: np.ndarray
    pixels: np.ndarray
    focal_px: float
    share: float = 1.0

    def __len__(self) -> int:
        return len(self.rays)

    def strongest(self, count: int) -> LocalFeatures:
        """The `count` points of the strongest contrast."""
        return replace(self, rays=self.rays[:count], descriptors=self.descriptors[:count], pixels=self.pixels[:count])

    def mirrored(self) -> LocalFeatures:
        """Those of the image's mirror image, left and right exchanged; pixels are still where they lie in the image."""
        return replace(self, rays=self.rays * [-1.0, 1.0], descriptors=self.descriptors[:, IN_MIRROR])


def why_none() -> str:
    """Why no points can be found on this computer; empty when they can."""
    for name, what in NEEDED.items():
        if not hasattr(cv2, name):
            return f"OpenCV {cv2.__version__} has no {what}; landmarks need version 4.5.1 or newer"
    return ""


@dataclass(frozen=True)
class Window:
    """Part of a grey image, in pixels; right and bottom are beyond it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """Of its pixels, how many there are."""
        return (self.right - self.left) * (self.bottom - self.top)

    def of(self, grey: np.ndarray) -> np.ndarray:
        """What it shows, as an image of its own."""
        return np.ascontiguousarray(grey[self.top : self.bottom, self.left : self.right])

    def near(self, places: np.ndarray, radius_px: float) -> np.ndarray:
        """Its pixels, as a mask of 255 and 0, that lie within a radius of places (n, 2) of the image."""
        shown = np.zeros((self.bottom - self.top, self.right - self.left), np.uint8)
        columns, rows = np.round(places - [self.left, self.top]).astype(int).T
        inside = (columns >= 0) & (columns < shown.shape[1]) & (rows >= 0) & (rows < shown.shape[0])
        shown[rows[inside], columns[inside]] = 255
        # of a few pixels in half of the time that a transform by distances takes, and to the pixel
        steps = np.square(np.arange(-int(radius_px), int(radius_px) + 1))
        near: np.ndarray = cv2.dilate(shown, (steps[:, None] + steps <= radius_px**2).astype(np.uint8))
        return near


class FeatureExtractor:
    """Finds the points of images of one camera; raises ConfigError when OpenCV is too old, see `why_none`."""

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

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the grey images."""
        return self._size

    def pixels(self, rays: np.ndarray) -> np.ndarray:
        """Pixels (n, 2) of a grey image where rays (n, 2) appear: the inverse of `rays`."""
        return self._scaled.project(np.column_stack([rays, np.ones(len(rays))]))

    def grey(self, image: np.ndarray) -> np.ndarray:
        """An image (H, W, 3) uint8 in RGB, or (H, W) in grey, in the size in which points are looked for, in grey.

        Raises FrameError when it has not the camera's proportions.
        """
        height, width = image.shape[:2]
        if abs(width * self.camera.height - height * self.camera.width) > max(width, height):
            expected = f"{self.camera.width}x{self.camera.height}"
            raise FrameError(f"image of {width}x{height}; the intrinsics are for the proportions of {expected}")
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if grey.shape[::-1] != self._size:
            shrinks = self._size[0] < width
            grey = cv2.resize(grey, self._size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        return grey

    def extract(self, grey: np.ndarray, scale: float = 1.0) -> LocalFeatures:
        """The points of an image made by `grey`; time goes with its area.

        scale: what the image is brought to first; pixels are those of `grey` all the same, focal_px is not.
        """
        window, shown = Window(0, 0, *grey.shape[::-1]), grey
        if scale != 1.0:
            shown = cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return self._points(shown, window, scale)

    def extract_near(self, grey: np.ndarray, window: Window, places: np.ndarray, radius_px: float) -> LocalFeatures:
        """The points of what a window shows of an image made by `grey` that lie within a radius of places (n, 2).

        What surrounds a point takes more of the time than to find it, and is looked at of these alone.
        """
        near = window.near(places, radius_px)
        return replace(self._points(window.of(grey), window, mask=near), share=cv2.countNonZero(near) / near.size)

    def _points(
        self, shown: np.ndarray, window: Window, scale: float = 1.0, mask: np.ndarray | None = None
    ) -> LocalFeatures:
        focal_px = scale * self.focal_px
        points, descriptors = self._sift.detectAndCompute(shown, mask)
        if not points:
            nothing = np.empty((0, 2))
            return LocalFeatures(nothing, np.empty((0, DESCRIPTOR_SIZE), np.uint8), nothing, focal_px)
        order = np.argsort([-point.response for point in points], kind="stable")
        pixels = (cv2.KeyPoint_convert(points).astype(np.float64) + 0.5) / scale - 0.5 + [window.left, window.top]
        pixels, descriptors = pixels[order], descriptors[order]
        rays = self.rays(pixels)
        seen = np.isfinite(rays).all(axis=1)
        return LocalFeatures(rays[seen], _root_bytes(descriptors[seen]), pixels[seen], focal_px)

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Rays (n, 2) of pixels (n, 2) of a grey image; NaN where the lens has none."""
        return self._scaled.rays(pixels)


def densest_window(pixels: np.ndarray, size: np.ndarray, share: float, margin_px: float) -> Window | None:
    """The part of an image of `size` (2,), `share` of it at most, that holds most of pixels (n, 2); None without any.

    Where all fit in it is their bounding box, but for the outermost, and a margin.
    """
    if not len(pixels):
        return None
    low, high = np.percentile(pixels, [OUTERMOST, 100 - OUTERMOST], axis=0)
    low, high = np.maximum(low - margin_px, 0), np.minimum(high + margin_px, size)
    excess = np.prod(high - low) / (share * np.prod(size))
    if excess > 1:
        extent = (high - low) / np.sqrt(excess)
        places = np.linspace(low, high - extent, PLACES)
        # of each place along an axis, which points (PLACES, n) lie within the extent from it
        x_inside, y_inside = (
            ((pixels > places[:, None]) & (pixels < places[:, None] + extent)).astype(float).T.swapaxes(1, 2)
        )
        row, column = divmod(int((y_inside @ x_inside.T).argmax()), PLACES)
        low = np.array([places[column, 0], places[row, 1]])
        high = low + extent
    (left, top), (right, bottom) = np.floor(low).astype(int).tolist(), np.ceil(high).astype(int).tolist()
    return Window(left, top, right, bottom)


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
