# SPDX-License-Identifier: BSD-3-Clause
"""Any object from a file with its texture (glTF, OBJ, PLY), read by VTK in a process of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

import cv2
import numpy as np
import pyvista
import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  # an importer's window is of no kind without it, and ends the process
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkLogger
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkFiltersCore import vtkTriangleFilter
from vtkmodules.vtkIOImport import vtkGLTFImporter, vtkImporter, vtkOBJImporter
from vtkmodules.vtkIOPLY import vtkPLYReader
from vtkmodules.vtkRenderingCore import vtkActor, vtkRenderer, vtkRenderWindow, vtkTexture

from camera_relocalization_ros.core.errors import ConfigError, SimulationError
from camera_relocalization_ros.core.image_files import load_image
from camera_relocalization_ros.data.mesh_files import MAX_MESH_BYTES, isolated
from camera_relocalization_ros.simulation.airframes.bodies import stand
from camera_relocalization_ros.simulation.surface import Part

OBJECT_SUFFIXES = (".gltf", ".glb", ".obj", ".ply")
# the flights keep 1.9 m from the object's origin, of which 0.35 m are the aircraft's
MAX_REACH_M, MIN_REACH_M = 1.55, 0.1
# glTF has y up and z to the front
R_OBJECT_GLTF = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
WHITE = np.full((4, 4, 3), 255, np.uint8)
FEATURE_ANGLE_DEG = 40.0


@dataclass(frozen=True)
class Piece:
    """Triangles (F, 3) of points (N, 3), with what the file says of normals, uv, colours (N, ...) and texture."""

    points: np.ndarray
    triangles: np.ndarray
    normals: np.ndarray | None
    uv: np.ndarray | None
    colours: np.ndarray
    texture: np.ndarray | None


def object_from_file(path: Path, scale: float = 1.0) -> Callable[[], list[Part]]:
    """What builds an object on a stand, from a file in wing/base_link (glTF: its own axes), metres times `scale`.

    Raises SimulationError of a file of another kind, or an object that the flights would hit or not see; ConfigError
    of a damaged one.
    """
    path = Path(path)
    if path.suffix.lower() not in OBJECT_SUFFIXES or not path.is_file():
        raise SimulationError(f"{path}: expected a file ending in {', '.join(OBJECT_SUFFIXES)}")
    if path.stat().st_size > MAX_MESH_BYTES:
        raise SimulationError(f"{path}: {path.stat().st_size} bytes; expected at most {MAX_MESH_BYTES}")
    pieces = isolated(_pieces, path)
    points = scale * np.concatenate([piece.points for piece in pieces] or [np.empty((0, 3))])
    if not len(points) or not np.isfinite(points).all():
        raise SimulationError(f"{path}: no triangles that can be read; expected a mesh of finite corners")
    reach = float(np.linalg.norm(points[:, :2], axis=1).max())
    if not MIN_REACH_M <= reach <= MAX_REACH_M:
        raise SimulationError(
            f"{path}: reaches {reach:.3g} m from its origin; expected {MIN_REACH_M} to {MAX_REACH_M} m, "
            f"as --object-scale {scale * 0.8 * MAX_REACH_M / max(reach, 1e-9):.3g} makes it"
        )
    below = float(np.clip(points[:, 2].min(), -1.4, 1.0))
    return lambda: [*(_part(piece, scale) for piece in pieces), *stand(np.random.default_rng(2106), below)]


def _part(piece: Piece, scale: float) -> Part:
    faces = np.column_stack([np.full(len(piece.triangles), 3), piece.triangles])
    mesh = pyvista.PolyData(scale * piece.points, faces.ravel())
    uv = np.zeros((len(piece.points), 2)) if piece.uv is None else piece.uv
    mesh.active_texture_coordinates = uv.astype(np.float32)  # type: ignore[assignment]  # as in grid_surface
    mesh.point_data["paint"] = piece.colours
    if piece.normals is not None:
        mesh.point_data["Normals"] = piece.normals
    else:
        mesh = mesh.compute_normals(
            cell_normals=False, auto_orient_normals=True, split_vertices=True, feature_angle=FEATURE_ANGLE_DEG
        )
    # out of the mesh, where moving it would turn colours as if they were directions
    paint = np.array(mesh.point_data.pop("paint"))
    return Part(mesh, WHITE if piece.texture is None else piece.texture, paint=paint)


def _pieces(path: Path) -> list[Piece]:
    """The pieces of a file, in the object's frame; run in a process of its own."""
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    suffix = path.suffix.lower()
    if suffix == ".ply":
        reader = vtkPLYReader()
        reader.SetFileName(str(path))
        reader.Update()
        return [_piece(reader.GetOutput(), np.eye(4), (255, 255, 255), _ply_texture(path))]
    importer: vtkImporter
    if suffix == ".obj":
        obj = vtkOBJImporter()
        obj.SetTexturePath(str(path.parent))
        material = _named_in(path, "mtllib")
        if material is not None:
            obj.SetFileNameMTL(str(material))
        importer = obj
    else:
        importer = vtkGLTFImporter()
    importer.SetFileName(str(path))
    T_object_file = np.eye(4)
    if suffix != ".obj":
        T_object_file[:3, :3] = R_OBJECT_GLTF
    pieces = [_actor_piece(actor, T_object_file) for actor in _actors(importer)]
    if not pieces and suffix != ".obj":
        _check_extensions(path)
    # glTF counts v from the picture's top
    return [piece if suffix == ".obj" else _turned_over(piece) for piece in pieces if len(piece.triangles)]


