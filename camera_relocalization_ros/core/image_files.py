# SPDX-License-Identifier: BSD-3-Clause
"""Image files: what they are, their bytes and pixels, and where they may lie."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from camera_relocalization_ros.core.errors import DatasetError

SIGNATURES = {".jpg": b"\xff\xd8\xff", ".png": b"\x89PNG\r\n\x1a\n"}


def encoded_suffix(data: bytes) -> str:
    """.jpg or .png by the first bytes of an image file; "" for anything else."""
    return next((suffix for suffix, start in SIGNATURES.items() if data[: len(start)] == start), "")


def read_image_file(path: Path) -> bytes:
    """The bytes of a file; raises DatasetError that names it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; expected an image") from error


def decode_image(data: bytes, flags: int) -> np.ndarray | None:
    """The pixels of an image file's bytes as they are stored; None when they do not decode.

    flags: one of cv2.IMREAD_*. Orientations that phones write into a JPEG are ignored, as COLMAP does: intrinsics and
    poses are those of the stored picture. Raises cv2.error for sizes that OpenCV refuses to allocate.
    """
    if not len(data):
        return None
    image: np.ndarray | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    return image


def load_image(path: Path, flags: int) -> np.ndarray | None:
    """The pixels of an image file as `decode_image` gives them; None when it is not there or does not decode."""
    image: np.ndarray | None = cv2.imread(str(path), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    return image


def read_list(path: Path) -> list[tuple[int, str]]:
    """Number and text of each line of a list; raises DatasetError that names the file."""
    try:
        return list(enumerate(path.read_text(encoding="utf-8").splitlines(), start=1))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not a readable text file ({error})") from error


def path_inside(folder: Path, name: str, listed_in: Path) -> Path:
    """The file `name` below a folder; raises DatasetError when it leads out of it.

    Lists of files that other people send must not make us read, and pass on, other files of this machine.
    """
    path = folder / name
    if "\0" in name:
        raise DatasetError(f"{listed_in}: {name!r} is not the name of a file")
    if Path(name).is_absolute() or folder.resolve() not in path.resolve().parents:
        raise DatasetError(f"{listed_in}: {name!r} leads out of {folder}")
    return path
