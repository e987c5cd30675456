# SPDX-License-Identifier: BSD-3-Clause
"""Folders of transforms.json that are not as they should be: lenses, sizes, keys, paths."""

import numpy as np
import pytest
from helpers import encoded, fake_image_rgb
from layout_folders import write_transforms

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import invert, transform_points
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.doctor.examination import examine
from camera_relocalization_ros.data.layouts.transforms_json import T_OPENGL_OPTICAL, import_transforms_json

IDENTITY = np.eye(4).tolist()
TRANSPOSED = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 2, 3, 1]]


def test_a_point_lands_where_an_opengl_camera_sees_it(tmp_path):
    # at (1, 2, 3), looking along +y with +z up: right is +x, up +z, backwards -y
    T = np.array([[1.0, 0, 0, 1], [0, 0, -1, 2], [0, 1, 0, 3], [0, 0, 0, 1]])
    source = write_transforms(tmp_path / "t", [{"file_path": "a.png", "transform_matrix": T.tolist()}])
    dataset = import_transforms_json(source, tmp_path / "set")
    T_camera_scene = invert(dataset.sequences[0].trajectory().matrices()[0])
    # 4 m ahead, 1 m to the right and 0.5 m up; pixel centres are half a pixel off
    pixel = dataset.camera.project(transform_points(T_camera_scene, np.array([[2.0, 6.0, 3.5]])))[0]
    np.testing.assert_allclose(pixel, [60 * 1 / 4 + 32.5 - 0.5, -61 * 0.5 / 4 + 24.25 - 0.5], atol=1e-9)


@pytest.mark.parametrize(
    ("frame", "values", "says"),
    [
        ({"transform_matrix": np.zeros((4, 4)).tolist()}, {}, "a.png: its pose is no rotation"),
        ({"transform_matrix": np.diag([1.0, 1, -1, 1]).tolist()}, {}, "a.png: its pose is no rotation"),
        # column by column; the place would be lost
        ({"transform_matrix": TRANSPOSED}, {}, "a.png: the last row of its pose is 1 2 3 1; expected 0 0 0 1"),
        ({"transform_matrix": np.diag([1.0, 1.2, 1, 1]).tolist()}, {}, "a.png: its pose is no rotation: it stretches"),
        ({"file_path": "a\0.png"}, {}, "is not the name of a file"),
        ({}, {"fl_x": "wide"}, "transforms.json: intrinsics that are no numbers"),
    ],
)
def test_transforms_faults_are_errors_of_the_user(tmp_path, frame, values, says):
    frames = [{"file_path": "a.png", "transform_matrix": IDENTITY, **frame}]
    with pytest.raises(DatasetError, match=says):
        import_transforms_json(write_transforms(tmp_path / "t", frames, **values), tmp_path / "set")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("frame", "values", "says"),
    [
        ({"camera_model": "EQUIRECTANGULAR"}, {}, "camera model 'EQUIRECTANGULAR'; expected one of"),
        ({"camera_model": "FISHEYE624"}, {"camera_model": "OPENCV"}, "camera model 'FISHEYE624'"),
        ({"k4": 0.1}, {}, "distortion k4 = 0.1; expected none beyond"),
    ],
)
def test_transforms_lenses_that_are_not_opencvs_are_refused_in_the_frames_too(tmp_path, frame, values, says):
    frames = [{"file_path": name, "transform_matrix": IDENTITY, **frame} for name in ("a.png", "b.png")]
    with pytest.raises(DatasetError, match=says):
        import_transforms_json(write_transforms(tmp_path / "t", frames, **values), tmp_path / "set")


def test_a_scale_in_the_matrix_is_no_part_of_the_rotation(tmp_path):
    T = np.diag([2.0, 2, 2, 1]) @ np.array([[1.0, 0, 0, 1], [0, 0, -1, 2], [0, 1, 0, 3], [0, 0, 0, 1]])
    source = write_transforms(tmp_path / "t", [{"file_path": "a.png", "transform_matrix": T.tolist()}])
    (frame,) = import_transforms_json(source, tmp_path / "set").frames
    np.testing.assert_allclose(frame.pose.position, [2, 4, 6])
    np.testing.assert_allclose((frame.pose.matrix @ T_OPENGL_OPTICAL)[:3, :3], T[:3, :3] / 2, atol=1e-12)


def test_whole_paths_into_the_folder_are_followed(tmp_path):
    source = write_transforms(tmp_path / "t", [{"file_path": "a.png", "transform_matrix": IDENTITY}])
    text = (source / "transforms.json").read_text()
    (source / "transforms.json").write_text(text.replace("a.png", str((source / "a.png").resolve())))
    assert import_transforms_json(source, tmp_path / "set").frame_count == 1


@pytest.mark.parametrize("keys", [{"camera_model": "OPENCV_FISHEYE"}, {"is_fisheye": True}])
@pytest.mark.parametrize("within", [False, True])
def test_transforms_of_fisheyes_are_read_as_such(tmp_path, keys, within):
    lens = {"k1": 0.1, "k2": 0.01, "k3": 0.002, "k4": -0.001}
    frames = [
        {"file_path": name, "transform_matrix": IDENTITY, **(keys if within else {})} for name in ("a.png", "b.png")
    ]
    source = write_transforms(tmp_path / "t", frames, **lens, **({} if within else keys))
    camera = import_transforms_json(source, tmp_path / "set").camera
    assert camera.is_fisheye and camera.distortion == (0.1, 0.01, 0.002, -0.001)


