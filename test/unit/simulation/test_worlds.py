# SPDX-License-Identifier: BSD-3-Clause
import cv2
import numpy as np
import pytest
import pyvista

from camera_relocalization_ros.core.errors import SimulationError
from camera_relocalization_ros.core.geometry import invert, transform_points
from camera_relocalization_ros.simulation.arena_layout import FLIGHT_MAX, FLIGHT_MIN
from camera_relocalization_ros.simulation.camera_kind import FISHEYE_CAMERA, X3_CAMERA, CameraKind
from camera_relocalization_ros.simulation.halls.hall import Hall
from camera_relocalization_ros.simulation.halls.rooms import floor
from camera_relocalization_ros.simulation.halls.visitors import visitors
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording
from camera_relocalization_ros.simulation.reflections import Reflection, Surroundings
from camera_relocalization_ros.simulation.renderer import Renderer
from camera_relocalization_ros.simulation.sensor import Sensor, Shot
from camera_relocalization_ros.simulation.shadows import SunBlocker, with_shadows
from camera_relocalization_ros.simulation.surface import Gloss, Light, Part, Sun, quad_surface, solid
from camera_relocalization_ros.simulation.world import WORLDS, World, world_named
from camera_relocalization_ros.simulation.world_names import DEFAULT_WORLD, WORLD_LINES

GREY = np.full((8, 8, 3), 120, np.uint8)
NOTHING = Hall(lambda _seed: [], lambda _rng: Light(()))


def test_worlds_are_those_that_the_command_names():
    assert list(WORLDS) == list(WORLD_LINES)
    assert world_named(DEFAULT_WORLD) is FlightPlan(1, 1, 1, 0).world
    with pytest.raises(SimulationError, match="expected one of arena, glider"):
        world_named("moon")


@pytest.mark.parametrize("name", [name for name in WORLDS if name != DEFAULT_WORLD])
def test_what_stands_in_the_middle_is_out_of_the_flights_way_and_on_the_floor(name):
    points = np.concatenate([part.mesh.points for part in WORLDS[name].subject()])
    assert np.linalg.norm(points[:, :2], axis=1).max() < 1.55
    assert -1.62 < points[:, 2].min() < -1.6
    assert points[:, 2].max() < 0.8


def test_visitors_are_elsewhere_in_each_flight_and_never_where_it_goes():
    def places(seed):
        return np.concatenate(
            [part.mesh.points for part in visitors(np.random.default_rng(seed), people=2, carts=1, ring_m=0.3)]
        )

    first = places(1)
    np.testing.assert_array_equal(first, places(1))
    assert np.abs(first - places(2)).max() > 0.5
    inside = (first[:, :2] > np.array(FLIGHT_MIN) - 0.2) & (first[:, :2] < np.array(FLIGHT_MAX) + 0.2)
    assert not inside.all(axis=1).any()


def markers_seen(image):
    is_marker = (image[..., 1] > 200) & (image[..., 0] < 60) & (image[..., 2] < 60)
    return cv2.connectedComponentsWithStats(is_marker.astype(np.uint8))[3][1:]


GRID = np.array([(x, y, 1.0) for x in (-1.2, -0.5, 0.4, 1.1) for y in (-0.35, 0.1, 0.38)])


def test_a_fisheye_sees_points_where_its_intrinsics_say():
    camera = FISHEYE_CAMERA.scaled(640, 360)
    renderer = Renderer(camera, np.eye(4), world=World(list, NOTHING))
    renderer.add_markers(GRID, radius=0.015)
    found = markers_seen(renderer.render(np.eye(4)))
    renderer.close()
    for pixel in camera.project(GRID):
        assert np.linalg.norm(found - pixel, axis=1).min() < 0.4


def test_each_row_of_a_rolling_shutter_is_seen_at_its_own_time():
    camera, T_first_last = X3_CAMERA.scaled(640, 360), np.eye(4)
    T_first_last[:3, :3] = cv2.Rodrigues(np.array([0.01, 0.05, -0.02]))[0]
    T_first_last[:3, 3] = [0.02, -0.01, 0.0]
    grid = GRID[np.abs(GRID[:, 0]) < 0.6]
    renderer = Renderer(camera, np.eye(4), world=World(list, NOTHING))
    renderer.add_markers(grid, radius=0.015)
    sensor = Sensor.random(camera, 0, CameraKind(readout_s=0.03))
    rolled = sensor._rolled(renderer.render(np.eye(4)), Shot(np.eye(4), T_first_last, 1.0))
    renderer.close()
    found, moved = markers_seen(rolled), []
    for point in grid:
        still = pixel = camera.project(point)[0]
        for _ in range(5):  # the row that it is seen in says when that was
            share = (pixel[1] - 179.5) / 360
            T = np.eye(4)
            T[:3, :3] = cv2.Rodrigues(share * cv2.Rodrigues(T_first_last[:3, :3])[0])[0]
            T[:3, 3] = share * T_first_last[:3, 3]
            pixel = camera.project(transform_points(invert(T), point[None]))[0]
        assert np.linalg.norm(found - pixel, axis=1).min() < 0.5
        moved.append(np.linalg.norm(pixel - still))
    assert max(moved) > 5


