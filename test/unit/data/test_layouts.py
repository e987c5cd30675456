# SPDX-License-Identifier: BSD-3-Clause
"""Each layout from files that other code wrote, and there and back again."""

import json
import shutil

import numpy as np
import pytest
from helpers import START_NS, fake_trajectory, shared_data, write_fake_dataset
from layout_folders import PNG, POSITION, R_SCENE_CAMERA, pose_of
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import angular_distance, invert, transform_points
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.layouts.cambridge import import_cambridge
from camera_relocalization_ros.data.layouts.extract_and_sync import export_extract_and_sync, import_extract_and_sync
from camera_relocalization_ros.data.layouts.seven_scenes import export_seven_scenes, import_seven_scenes
from camera_relocalization_ros.data.layouts.transforms_json import import_transforms_json
from camera_relocalization_ros.data.layouts.tum import export_tum, import_tum
from camera_relocalization_ros.data.split_kinds import placements_of
from camera_relocalization_ros.data.splits import load_split, save_split


def assert_same(dataset, other):
    assert [s.name for s in dataset.sequences] == [s.name for s in other.sequences]
    for a, b in zip(dataset.frames, other.frames):
        np.testing.assert_allclose(a.position, b.position, atol=1e-12)
        assert angular_distance(a.quat_xyzw, b.quat_xyzw) < 1e-12
        assert a.image_path.read_bytes() == b.image_path.read_bytes()
    assert dataset.frame_count == other.frame_count


# -- Cambridge --


