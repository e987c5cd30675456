# SPDX-License-Identifier: BSD-3-Clause
"""COLMAP's models are read: text and binary, one camera or many, each lens."""

import struct

import numpy as np
import pytest
from helpers import encoded, fake_image_rgb
from layout_folders import PNG, POSITION, R_SCENE_CAMERA, pose_of
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.data.layouts.colmap import import_colmap

LENS = (60.0, 61.0, 32.5, 24.25, -0.1, 0.01, 0.001, -0.002)


def assert_colmap(dataset):
    assert dataset.camera == CameraIntrinsics(64, 48, 60.0, 61.0, 32.0, 23.75, (-0.1, 0.01, 0.001, -0.002, 0.0))
    assert [frame.image_path.suffix for frame in dataset.frames] == [".png", ".png"]
    np.testing.assert_allclose(pose_of(dataset)[:3, :3], R_SCENE_CAMERA, atol=1e-9)
    np.testing.assert_allclose(pose_of(dataset)[:3, 3], POSITION, atol=1e-9)
    np.testing.assert_allclose(pose_of(dataset, 1)[:3, 3], POSITION + [1, 0, 0], atol=1e-9)


def colmap_folder(tmp_path):
    for name in ("a.png", "sub dir/b.png"):
        path = tmp_path / "project" / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
    model = tmp_path / "project" / "sparse" / "0"
    model.mkdir(parents=True)
    return model


def colmap_rows():
    """Identifier, wxyz, translation and name, worked out by hand: x_camera = R x_scene + t."""
    x, y, z, w = Rotation.from_matrix(R_SCENE_CAMERA.T).as_quat()
    rows = []
    for number, (name, position) in enumerate((("sub dir/b.png", POSITION + [1, 0, 0]), ("a.png", POSITION))):
        rows.append((number + 7, (w, x, y, z), -R_SCENE_CAMERA.T @ position, name))
    return rows


def test_colmap_text(tmp_path):
    model = colmap_folder(tmp_path)
    (model / "cameras.txt").write_text("# comment\n3 OPENCV 64 48 " + " ".join(map(str, LENS)) + "\n")
    lines = ["# comment"]
    for number, quat, translation, name in colmap_rows():
        lines += [f"{number} {' '.join(map(repr, (*map(float, quat), *map(float, translation))))} 3 {name}", ""]
    (model / "images.txt").write_text("\n".join(lines))
    assert_colmap(import_colmap(model, tmp_path / "set"))


def test_colmap_binary(tmp_path):
    model = colmap_folder(tmp_path)
    (model / "cameras.bin").write_bytes(struct.pack("<QiiQQ8d", 1, 3, 4, 64, 48, *LENS))
    data = struct.pack("<Q", 2)
    for number, quat, translation, name in colmap_rows():
        data += struct.pack("<i7di", number, *quat, *translation, 3) + name.encode() + b"\0"
        data += struct.pack("<Q2dq", 1, 10.0, 20.0, -1)
    (model / "images.bin").write_bytes(data)
    assert_colmap(import_colmap(model, tmp_path / "set"))
    (model / "images.bin").write_bytes(data[:-50])
    with pytest.raises(DatasetError, match="not a whole model of COLMAP"):
        import_colmap(model, tmp_path / "cut")


@pytest.mark.parametrize("write", ["write_text", "write_binary"])
def test_colmap_models_that_colmap_itself_wrote(tmp_path, write):
    pycolmap = pytest.importorskip("pycolmap")
    model = colmap_folder(tmp_path)
    written = pycolmap.Reconstruction()
    written.add_camera_with_trivial_rig(
        pycolmap.Camera(model="OPENCV", width=64, height=48, params=list(LENS), camera_id=3)
    )
    for number, (w, x, y, z), translation, name in colmap_rows():
        pose = pycolmap.Rigid3d(pycolmap.Rotation3d(np.array([x, y, z, w])), translation)
        written.add_image_with_trivial_frame(pycolmap.Image(name=name, camera_id=3, image_id=number), pose)
    getattr(written, write)(str(model))
    assert_colmap(import_colmap(model, tmp_path / "set"))


TWO_IMAGES = "1 1 0 0 0 0 0 0 3 a.png\n\n2 1 0 0 0 0 0 0 4 sub dir/b.png\n\n"


