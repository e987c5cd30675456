# SPDX-License-Identifier: BSD-3-Clause
"""The stored views as a whole: true poses, shares, seeds, and an object that no background touches."""

import cv2
import numpy as np
import pytest
from helpers import CAMERA, CHILD_FRAME, PARENT_FRAME, START_NS, encoded, fake_image_rgb, fake_trajectory
from mesh_files import box_corners, write_box_ply

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.geometry import invert, pose_matrix, transform_points
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.training.config import AugmentationConfig
from camera_relocalization_ros.training.features.backgrounds import Backgrounds, random_texture
from camera_relocalization_ros.training.features.views import ViewMaker

CAMERA = CAMERA.scaled(256, 192)
PREPROCESSING = Preprocessing(128, 96)
BOX_SIZE, BOX_CENTRE = 0.5, (0.05, -0.1, 2.0)
DOT = np.array(BOX_CENTRE) - [0.0, 0.0, BOX_SIZE / 2]
# every change to colours switched off
PLAIN = {"exposure": 0.0, "rotation_sd_deg": 3.0, "in_plane_sd_deg": 6.0}
RED, GREEN, BLUE = (220, 30, 30), (30, 220, 30), (30, 30, 220)


def scene(T_parent_camera, background_rgb):
    """A red box before a background; the middle of its side towards the camera carries a green dot."""
    corners = transform_points(invert(T_parent_camera), box_corners(BOX_SIZE, BOX_CENTRE))
    pixels = CAMERA.project(corners).astype(np.float32)
    image = background_rgb.copy()
    cv2.fillConvexPoly(image, np.round(cv2.convexHull(pixels)).astype(np.int32), RED)
    dot = CAMERA.project(transform_points(invert(T_parent_camera), [DOT]))[0]
    cv2.circle(image, np.round(16 * dot).astype(int).tolist(), 5 * 16, GREEN, -1, shift=4)
    return image


@pytest.fixture
def dataset(tmp_path):
    """Six frames of the box from nearly the same place, each before another background."""
    trajectory = fake_trajectory(6)
    with DatasetWriter(tmp_path / "set", PARENT_FRAME, CHILD_FRAME, CAMERA) as writer, writer.sequence("a") as sequence:
        for row in range(6):
            position = trajectory.positions[row] - trajectory.positions[0]
            quat_xyzw = trajectory.quats_xyzw[0] * [0, 0, 0, 1] + [0.02 * row, -0.01 * row, 0.0, 0.0]
            quat_xyzw /= np.linalg.norm(quat_xyzw)
            background = fake_image_rgb(row, 256, 192) // 2
            background[..., :2] = 0
            image = scene(pose_matrix(position, quat_xyzw), background)
            sequence.add(START_NS + row * 10**8, position, quat_xyzw, encoded(image), ".png")
    return Dataset.load(tmp_path / "set")


@pytest.fixture
def mesh_path(tmp_path):
    return str(write_box_ply(tmp_path / "box.ply", BOX_SIZE, BOX_CENTRE))


def maker(dataset, seed=0, **changes):
    return ViewMaker.for_dataset(dataset, PREPROCESSING, AugmentationConfig(**{**PLAIN, **changes}), seed)


def changed_from(plain, other):
    """Which views (V,) differ from those of a maker with the same turns."""
    return (plain[0] != other[0]).any(axis=(1, 2, 3))


def test_every_change_leaves_the_pose_true(dataset, mesh_path):
    everything = {"blur_px": 0.5, "noise": 3.0, "exposure": 0.1, "background_share": 0.7, "object_mesh": mesh_path}
    small = CAMERA.scaled(128, 96)
    found = 0
    for row, frame in enumerate(dataset.frames):
        images, poses = maker(dataset, views=8, **everything).views(frame, row)
        for image, pose in zip(images.astype(int), poses):
            column, line = small.project(transform_points(invert(pose_matrix(pose[:3], pose[3:])), [DOT]))[0]
            if not (4 < column < 123 and 4 < line < 91):
                continue
            # the dot's centre, looked for around where it ought to be
            top, left = round(line) - 4, round(column) - 4
            part = image[top : top + 9, left : left + 9]
            rows, columns = np.nonzero(part[..., 1] > 1.4 * np.maximum(part[..., 0], part[..., 2]))
            np.testing.assert_allclose([columns.mean() + left, rows.mean() + top], [column, line], atol=0.4)
            found += 1
    assert found > 40