def write_cambridge(folder, quat_wxyz):
    header = "Visual Landmark Dataset V1\nImageFile, Camera Position [X Y Z W P Q R]\n\n"
    line = "{} 1.0 2.0 3.0 " + " ".join(map(str, quat_wxyz)) + "\n"
    for name in ("seq1/frame00001.png", "seq1/frame00002.png", "seq3/frame00001.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(PNG)
    train = line.format("seq1/frame00001.png") + line.format("seq1/frame00002.png")
    (folder / "dataset_train.txt").write_text(header + train)
    (folder / "dataset_test.txt").write_text(header + line.format("seq3/frame00001.png"))
    return folder


@pytest.mark.parametrize(
    ("quaternion", "R"), [("world-to-camera", R_SCENE_CAMERA.T), ("camera-to-world", R_SCENE_CAMERA)]
)
def test_cambridge_rotations_turn_either_way(tmp_path, quaternion, R):
    x, y, z, w = Rotation.from_matrix(R).as_quat()
    source = write_cambridge(tmp_path / "KingsCollege", (w, x, y, z))
    dataset = import_cambridge(source, tmp_path / "set", quaternion)
    assert [s.name for s in dataset.sequences] == ["seq1", "seq3"] and dataset.camera is None
    np.testing.assert_allclose(pose_of(dataset)[:3, :3], R_SCENE_CAMERA, atol=1e-12)
    np.testing.assert_allclose(pose_of(dataset)[:3, 3], POSITION)
    assert Dataset.load(f"{tmp_path}/set@official.test").frame_count == 1
    assert Dataset.load(f"{tmp_path}/set@official.train").frame_count == 2


def test_cambridge_errors_name_the_line(tmp_path):
    source = write_cambridge(tmp_path / "c", (1, 0, 0, 0))
    with open(source / "dataset_train.txt", "a") as file:
        file.write("seq1/frame00003.png 1.0 2.0 three 1 0 0 0\n")
    with pytest.raises(DatasetError, match=r"dataset_train.txt:6: expected a file name and 7 numbers"):
        import_cambridge(source, tmp_path / "set")
    (source / "dataset_train.txt").write_text("../../secret.png 1 2 3 1 0 0 0\n")
    with pytest.raises(DatasetError, match="leads out of"):
        import_cambridge(source, tmp_path / "set")
    with pytest.raises(DatasetError, match="neither dataset_train.txt nor"):
        import_cambridge(tmp_path, tmp_path / "set")
    assert not (tmp_path / "set").exists()


# -- the thesis's own --


def write_extract_and_sync(folder, stamps):
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    quat = ",".join(map(str, Rotation.from_matrix(R_SCENE_CAMERA).as_quat()))
    for number, stamp in enumerate(stamps):
        (folder / "images" / f"image_{number:05d}.png").write_bytes(PNG)
        (folder / "labels" / f"pos_{number:05d}.txt").write_text(f"{stamp},1.0,2.0,{3.0 + number},{quat}")
    return folder


@pytest.mark.parametrize("stamps", [("1500000000.25", "1500000000.5"), ("1500000000250000000", "1500000000500000000")])
def test_source_layout_with_stamps_in_seconds_and_nanoseconds(tmp_path, stamps):
    dataset = import_extract_and_sync(write_extract_and_sync(tmp_path / "flight", stamps), tmp_path / "set")
    assert [frame.stamp_ns for frame in dataset.frames] == [START_NS + 250_000_000, START_NS + 500_000_000]
    np.testing.assert_allclose(pose_of(dataset, 1)[:3, 3], [1, 2, 4])
    np.testing.assert_allclose(pose_of(dataset)[:3, :3], R_SCENE_CAMERA, atol=1e-12)


def test_source_layout_of_several_flights_and_its_errors(tmp_path):
    for name in ("b", "a"):
        write_extract_and_sync(tmp_path / "all" / name, ("1.5", "2.5"))
    assert [s.name for s in import_extract_and_sync(tmp_path / "all", tmp_path / "set").sequences] == ["a", "b"]
    (tmp_path / "all" / "a" / "labels" / "pos_00001.txt").write_text("2.5,1,2,3")
    with pytest.raises(DatasetError, match=r"pos_00001.txt: expected stamp,x,y,z"):
        import_extract_and_sync(tmp_path / "all", tmp_path / "other")


# -- TUM --


THESIS_FOLDERS = {
    "position_1/train/seq_01": 3,
    "position_1/train/seq_02": 2,
    "position_1/test/seq_01": 2,
    "position_2/train/seq_10": 4,
    "position_6/train/seq_01": 3,
    "position_6/test/seq_01": 1,
}


def test_the_training_layout_of_the_thesis_is_one_data_set_with_placements_and_splits(tmp_path):
    for folder, count in THESIS_FOLDERS.items():
        write_extract_and_sync(tmp_path / "airframe" / folder, [f"{k}.5" for k in range(count)])
    dataset = import_extract_and_sync(tmp_path / "airframe", tmp_path / "set", parent_frame="wing/base_link")
    assert {s.name: len(s.frames) for s in dataset.sequences} == {
        folder.replace("/", "_"): count for folder, count in THESIS_FOLDERS.items()
    }
    assert placements_of(dataset) == {s.name: int(s.name[9]) for s in dataset.sequences}
    placed = dataset.sequences[0].info["T_world_parent"]
    assert placed["frame"] == "map" and placed["position"] == [-0.405, 2.355, 1.621]
    # as the columns of table 4.4: mixed, and independent, whose test is all of placement 6
    counts = {
        split: {part: Dataset.load(f"{dataset.path}@{split}.{part}").frame_count for part in ("train", "test")}
        for split in ("official", "airframe-ind")
    }
    assert counts == {"official": {"train": 12, "test": 3}, "airframe-ind": {"train": 11, "test": 4}}


def test_tum_files_of_evo_are_imported_and_poses_lie_between_theirs(tmp_path):
    file_interface = pytest.importorskip("evo.tools.file_interface")
    from evo.core.trajectory import PoseTrajectory3D

    poses = fake_trajectory(11)
    quats_wxyz = np.roll(poses.quats_xyzw, 1, axis=1)
    seconds = 100.0 + np.arange(11) * 0.1
    (tmp_path / "t" / "rgb").mkdir(parents=True)
    file_interface.write_tum_trajectory_file(
        str(tmp_path / "t" / "groundtruth.txt"), PoseTrajectory3D(poses.positions, quats_wxyz, seconds)
    )
    lines = ["# color images", "# timestamp filename"]
    for stamp in ("99.0", "100.3", "100.65", "100.5"):
        (tmp_path / "t" / "rgb" / f"{stamp}.png").write_bytes(PNG)
        lines.append(f"{stamp} rgb/{stamp}.png")
    (tmp_path / "t" / "rgb.txt").write_text("\n".join(lines))
    dataset = import_tum(tmp_path / "t", tmp_path / "set", 0.101)
    assert dataset.sequences[0].info["skipped"] == {"outside the pose stream": 1}
    assert [frame.stamp_ns for frame in dataset.frames] == [100_300_000_000, 100_500_000_000, 100_650_000_000]
    np.testing.assert_allclose(dataset.frames[0].position, poses.positions[3], atol=1e-9)
    np.testing.assert_allclose(dataset.frames[2].position, poses.positions[6:8].mean(axis=0), atol=1e-6)


def test_evo_reads_what_we_export(tmp_path):
    file_interface = pytest.importorskip("evo.tools.file_interface")
    dataset = write_fake_dataset(tmp_path / "d")
    (folder,) = export_tum(dataset, tmp_path / "tum")
    read = file_interface.read_tum_trajectory_file(str(folder / "groundtruth.txt"))
    np.testing.assert_array_equal(read.positions_xyz, dataset.poses.positions)
    assert read.check()[0]


def test_tum_list_that_leads_out_is_refused(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "groundtruth.txt").write_text("1 0 0 0 0 0 0 1\n")
    (tmp_path / "t" / "rgb.txt").write_text("1 ../secret.png\n")
    with pytest.raises(DatasetError, match="leads out of"):
        import_tum(tmp_path / "t", tmp_path / "set")


# -- COLMAP --


# -- transforms.json --


def opengl_matrix(position=POSITION):
    """An OpenGL camera that looks along +x with +z up, worked by hand: right is -y, up +z, backwards -x."""
    T = np.eye(4)
    T[:3, 0], T[:3, 1], T[:3, 2], T[:3, 3] = (0, -1, 0), (0, 0, 1), (-1, 0, 0), position
    return T


def write_transforms(folder, **values):
    folder.mkdir()
    for name in ("b.png", "a.png"):
        (folder / name).write_bytes(PNG)
    frames = [
        {"file_path": "./b", "transform_matrix": opengl_matrix(POSITION + [1, 0, 0]).tolist()},
        {"file_path": "./a.png", "transform_matrix": opengl_matrix().tolist()[:3]},
    ]
    given = {
        "fl_x": 60.0,
        "fl_y": 61.0,
        "cx": 32.5,
        "cy": 24.25,
        "w": 64,
        "h": 48,
        "k1": -0.1,
        "frames": frames,
        **values,
    }
    (folder / "transforms.json").write_text(json.dumps({k: v for k, v in given.items() if v is not None}))
    return folder


def test_transforms_are_turned_into_optical_frames(tmp_path):
    dataset = import_transforms_json(write_transforms(tmp_path / "t"), tmp_path / "set")
    np.testing.assert_allclose(pose_of(dataset)[:3, :3], R_SCENE_CAMERA, atol=1e-12)
    np.testing.assert_allclose(pose_of(dataset, 1)[:3, 3], POSITION + [1, 0, 0])
    assert dataset.camera == CameraIntrinsics(64, 48, 60.0, 61.0, 32.0, 23.75, (-0.1, 0.0, 0.0, 0.0, 0.0))
    # five metres ahead, one to the left and one up: left of and above the middle
    pixel = dataset.camera.project(transform_points(invert(pose_of(dataset)), np.array([[6.0, 3.0, 4.0]])))[0]
    assert pixel[0] < 32.0 and pixel[1] < 23.75


def test_a_scale_that_nerfstudio_applied_is_said_and_kept(tmp_path, caplog):
    plain = import_transforms_json(write_transforms(tmp_path / "plain", applied_scale=1.0), tmp_path / "plain_set")
    assert not caplog.text and "applied_scale" not in plain.sequences[0].info
    scaled = import_transforms_json(write_transforms(tmp_path / "scaled", applied_scale=0.5), tmp_path / "scaled_set")
    assert "applied_scale of 0.5" in caplog.text and scaled.sequences[0].info["applied_scale"] == 0.5
    np.testing.assert_array_equal(scaled.poses.positions, plain.poses.positions)


def test_transforms_lens_by_angle(tmp_path):
    source = write_transforms(tmp_path / "t", fl_x=None, fl_y=None, cx=None, cy=None, k1=None, camera_angle_x=np.pi / 2)
    camera = import_transforms_json(source, tmp_path / "set").camera
    np.testing.assert_allclose([camera.fx, camera.fy, camera.cx, camera.cy], [32.0, 32.0, 31.5, 23.5])


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"camera_model": "FOV"}, "camera model 'FOV'"),
        ({"frames": []}, "list `frames`"),
        ({"frames": [{"file_path": "../x.png", "transform_matrix": np.eye(4).tolist()}]}, "leads out of"),
        ({"frames": [{"file_path": "/etc/passwd", "transform_matrix": np.eye(4).tolist()}]}, "leads out of"),
        ({"frames": [{"file_path": "a.png", "transform_matrix": [1, 2]}]}, "expected 4x4 or 3x4"),
        ({"fl_x": 0.9, "fl_y": 1.2, "cx": 0.5, "cy": 0.5}, "divided by the picture's size"),
        ({"frames": [{"file_path": "a.png"}]}, "no matrix `transform_matrix`"),
        ({"frames": [{"file_path": "gone.png", "transform_matrix": np.eye(4).tolist()}]}, "gone.png: No such file"),
    ],
)
def test_transforms_faults_are_named(tmp_path, values, says):
    with pytest.raises(DatasetError, match=says):
        import_transforms_json(write_transforms(tmp_path / "t", **values), tmp_path / "set")


