# SPDX-License-Identifier: BSD-3-Clause
"""What the camera and its video link do to a perfect picture: exposure, motion blur, noise, compression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics

JPEG_QUALITY = 88
READ_NOISE, SHOT_NOISE = 1.5, 0.25
BLUR_STEPS = 5
MIN_BLUR_PIXELS = 0.7


@dataclass(frozen=True)
class Sensor:
    """A camera with a fixed exposure; `gain` is its brightness, `exposure_s` how long the shutter is open."""

    camera: CameraIntrinsics
    gain: float
    exposure_s: float
    noise_tile: np.ndarray

    @classmethod
    def random(cls, camera: CameraIntrinsics, seed: int) -> Sensor:
        """A camera set up for the light of the day: gain 0.75 to 1.3, shutter 4 to 12 ms."""
        rng = np.random.default_rng([seed, 17])
        noise_tile = rng.normal(0, 1, (camera.height + 64, camera.width + 64, 3)).astype(np.float32)
        return cls(camera, rng.uniform(0.75, 1.3), rng.uniform(0.004, 0.012), noise_tile)

    def expose(
        self, image_rgb: np.ndarray, T_start_end: np.ndarray, depth_m: float, rng: np.random.Generator
    ) -> np.ndarray:
        """The JPEG (bytes as uint8 array) of a sharp image (H, W, 3) taken at mid exposure.

        T_start_end (4, 4): motion of the camera while the shutter was open; depth_m: distance of what is seen.
        """
        blurred = self._blur(image_rgb, T_start_end, depth_m)
        signal = np.minimum(blurred.astype(np.float32) * self.gain, 255.0)
        top, left = rng.integers(0, 64, 2)
        noise = self.noise_tile[top : top + self.camera.height, left : left + self.camera.width]
        noisy = signal + noise * (READ_NOISE + SHOT_NOISE * np.sqrt(signal))
        image_bgr = np.clip(noisy, 0, 255).astype(np.uint8)[..., ::-1]
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
        for share in np.linspace(-0.5, 0.5, BLUR_STEPS):
            plane = cv2.Rodrigues(share * rotation)[0]
            plane[:, 2] += share * translation / depth_m
            H_middle_moment = K @ plane @ np.linalg.inv(K)
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            size = (camera.width, camera.height)
            moment = cv2.warpPerspective(image_rgb, H_middle_moment, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            cv2.accumulate(moment, total)
        return total / BLUR_STEPS
