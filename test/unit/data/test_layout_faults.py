# SPDX-License-Identifier: BSD-3-Clause
"""Layouts under scrutiny: pixels of known points, lenses, exact poses, and files that are not what they say."""

import json

import numpy as np
import pytest
from helpers import START_NS, encoded, fake_image_rgb, fake_trajectory, write_fake_dataset

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError, SyncError
from camera_relocalization_ros.core.geometry import invert, transform_points
from camera_relocalization_ros.core.trajectory import read_stamps, read_tum
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.data.doctor.examination import examine
from camera_relocalization_ros.data.layouts.cambridge import import_cambridge
from camera_relocalization_ros.data.layouts.colmap import import_colmap
from camera_relocalization_ros.data.layouts.extract_and_sync import export_extract_and_sync, import_extract_and_sync
from camera_relocalization_ros.data.layouts.natural_order import natural_key
from camera_relocalization_ros.data.layouts.seven_scenes import export_seven_scenes
from camera_relocalization_ros.data.layouts.transforms_json import import_transforms_json
from camera_relocalization_ros.data.layouts.tum import export_tum, import_tum
from camera_relocalization_ros.data.splits import load_split, save_split

PNG = encoded(fake_image_rgb(0))
IDENTITY = np.eye(4).tolist()


def write_transforms(folder, frames, **values):
    folder.mkdir()
    lens = {"fl_x": 60.0, "fl_y": 61.0, "cx": 32.5, "cy": 24.25, "w": 64, "h": 48}
    (folder / "transforms.json").write_text(json.dumps({**lens, **values, "frames": frames}))
    for frame in frames:
        if "\0" not in frame["file_path"]:
            (folder / frame["file_path"]).write_bytes(PNG)
    return folder


def write_tum_folder(folder, images, poses):
    folder.mkdir()
    (folder / "a.png").write_bytes(PNG)
    (folder / "rgb.txt").write_text("".join(f"{stamp} a.png\n" for stamp in images))
    (folder / "groundtruth.txt").write_text("".join(f"{line}\n" for line in poses))
    return folder


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
    ("model", "parameters"),
    [
        ("SIMPLE_PINHOLE", (60, 32, 24)),
        ("PINHOLE", (60, 61, 32, 24)),
        ("SIMPLE_RADIAL", (60, 32, 24, -0.1)),
        ("RADIAL", (60, 32, 24, -0.1, 0.02)),
        ("OPENCV", (60, 61, 32, 24, -0.1, 0.02, 0.003, -0.004)),
        ("FULL_OPENCV", (60, 61, 32, 24, -0.1, 0.02, 0.003, -0.004, 0.01, 0.02, -0.01, 0.005)),
    ],
)
def test_each_lens_projects_as_colmap_says(tmp_path, model, parameters):
    pycolmap = pytest.importorskip("pycolmap")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(PNG)
    (tmp_path / "cameras.txt").write_text(f"1 {model} 64 48 {' '.join(map(str, parameters))}\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 1 a.png\n\n")
    ours = import_colmap(tmp_path, tmp_path / "set").camera
    theirs = pycolmap.Camera(model=model, width=64, height=48, params=parameters, camera_id=1)
    point = np.array([[0.3, -0.2, 1.0]])
    np.testing.assert_allclose(ours.project(point) + 0.5, np.reshape(theirs.img_from_cam(point), (1, 2)), atol=1e-9)


def test_tum_takes_given_poses_as_they_are_and_no_others_across_a_gap(tmp_path):
    poses = ["1.00 0 0 0 0 0 0 1", "1.05 1 0 0 0 0 0 1", "1.16 1 0 0 0 0 0 1", "1.26 2 0 0 0 0 1 0"]
    source = write_tum_folder(tmp_path / "t", ["1.05", "1.1", "1.16", "1.21", "1.3"], poses)
    dataset = import_tum(source, tmp_path / "set")
    assert dataset.sequences[0].info["skipped"] == {"gap in the pose stream": 1, "outside the pose stream": 1}
    np.testing.assert_allclose([frame.position[0] for frame in dataset.frames], [1, 1, 1.5])
    # half of the half turn about z
    np.testing.assert_allclose(np.abs(dataset.frames[2].quat_xyzw), [0, 0, np.sqrt(0.5), np.sqrt(0.5)], atol=1e-12)


