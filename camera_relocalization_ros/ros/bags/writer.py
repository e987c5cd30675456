# SPDX-License-Identifier: BSD-3-Clause
"""Writes a bag whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import rosbag

from camera_relocalization_ros.core.errors import BagError


@contextmanager
def new_bag(path: Path) -> Iterator[rosbag.Bag]:
    """A bag open for writing under a side name, which becomes `path` when the block ends well; raises BagError."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with rosbag.Bag(str(partial), "w") as bag:
            yield bag
        os.replace(partial, path)
    except OSError as error:
        raise BagError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        if partial.exists():
            partial.unlink()
