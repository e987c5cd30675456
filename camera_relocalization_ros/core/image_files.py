# SPDX-License-Identifier: BSD-3-Clause
"""Image files as bytes: what they are, and where they may lie."""

from __future__ import annotations

from pathlib import Path

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
