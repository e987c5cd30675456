# SPDX-License-Identifier: BSD-3-Clause
"""Triangle meshes as files; VTK reads them, and is imported only when there is one to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.missing_package import missing_package_message
from camera_relocalization_ros.vision.silhouette import ObjectMesh

MESH_SUFFIXES = (".ply", ".stl", ".obj")


def load_mesh(path: Path) -> ObjectMesh:
    """The mesh of a PLY, STL or OBJ file; raises ConfigError that names the file."""
    path = Path(path)
    if path.suffix.lower() not in MESH_SUFFIXES or not path.is_file():
        found = "no such file" if not path.is_file() else f"a {path.suffix or 'nameless'} file"
        raise ConfigError(f"{path}: {found}; expected a triangle mesh ({', '.join(MESH_SUFFIXES)})")
    triangles = _read_triangles(path)
    if not len(triangles) or not np.isfinite(triangles).all():
        raise ConfigError(f"{path}: {len(triangles)} triangles that can be read; expected a mesh of finite corners")
    return ObjectMesh(triangles)


def _read_triangles(path: Path) -> np.ndarray:
    """Triangles (F, 3, 3) of a mesh file, F = 0 when it cannot be read."""
    try:
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkCommonCore import vtkLogger
        from vtkmodules.vtkFiltersCore import vtkTriangleFilter
        from vtkmodules.vtkIOGeometry import vtkOBJReader, vtkSTLReader
        from vtkmodules.vtkIOPLY import vtkPLYReader
    except ImportError as error:
        raise ConfigError(f"{path}: {missing_package_message('vtkmodules')}") from error
    # VTK prints what is wrong with a file and answers with an empty mesh
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    reader = {".ply": vtkPLYReader, ".stl": vtkSTLReader, ".obj": vtkOBJReader}[path.suffix.lower()]()
    reader.SetFileName(str(path))
    to_triangles = vtkTriangleFilter()
    to_triangles.PassLinesOff()
    to_triangles.PassVertsOff()
    to_triangles.SetInputConnection(reader.GetOutputPort())
    to_triangles.Update()
    mesh = to_triangles.GetOutput()
    if not mesh.GetNumberOfPolys():
        return np.empty((0, 3, 3))
    corners = vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return vtk_to_numpy(mesh.GetPoints().GetData()).astype(np.float64)[corners]
