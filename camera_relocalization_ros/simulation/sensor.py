# SPDX-License-Identifier: BSD-3-Clause
"""What the camera and its video link do to a perfect picture: exposure, blur, rolling shutter, noise, compression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.simulation.camera_kind import CameraKind

MIN_BLUR_PIXELS, MAX_BLUR_STEPS = 0.7, 7
# noise is cut out of a larger tile at a random place
TILE_MARGIN = 64


@dataclass(frozen=True)
class Shot:
    """How a picture was taken: motion (4, 4) of the camera while the shutter was open, and from first to last row.

    depth_m: distance of what is seen; brightness: what the automatics made of the day's exposure.
    """

    T_start_end: np.ndarray
    T_first_last: np.ndarray
    depth_m: float
    brightness: float = 1.0


@dataclass(frozen=True)
class Sensor:
    """A camera with a gain; the shutter of each row is open for `exposure_s`; rays (H * W, 2) of a rolling one."""

    camera: CameraIntrinsics
    kind: CameraKind
    gain: float
    exposure_s: float
    noise_tile: np.ndarray
    rays: np.ndarray

    @classmethod
    def random(cls, camera: CameraIntrinsics, seed: int, kind: CameraKind) -> Sensor:
        """A camera set up for the light of the day: gain 0.75 to 1.3, shutter 4 to 12 ms."""
        rng = np.random.default_rng([seed, 17])
        gain, exposure_s, noise = rng.uniform(0.75, 1.3), rng.uniform(0.004, 0.012), rng.uniform(1.5, 4.0)
        shape = (camera.height + TILE_MARGIN, camera.width + TILE_MARGIN, 3)
        tile = np.round(rng.normal(0, noise, shape)).astype(np.int16)
        return cls(camera, kind, gain, exposure_s, tile, camera.rays(camera.pixels()[: None if kind.readout_s else 0]))

    def expose(self, image_rgb: np.ndarray, shot: Shot, rng: np.random.Generator) -> np.ndarray:
        """The JPEG (bytes as uint8 array) of a sharp image (H, W, 3) taken at mid exposure of the middle row."""
        blurred = self._blur(self._rolled(image_rgb, shot), shot)
        top, left = rng.integers(0, TILE_MARGIN, 2)
        noise = self.noise_tile[top : top + self.camera.height, left : left + self.camera.width]
        levels = np.clip(np.arange(256) * (self.gain * shot.brightness), 0, 255).astype(np.uint8)
        noisy = cv2.add(cv2.LUT(blurred, levels), noise, dtype=cv2.CV_8U)
        image_bgr = cv2.cvtColor(noisy, cv2.COLOR_RGB2BGR)
        _, encoded = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, self.kind.jpeg_quality])
        return encoded

    def _rolled(self, image_rgb: np.ndarray, shot: Shot) -> np.ndarray:
        """Each row as the camera saw it when that row was read out, of a plane at the shot's depth."""
        if not self.kind.readout_s:
            return image_rgb
        height, width = image_rgb.shape[:2]
        points = np.column_stack([self.rays, np.ones(len(self.rays))])
        shares = np.repeat((np.arange(height) - (height - 1) / 2) / height, width)[:, None]
        turned = shares * cv2.Rodrigues(shot.T_first_last[:3, :3])[0].T
        # Rodrigues' formula to the second order: a readout turns the camera by a degree or so
        swept = np.cross(turned, points)
        seen = points + swept + 0.5 * np.cross(turned, swept) + shares * shot.T_first_last[:3, 3] / shot.depth_m
        source = self.camera.project(seen).astype(np.float32).reshape(height, width, 2)
        return cv2.remap(image_rgb, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _blur(self, image_rgb: np.ndarray, shot: Shot) -> np.ndarray:
        """The mean over the exposure, each moment a homography of a plane (Hartley & Zisserman 13.2).

        Of a fisheye it is right in the image's middle alone; what it makes of the rest is blur as well.
        """
        K, camera = self.camera.matrix, self.camera
        rotation, _ = cv2.Rodrigues(shot.T_start_end[:3, :3])
        translation = shot.T_start_end[:3, 3]
        pixels = camera.fx * (np.linalg.norm(rotation) + np.linalg.norm(translation) / shot.depth_m)
        if pixels < MIN_BLUR_PIXELS:
            return image_rgb
        total = np.zeros(image_rgb.shape, np.float32)
        shares = np.linspace(-0.5, 0.5, int(np.clip(np.ceil(pixels) + 1, 3, MAX_BLUR_STEPS)))
        for share in shares:
            moment = image_rgb
            # in the middle, which is one of an odd number of moments, the picture is as it is
            if share:
                plane = cv2.Rodrigues(share * rotation)[0]
                plane[:, 2] += share * translation / shot.depth_m
                H_middle_moment = K @ plane @ np.linalg.inv(K)
                flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
                size = (camera.width, camera.height)
                moment = cv2.warpPerspective(image_rgb, H_middle_moment, size, None, flags, cv2.BORDER_REPLICATE)
            cv2.accumulate(moment, total)
        return cv2.convertScaleAbs(total, alpha=1.0 / len(shares))