def test_a_glossy_plate_mirrors_what_is_around_it():
    plate = solid(pyvista.Plane(i_size=1, j_size=1), GREY).mesh
    plate.point_data["Normals"] = np.tile([0.0, 0.0, 1.0], (plate.n_points, 1))

    def picture(R_map_camera):
        """Red above, blue elsewhere."""
        return np.full((32, 32, 3), (255, 0, 0) if R_map_camera[2, 2] > 0.5 else (0, 0, 255), np.uint8)

    reflection = Reflection(plate, Gloss(0.4, 50.0), Light(()), Surroundings(picture))
    above = reflection.colours(np.array([0.0, 0.0, 50.0]))
    np.testing.assert_allclose(above, np.tile([255, 0, 0, 102], (len(above), 1)), atol=1)
    flat = reflection.colours(np.array([50.0, 0.0, 2.0]))
    assert (flat[:, 2] > 250).all() and (flat[:, 3] > 180).all()


def test_a_texture_is_looked_up_near_its_meshs_coordinates_where_pixels_lie_far_apart_on_it():
    # beyond them Mesa goes through millions of texels for one pixel of a face that is seen edge-on: minutes
    texture = np.zeros((4, 4, 3), np.uint8)
    texture[:, -1] = 255
    wall = quad_surface(np.array([[-1.0, -1, 2], [1, -1, 2], [1, 1, 2], [-1, 1, 2]]), np.array([0.0, 0, 5]))
    camera = X3_CAMERA.scaled(64, 36)
    world = World(list, Hall(lambda _seed: [Part(wall, texture, glows=True)], lambda _rng: Light(())))
    renderer = Renderer(camera, np.eye(4), world=world)
    left, right = np.round(camera.project(np.array([[-1.0, 0, 2], [1, 0, 2]]))[:, 0]).astype(int)
    uv = np.array(wall.active_texture_coordinates)

    def row(textures):
        """The middle row of pixels, with so many textures on the wall: more than it had when the renderer was made."""
        wall.active_texture_coordinates = uv * [textures, 1]
        return renderer.render(np.eye(4))[18, left + 2 : right - 2, 0].astype(int)

    repeated, bounded = row(8), row(2000 * (right - left))
    renderer.close()
    assert np.ptp(repeated[len(repeated) // 2 :]) > 50
    # the last coordinate's colour, not the texture's mean
    assert bounded.min() > 120


def test_the_sun_casts_shadows():
    sun = Sun(np.array([0.6, 0.0, 0.8]), np.full(3, 0.5))
    light = Light((), ambient=0.4, sun=sun)
    ground = floor((-2, -2, 0), (2, 2, 0), np.full((400, 400, 3), 200, np.uint8), is_ground=True)
    roof = solid(pyvista.Box((-0.5, 0.5, -0.5, 0.5, 0.99, 1.01)), GREY)
    shadowed = with_shadows([ground], [roof], light)[0].texture
    # 0.75 m from below the roof, away from the sun
    assert shadowed[200, 125, 0] == 100
    assert (shadowed[200, 230] == 200).all() and (shadowed[300, 125] == 200).all()
    below = Part(pyvista.PolyData(np.array([[-0.6, 0.0, 0.2], [0.6, 0.0, 0.2]])), GREY)
    below.mesh.point_data["Normals"] = np.array([[0.0, 0.0, 1.0]] * 2)
    assert SunBlocker([roof.mesh], sun).shaded(below.mesh).tolist() == [True, False]


def test_pictures_of_a_world_are_the_same_again_and_change_with_exposure():
    world = World(list, Hall(lambda _seed: [floor((-9, -9, 0), (9, 9, 0), GREY)], lambda _rng: Light(())))
    swinging = World(world.subject, world.hall, CameraKind(exposure_swing=0.5))

    def pictures(one):
        plan = FlightPlan(placement=6, duration_s=20, rate_hz=0.2, seed=1, width=128, world=one)
        return [jpeg.tobytes() for _, jpeg in Recording(plan).images()]

    first = pictures(swinging)
    assert first == pictures(swinging)
    mean = [cv2.imdecode(np.frombuffer(one, np.uint8), 1)[-8:].mean() for one in (*first, *pictures(world))]
    assert np.ptp(mean[:4]) > 3 * np.ptp(mean[4:])
