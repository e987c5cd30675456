# SPDX-License-Identifier: BSD-3-Clause
"""Folders of TUM RGB-D that are not as they should be: rows, stamps, gaps."""

import numpy as np
import pytest
from helpers import fake_trajectory
from layout_folders import PNG

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import DatasetError, SyncError
from camera_relocalization_ros.core.trajectory import read_stamps, read_tum
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.data.layouts.tum import export_tum, import_tum


def write_tum_folder(folder, images, poses):
    folder.mkdir()
    (folder / "a.png").write_bytes(PNG)
    (folder / "rgb.txt").write_text("".join(f"{stamp} a.png\n" for stamp in images))
    (folder / "groundtruth.txt").write_text("".join(f"{line}\n" for line in poses))
    return folder


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


def test_tum_images_that_repeat_a_stamp_are_counted(tmp_path):
    source = write_tum_folder(tmp_path / "t", ["1", "1.1", "1.1"], ["1 0 0 0 0 0 0 1", "1.1 1 0 0 0 0 0 1"])
    (sequence,) = import_tum(source, tmp_path / "set").sequences
    assert len(sequence.frames) == 2 and sequence.info["skipped"] == {"repeated stamp": 1}


def test_tum_image_faults_name_the_file(tmp_path):
    source = write_tum_folder(tmp_path / "t", ["1"], ["1 0 0 0 0 0 0 1"])
    (source / "rgb.txt").write_text("1\n")
    with pytest.raises(DatasetError, match=r"rgb.txt:1: expected a stamp and a file name"):
        import_tum(source, tmp_path / "set")
    (source / "rgb.txt").write_bytes(b"1 \xff.png\n")
    with pytest.raises(DatasetError, match=r"rgb.txt: not a readable text file"):
        import_tum(source, tmp_path / "set")