# -- there and back --


@pytest.mark.parametrize(
    ("export", "bring_back"),
    [
        (export_seven_scenes, import_seven_scenes),
        (export_tum, import_tum),
        (export_extract_and_sync, import_extract_and_sync),
    ],
)
def test_round_trip_is_exact(tmp_path, export, bring_back):
    first = write_fake_dataset(tmp_path / "first", counts=(12, 7))
    export(first, tmp_path / "a")
    second = bring_back(tmp_path / "a", tmp_path / "second")
    export(second, tmp_path / "b")
    third = bring_back(tmp_path / "b", tmp_path / "third")
    assert_same(second, third)
    for a, b in zip(first.frames, second.frames):
        np.testing.assert_allclose(a.position, b.position, atol=1e-12)
        assert angular_distance(a.quat_xyzw, b.quat_xyzw) < 1e-12
    if export is not export_seven_scenes:  # which has no stamps
        assert [f.stamp_ns for f in first.frames] == [f.stamp_ns for f in third.frames]


def test_round_trip_of_the_recorded_kitchen(tmp_path):
    source = shared_data("7scenes", "redkitchen", "seq-01")
    if not source.is_dir():
        pytest.skip(f"no {source}")
    (tmp_path / "few" / "seq-01").mkdir(parents=True)
    for number in range(0, 40, 4):
        for ending in ("color.jpg", "pose.txt"):
            shutil.copy(str(source / f"frame-{number:06d}.{ending}"), str(tmp_path / "few" / "seq-01"))
    first = import_seven_scenes(tmp_path / "few", tmp_path / "first")
    export_seven_scenes(first, tmp_path / "again")
    second = import_seven_scenes(tmp_path / "again", tmp_path / "second")
    assert_same(first, second)
    assert [f.number for f in second.frames] == list(range(0, 40, 4))
    assert [f.stamp_ns for f in first.frames] == [f.stamp_ns for f in second.frames]


