# SPDX-License-Identifier: BSD-3-Clause
"""Pixels of Image messages in the encodings that cv_bridge refuses, as BGR."""

from __future__ import annotations

import cv2
import numpy as np
from sensor_msgs.msg import Image

# OpenCV's names of matrices say no colours; those who send pictures so mean what OpenCV shows
MATRICES = {"8UC1": "mono8", "8UC3": "bgr8", "8UC4": "bgra8"}
# two bytes for each pixel, one colour for two of them
PACKED = {
    **dict.fromkeys(("yuv422_yuy2", "yuyv"), cv2.COLOR_YUV2BGR_YUY2),
    "uyvy": cv2.COLOR_YUV2BGR_UYVY,
}
# brightness first, then a row of colours for two rows of it
PLANAR = {"nv12": cv2.COLOR_YUV2BGR_NV12, "nv21": cv2.COLOR_YUV2BGR_NV21}


def is_refused_by_cv_bridge(encoding: str) -> bool:
    """Whether `yuv_to_bgr` is to be asked instead of cv_bridge."""
    return encoding in PACKED or encoding in PLANAR


def yuv_to_bgr(message: Image) -> np.ndarray:
    """The picture (H, W, 3) uint8 BGR of one of those encodings; raises ValueError where bytes are missing."""
    if message.encoding in PACKED:
        packed = _rows(message, message.height, 2 * message.width)
        return np.asarray(cv2.cvtColor(packed.reshape(message.height, message.width, 2), PACKED[message.encoding]))
    # height is that of the picture; some drivers count the rows of colours, too
    height = message.height * 3 // 2
    if len(message.data) < height * message.step:
        height = message.height
    return np.asarray(cv2.cvtColor(_rows(message, height, message.width), PLANAR[message.encoding]))


def _rows(message: Image, height: int, row_bytes: int) -> np.ndarray:
    """Bytes (height, row_bytes) without the padding of the rows."""
    if message.step < row_bytes or len(message.data) < message.step * height:
        raise ValueError(f"{len(message.data)} bytes with {message.step} a row, a row needs {row_bytes}")
    rows = np.frombuffer(message.data, np.uint8, message.step * height).reshape(height, message.step)
    return np.ascontiguousarray(rows[:, :row_bytes])
