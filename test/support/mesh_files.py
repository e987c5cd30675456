# SPDX-License-Identifier: BSD-3-Clause
"""Small triangle meshes as text, so that tests need nothing to write them with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# two triangles for each side of a box, by number of the corner: bit 0 is x, bit 1 y, bit 2 z
BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4]]
    + [[1, 3, 7], [1, 7, 5]]
)


def box_corners(size: float, centre: tuple[float, float, float]) -> np.ndarray:
    """The eight corners (8, 3) of a cube."""
    return np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)]) * size / 2 + centre


def write_box_ply(path: Path, size: float = 0.5, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Path:
    """A cube of edge length `size`."""
    corners = box_corners(size, centre)
    lines = ["ply", "format ascii 1.0", f"element vertex {len(corners)}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    lines += [f"element face {len(BOX_FACES)}", "property list uchar int vertex_indices", "end_header"]
    lines += [" ".join(map(str, corner)) for corner in corners]
    lines += [f"3 {a} {b} {c}" for a, b, c in BOX_FACES]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


def write_box_obj(path: Path, size: float = 0.5, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Path:
    """The same cube as OBJ."""
    lines = ["v " + " ".join(map(str, corner)) for corner in box_corners(size, centre)]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in BOX_FACES]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


def write_box_stl(path: Path, size: float = 0.5, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Path:
    """The same cube as STL."""
    lines = ["solid box"]
    for face in box_corners(size, centre)[BOX_FACES]:
        corners = ["vertex " + " ".join(map(str, corner)) for corner in face]
        lines += ["facet normal 0 0 0", "outer loop", *corners, "endloop", "endfacet"]
    path.write_text("\n".join([*lines, "endsolid box"]) + "\n", encoding="ascii")
    return path
