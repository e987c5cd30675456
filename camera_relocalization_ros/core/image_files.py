# SPDX-License-Identifier: BSD-3-Clause
"""Image files: what they are, their bytes and pixels, and where they may lie; pictures decoded as far as needed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Callable

import cv2
import numpy as np

from camera_relocalization_ros.core.errors import DatasetError, unreadable
from camera_relocalization_ros.core.plain_values import read_bounded, read_text

SIGNATURES = {".jpg": b"\xff\xd8\xff", ".png": b"\x89PNG\r\n\x1a\n"}
BMP = b"BM"  # some drivers' CompressedImage; a data set holds none
# what begins coded pixels, and what ends the file; inside coded pixels neither marker of a JPEG can occur
ENDS = {".jpg": (b"\xff\xda", b"\xff\xd9"), ".png": (b"IDAT", b"IEND")}
# of the largest sensors that fly; decoding takes ten bytes for each, at worst
MAX_PIXELS = 2**26
MAX_FILE_BYTES = 2**28
# a JPEG is decoded at a part of its size much sooner
REDUCED_GREY = {
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
}
# markers of a JPEG: those of its size (but not DHT, JPG and DAC among them), and those without a length
JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_BARE = frozenset((0x00, 0x01, *range(0xD0, 0xD9)))


class Picture:
    """A picture in grey, for landmarks, whose colours, for the network, are decoded only when they are asked for.

    `grey` is (H, W) uint8, `rgb` (H, W, 3) uint8 by a decoder that may raise.
    """

    def __init__(self, grey: np.ndarray, decode_rgb: Callable[[], np.ndarray]) -> None:
        self.grey = grey
        self._decode_rgb = decode_rgb

    @classmethod
    def of(cls, image_rgb: np.ndarray) -> Picture:
        """An image (H, W, 3) uint8 that is decoded already."""
        return cls(cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY), lambda: image_rgb)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.grey.shape[1], self.grey.shape[0]

    @cached_property
    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8; raises what its decoder raises."""
        return self._decode_rgb()


def encoded_suffix(data: bytes) -> str:
    """.jpg or .png by the first bytes of an image file; "" for anything else."""
    return next((suffix for suffix, start in SIGNATURES.items() if data[: len(start)] == start), "")


def read_image_file(path: Path) -> bytes:
    """The bytes of a file; raises DatasetError that names it, also where it is a pipe or no picture's size."""
    try:
        return read_bounded(Path(path), MAX_FILE_BYTES)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {getattr(error, 'strerror', None) or error}; expected an image") from error


def image_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) that the header of a JPEG, PNG or BMP file claims; None where it claims none."""
    suffix = encoded_suffix(data)
    if suffix == ".png" and data[12:16] == b"IHDR":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data[: len(BMP)] == BMP:
        width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
        return abs(width), abs(height)  # a negative height is of rows that begin at the top
    return _jpeg_size(data) if suffix == ".jpg" else None


def image_fault(data: bytes) -> str:
    """Why the bytes of an image file must not be decoded; "" where they may be.

    A decoder takes memory for whatever size a header claims, and OpenCV decodes the part of a JPEG that is there and
    paints the rest grey: a picture that nobody took.
    """
    if not len(data):
        return "it is empty"
    suffix, size = encoded_suffix(data), image_size(data)
    if not suffix and data[: len(BMP)] != BMP:
        return "neither JPEG nor PNG"
    coded, end = ENDS.get(suffix, (b"", b""))
    if data.rfind(end) < data.rfind(coded):
        return f"the {suffix[1:].replace('jpg', 'jpeg').upper()} data was cut short"
    if size is None or not 0 < size[0] * size[1] <= MAX_PIXELS:
        claim = "no size" if size is None else f"{size[0]}x{size[1]} pixels"
        return f"its header claims {claim}; expected 1 to {MAX_PIXELS} pixels"
    return ""


def decode_image(data: bytes, flags: int) -> np.ndarray | None:
    """The pixels of a JPEG, PNG or BMP file's bytes as stored; None when they do not decode, see `image_fault`.

    flags: one of cv2.IMREAD_*. Orientations that phones write into a JPEG are ignored, as COLMAP does: intrinsics and
    poses are those of the stored picture.
    """
    if image_fault(data):
        return None
    try:
        image: np.ndarray | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return image


def load_image(path: Path, flags: int) -> np.ndarray | None:
    """The pixels of an image file as `decode_image` gives them; None when it is not there or does not decode."""
    try:
        return decode_image(read_image_file(path), flags)
    except DatasetError:
        return None


def decode_grey(data: bytes, least_width: int) -> np.ndarray | None:
    """As `decode_image`, in grey (H, W): a JPEG at the smallest part of its size that is so wide, if it is."""
    # OpenCV reduces other files after it has decoded them, and leaves pixels out
    width = (image_size(data) or (0, 0))[0] if encoded_suffix(data) == ".jpg" else 0
    parts = (flags for part, flags in REDUCED_GREY.items() if width >= part * least_width)
    return decode_image(data, next(parts, cv2.IMREAD_GRAYSCALE))


def read_list(path: Path) -> list[tuple[int, str]]:
    """Number and text of each line of a list; raises DatasetError that names the file."""
    try:
        return list(enumerate(read_text(path).splitlines(), start=1))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {unreadable(error, 'text')}") from error


def path_inside(folder: Path, name: str, listed_in: Path) -> Path:
    """The file `name` below a folder; raises DatasetError when it leads out of it.

    Lists of files that other people send must not make us read, and pass on, other files of this machine.
    """
    path = folder / name
    if "\0" in name:
        raise DatasetError(f"{listed_in}: {name!r} is not the name of a file")
    if folder.resolve() not in path.resolve().parents:
        raise DatasetError(f"{listed_in}: {name!r} leads out of {folder}")
    return path


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """That of the first frame's header, which a decoder reads the same way: from marker to marker."""
    at = 2
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 9 > len(data):
            return None
        marker = data[at + 1]
        if marker in JPEG_SIZES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        if marker == 0xFF:
            at += 1
        elif marker in JPEG_BARE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