def test_transforms_intrinsics_of_each_frame(tmp_path):
    frames = [{"file_path": "a.png", "transform_matrix": IDENTITY}]
    frames += [{"file_path": "b.png", "transform_matrix": IDENTITY, "fl_x": 75.0, "fl_y": 76.0, "k1": 0.2}]
    dataset = import_transforms_json(write_transforms(tmp_path / "t", frames, k1=-0.1), tmp_path / "set")
    first, second = (dataset.camera_of(frame) for frame in dataset.frames)
    assert dataset.camera is None
    assert (first.fx, first.fy, first.distortion[0]) == (60.0, 61.0, -0.1)
    assert (second.fx, second.fy, second.distortion[0]) == (75.0, 76.0, 0.2)


def test_transforms_of_pictures_that_were_shrunk_or_cut(tmp_path, caplog):
    """The intrinsics are of pictures of 128x96; they are 64x48, and one 64x64."""
    frames = [{"file_path": name, "transform_matrix": IDENTITY} for name in ("a.png", "b.png", "c.png")]
    source = write_transforms(tmp_path / "t", frames, w=128, h=96, fl_x=120.0, fl_y=122.0, cx=65.0, cy=48.5)
    (source / "c.png").write_bytes(encoded(fake_image_rgb(1, 64, 64)))
    dataset = import_transforms_json(source, tmp_path / "set")
    assert dataset.camera == CameraIntrinsics(64, 48, 60.0, 61.0, 32.0, 23.75)
    assert "2 of 3 pictures have another size" in caplog.text
    assert "intrinsics were for 128x96 and were scaled" in examine(dataset).finding("image files").sentence
    assert dataset.sequences[0].info["skipped"] == {"picture of other proportions than its camera's": 1}


def test_transforms_that_were_written_on_windows(tmp_path):
    frames = [{"file_path": name, "transform_matrix": IDENTITY} for name in ("a.png", "b.png")]
    source = write_transforms(
        tmp_path / "t", frames, train_filenames=["images\\a.png"], test_filenames=["images\\b.png"]
    )
    text = (source / "transforms.json").read_text()
    (source / "images").mkdir()
    for name in ("a.png", "b.png"):
        (source / name).rename(source / "images" / name)
        text = text.replace(f'"file_path": "{name}"', f'"file_path": "images\\\\{name}"')
    (source / "transforms.json").write_text(text)
    dataset = import_transforms_json(source, tmp_path / "set")
    assert dataset.frame_count == 2
    assert Dataset.load(f"{tmp_path / 'set'}@official.test").frame_count == 1


def test_transforms_without_a_size_take_the_pictures(tmp_path):
    frames = [{"file_path": "a.png", "transform_matrix": IDENTITY}]
    source = write_transforms(tmp_path / "t", frames, w=None, h=None, fl_x=None, fl_y=None, camera_angle_x=np.pi / 2)
    camera = import_transforms_json(source, tmp_path / "set").camera
    assert (camera.width, camera.height, round(camera.fx, 9)) == (64, 48, 32.0)


def test_transforms_keys_of_the_frames_win(tmp_path):
    keys = {"camera_model": "PINHOLE", "is_fisheye": False, "fl_x": 70.0, "k1": 0.0, "k4": 0.0, "cx": 30.5}
    frames = [{"file_path": name, "transform_matrix": IDENTITY, **keys} for name in ("a.png", "b.png")]
    source = write_transforms(tmp_path / "t", frames, camera_model="OPENCV_FISHEYE", is_fisheye=True, k1=0.3, k4=0.1)
    camera = import_transforms_json(source, tmp_path / "set").camera
    assert camera == CameraIntrinsics(64, 48, 70.0, 61.0, 30.0, 23.75, (0.0, 0.0, 0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("given", "focal"),
    [
        ({"camera_angle_x": 2 * np.arctan(32 / 60), "camera_angle_y": 2 * np.arctan(24 / 50)}, (60, 50)),
        ({"fl_x": 60.0, "camera_angle_y": 2 * np.arctan(24 / 50)}, (60, 50)),
        ({"camera_angle_y": 2 * np.arctan(24 / 50)}, (50, 50)),
        ({"fl_y": 50.0, "camera_angle_x": 2 * np.arctan(32 / 60)}, (60, 50)),
        ({"fl_x": 60.0, "fl_y": 50.0, "camera_angle_x": 0.1, "camera_angle_y": 0.1}, (60, 50)),
    ],
)
def test_transforms_use_both_fields_of_view(tmp_path, given, focal):
    lens = {"fl_x": None, "fl_y": None, **given}
    source = write_transforms(tmp_path / "t", [{"file_path": "a.png", "transform_matrix": IDENTITY}], **lens)
    camera = import_transforms_json(source, tmp_path / "set").camera
    np.testing.assert_allclose((camera.fx, camera.fy), focal, atol=1e-9)


def test_transforms_that_are_no_json_and_frames_in_the_order_of_their_numbers(tmp_path):
    moved = [np.eye(4) + np.outer([1, 0, 0, 0], [0, 0, 0, n]) for n in (10, 2)]
    frames = [{"file_path": f"f_{int(T[0, 3])}.png", "transform_matrix": T.tolist()} for T in moved]
    source = write_transforms(tmp_path / "t", frames)
    dataset = import_transforms_json(source, tmp_path / "set")
    assert [frame.position[0] for frame in dataset.frames] == [2, 10]
    (source / "transforms.json").write_text('{"frames": [}')
    with pytest.raises(DatasetError, match=r"transforms.json: not a readable JSON file \(.*line 1"):
        import_transforms_json(source, tmp_path / "other")
