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
    """Resize the whole frame to width x height pixels; the field of view is kept, never cropped."""

    width: int
    height: int

    @classmethod
    def for_image(cls, input_width: int, image_width: int, image_height: int) -> Preprocessing:
        """The input of `input_width` pixels with the aspect ratio of the camera's image."""
        return cls(input_width, round(input_width * image_height / image_width))

    def apply(self, image_rgb: np.ndarray) -> np.ndarray:
        """Network input (height, width, 3) uint8 of an RGB image (H, W, 3) uint8; raises ShapeError."""
        if image_rgb.dtype != np.uint8 or image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or not image_rgb.size:
            raise ShapeError(f"image of shape {image_rgb.shape} {image_rgb.dtype}; expected (H, W, 3) uint8")
        self.check_size(image_rgb.shape[1], image_rgb.shape[0])
        # area averaging is the only resize of OpenCV that does not alias when shrinking
        resized_rgb: np.ndarray = cv2.resize(image_rgb, (self.width, self.height), interpolation=cv2.INTER_AREA)
        return resized_rgb

    def check_size(self, width: int, height: int) -> None:
        """Raise ShapeError when images of this size would be distorted by the resize."""
        if abs(width * self.height / (height * self.width) - 1.0) > MAX_ASPECT_CHANGE:
            raise ShapeError(
                f"image of {width}x{height} pixels; expected the aspect ratio of {self.width}x{self.height}, "
                "which the model was trained on"
            )
