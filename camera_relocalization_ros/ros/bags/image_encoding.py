# SPDX-License-Identifier: BSD-3-Clause
"""Image messages as the bytes of image files; JPEG and PNG pass through untouched unless their pixels must change."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from camera_relocalization_ros.core.errors import EncodingError, FrameError
from camera_relocalization_ros.core.image_files import decode_image, encoded_suffix, image_fault, image_size
from camera_relocalization_ros.ros.conversions import message_to_bgr
from camera_relocalization_ros.vision.image_transform import ImageTransform

JPEG_QUALITY = 95
ENCODER_OPTIONS = {"jpg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY], "png": [cv2.IMWRITE_PNG_COMPRESSION, 3]}
# decoding this much of a JPEG's coded data finds what makes OpenCV refuse it, at a twentieth of the time of all of it
PROBE_BYTES = 512
JPEG_START_BYTES, JPEG_SCAN, JPEG_END = 2, b"\xff\xda", b"\xff\xd9"


def encode(message: Any, image_format: str, transform: ImageTransform | None = None) -> tuple[bytes, str]:
    """(bytes of an image file, its suffix) of an Image or CompressedImage; raises FrameError."""
    return encode_pixels(message, pixels_to_encode(message, transform), image_format)


def pixels_to_encode(message: Any, transform: ImageTransform | None = None) -> np.ndarray | None:
    """The pixels (H, W, 3) uint8 BGR of an image's file; None where its bytes pass through. Raises FrameError."""
    is_unchanged = transform is None or transform.is_identity
    if is_unchanged and hasattr(message, "format") and encoded_suffix(message.data):
        size = image_size(message.data)
        if transform is not None and size is not None:
            transform.check_size(*size)
        return None
    image_bgr = message_to_bgr(message)
    return image_bgr if transform is None else transform.apply(image_bgr)


def encode_pixels(message: Any, image_bgr: np.ndarray | None, image_format: str) -> tuple[bytes, str]:
    """As `encode`, of what `pixels_to_encode` says; raises FrameError."""
    if image_bgr is None:
        check_decodes(message.data)
        return message.data, encoded_suffix(message.data)
    done, buffer = cv2.imencode(f".{image_format}", image_bgr, ENCODER_OPTIONS[image_format])
    if not done:
        raise FrameError(f"image of {image_bgr.shape[1]}x{image_bgr.shape[0]} pixels does not encode")
    return buffer.tobytes(), f".{image_format}"


def check_decodes(data: bytes) -> None:
    """Raise FrameError when the bytes of a JPEG or PNG file were cut short, or OpenCV would refuse them."""
    what = f"image of {len(data)} bytes"
    if fault := image_fault(data):
        raise EncodingError(f"{what}: {fault}")
    probe = data
    if encoded_suffix(data) == ".jpg":
        probe = data[: _first_scan(data) + PROBE_BYTES] + JPEG_END
    # an eighth of the size takes a fraction of the time
    image = decode_image(probe, cv2.IMREAD_REDUCED_GRAYSCALE_8)
    if image is None:
        raise FrameError(f"{what}: does not decode")


def _first_scan(data: bytes) -> int:
    """Where the coded data of a JPEG begins; segments are stepped over, because one may hold a thumbnail."""
    at = JPEG_START_BYTES
    while data[at : at + 1] == b"\xff" and data[at : at + 2] != JPEG_SCAN:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at