def test_colmap_of_one_camera_for_each_picture(tmp_path):
    model = colmap_folder(tmp_path)
    (model / "images.txt").write_text(TWO_IMAGES)
    (model / "cameras.txt").write_text("3 PINHOLE 64 48 60 60 32 24\n4 SIMPLE_RADIAL 64 48 70 32 24 0.1\n")
    dataset = import_colmap(model, tmp_path / "set")
    first = CameraIntrinsics(64, 48, 60.0, 60.0, 31.5, 23.5)
    second = CameraIntrinsics(64, 48, 70.0, 70.0, 31.5, 23.5, (0.1, 0.0, 0.0, 0.0, 0.0))
    assert [dataset.camera_of(frame) for frame in dataset.frames] == [first, second]
    # equal cameras are one
    (model / "cameras.txt").write_text("3 PINHOLE 64 48 60 60 32 24\n4 SIMPLE_PINHOLE 64 48 60 32 24\n")
    assert import_colmap(model, tmp_path / "same").camera == first


def test_colmap_cameras_of_unlike_sizes(tmp_path, caplog):
    model = colmap_folder(tmp_path)
    (tmp_path / "project/images/sub dir/b.png").write_bytes(encoded(fake_image_rgb(1, 48, 64)))
    (model / "images.txt").write_text(TWO_IMAGES)
    # that of the first was shrunk to half its size after the reconstruction
    (model / "cameras.txt").write_text("3 PINHOLE 128 96 120 120 64 48\n4 PINHOLE 48 64 60 60 24 32\n")
    dataset = import_colmap(model, tmp_path / "set")
    expected = [CameraIntrinsics(64, 48, 60.0, 60.0, 31.5, 23.5), CameraIntrinsics(48, 64, 60.0, 60.0, 23.5, 31.5)]
    assert [dataset.camera_of(frame) for frame in dataset.frames] == expected
    assert "1 of 2 pictures have another size" in caplog.text


@pytest.mark.parametrize(
    "lens",
    [
        "OPENCV_FISHEYE 64 48 60 61 32 24 -0.1 0.02 0.003 -0.004",
        "RADIAL_FISHEYE 64 48 60 32 24 -0.1 0.02",
        "SIMPLE_RADIAL_FISHEYE 64 48 60 32 24 -0.1",
        "FULL_OPENCV 64 48 60 61 32 24 .1 .02 .003 .004 .05 .06 .07 .08",
        "OPENCV 64 48 60 61 32 24 -0.1 0.01 0.001 -0.002",
    ],
)
def test_colmap_lenses_see_points_where_colmap_does(tmp_path, lens):
    pycolmap = pytest.importorskip("pycolmap")
    model = colmap_folder(tmp_path)
    (model / "images.txt").write_text("1 1 0 0 0 0 0 0 3 a.png\n")
    # a model that nobody uses does no harm
    (model / "cameras.txt").write_text(f"3 {lens}\n4 EUCM 64 48 60 61 32 24 0.5 1.0\n")
    camera = import_colmap(model, tmp_path / "set").camera
    name, width, height, *parameters = lens.split()
    colmaps = pycolmap.Camera(model=name, width=int(width), height=int(height), params=list(map(float, parameters)))
    points = np.array([[0.0, 0.0, 1.0], [0.3, -0.2, 1.0], [-0.4, 0.3, 1.2], [0.5, 0.35, 1.0]])
    # COLMAP's pixel centres lie at halves
    np.testing.assert_allclose(camera.project(points) + 0.5, colmaps.img_from_cam(points), atol=1e-6)


def test_colmap_refuses_what_it_cannot_mean(tmp_path):
    model = colmap_folder(tmp_path)
    (model / "images.txt").write_text("1 1 0 0 0 0 0 0 3 a.png\n")
    (model / "cameras.txt").write_text("3 FOV 64 48 60 60 32 24 0.9\n")
    with pytest.raises(DatasetError, match=r"'FOV'; expected one of SIMPLE_PINHOLE.*undistort"):
        import_colmap(model, tmp_path / "set")
    (model / "cameras.txt").write_text("3 OPENCV 64 48 60 60 32 24\n")
    with pytest.raises(DatasetError, match="a camera of model OPENCV"):
        import_colmap(model, tmp_path / "set")
    (model / "cameras.txt").write_text("3 PINHOLE 64 48 60 60 32 24\n")
    (model / "images.txt").write_text("1 1 0 0 0 0 0 0 3 ../../secret.png\n")
    with pytest.raises(DatasetError, match="leads out of"):
        import_colmap(model, tmp_path / "set")
    with pytest.raises(DatasetError, match="no such folder"):
        import_colmap(tmp_path / "nothing", tmp_path / "set")
