# SPDX-License-Identifier: BSD-3-Clause
"""Arguments of commands that must know the object's shape."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from camera_relocalization_ros.vision.silhouette import ObjectMesh


def add_object_arguments(parser: argparse.ArgumentParser, required: bool) -> None:
    """--mesh or --box."""
    shape = parser.add_mutually_exclusive_group(required=required)
    shape.add_argument("--mesh", type=Path, metavar="FILE", help="PLY, STL or OBJ of the object in the parent frame")
    shape.add_argument(
        "--box",
        type=float,
        nargs=6,
        metavar=("X0", "Y0", "Z0", "X1", "Y1", "Z1"),
        help="smallest and largest corner of the object in the parent frame, in metres",
    )


def object_of(arguments: argparse.Namespace) -> ObjectMesh | None:
    """The object that was given; raises ConfigError that names the file."""
    import numpy as np

    from camera_relocalization_ros.data.mesh_files import load_mesh
    from camera_relocalization_ros.vision.silhouette import ObjectMesh

    if arguments.mesh is not None:
        return load_mesh(arguments.mesh)
    if arguments.box is not None:
        return ObjectMesh.of_box(np.sort(np.reshape(arguments.box, (2, 3)), axis=0))
    return None