def test_official_split_survives_the_round_trip(tmp_path):
    first = write_fake_dataset(tmp_path / "first", counts=(4, 3))
    save_split(first.path, "official", {"train": {"flight1": [[0, 2]]}, "test": {"flight0": [[0, 3]]}}, "test")
    export_seven_scenes(first, tmp_path / "a")
    import_seven_scenes(tmp_path / "a", tmp_path / "second")
    assert load_split(tmp_path / "second", "official") == {"train": {"seq-02": [[0, 2]]}, "test": {"seq-01": [[0, 3]]}}


def test_commands(tmp_path, capsys):
    write_fake_dataset(tmp_path / "first")
    assert main(["export-dataset", str(tmp_path / "first"), "source", "-o", str(tmp_path / "s")]) == 0
    options = ["--parent-frame", "wing", "--child-frame", "lens"]
    assert main(["import", "source", str(tmp_path / "s"), "-o", str(tmp_path / "again"), *options]) == 0
    dataset = Dataset.load(tmp_path / "again")
    assert (dataset.parent_frame, dataset.child_frame, dataset.frame_count) == ("wing", "lens", 12)
    assert main(["import", "tum", str(tmp_path / "s"), "-o", str(tmp_path / "x"), "--images", "y"]) == 1
    assert "layout tum takes no option --images" in capsys.readouterr().err