def test_tum_brings_back_poses_that_repeat_and_jump(tmp_path):
    poses = fake_trajectory(60, period_s=0.05)
    positions = poses.positions.copy()
    positions[31:33] = positions[30]
    positions[40] += 100
    quats = poses.quats_xyzw.copy()
    quats[31:33] = quats[30]
    with DatasetWriter(tmp_path / "set", "scene", "camera") as writer, writer.sequence("s") as sequence:
        for row, stamp_ns in enumerate(poses.stamps_ns):
            sequence.add(int(stamp_ns), positions[row], quats[row], PNG, ".png")
    export_tum(Dataset.load(tmp_path / "set"), tmp_path / "tum")
    found = import_tum(tmp_path / "tum", tmp_path / "again").sequences[0].trajectory()
    np.testing.assert_array_equal(found.stamps_ns, poses.stamps_ns)
    np.testing.assert_allclose(found.positions, positions, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.quats_xyzw, Dataset.load(tmp_path / "set").poses.quats_xyzw, atol=1e-12)


@pytest.mark.parametrize(
    ("poses", "says"),
    [
        (["1 0 0 0 0 0 0 0"], "groundtruth.txt: pose 1 is none"),
        (["2 0 0 0 0 0 0 1", "1 0 0 0 0 0 0 1"], "groundtruth.txt: stamps of a trajectory must be"),
        (["1 0 0 0 0 0 0 1", "2 0 0 zero 0 0 0 1"], "groundtruth.txt:2: expected 8 numbers"),
    ],
)
def test_tum_pose_faults_name_the_file(tmp_path, poses, says):
    with pytest.raises(SyncError, match=says):
        import_tum(write_tum_folder(tmp_path / "t", ["1"], poses), tmp_path / "set")


GOOD_ROWS = [f"{1600000000 + n * 0.05:.2f} {n} 0 0 0 0 0 1" for n in range(6)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("nan 0 0 0 0 0 0 1", "stamp that is no time"),
        ("inf 0 0 0 0 0 0 1", "stamp that is no time"),
        ("1e400 0 0 0 0 0 0 1", "stamp that is no time"),
        ("1600000000123456 0 0 0 0 0 0 1", "stamp that is no time"),
        ("9999999999999999999 0 0 0 0 0 0 1", "stamp that is no time"),
        ("1600000000.12 nan nan nan nan nan nan nan", "pose that is no number"),
        ("1600000000.12 0 0 -1.#IND 0 0 0 1", "pose that is no number"),
        ("1600000000.12 0 0 0 0 0 0 0", "quaternion of length zero"),
        ("1600000000.10 9 0 0 0 0 0 1", "repeated stamp"),
        ("1600000000.05 9 0 0 0 0 0 1", "stamp that goes back"),
    ],
)
def test_tum_rows_that_are_no_pose_are_counted_with_their_line(tmp_path, row, reason, capsys):
    rows = [*GOOD_ROWS[:3], row, *GOOD_ROWS[3:]]
    images = [line.split()[0] for line in GOOD_ROWS]
    source = write_tum_folder(tmp_path / "t", images, rows)
    assert main(["import", "tum", str(source), "-o", str(tmp_path / "set")]) == 0
    (sequence,) = Dataset.load(tmp_path / "set").sequences
    assert sequence.info["left_out_rows"] == {f"{reason} (first at groundtruth.txt:4)": 1}
    assert f"rows of poses left out: 1 {reason} (first at groundtruth.txt:4)" in capsys.readouterr().out
    assert [frame.position[0] for frame in sequence.frames] == [0, 1, 2, 3, 4, 5] and not sequence.info["skipped"]


def test_tum_stamps_in_nanoseconds_are_the_same_as_in_seconds(tmp_path):
    rows = [f"{1600000000 * 10**9 + n * 50_000_000} {row.split(' ', 1)[1]}" for n, row in enumerate(GOOD_ROWS)]
    for name, images in (("s", ["1600000000.075"]), ("n", ["1600000000075000000"]), ("p", ["1600000000075000000.0"])):
        dataset = import_tum(write_tum_folder(tmp_path / name, images, rows), tmp_path / f"{name}.set")
        (frame,) = dataset.frames
        assert frame.stamp_ns == 1600000000075000000 and abs(frame.position[0] - 1.5) < 1e-9


def test_tum_images_whose_stamp_is_no_time_are_counted(tmp_path):
    images = ["nan", "1600000000.05", "-inf", "1e400"]
    dataset = import_tum(write_tum_folder(tmp_path / "t", images, GOOD_ROWS), tmp_path / "set")
    assert dataset.sequences[0].info["skipped"] == {"stamp that is no time (first at rgb.txt:1)": 3}
    assert [frame.position[0] for frame in dataset.frames] == [1]


