# SPDX-License-Identifier: BSD-3-Clause
"""Images without lens distortion and in another size, together with the intrinsics they then have."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError, PictureSizeError


class ImageTransform:
    """Undistorts, then resizes to `size` (width, height); `camera` is what took the images that come out.

    An undistorted image shows what the whole of it can show: no black border. Raises ConfigError when asked to
    undistort without intrinsics.
    """

    def __init__(
        self, camera: CameraIntrinsics | None, size: tuple[int, int] | None = None, undistort: bool = False
    ) -> None:
        self._maps: tuple[np.ndarray, np.ndarray] | None = None
        self._expected = None if camera is None else (camera.width, camera.height)
        if undistort:
            if camera is None:
                raise ConfigError("undistorting needs the camera's intrinsics: a camera_info topic, or --camera FILE")
            camera = self._prepare_undistortion(camera)
        self._size = size
        self.camera = camera.scaled(*size) if camera is not None and size is not None else camera

    @property
    def is_identity(self) -> bool:
        """Whether images stay as they are."""
        return self._maps is None and self._size is None

    def check_size(self, width: int, height: int) -> None:
        """Raise PictureSizeError for an image that is not of the size the intrinsics are for."""
        if self._expected not in (None, (width, height)):
            expected = "{}x{}".format(*self._expected)
            raise PictureSizeError(f"image of {width}x{height} pixels, intrinsics are for {expected}")

    def apply(self, image: np.ndarray) -> np.ndarray:
        """The image (H, W, 3) transformed; raises PictureSizeError."""
        self.check_size(image.shape[1], image.shape[0])
        if self._maps is not None:
            # the outermost pixels may lie a fraction outside
            image = cv2.remap(image, *self._maps, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if self._size is not None and image.shape[1::-1] != self._size:
            shrinks = self._size[0] < image.shape[1]
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
        return image

    def _prepare_undistortion(self, camera: CameraIntrinsics) -> CameraIntrinsics:
        size, distortion, R = (camera.width, camera.height), np.array(camera.distortion), np.eye(3)
        if camera.is_fisheye:
            K = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(camera.matrix, distortion, size, R, balance=0.0)
            self._maps = cv2.fisheye.initUndistortRectifyMap(camera.matrix, distortion, R, K, size, cv2.CV_16SC2)
        else:
            K, _ = cv2.getOptimalNewCameraMatrix(camera.matrix, distortion, size, alpha=0)
            self._maps = cv2.initUndistortRectifyMap(camera.matrix, distortion, R, K, size, cv2.CV_16SC2)
        fx, fy, cx, cy = (float(value) for value in (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
        return replace(camera.undistorted(), fx=fx, fy=fy, cx=cx, cy=cy)
