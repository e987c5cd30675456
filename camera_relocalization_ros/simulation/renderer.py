# SPDX-License-Identifier: BSD-3-Clause
"""Draws arena and airframe as the camera sees them, off-screen; one pinhole camera, exact to a fraction of a pixel."""

from __future__ import annotations

import numpy as np
import pyvista
import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  what draws: chosen by VTK as soon as it is loaded
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkLogger, vtkUnsignedCharArray
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPolyData
from vtkmodules.vtkFiltersSources import vtkSphereSource
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow, vtkTexture

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.simulation.airframe import build_airframe
from camera_relocalization_ros.simulation.arena import build_arena
from camera_relocalization_ros.simulation.arena_layout import ROOM_MAX, ROOM_MIN
from camera_relocalization_ros.simulation.surface import Lamp, lit_colours

# the X3's stream at 1280x720: about 79 degrees horizontally
X3_CAMERA = CameraIntrinsics(width=1280, height=720, fx=777.0, fy=777.0, cx=639.5, cy=359.5)


class Renderer:
    """Renders the arena of one seed with the airframe at T_map_airframe under the light of another seed.

    The camera's principal point must be the image's centre, ((width - 1) / 2, (height - 1) / 2), and fx = fy.
    """

    def __init__(
        self, camera: CameraIntrinsics, T_map_airframe: np.ndarray, arena_seed: int = 0, light_seed: int = 0
    ) -> None:
        self.camera = camera
        # VTK warns when there is no display, which is how this is meant to run
        vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)
        self._scene = vtkRenderer()
        self._scene.AutomaticLightCreationOff()
        self._window = vtkRenderWindow()
        self._window.SetOffScreenRendering(True)
        self._window.SetSize(camera.width, camera.height)
        # multisampling would double the time of software rendering; the blur of motion and JPEG hides its absence
        self._window.SetMultiSamples(0)
        self._window.AddRenderer(self._scene)
        lamps = _lamps(np.random.default_rng([light_seed, 13]))
        for part in build_arena(arena_seed):
            self._add(part.mesh, part.texture, lamps)
        for part in build_airframe():
            mesh = part.mesh.transform(T_map_airframe, inplace=False, transform_all_input_vectors=True)
            self._add(mesh, part.texture, lamps)
        self._scene.GetActiveCamera().SetViewAngle(np.degrees(2 * np.arctan2(camera.height / 2, camera.fy)))

    def render(self, T_map_camera: np.ndarray) -> np.ndarray:
        """The image (H, W, 3) uint8 RGB from the optical frame's pose (4, 4)."""
        camera, eye = self._scene.GetActiveCamera(), T_map_camera[:3, 3]
        camera.SetPosition(*eye)
        camera.SetFocalPoint(*(eye + T_map_camera[:3, 2]))
        camera.SetViewUp(*-T_map_camera[:3, 1])
        camera.SetClippingRange(0.05, 30.0)
        self._window.Render()
        width, height, pixels = self.camera.width, self.camera.height, vtkUnsignedCharArray()
        self._window.GetPixelData(0, 0, width - 1, height - 1, False, pixels, 0)
        # VTK's first row is the lowest
        return np.ascontiguousarray(vtk_to_numpy(pixels).reshape(height, width, 3)[::-1])

    def add_markers(self, points_map: np.ndarray, radius: float = 0.02) -> None:
        """Draw pure green balls at points (N, 3), for tests of the geometry."""
        for point in points_map:
            ball = vtkSphereSource()
            ball.SetRadius(radius)
            ball.SetCenter(*point)
            ball.SetThetaResolution(32)
            ball.SetPhiResolution(32)
            ball.Update()
            self._add_actor(ball.GetOutput()).GetProperty().SetColor(0.0, 1.0, 0.0)

    def close(self) -> None:
        """Free the renderer's memory."""
        self._scene.RemoveAllViewProps()
        self._window.Finalize()

    def _add(self, mesh: pyvista.PolyData, texture: np.ndarray, lamps: list[Lamp]) -> None:
        # VTK multiplies the texture by the colours
        mesh.GetPointData().SetScalars(numpy_to_vtk(lit_colours(mesh, lamps), deep=True))
        self._add_actor(mesh).SetTexture(_texture(texture))

    def _add_actor(self, mesh: vtkPolyData) -> vtkActor:
        """An actor of the scene that no light changes."""
        mapper, actor = vtkPolyDataMapper(), vtkActor()
        mapper.SetInputData(mesh)
        actor.SetMapper(mapper)
        actor.GetProperty().LightingOff()
        self._scene.AddActor(actor)
        return actor


def _texture(image: np.ndarray) -> vtkTexture:
    """A texture of an image (H, W, 3) uint8."""
    grid, texture = vtkImageData(), vtkTexture()
    grid.SetDimensions(image.shape[1], image.shape[0], 1)
    grid.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(image[::-1]).reshape(-1, 3), deep=True))
    texture.SetInputData(grid)
    texture.InterpolateOn()
    texture.MipmapOn()
    texture.SetColorModeToDirectScalars()
    return texture


def _lamps(rng: np.random.Generator) -> list[Lamp]:
    """Four lamps below the ceiling, of unequal strength and colour."""
    low, high = np.array(ROOM_MIN[:2]), np.array(ROOM_MAX[:2])
    lamps = []
    for corner in range(4):
        share = np.array([0.25 + 0.5 * (corner % 2), 0.25 + 0.5 * (corner // 2)]) + rng.uniform(-0.15, 0.15, 2)
        warmth = rng.uniform(-0.1, 0.1)
        colour = rng.uniform(0.14, 0.42) * np.array([1.0 + warmth, 1.0, 1.0 - warmth])
        lamps.append(Lamp(np.array([*(low + share * (high - low)), 4.8]), colour))
    return lamps