@pytest.mark.parametrize("stamp", ["nan", "1600000000123456"])
def test_tum_list_of_no_times_says_what_was_expected(tmp_path, stamp):
    source = write_tum_folder(tmp_path / "t", ["1"], [f"{stamp} 0 0 0 0 0 0 1"] * 3)
    with pytest.raises(SyncError, match="groundtruth.txt:1: expected 8 numbers"):
        import_tum(source, tmp_path / "set")


@pytest.mark.parametrize("text", ["nan", "inf", "1e400", "1600000000000000000"])
def test_stamps_that_are_no_times_are_errors_of_the_user(tmp_path, text):
    (tmp_path / "stamps").write_text(f"1.5\n{text}\n")
    with pytest.raises(SyncError, match="stamps:2: expected a stamp in seconds first"):
        read_stamps(tmp_path / "stamps")
    (tmp_path / "tum").write_text(f"{text} 0 0 0 0 0 0 1\n")
    with pytest.raises(SyncError, match="tum:1: expected 8 numbers"):
        read_tum(tmp_path / "tum")


def test_tum_image_faults_name_the_file(tmp_path):
    source = write_tum_folder(tmp_path / "t", ["1", "1"], ["1 0 0 0 0 0 0 1"])
    with pytest.raises(DatasetError, match=r"a.png: stamp 1000000000 does not come after"):
        import_tum(source, tmp_path / "set")
    (source / "rgb.txt").write_text("1\n")
    with pytest.raises(DatasetError, match=r"rgb.txt:1: expected a stamp and a file name"):
        import_tum(source, tmp_path / "set")
    (source / "rgb.txt").write_bytes(b"1 \xff.png\n")
    with pytest.raises(DatasetError, match=r"rgb.txt: not a readable text file"):
        import_tum(source, tmp_path / "set")


