# SPDX-License-Identifier: BSD-3-Clause
"""Draws a world as its camera sees it, off-screen, exact to a fraction of a pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  what draws: chosen by VTK as soon as it is loaded
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkLogger, vtkUnsignedCharArray
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPolyData
from vtkmodules.vtkFiltersSources import vtkSphereSource
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow, vtkTexture

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.simulation.edge_on import bound_texture_coordinates
from camera_relocalization_ros.simulation.lens import Lens
from camera_relocalization_ros.simulation.reflections import Reflection, Surroundings
from camera_relocalization_ros.simulation.shadows import SunBlocker, with_shadows
from camera_relocalization_ros.simulation.surface import Light, Part, lit_colours
from camera_relocalization_ros.simulation.world import ARENA, World


class Renderer:
    """Renders a world of one seed with its subject at T_map_airframe, under the light and with the visitors of another.

    The camera may have any lens; a pinhole's principal point must be the image's centre, ((width - 1) / 2,
    (height - 1) / 2), and its fx = fy.
    """

    def __init__(
        self,
        camera: CameraIntrinsics,
        T_map_airframe: np.ndarray,
        arena_seed: int = 0,
        light_seed: int = 0,
        world: World = ARENA,
    ) -> None:
        self.camera, self._hall = camera, world.hall
        self._lens = Lens.of(camera)
        # VTK warns when there is no display, which is how this is meant to run
        vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)
        self._scene = vtkRenderer()
        self._scene.AutomaticLightCreationOff()
        # reflections are one layer over what they lie on, and need no sorting; VTK 9.3, the last for Python 3.8, has no
        # such setting
        if hasattr(self._scene, "SetUseOIT"):
            self._scene.SetUseOIT(False)
        self._window = vtkRenderWindow()
        self._window.SetOffScreenRendering(True)
        self._window.SetSize(self._lens.pinhole.width, self._lens.pinhole.height)
        # multisampling would double the time of software rendering; the blur of motion and JPEG hides its absence
        self._window.SetMultiSamples(0)
        self._window.AddRenderer(self._scene)
        self._reflections: list[tuple[Reflection, vtkPolyData]] = []
        self._build(T_map_airframe, arena_seed, light_seed, world)

    def _build(self, T_map_airframe: np.ndarray, arena_seed: int, light_seed: int, world: World) -> None:
        light = self._hall.light(np.random.default_rng([light_seed, 13]))
        around = [*self._hall.fixed(arena_seed), *self._hall.visitors(np.random.default_rng([light_seed, 41]))]
        subject = [
            replace(part, mesh=part.mesh.transform(T_map_airframe, inplace=False, transform_all_input_vectors=True))
            for part in world.subject()
        ]
        for part in with_shadows(around, subject, light):
            self._add(part, light)
        surroundings = self._surroundings(T_map_airframe) if any(part.gloss for part in subject) else None
        blocker = SunBlocker([part.mesh for part in subject], light.sun) if light.sun else None
        for part in subject:
            self._add(part, light, blocker)
            if part.gloss is not None and surroundings is not None:
                self._add_reflection(Reflection(part.mesh, part.gloss, light, surroundings), part.mesh)

    def render(self, T_map_camera: np.ndarray) -> np.ndarray:
        """The image (H, W, 3) uint8 RGB from the optical frame's pose (4, 4)."""
        for reflection, mesh in self._reflections:
            mesh.GetPointData().SetScalars(numpy_to_vtk(reflection.colours(T_map_camera[:3, 3]), deep=True))
        pinhole = self._lens.pinhole
        return self._lens.bend(self._view(T_map_camera, 2 * np.arctan2(pinhole.height / 2, pinhole.fy)))

    def _view(self, T_map_camera: np.ndarray, height_angle: float) -> np.ndarray:
        """The window's picture that takes in an angle (rad) from top to bottom."""
        camera, eye = self._scene.GetActiveCamera(), T_map_camera[:3, 3]
        camera.SetViewAngle(np.degrees(height_angle))
        camera.SetPosition(*eye)
        camera.SetFocalPoint(*(eye + T_map_camera[:3, 2]))
        camera.SetViewUp(*-T_map_camera[:3, 1])
        camera.SetClippingRange(0.05, self._hall.reach_m)
        self._window.Render()
        (width, height), pixels = self._window.GetSize(), vtkUnsignedCharArray()
        self._window.GetPixelData(0, 0, width - 1, height - 1, False, pixels, 0)
        # VTK's first row is the lowest
        return np.ascontiguousarray(vtk_to_numpy(pixels).reshape(height, width, 3)[::-1])

    def _surroundings(self, T_map_airframe: np.ndarray) -> Surroundings:
        """What can be seen from the subject's place, before it stands there."""

        def picture(R_map_camera: np.ndarray) -> np.ndarray:
            T_map_camera = T_map_airframe.copy()
            T_map_camera[:3, :3] = R_map_camera
            view = self._view(T_map_camera, np.pi / 2)
            margin = (view.shape[1] - view.shape[0]) // 2
            return view[:, margin : margin + view.shape[0]]

        return Surroundings(picture)

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

    def _add(self, part: Part, light: Light, blocker: SunBlocker | None = None) -> None:
        # VTK multiplies the texture by the colours
        shaded = blocker.shaded(part.mesh) if blocker else None
        colours = np.full((part.mesh.n_points, 3), 255, np.uint8)
        if not part.glows:
            colours = lit_colours(part.mesh, light, shaded)
        if part.paint is not None:
            colours = np.round(colours * (part.paint / 255.0)).astype(np.uint8)
        part.mesh.GetPointData().SetScalars(numpy_to_vtk(colours, deep=True))
        texture = _texture(part.texture)
        texture.SetEdgeClamp(part.glows)  # the sky's top row is not its horizon's neighbour
        actor = self._add_actor(part.mesh)
        actor.SetTexture(texture)
        bound_texture_coordinates(actor, part.mesh)

    def _add_reflection(self, reflection: Reflection, mesh: vtkPolyData) -> None:
        """Lay what a surface mirrors over it."""
        film = vtkPolyData()
        film.SetPoints(mesh.GetPoints())
        film.SetPolys(mesh.GetPolys())
        actor = self._add_actor(film)
        actor.ForceTranslucentOn()
        actor.GetMapper().SetRelativeCoincidentTopologyPolygonOffsetParameters(-1.0, -1.0)
        self._reflections.append((reflection, film))

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