def _check_extensions(path: Path) -> None:
    """Raises ConfigError of a glTF that nothing was read from, if it demands extensions of its reader."""
    content = path.read_bytes()
    if content.startswith(b"glTF"):  # binary: its first chunk is the document
        content = content[20 : 20 + int.from_bytes(content[12:16], "little")]
    document = json.loads(content)
    required = document.get("extensionsRequired") if isinstance(document, dict) else None
    if required:
        raise ConfigError(
            f"{path}: asks its reader for {', '.join(map(str, required))}, and VTK could not read it; "
            "expected an export without compression and other extensions"
        )


def _turned_over(piece: Piece) -> Piece:
    return piece if piece.uv is None else replace(piece, uv=np.column_stack([piece.uv[:, 0], 1 - piece.uv[:, 1]]))


def _actors(importer: vtkImporter) -> list[vtkActor]:
    window, scene = vtkRenderWindow(), vtkRenderer()
    window.SetOffScreenRendering(True)
    window.AddRenderer(scene)
    importer.SetRenderWindow(window)
    importer.Update()
    return list(importer.GetRenderer().GetActors())


def _actor_piece(actor: vtkActor, T_object_file: np.ndarray) -> Piece:
    mapper, matrix = actor.GetMapper(), actor.GetMatrix()
    mapper.Update()
    T_file_piece = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    colour = tuple(round(255 * value) for value in actor.GetProperty().GetDiffuseColor())
    texture = actor.GetTexture() or actor.GetProperty().GetTexture("albedoTex")
    return _piece(mapper.GetInput(), T_object_file @ T_file_piece, colour, _pixels(texture) if texture else None)


def _piece(mesh: vtkPolyData, T_object_piece: np.ndarray, colour: tuple[int, ...], texture: np.ndarray | None) -> Piece:
    """A mesh of VTK's as arrays; its own colours where it has some, else one for all."""
    to_triangles = vtkTriangleFilter()
    to_triangles.PassLinesOff()
    to_triangles.PassVertsOff()
    to_triangles.SetInputData(mesh)
    to_triangles.Update()
    mesh = to_triangles.GetOutput()
    if not mesh.GetNumberOfPolys():
        return Piece(np.empty((0, 3)), np.empty((0, 3), np.int64), None, None, np.empty((0, 3), np.uint8), None)
    data, R = mesh.GetPointData(), T_object_piece[:3, :3]
    points = vtk_to_numpy(mesh.GetPoints().GetData()).astype(np.float64) @ R.T + T_object_piece[:3, 3]
    arrays = (data.GetNormals(), data.GetTCoords(), data.GetScalars())
    normals, uv, scalars = (None if array is None else vtk_to_numpy(array) for array in arrays)
    if normals is not None:
        normals = normals @ np.linalg.inv(R)
        normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    colours = np.tile(np.array(colour, np.uint8), (len(points), 1))
    if scalars is not None and scalars.ndim == 2 and scalars.shape[1] >= 3:
        if scalars.dtype == np.uint8:
            colours = scalars[:, :3]
        elif np.issubdtype(scalars.dtype, np.floating):  # glTF: shares of the material's colour
            colours = np.round(scalars[:, :3].clip(0, 1) * colours).astype(np.uint8)
    triangles = vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    return Piece(points, triangles, normals, None if uv is None else uv[:, :2].astype(np.float64), colours, texture)


def _pixels(texture: vtkTexture) -> np.ndarray | None:
    """The image (H, W, 3) uint8 of a texture; None where it could not be read."""
    algorithm = texture.GetInputAlgorithm()
    if algorithm is not None:
        algorithm.Update()
    image = texture.GetInput()
    if image is None or image.GetPointData().GetScalars() is None:
        return None
    width, height, _ = image.GetDimensions()
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[::-1]
    if values.dtype != np.uint8:
        return None
    return np.ascontiguousarray(values[..., :3] if values.shape[2] >= 3 else np.repeat(values[..., :1], 3, 2))


def _ply_texture(path: Path) -> np.ndarray | None:
    """The image that a PLY's header names, as MeshLab writes it."""
    named = _named_in(path, "comment TextureFile")
    image = None if named is None else load_image(named, cv2.IMREAD_COLOR)
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _named_in(path: Path, keyword: str) -> Path | None:
    """The file beside `path` that a line of its head names after a keyword; None where there is none."""
    with path.open("rb") as file:
        head = file.read(65536).decode("ascii", "replace")
    for line in head.splitlines():
        if line.strip() == "end_header":
            break
        if line.startswith(keyword + " "):
            # a name and no way to another folder
            named = path.parent / Path(line[len(keyword) :].strip()).name
            return named if named.is_file() else None
    return None