def test_no_background_touches_the_object_and_elsewhere_nothing_is_left(dataset, mesh_path):
    frame, views = dataset.frames[2], 10
    plain = maker(dataset, views=views).views(frame, 2)
    replaced = maker(
        dataset, views=views, background_share=1.0, object_mesh=mesh_path, object_margin_px=0, backgrounds=""
    ).views(frame, 2)
    np.testing.assert_array_equal(plain[1], replaced[1])
    np.testing.assert_array_equal(plain[0][0], replaced[0][0])  # the original stays as it is
    for before, after, pose in zip(plain[0][1:], replaced[0][1:], replaced[1][1:]):
        T_camera_parent = invert(pose_matrix(pose[:3], pose[3:]))
        corners = CAMERA.scaled(128, 96).project(transform_points(T_camera_parent, box_corners(BOX_SIZE, BOX_CENTRE)))
        hull = cv2.convexHull(corners.astype(np.float32))
        box = cv2.fillConvexPoly(np.zeros((96, 128), np.uint8), np.round(hull).astype(np.int32), 1)
        inside = cv2.erode(box, np.ones((5, 5))) > 0
        np.testing.assert_array_equal(before[inside], after[inside])
        outside = cv2.dilate(box, np.ones((5, 5))) == 0
        assert (before[outside] != after[outside]).any(axis=1).mean() > 0.8


def test_shares_are_kept(dataset, mesh_path):
    frame, views = dataset.frames[0], 200
    plain = maker(dataset, views=views).views(frame, 0)
    for share in (0.2, 0.7):
        occluded = maker(dataset, views=views, occlusion_share=share).views(frame, 0)
        assert changed_from(plain, occluded).mean() == pytest.approx(share, abs=0.08)
        np.testing.assert_array_equal(plain[1], occluded[1])
        replaced = maker(dataset, views=views, background_share=share, object_mesh=mesh_path).views(frame, 0)
        assert changed_from(plain, replaced).mean() == pytest.approx(share, abs=0.08)
        np.testing.assert_array_equal(plain[1], replaced[1])


def test_same_seed_same_views_whatever_was_made_before(dataset, mesh_path):
    changes = {"views": 4, "background_share": 0.5, "occlusion_share": 0.5, "noise": 4.0, "object_mesh": mesh_path}
    first, again, other = maker(dataset, **changes), maker(dataset, **changes), maker(dataset, seed=1, **changes)
    expected = first.views(dataset.frames[3], 3)
    again.views(dataset.frames[1], 1)
    for a, b in zip(expected, again.views(dataset.frames[3], 3)):
        np.testing.assert_array_equal(a, b)
    assert (other.views(dataset.frames[3], 3)[1][1:] != expected[1][1:]).any()


def test_an_object_out_of_sight_keeps_its_surroundings(dataset, tmp_path):
    behind = str(write_box_ply(tmp_path / "behind.ply", BOX_SIZE, (0.0, 0.0, -3.0)))
    plain = maker(dataset, views=3).views(dataset.frames[0], 0)
    replaced = maker(dataset, views=3, background_share=1.0, object_mesh=behind).views(dataset.frames[0], 0)
    assert not changed_from(plain, replaced).any()


def test_backgrounds_of_the_data_set_hold_no_object_and_come_from_far_away(dataset, mesh_path):
    mesh = maker(dataset, background_share=1.0, object_mesh=mesh_path).mesh
    backgrounds = Backgrounds.from_dataset(dataset, CAMERA, mesh, 3, seed=0)
    assert backgrounds.images.shape == (6, 192, 256, 3)
    assert not (backgrounds.images[..., 0] > 100).any()
    marked = Backgrounds(np.stack([np.full((48, 64, 3), 40 * n, np.uint8) for n in range(6)]), np.zeros((6, 3)))
    marked.positions[:, 0] = np.arange(6)
    rng = np.random.default_rng(0)
    drawn = [marked.draw(rng, np.array([0.0, 0.0, 0.0])) for _ in range(60)]
    flat = {int(image[0, 0, 0]) for image in drawn if image.std() == 0}
    assert flat == {120, 160, 200}
    assert any(image.std() > 0 for image in drawn)  # textures


def test_backgrounds_of_a_folder_fill_the_image(dataset, mesh_path, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    with pytest.raises(ConfigError, match="no pictures"):
        maker(dataset, background_share=1.0, object_mesh=mesh_path, backgrounds=str(folder))
    (folder / "wide.png").write_bytes(encoded(np.full((30, 200, 3), BLUE, np.uint8)))
    (folder / "high.png").write_bytes(encoded(np.full((200, 30, 3), BLUE, np.uint8)))
    (folder / "notes.txt").write_text("no picture")
    backgrounds = Backgrounds.from_folder(folder, CameraIntrinsics(64, 48, 50, 50, 31.5, 23.5), seed=0)
    np.testing.assert_array_equal(backgrounds.images, np.full((2, 48, 64, 3), BLUE))


def test_textures_fill_the_image():
    texture = random_texture(np.random.default_rng(0), 64, 48)
    assert texture.shape == (48, 64, 3)
    assert texture.std() > 5


@pytest.mark.parametrize("changes", [{"background_share": 1.5}, {"views": -1}, {"occlusion_share": -0.1}])
def test_impossible_settings_are_refused(changes):
    with pytest.raises(ConfigError, match=f"augmentation.{next(iter(changes))}"):
        AugmentationConfig(**changes)
