# SPDX-License-Identifier: BSD-3-Clause
"""A renderer draws pinhole pictures; a lens bends them into what any camera sees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics


@dataclass(frozen=True)
class Lens:
    """A pinhole that sees at least what a camera does, and where (H, W, 2) in its picture each pixel lies."""

    pinhole: CameraIntrinsics
    source: np.ndarray | None

    @classmethod
    def of(cls, camera: CameraIntrinsics) -> Lens:
        """The lens of a camera; a pinhole needs none."""
        if not camera.is_distorted:
            return cls(camera, None)
        rays = camera.rays(camera.pixels())
        widest = np.nanmax(np.abs(rays), axis=0) * camera.fx
        width, height = (2 * (int(np.ceil(half)) + 2) for half in widest)
        pinhole = CameraIntrinsics(width, height, camera.fx, camera.fx, (width - 1) / 2, (height - 1) / 2)
        source = pinhole.project(np.column_stack([rays, np.ones(len(rays))]))
        return cls(pinhole, source.astype(np.float32).reshape(camera.height, camera.width, 2))

    def bend(self, image_rgb: np.ndarray) -> np.ndarray:
        """The camera's picture of the pinhole's; black where the lens has no ray."""
        if self.source is None:
            return image_rgb
        return cv2.remap(image_rgb, self.source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
