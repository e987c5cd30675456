# SPDX-License-Identifier: BSD-3-Clause
"""Writes a bag whole or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import rosbag

from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.core.output_files import new_file


@contextmanager
def new_bag(path: Path) -> Iterator[rosbag.Bag]:
    """A bag open for writing under a side name, which becomes `path` when the block ends well; raises BagError."""
    with new_file(path, BagError) as partial, rosbag.Bag(str(partial), "w") as bag:
        yield bag
