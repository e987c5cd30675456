# SPDX-License-Identifier: BSD-3-Clause
"""What the camera and its video link do to a perfect picture: exposure, motion blur, noise, compression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics

JPEG_QUALITY = 88
MIN_BLUR_PIXELS, MAX_BLUR_STEPS = 0.7, 7
# noise is cut out of a larger tile at a random place
TILE_MARGIN = 64


@dataclass(frozen=True)
class Sensor:
    """A camera with a fixed exposure: `levels` (256,) uint8 is its response, the shutter is open for `exposure_s`."""

    camera: CameraIntrinsics
    levels: np.ndarray
    exposure_s: float
    noise_tile: np.ndarray

    @classmethod
    def random(cls, camera: CameraIntrinsics, seed: int) -> Sensor:
        """A camera set up for the light of the day: gain 0.75 to 1.3, shutter 4 to 12 ms."""
        rng = np.random.default_rng([seed, 17])
        gain, exposure_s, noise = rng.uniform(0.75, 1.3), rng.uniform(0.004, 0.012), rng.uniform(1.5, 4.0)
        levels = np.clip(np.arange(256) * gain, 0, 255).astype(np.uint8)
        shape = (camera.height + TILE_MARGIN, camera.width + TILE_MARGIN, 3)
        return cls(camera, levels, exposure_s, np.round(rng.normal(0, noise, shape)).astype(np.int16))

    def expose(
        self, image_rgb: np.ndarray, T_start_end: np.ndarray, depth_m: float, rng: np.random.Generator
    ) -> np.ndarray:
        """The JPEG (bytes as uint8 array) of a sharp image (H, W, 3) taken at mid exposure.

        T_start_end (4, 4): motion of the camera while the shutter was open; depth_m: distance of what is seen.
        """
        blurred = self._blur(image_rgb, T_start_end, depth_m)
        top, left = rng.integers(0, TILE_MARGIN, 2)
        noise = self.noise_tile[top : top + self.camera.height, left : left + self.camera.width]
        noisy = cv2.add(cv2.LUT(blurred, self.levels), noise, dtype=cv2.CV_8U)
        image_bgr = cv2.cvtColor(noisy, cv2.COLOR_RGB2BGR)
        _, encoded = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        return encoded

    def _blur(self, image_rgb: np.ndarray, T_start_end: np.ndarray, depth_m: float) -> np.ndarray:
        """The mean over the exposure, each moment a homography of a plane at depth_m (Hartley & Zisserman 13.2)."""
        K, camera = self.camera.matrix, self.camera
        rotation, _ = cv2.Rodrigues(T_start_end[:3, :3])
        translation = T_start_end[:3, 3]
        pixels = camera.fx * (np.linalg.norm(rotation) + np.linalg.norm(translation) / depth_m)
        if pixels < MIN_BLUR_PIXELS:
            return image_rgb
        total = np.zeros(image_rgb.shape, np.float32)
        shares = np.linspace(-0.5, 0.5, int(np.clip(np.ceil(pixels) + 1, 3, MAX_BLUR_STEPS)))
        for share in shares:
            plane = cv2.Rodrigues(share * rotation)[0]
            plane[:, 2] += share * translation / depth_m
            H_middle_moment = K @ plane @ np.linalg.inv(K)
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            size = (camera.width, camera.height)
            moment = cv2.warpPerspective(image_rgb, H_middle_moment, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            cv2.accumulate(moment, total)
        return cv2.convertScaleAbs(total, alpha=1.0 / len(shares))