@pytest.mark.parametrize(
    ("frame", "values", "says"),
    [
        ({"transform_matrix": np.zeros((4, 4)).tolist()}, {}, "a.png: its pose is no rotation"),
        ({"transform_matrix": np.diag([1.0, 1, -1, 1]).tolist()}, {}, "a.png: its pose is no rotation"),
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


def test_images_of_other_formats_are_counted(tmp_path):
    frames = [{"file_path": name, "transform_matrix": IDENTITY} for name in ("a.png", "b.png")]
    source = write_transforms(tmp_path / "t", frames)
    (source / "b.png").write_bytes(b"BM bitmap")
    dataset = import_transforms_json(source, tmp_path / "set")
    assert dataset.sequences[0].info["skipped"] == {"neither JPEG nor PNG": 1}


def test_colmap_image_of_an_unknown_camera(tmp_path):
    (tmp_path / "cameras.txt").write_text("3 PINHOLE 64 48 60 60 32 24\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 9 a.png\n\n")
    with pytest.raises(DatasetError, match=r"its images name camera 9; the model has \[3\]"):
        import_colmap(tmp_path, tmp_path / "set")


POINTS = "12.5 30.25 -1 80 60 17\n"


@pytest.mark.parametrize("seconds", [("", "", ""), ("\n", "", "\n"), (POINTS, "", POINTS), ("\n", POINTS, "")])
def test_colmap_images_with_and_without_lines_of_points_are_all_read(tmp_path, seconds):
    (tmp_path / "images").mkdir()
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 64 48 60 60 32 24\n")
    lines = ["# image list\n"]
    for number, second in enumerate(seconds):
        (tmp_path / "images" / f"a {number}.png").write_bytes(PNG)
        lines.append(f"{number + 1} 1 0 0 0 {-number} 0 0 1 a {number}.png\n{second}")
    (tmp_path / "images.txt").write_text("".join(lines))
    dataset = import_colmap(tmp_path, tmp_path / "set")
    assert [frame.position[0] for frame in dataset.frames] == [0, 1, 2]


@pytest.mark.parametrize(
    "line", ["2 1 0 0 0 0 0 0 1", "12.5 30.25 -1", "2 1 0 0 0 zero 0 0 1 b.png", "2 1 0 0 0 0 0 0 x b.png"]
)
def test_colmap_lines_that_are_no_image_are_refused_with_file_and_line(tmp_path, line):
    (tmp_path / "images").mkdir()
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 64 48 60 60 32 24\n")
    (tmp_path / "images.txt").write_text(f"# list\n1 1 0 0 0 0 0 0 1 a.png\n\n{line}\n")
    with pytest.raises(DatasetError, match=r"images.txt:4: expected an image \(number"):
        import_colmap(tmp_path, tmp_path / "set")


@pytest.mark.parametrize(
    "pose", ["0 0 0 1.#QNAN 0 0 0", "0 0 -1.#IND 1 0 0 0", "-nan(ind) 0 0 1 0 0 0", "0 0 0 0 0 0 0"]
)
def test_poses_that_are_none_are_counted_by_each_layout_of_text(tmp_path, pose):
    x, y, z, qw, qx, qy, qz = pose.split()
    for folder in ("colmap/images", "cambridge", "source/images", "source/labels"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for image in ("colmap/images/a.png", "colmap/images/b.png", "cambridge/a.png", "cambridge/b.png"):
        (tmp_path / image).write_bytes(PNG)
    (tmp_path / "colmap/cameras.txt").write_text("1 PINHOLE 64 48 60 60 32 24\n")
    lines = f"1 1 0 0 0 0 0 0 1 a.png\n\n2 {qw} {qx} {qy} {qz} {x} {y} {z} 1 b.png\n\n"
    (tmp_path / "colmap/images.txt").write_text(lines)
    (tmp_path / "cambridge/dataset_train.txt").write_text(f"Visual\nImageFile\n\na.png 0 0 0 1 0 0 0\nb.png {pose}\n")
    for number, label in enumerate(("0,0,0,0,0,0,1", ",".join((x, y, z, qx, qy, qz, qw)))):
        (tmp_path / f"source/images/image_{number:05d}.png").write_bytes(PNG)
        (tmp_path / f"source/labels/pos_{number:05d}.txt").write_text(f"{number + 1}.0,{label}\n")
    readers = {"colmap": import_colmap, "cambridge": import_cambridge, "source": import_extract_and_sync}
    for layout, read in readers.items():
        (sequence,) = read(tmp_path / layout, tmp_path / f"{layout}.set").sequences
        assert ([frame.number for frame in sequence.frames], sequence.info["skipped"]) == ([0], {"invalid pose": 1})


def write_lists_of_three(tmp_path, pictures):
    """Each layout that names its pictures, with a.png, b.png and c.png listed; only `pictures` are there."""
    names = ("a.png", "b.png", "c.png")
    for layout in ("colmap", "cambridge", "transforms", "tum"):
        (tmp_path / layout / "images").mkdir(parents=True)
        for name in pictures:
            (tmp_path / layout / "images" / name).write_bytes(PNG)
    (tmp_path / "colmap/cameras.txt").write_text("1 PINHOLE 64 48 60 60 32 24\n")
    rows = [f"{n} 1 0 0 0 {-n} 0 0 1 {name}\n\n" for n, name in enumerate(names)]
    (tmp_path / "colmap/images.txt").write_text("".join(rows))
    rows = [f"images/{name} {n} 0 0 1 0 0 0\n" for n, name in enumerate(names)]
    (tmp_path / "cambridge/dataset_train.txt").write_text("".join(rows[::2]))
    (tmp_path / "cambridge/dataset_test.txt").write_text(rows[1])
    moved = [np.eye(4) + np.outer([1, 0, 0, 0], [0, 0, 0, n]) for n in range(3)]
    frames = [{"file_path": f"images/{name}", "transform_matrix": T.tolist()} for name, T in zip(names, moved)]
    (tmp_path / "transforms/transforms.json").write_text(json.dumps({"frames": frames}))
    (tmp_path / "tum/rgb.txt").write_text("".join(f"{n} images/{name}\n" for n, name in enumerate(names)))
    (tmp_path / "tum/groundtruth.txt").write_text("".join(f"{n} {n} 0 0 0 0 0 1\n" for n in range(3)))
    readers = (import_colmap, import_cambridge, import_transforms_json, import_tum)
    return [(read, tmp_path / layout) for read, layout in zip(readers, ("colmap", "cambridge", "transforms", "tum"))]


def test_pictures_that_are_listed_and_not_there_are_counted_by_each_layout(tmp_path):
    for read, source in write_lists_of_three(tmp_path, ("a.png", "c.png")):
        (sequence,) = read(source, tmp_path / f"{source.name}.set").sequences
        assert [(frame.number, frame.position[0]) for frame in sequence.frames] == [(0, 0), (2, 2)]
        assert sequence.info["skipped"] == {"no such picture": 1}
    # a part of which no picture is there is no part
    assert load_split(tmp_path / "cambridge.set", "official") == {"train": {"images": [[0, 0], [2, 2]]}}


def test_lists_of_which_no_picture_is_there_are_refused_by_name(tmp_path):
    for read, source in write_lists_of_three(tmp_path, ()):
        with pytest.raises(DatasetError, match=r"images/a.png: No such file or directory; expected an image"):
            read(source, tmp_path / "set")
        assert not (tmp_path / "set").exists()


UNPADDED = ["seq2/frame1.png", "seq2/frame2.png", "seq2/frame10.png", "seq10/frame1.png", "seq10/frame9.png"]


def write_unpadded_list(folder, lines, name, header=""):
    """Images in folders, and a list of them that is sorted as text; lines: what makes one of a number and a name."""
    for image in UNPADDED:
        (folder / "images" / image).parent.mkdir(parents=True, exist_ok=True)
        (folder / "images" / image).write_bytes(PNG)
    rows = sorted(enumerate(UNPADDED), key=lambda row: row[1])
    (folder / name).write_text(header + "".join(lines(number, image) for number, image in rows))
    return folder


def test_names_without_leading_zeros_are_in_the_order_of_their_numbers_in_each_layout(tmp_path):
    colmap = write_unpadded_list(tmp_path / "c", lambda n, name: f"{n} 1 0 0 0 {-n} 0 0 1 {name}\n\n", "images.txt")
    (colmap / "cameras.txt").write_text("1 PINHOLE 64 48 60 60 32 24\n")
    row = "images/{1} {0} 0 0 1 0 0 0\n"
    cambridge = write_unpadded_list(tmp_path / "l", row.format, "dataset_train.txt", "Visual\nImageFile\n\n")
    moved = [np.eye(4) + np.outer([1, 0, 0, 0], [0, 0, 0, n]) for n in range(5)]
    frames = [{"file_path": name, "transform_matrix": T.tolist()} for name, T in zip(UNPADDED, moved)]
    (tmp_path / "u").mkdir()
    for frame in frames:
        (tmp_path / "u" / frame["file_path"]).parent.mkdir(exist_ok=True)
        (tmp_path / "u" / frame["file_path"]).write_bytes(PNG)
    (tmp_path / "u" / "transforms.json").write_text(json.dumps({"frames": frames[::-1]}))
    sets = [
        import_colmap(colmap, tmp_path / "c.set"),
        import_cambridge(cambridge, tmp_path / "l.set"),
        import_transforms_json(tmp_path / "u", tmp_path / "u.set"),
    ]
    for dataset in sets:
        assert [frame.position[0] for frame in dataset.frames] == [0, 1, 2, 3, 4]
        assert np.all(np.diff([frame.stamp_ns for frame in dataset.frames]) > 0)
    assert [sequence.name for sequence in sets[1].sequences] == ["images_seq2", "images_seq10"]
    assert Dataset.load(f"{tmp_path}/l.set@official.train").frame_count == 5


@pytest.mark.parametrize(
    ("export", "bring_back"), [(export_tum, import_tum), (export_extract_and_sync, import_extract_and_sync)]
)
def test_recordings_are_in_the_order_of_their_numbers(tmp_path, export, bring_back):
    export(write_fake_dataset(tmp_path / "set", counts=(2, 2, 2)), tmp_path / "all")
    for number, name in enumerate(("flight10", "flight2", "flight1")):
        (tmp_path / "all" / f"flight{number}").rename(tmp_path / "all" / f"x{name}")
    names = [sequence.name for sequence in bring_back(tmp_path / "all", tmp_path / "again").sequences]
    assert names == ["xflight1", "xflight2", "xflight10"]


def test_natural_key():
    names = ["a", "a0", "a00", "a1", "a01b", "a10", "a/r_9.png", "a/r_10.png", "b/r_1.png", "r_1_2", "r_1_10", "r_02_1"]
    assert sorted(sorted(names), key=natural_key) == names
    long = "9" * 5000
    assert sorted([long + "0", long], key=natural_key) == [long, long + "0"]


def test_cambridge_list_without_header_is_read_from_its_first_line(tmp_path):
    for name in "abcd":
        (tmp_path / f"{name}.png").write_bytes(PNG)
    rows = [f"{name}.png {number} 0 0 1 0 0 0\n" for number, name in enumerate("abcd")]
    for lines in (0, 1, 2, 3):
        header = "".join(["Visual Landmark Dataset V1\n", "ImageFile, Camera Position [X Y Z W P Q R]\n", "\n"][:lines])
        (tmp_path / "dataset_train.txt").write_text(header + "".join(rows))
        dataset = import_cambridge(tmp_path, tmp_path / f"set{lines}")
        assert [frame.position[0] for frame in dataset.frames] == [0, 1, 2, 3]


@pytest.mark.parametrize("line", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "row",
    [
        "a.png 1.0 2.0 three 1 0 0 0",
        "a.png one 0 0 1 0 0 0",
        "a.png 0 0 0 1 0 0",
        "a.png",
        "my picture.png 0 0 0 1 0 0 0",
        "a 0 0 0 1 0 0 0 0",
        "0 0 0 1 0 0 0",
        "a.png,0,0,0,1,0,0,0",
    ],
)
def test_cambridge_malformed_rows_are_refused_wherever_they_stand(tmp_path, row, line):
    (tmp_path / "b.png").write_bytes(PNG)
    rows = ["b.png 0 0 0 1 0 0 0"] * (line - 1) + [row]
    (tmp_path / "dataset_train.txt").write_text("\n".join(rows) + "\n")
    with pytest.raises(DatasetError, match=rf"dataset_train.txt:{line}: expected a file name and 7 numbers"):
        import_cambridge(tmp_path, tmp_path / "set")


def test_cambridge_lists_that_overlap_or_are_no_text(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    for name in ("dataset_train.txt", "dataset_test.txt"):
        (tmp_path / name).write_text("Visual\nImageFile\n\na.png 0 0 0 1 0 0 0\n")
    with pytest.raises(DatasetError, match=r"dataset_test.txt: 'a.png' is listed twice"):
        import_cambridge(tmp_path, tmp_path / "set")
    (tmp_path / "dataset_test.txt").write_bytes(b"\xff\n")
    with pytest.raises(DatasetError, match=r"dataset_test.txt: not a readable text file"):
        import_cambridge(tmp_path, tmp_path / "set")


@pytest.mark.parametrize("layout", ["tum", "source"])
def test_the_folder_one_stands_in_is_a_source(tmp_path, monkeypatch, layout):
    write_fake_dataset(tmp_path / "set")
    assert main(["export-dataset", str(tmp_path / "set"), layout, "-o", str(tmp_path / "flight")]) == 0
    monkeypatch.chdir(tmp_path / "flight")
    assert main(["import", layout, ".", "-o", str(tmp_path / "again")]) == 0
    assert [sequence.name for sequence in Dataset.load(tmp_path / "again").sequences] == ["flight"]


def test_source_labels_with_blanks_about_the_commas(tmp_path):
    export_extract_and_sync(write_fake_dataset(tmp_path / "set", counts=(1,)), tmp_path / "s")
    (tmp_path / "s" / "labels" / "pos_00000.txt").write_text(f"{START_NS} , 1, 2, 3, 0, 0, 0, 1\n")
    assert import_extract_and_sync(tmp_path / "s", tmp_path / "again").frames[0].stamp_ns == START_NS


def test_seven_scenes_keep_their_names_and_parts_lead_nowhere(tmp_path):
    with DatasetWriter(tmp_path / "set", "scene", "camera") as writer:
        for name in ("seq-03", "seq-05"):
            with writer.sequence(name) as sequence:
                sequence.add(1, np.zeros(3), np.array([0.0, 0, 0, 1]), PNG, ".png")
    save_split(tmp_path / "set", "official", {"test": {"seq-05": [[0, 0]]}, "../../x": {"seq-03": [[0, 0]]}}, "test")
    folders = export_seven_scenes(Dataset.load(tmp_path / "set"), tmp_path / "a" / "out")
    assert [folder.name for folder in folders] == ["seq-03", "seq-05"]
    assert (tmp_path / "a" / "out" / "TestSplit.txt").read_text() == "sequence5\n"
    assert len(list(tmp_path.rglob("*Split.txt"))) == 1


def test_the_option_that_does_not_fit_is_named_as_it_was_typed(tmp_path, capsys):
    assert main(["import", "7scenes", str(tmp_path), "-o", str(tmp_path / "set"), "--max-gap", "1"]) == 1
    assert capsys.readouterr().err.rstrip().endswith("layout 7scenes takes no option --max-gap")
