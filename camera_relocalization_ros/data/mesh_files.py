# SPDX-License-Identifier: BSD-3-Clause
"""Triangle meshes as files; VTK reads them, and is imported only when there is one to read.

It reads them in a process of its own: damaged files can end the process that VTK reads them in.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import resource
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Callable, TypeVar

import numpy as np

from camera_relocalization_ros.core.errors import ConfigError, one_line
from camera_relocalization_ros.core.missing_package import missing_package_message
from camera_relocalization_ros.vision.silhouette import ObjectMesh

MESH_SUFFIXES = (".ply", ".stl", ".obj")
MAX_MESH_BYTES = 2**28
READING_S = 60.0
T = TypeVar("T")


def load_mesh(path: Path) -> ObjectMesh:
    """The mesh of a PLY, STL or OBJ file; raises ConfigError that names the file."""
    path = Path(path)
    if path.suffix.lower() not in MESH_SUFFIXES or not path.is_file():
        found = "no such file" if not path.is_file() else f"a {path.suffix or 'nameless'} file"
        raise ConfigError(f"{path}: {found}; expected a triangle mesh ({', '.join(MESH_SUFFIXES)})")
    if path.stat().st_size > MAX_MESH_BYTES:
        raise ConfigError(f"{path}: {path.stat().st_size} bytes; expected at most {MAX_MESH_BYTES}")
    triangles = isolated(_read_triangles, path)
    if not len(triangles) or not np.isfinite(triangles).all():
        raise ConfigError(f"{path}: {len(triangles)} triangles that can be read; expected a mesh of finite corners")
    return ObjectMesh(triangles)


def isolated(read: Callable[[Path], T], path: Path) -> T:
    """What `read` returns for a file, or raises, in a process of its own; ConfigError where that process ends."""
    context = multiprocessing.get_context("fork")
    results, answers = context.Pipe(duplex=False)
    reader = context.Process(target=_answer, args=(read, path, answers), daemon=True)
    reader.start()
    answers.close()
    try:
        if not results.poll(READING_S):
            raise ConfigError(f"{path}: not read within {READING_S:g} s; expected a mesh of fewer triangles")
        answer = results.recv()
    except EOFError:
        raise ConfigError(f"{path}: a damaged mesh, which ended the process that read it") from None
    finally:
        reader.kill()
        reader.join()
        results.close()
    if isinstance(answer, ConfigError):
        raise answer
    if isinstance(answer, Exception):
        raise ConfigError(f"{path}: a damaged mesh ({one_line(answer)})") from answer
    value: T = answer
    return value


def _answer(read: Callable[[Path], object], path: Path, answers: Connection) -> None:
    # a process that may crash leaves neither a core file nor a traceback
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        answers.send(read(path))
    except Exception as error:
        answers.send(error)


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
