# SPDX-License-Identifier: BSD-3-Clause
"""Arrays into .npz files, and out of those that others made: no code is run, no more memory taken than is claimed."""

from __future__ import annotations

import io
import lzma
import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Iterable, Mapping

import numpy as np

from camera_relocalization_ros.core.errors import one_line
from camera_relocalization_ros.core.plain_values import READ_FAULTS

# the descriptors of two million training images
MAX_BYTES = 512 * 2**20
# NotImplementedError, of a compression that zipfile does not know, is a RuntimeError
BAD_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, SyntaxError)


def load_arrays(path: Path | str, names: Iterable[str], max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file; raises ValueError when they are not there, no plain numbers, or too large.

    numpy.load allocates what the header of an array claims before it reads; here the claim must be true first.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.getinfo(f"{name}.npy") for name in names}
            total = sum(member.file_size for member in members.values())
            if total > max_bytes:
                raise ValueError(f"{total} bytes of arrays; expected at most {max_bytes}")
            return {name: _read(archive, member) for name, member in members.items()}
    except (*READ_FAULTS, EOFError, RuntimeError, MemoryError, struct.error, *BAD_ZIP) as error:
        raise ValueError(f"not the arrays that were expected: {one_line(error)[:200]}") from error


def save_arrays(file: Path | str | IO[bytes], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a compressed .npz file; raises OSError.

    Made in memory first: on a full disk NumPy leaves an archive behind that complains once more when Python drops it.
    """
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    if isinstance(file, (str, Path)):
        Path(file).write_bytes(content.getbuffer())
    else:
        file.write(content.getbuffer())


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]  # NumPy declares no types of it
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{member.filename} has format {version}; expected (1, 0) or (2, 0)")
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)  # type: ignore[no-untyped-call]  # NumPy declares no types of it
        found, claimed = member.file_size - file.tell(), math.prod(shape) * dtype.itemsize
        if dtype.kind not in "biuf" or found != claimed:
            raise ValueError(f"{member.filename}: {found} bytes; its header says {shape} of {dtype}")
    with archive.open(member) as file:
        array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)  # type: ignore[no-untyped-call]  # NumPy declares no types of it
        return array
