# SPDX-License-Identifier: BSD-3-Clause
"""From a camera image to the network's input: the only copy, used by training and in flight alike.

Colour normalisation is part of the network itself, so a bundle cannot be fed with the wrong mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from camera_relocalization_ros.core.errors import ShapeError

# 1280x720 against a 320x176 network input is 2 % off; 4:3 against 16:9 is 33 % off.
MAX_ASPECT_CHANGE = 0.03


@dataclass(frozen=True)
class Preprocessing:
    """Resize the whole image; where whole_width and whole_height are given, to those, and cut the middle out of that.

    width x height is the network's input. Without a crop (both are 0) that is the whole image, and the field of view is
    kept. Everything that is measured in pixels of the camera (intrinsics, landmarks) is about the whole image.
    """

    width: int
    height: int
    whole_width: int = 0
    whole_height: int = 0

    @classmethod
    def for_image(cls, input_width: int, image_width: int, image_height: int, square: bool = False) -> Preprocessing:
        """The input of `input_width` pixels with the aspect ratio of the camera's image.

        With `square` the image's shorter side becomes `input_width`, and of the longer one the middle is kept.
        """
        if not square:
            return cls(input_width, round(input_width * image_height / image_width))
        short = min(image_width, image_height)
        # rounded down, as the code of the thesis does (asiron/deep-camera-relocalization, image_utils.py:47)
        return cls(input_width, input_width, input_width * image_width // short, input_width * image_height // short)

    @property
    def is_cropped(self) -> bool:
        """Whether a part of the image is left out."""
        return bool(self.whole_width or self.whole_height)

    @property
    def whole(self) -> tuple[int, int]:
        """Width and height of the whole image at the scale of the network's input."""
        return (self.whole_width, self.whole_height) if self.is_cropped else (self.width, self.height)

    def scaled(self, factor: int) -> Preprocessing:
        """The same part of the image, `factor` times as large."""
        sides = (self.width, self.height, self.whole_width, self.whole_height)
        return Preprocessing(*(factor * side for side in sides))

    def uncropped(self) -> Preprocessing:
        """The same scale, of the whole image."""
        return Preprocessing(*self.whole)

    def to_dict(self) -> dict[str, int]:
        """Plain values; those of the crop only where there is one, as files had them before there was a choice."""
        crop = {"whole_width": self.whole_width, "whole_height": self.whole_height} if self.is_cropped else {}
        return {"width": self.width, "height": self.height, **crop}

    def apply(self, image_rgb: np.ndarray) -> np.ndarray:
        """Network input (height, width, 3) uint8 of an RGB image (H, W, 3) uint8; raises ShapeError."""
        if image_rgb.dtype != np.uint8 or image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or not image_rgb.size:
            raise ShapeError(f"image of shape {image_rgb.shape} {image_rgb.dtype}; expected (H, W, 3) uint8")
        self.check_size(image_rgb.shape[1], image_rgb.shape[0])
        # area averaging is the only resize of OpenCV that does not alias when shrinking
        resized_rgb: np.ndarray = cv2.resize(image_rgb, self.whole, interpolation=cv2.INTER_AREA)
        return self.middle(resized_rgb) if self.is_cropped else resized_rgb

    def middle(self, whole_hw: np.ndarray) -> np.ndarray:
        """What the network sees of an image or mask (H, W, ...) of the size `whole`."""
        left, top = self.whole[0] // 2 - self.width // 2, self.whole[1] // 2 - self.height // 2
        return np.ascontiguousarray(whole_hw[top : top + self.height, left : left + self.width])

    def check_size(self, width: int, height: int) -> None:
        """Raise ShapeError when images of this size would be distorted by the resize."""
        whole_width, whole_height = self.whole
        if abs(width * whole_height / (height * whole_width) - 1.0) > MAX_ASPECT_CHANGE:
            raise ShapeError(
                f"image of {width}x{height} pixels; expected the aspect ratio of {whole_width}x{whole_height}, "
                "which the model was trained on"
            )
