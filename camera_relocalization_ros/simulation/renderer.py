# SPDX-License-Identifier: BSD-3-Clause
"""Draws arena and airframe as the camera sees them, off-screen; one pinhole camera, exact to a fraction of a pixel."""

from __future__ import annotations

import numpy as np
import pyvista
from vtkmodules.vtkCommonCore import vtkLogger

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.simulation.airframe import build_airframe
from camera_relocalization_ros.simulation.arena import build_arena
from camera_relocalization_ros.simulation.arena_layout import ROOM_MAX, ROOM_MIN
from camera_relocalization_ros.simulation.surface import Lamp, Part, lit_colours

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
        # multisampling would double the time of software rendering; the blur of motion and JPEG hides its absence
        self._plotter = pyvista.Plotter(off_screen=True, window_size=[camera.width, camera.height], lighting="none")
        self._plotter.disable_anti_aliasing()
        window = self._plotter.ren_win
        assert window is not None  # until the plotter is closed
        window.SetMultiSamples(0)
        lamps = _lamps(np.random.default_rng([light_seed, 13]))
        for part in build_arena(arena_seed):
            self._add(part, np.eye(4), lamps)
        for part in build_airframe():
            self._add(part, T_map_airframe, lamps)
        self._plotter.camera.view_angle = np.degrees(2 * np.arctan2(camera.height / 2, camera.fy))

    def render(self, T_map_camera: np.ndarray) -> np.ndarray:
        """The image (H, W, 3) uint8 RGB from the optical frame's pose (4, 4)."""
        camera, eye = self._plotter.camera, T_map_camera[:3, 3]
        camera.position = eye
        camera.focal_point = eye + T_map_camera[:3, 2]
        camera.up = -T_map_camera[:3, 1]
        camera.clipping_range = (0.05, 30.0)
        self._plotter.render()
        image = self._plotter.screenshot(return_img=True)
        assert image is not None  # it was asked for
        return np.ascontiguousarray(image[..., :3])

    def add_markers(self, points_map: np.ndarray, radius: float = 0.02) -> None:
        """Draw pure green balls at points (N, 3), for tests of the geometry."""
        for point in points_map:
            ball = pyvista.Sphere(radius=radius, center=point, theta_resolution=32, phi_resolution=32)
            self._plotter.add_mesh(ball, color=(0.0, 1.0, 0.0), lighting=False)

    def close(self) -> None:
        """Free the renderer's memory."""
        self._plotter.close()

    def _add(self, part: Part, T_map_part: np.ndarray, lamps: list[Lamp]) -> None:
        mesh = part.mesh.transform(T_map_part, inplace=False, transform_all_input_vectors=True)
        texture = pyvista.Texture(np.ascontiguousarray(part.texture))
        texture.interpolate = True
        texture.mipmap = True
        actor = self._plotter.add_mesh(mesh, scalars=lit_colours(mesh, lamps), rgb=True, lighting=False)
        # pyvista takes either colours or a texture; VTK multiplies the two
        actor.texture = texture


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
