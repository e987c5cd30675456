# SPDX-License-Identifier: BSD-3-Clause
"""Made-up reconstructions whose tags are seen with errors that are alike in many pictures: is the stated one true?"""

import numpy as np
import pytest
from helpers import load_benchmark

from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.mapping.survey.alignment import similarity_between

pycolmap = pytest.importorskip("pycolmap", reason="structure from motion")
from camera_relocalization_ros.mapping.survey.corner_adjustment import adjusted_without  # noqa: E402
from camera_relocalization_ros.mapping.survey.scene_points import ScenePoint, intersection  # noqa: E402
from camera_relocalization_ros.mapping.survey.tag_sizes import tag_sizes, without_shift  # noqa: E402
from camera_relocalization_ros.mapping.survey.tags import scale_by_corners, tag_axes  # noqa: E402

ROOM = load_benchmark("survey")
TAG_M, UNITS_PER_M = ROOM.TAG_M, 0.37
# where the tags lie on the floor
CENTRES = np.array([[0.0, 0.0, 0.0], [-0.6, -0.4, 0.0], [0.5, -0.5, 0.0]])


def flight(rng, count, farthest_m=3.0):
    """T_world_camera of pictures around the tags, from near and far."""
    angles = np.linspace(-2.8, -1.6, count) + rng.normal(0, 0.05, count)
    reach = 1.6 + (farthest_m - 1.6) * (0.5 + 0.5 * np.sin(np.linspace(0, 5, count) + rng.uniform(0, 6)))
    places = np.column_stack([reach * np.cos(angles), reach * np.sin(angles), 0.5 * reach])
    return [ROOM.looking_at(place, rng.normal(0, 0.05, 3)) for place in places]


def reconstructed(cameras, features, noise_px, rng):
    """What COLMAP would have found of these cameras and features (n, 3) of the room, in units of its own."""
    lens, found = ROOM.CAMERA, pycolmap.Reconstruction()
    parameters = [lens.fx, lens.fy, lens.cx + 0.5, lens.cy + 0.5]
    found.add_camera_with_trivial_rig(
        pycolmap.Camera(model="PINHOLE", width=lens.width, height=lens.height, params=parameters, camera_id=1)
    )
    tracks = [pycolmap.Track() for _ in features]
    for number, T_world_camera in enumerate(cameras, 1):
        T_camera_world = invert(T_world_camera)
        pixels = lens.project(features @ T_camera_world[:3, :3].T + T_camera_world[:3, 3])
        pixels += rng.normal(0, noise_px, pixels.shape)
        image = pycolmap.Image(name=f"p{number}", keypoints=pixels + 0.5, camera_id=1, image_id=number)
        T_camera_world[:3, 3] *= UNITS_PER_M
        found.add_image_with_trivial_frame(image, pycolmap.Rigid3d(T_camera_world[:3]))
        for index, track in enumerate(tracks):
            track.add_element(number, index)
    for point, track in zip(UNITS_PER_M * features, tracks):
        found.add_point3D(point, track)
    return found


def tag_seen(images, centre, shifts_px, noise_px, rng):
    """The pictures with the corners of a tag, whose edges each shows shifted outwards."""
    corners = UNITS_PER_M * (tag_axes(TAG_M) + centre)
    views = []
    for image, shift_px in zip(images, shifts_px):
        points = [ScenePoint(corner, [(image, image.project_point(corner) - 0.5)]) for corner in corners]
        pixels = np.array([point.views[0][1] for point in without_shift(points, -shift_px)])
        views.append((image, pixels + rng.normal(0, noise_px, (4, 2))))
    return views


def corners_of(views):
    return [intersection([(image, pixels[corner]) for image, pixels in views]) for corner in range(4)]


def test_a_shift_of_all_edges_is_told_from_a_size():
    rng = np.random.default_rng(0)
    images = list(reconstructed(flight(rng, 12), np.zeros((0, 3)), 0.0, rng).images.values())
    tags = [corners_of(tag_seen(images, centre, [-0.2] * 12, 0.02, rng)) for centre in CENTRES]
    found = tag_sizes(tags, tag_axes(TAG_M))
    off = found.log_units_per_m - np.log(UNITS_PER_M)
    assert abs(found.edge_shift_px + 0.2) < 0.02 and abs(off) < min(3 * found.error, 5e-4)
    # as it is where nobody asks for a shift: 0.4 pixels of about 70
    plain = [similarity_between(tag_axes(TAG_M), np.array([corner.position for corner in tag])).scale for tag in tags]
    assert np.mean(plain) / UNITS_PER_M - 1 < -0.003
    corrected = tag_sizes([without_shift(tag, found.edge_shift_px) for tag in tags], tag_axes(TAG_M))
    assert abs(corrected.edge_shift_px) < 0.01


def test_a_tag_printed_at_another_size_makes_the_scale_less_sure():
    rng = np.random.default_rng(1)
    images = list(reconstructed(flight(rng, 12), np.zeros((0, 3)), 0.0, rng).images.values())
    seen = [tag_seen(images, centre, [0.0] * 12, 0.02, rng) for centre in CENTRES]
    alike = tag_sizes([corners_of(views) for views in seen], tag_axes(TAG_M))
    larger = [(image, pixels.mean(axis=0) + 1.01 * (pixels - pixels.mean(axis=0))) for image, pixels in seen[2]]
    unlike = tag_sizes([corners_of(views) for views in (*seen[:2], larger)], tag_axes(TAG_M))
    assert alike.unlike < 2 and unlike.unlike > 10
    assert 0.002 < unlike.error < 0.008 and alike.error < 0.001


def test_the_stated_error_of_the_scale_is_the_true_one():
    """Edges are shifted otherwise in each reconstruction, and change slowly along it; every other lens is not known."""
    normalised, claimed = [], []
    for seed in range(4):
        rng = np.random.default_rng(100 + seed)
        cameras = flight(rng, 12, 2.4)
        features = rng.uniform([-0.9, -0.4, 0.0], [0.9, 0.6, 0.8], (60, 3))
        found = reconstructed(cameras, features, 0.3, rng)
        images = [found.images[number] for number in range(1, 13)]
        walk = 0.1 * np.cumsum(rng.normal(0, 0.5, 12))
        shifts_px = rng.normal(0, 0.1) + walk - walk.mean()
        seen = {number: tag_seen(images, centre, shifts_px, 0.05, rng) for number, centre in enumerate(CENTRES)}
        scale = scale_by_corners(found, seen, ROOM.DICTIONARY, TAG_M, cameras_are_known=seed % 2 == 0)
        centres = np.array([image.projection_center() for image in images])
        true = similarity_between(centres, np.array(cameras)[:, :3, 3]).scale
        normalised.append(np.log(scale.scale / true) / scale.error)
        claimed.append(scale.error)
    assert 0.4 < np.sqrt(np.mean(np.square(normalised))) < 1.5 and np.abs(normalised).max() < 3
    assert np.median(claimed) < 0.004


def test_what_an_adjustment_cannot_hold_is_not_printed(capfd):
    """Left out pictures may leave some that fix no gauge, or points that fail a step; the solver goes on by itself."""
    rng = np.random.default_rng(0)
    cameras = flight(rng, 6)
    features = rng.uniform([-0.9, -0.4, 0.0], [0.9, 0.6, 0.8], (20, 3))
    found = reconstructed([cameras[0], cameras[0], *cameras[2:]], features, 0.0, rng)
    assert sorted(adjusted_without(found, {3, 4, 5, 6}, [], 0, True).images) == [1, 2]
    assert capfd.readouterr().err == ""
