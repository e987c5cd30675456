# SPDX-License-Identifier: BSD-3-Clause
import os
from dataclasses import replace

import numpy as np
import pytest
import yaml
from helpers import CAMERA, encoded, fake_image_rgb, fake_trajectory, write_fake_dataset

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.data.dataset import Dataset, joined, load_image_rgb
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.data.split_kinds import periodic
from camera_relocalization_ros.data.splits import save_split


def test_what_is_written_is_read_exactly(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", counts=(5, 3))
    assert [len(sequence.frames) for sequence in dataset.sequences] == [5, 3]
    assert dataset.camera == CAMERA
    expected, found = fake_trajectory(5), dataset.sequences[0].trajectory()
    np.testing.assert_array_equal(found.stamps_ns, expected.stamps_ns)
    np.testing.assert_array_equal(found.positions, expected.positions)
    np.testing.assert_allclose(found.quats_xyzw, expected.quats_xyzw, atol=1e-15)
    np.testing.assert_array_equal(load_image_rgb(dataset.frames[2].image_path), fake_image_rgb(2))


def test_a_failure_while_writing_leaves_nothing_that_loads(tmp_path):
    with pytest.raises(RuntimeError), DatasetWriter(tmp_path / "set", "a", "b") as writer:
        with writer.sequence("one") as sequence:
            sequence.add(1, np.zeros(3), np.array([0, 0, 0, 1.0]), encoded(fake_image_rgb(0)), ".png")
            raise RuntimeError("a bad day")
    assert list(tmp_path.iterdir()) == []


def test_nothing_kept_is_an_error_that_tells_why(tmp_path):
    with pytest.raises(DatasetError, match="no frame was kept .2 gap"), DatasetWriter(tmp_path / "s", "a", "b") as w:
        with w.sequence("one") as sequence:
            sequence.skip("gap")
            sequence.skip("gap")


def test_an_existing_folder_is_never_overwritten(tmp_path):
    write_fake_dataset(tmp_path / "set")
    with pytest.raises(DatasetError, match="exists already"):
        write_fake_dataset(tmp_path / "set")


def test_windows_never_span_a_gap(tmp_path):
    stamps_s = [0.0, 0.1, 0.2, 0.9, 1.0, 2.0]
    with DatasetWriter(tmp_path / "set", "a", "b") as writer, writer.sequence("one") as sequence:
        for stamp_s in stamps_s:
            pose = np.zeros(3), np.array([0, 0, 0, 1.0])
            sequence.add(round(stamp_s * 1e9), *pose, encoded(fake_image_rgb(0)), ".png")
    sequence = Dataset.load(tmp_path / "set").sequences[0]
    assert sequence.windows(2, max_gap_s=0.5).tolist() == [[0, 1], [1, 2], [3, 4]]
    assert sequence.windows(2, max_gap_s=0.7).tolist() == [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 4],
    ]  # 0.7 s is no longer than 0.7 s
    assert sequence.windows(3, max_gap_s=0.5).tolist() == [[0, 1, 2]]
    assert sequence.windows(1, max_gap_s=0.5).tolist() == [[0], [1], [2], [3], [4], [5]]
    assert sequence.windows(7, max_gap_s=5.0).shape == (0, 7)


def test_split_parts_are_chosen_by_frame_number(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", counts=(12,))
    save_split(dataset.path, "holdout", periodic(dataset, 5, {"test": (3, 4)}), "test")
    part = Dataset.load(f"{dataset.path}@holdout.test")
    assert [frame.number for frame in part.frames] == [3, 4, 8, 9]


def test_unknown_split_and_part_list_the_known(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set")
    save_split(dataset.path, "holdout", {"test": {"flight0": [[0, 3]]}}, "test")
    with pytest.raises(DatasetError, match=r"no split 'x'.*holdout"):
        Dataset.load(f"{dataset.path}@x.test")
    with pytest.raises(DatasetError, match=r"no part 'train'.*test"):
        Dataset.load(f"{dataset.path}@holdout.train")


def test_missing_folder_and_missing_manifest(tmp_path):
    with pytest.raises(DatasetError, match="no such data set"):
        Dataset.load(tmp_path / "nothing")
    with pytest.raises(DatasetError, match=r"no dataset.yaml in it"):
        Dataset.load(tmp_path)


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("version", 99, "version 99"),
        ("sequences", 5, "not a valid manifest"),
        ("sequences", [{"name": "../../etc", "frames": 1}], "not a plain file name"),
        ("camera", {"width": "x"}, "not a valid manifest"),
        ("sequences", [], "holds no frames"),
    ],
)
def test_damaged_manifest(tmp_path, key, value, message):
    path = write_fake_dataset(tmp_path / "set").path / "dataset.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), key: value}))
    with pytest.raises(DatasetError, match=message):
        Dataset.load(tmp_path / "set")


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("000001.png", "../../../etc/passwd", "not a plain file name"),
        ("000001.png", "000001.png,7", "does not parse"),
        ("number,", "nummer,", "columns"),
        ("1500000000100000000", "1500000000000000000", "not strictly ascending"),
        ("1500000000100000000", "soon", "does not parse"),
    ],
)
def test_damaged_frames_file(tmp_path, old, new, message):
    path = write_fake_dataset(tmp_path / "set").path / "sequences" / "flight0" / "frames.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DatasetError, match=message):
        Dataset.load(tmp_path / "set")


def test_an_image_that_does_not_decode_is_named(tmp_path):
    path = tmp_path / "bad.jpg"
    path.write_bytes(b"not an image")
    with pytest.raises(DatasetError, match="bad.jpg: a file that does not decode"):
        load_image_rgb(path)
    with pytest.raises(DatasetError, match="No such file"):
        load_image_rgb(tmp_path / "gone.jpg")


@pytest.mark.parametrize("damage", ["empty", "missing"])
def test_data_set_that_lost_an_image_is_refused(tmp_path, damage):
    dataset = write_fake_dataset(tmp_path / "set")
    path = dataset.frames[5].image_path
    path.unlink()
    if damage == "empty":
        path.touch()
    with pytest.raises(DatasetError, match=f"{path.name}: is {damage}; "):
        Dataset.load(tmp_path / "set")


@pytest.mark.parametrize("value", ["1e20", "nan", "inf"])
def test_a_position_off_the_earth_is_refused(tmp_path, value):
    path = write_fake_dataset(tmp_path / "set").path / "sequences" / "flight0" / "frames.csv"
    rows = path.read_text().splitlines()
    fields = rows[3].split(",")
    fields[3] = value
    path.write_text("\n".join([*rows[:3], ",".join(fields), *rows[4:]]) + "\n")
    with pytest.raises(DatasetError, match="frame 2: not a position within"):
        Dataset.load(tmp_path / "set")


def test_a_writer_takes_no_pose_that_the_reader_refuses(tmp_path):
    with pytest.raises(DatasetError, match="no stamp or pose"), DatasetWriter(tmp_path / "set", "a", "b") as writer:
        with writer.sequence("one") as sequence:
            sequence.add(1, np.array([0, 1e20, 0]), np.array([0, 0, 0, 1.0]), encoded(fake_image_rgb(0)), ".png")


WIDE = replace(CAMERA, width=48, height=64, fx=30.0, cx=23.5, cy=31.5)
FISHEYE = replace(CAMERA, distortion=(0.1, 0.0, 0.0, 0.0), distortion_model="equidistant")


def write_several(path, cameras, of_frames=((0, 1, None), (1, 1, 1))):
    """Two sequences of three frames, each frame with one of the cameras or with none that is known."""
    poses = fake_trajectory(3)
    with DatasetWriter(path, "map", "camera", cameras) as writer:
        for name, numbers in zip("ab", of_frames):
            with writer.sequence(name) as sequence:
                for row, number in enumerate(numbers):
                    camera = None if number is None else cameras[number]
                    pose = (int(poses.stamps_ns[row]), poses.positions[row], poses.quats_xyzw[row])
                    sequence.add(*pose, encoded(fake_image_rgb(row)), ".png", camera=camera)
    return Dataset.load(path)


def test_each_frame_has_its_own_camera(tmp_path):
    dataset = write_several(tmp_path / "set", [WIDE, FISHEYE])
    assert dataset.camera is None
    assert [dataset.camera_of(frame) for frame in dataset.frames] == [WIDE, FISHEYE, None, *[FISHEYE] * 3]
    assert dataset.cameras == (FISHEYE, WIDE) and dataset.typical_camera == FISHEYE
    with pytest.raises(DatasetError, match=r"000002\.png: the camera's intrinsics are not known"):
        dataset.known_camera_of(dataset.frames[2])
    header = (tmp_path / "set/sequences/a/frames.csv").read_text().splitlines()[0]
    assert header == "number,stamp_ns,image,x,y,z,qx,qy,qz,qw,camera"


def test_a_part_of_one_camera_is_a_data_set_of_one_camera(tmp_path):
    dataset = write_several(tmp_path / "set", [WIDE, FISHEYE])
    (dataset.path / "splits").mkdir()
    (dataset.path / "splits/s.yaml").write_text("parts: {one: {b: [[0, 9]]}, two: {a: [[0, 1]]}}\n")
    assert Dataset.load(f"{dataset.path}@s.one").camera == FISHEYE
    assert Dataset.load(f"{dataset.path}@s.two").camera is None


def test_joined_data_sets_keep_their_cameras(tmp_path):
    one = write_fake_dataset(tmp_path / "one", (2,))
    other = replace(write_fake_dataset(tmp_path / "other", (2,)), camera=WIDE)
    both = joined([one, other])
    assert both.camera is None and both.cameras == (CAMERA, WIDE)
    assert [both.camera_of(frame) for frame in both.frames] == [CAMERA, CAMERA, WIDE, WIDE]
    assert joined([one, one]).camera == CAMERA


def test_one_camera_said_many_times_is_a_data_set_of_one(tmp_path):
    dataset = write_several(tmp_path / "set", [CAMERA, replace(CAMERA)], ((0, 0, 0), (1, 1, 1)))
    assert dataset.camera == CAMERA
    assert "cameras" not in yaml.safe_load((tmp_path / "set/dataset.yaml").read_text())


@pytest.mark.parametrize(
    ("find", "put", "says"),
    [
        ("fx", "focal", r"cameras\.csv: columns"),
        ("30.0", "inf", r"cameras\.csv:2: not the intrinsics"),
        ("equidistant", "omni", r"cameras\.csv:3: not the intrinsics"),
        ("\n64,48", "\n64,48,60,60,1,1,plumb_bob,0 0 0 0\n64,48", "3 cameras; the manifest says 2"),
    ],
)
def test_damaged_lists_of_cameras_are_named(tmp_path, find, put, says):
    write_several(tmp_path / "set", [WIDE, FISHEYE])
    path = tmp_path / "set/cameras.csv"
    text = path.read_text()
    assert find in text
    path.write_text(text.replace(find, put, 1))
    with pytest.raises(DatasetError, match=says):
        Dataset.load(tmp_path / "set")
    path.unlink()
    with pytest.raises(DatasetError, match=r"cameras\.csv: No such file"):
        Dataset.load(tmp_path / "set")


@pytest.mark.parametrize("number", ["2", "-1", "x"])
def test_a_camera_that_the_manifest_has_not_is_refused(tmp_path, number):
    write_several(tmp_path / "set", [WIDE, FISHEYE])
    path = tmp_path / "set/sequences/a/frames.csv"
    path.write_text(path.read_text().replace(",0\n", f",{number}\n", 1))
    with pytest.raises(DatasetError, match=r"a/frames\.csv"):
        Dataset.load(tmp_path / "set")


@pytest.mark.parametrize("what", ["image", "folder", "sequence"])
def test_a_link_out_of_the_data_set_is_refused(tmp_path, what):
    path = write_fake_dataset(tmp_path / "set").frames[0].image_path
    linked = {"image": path, "folder": path.parent, "sequence": path.parent.parent}[what]
    linked.rename(tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="a link that leads out of"):
        Dataset.load(tmp_path / "set")


def test_a_link_to_the_data_set_or_within_it_is_followed(tmp_path):
    path = write_fake_dataset(tmp_path / "set").frames[0].image_path
    path.rename(tmp_path / "set" / "moved.png")
    path.symlink_to(tmp_path / "set" / "moved.png")
    (tmp_path / "link").symlink_to(tmp_path / "set")
    assert Dataset.load(tmp_path / "link").frame_count == 12


def test_a_pipe_in_a_data_set_is_not_waited_for(tmp_path):
    path = write_fake_dataset(tmp_path / "set").path / "sequences" / "flight0" / "frames.csv"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DatasetError, match="frames.csv: a row that does not parse .expected a plain file"):
        Dataset.load(tmp_path / "set")


@pytest.mark.parametrize("value", ["null", "[[[[" * 3000, "9" * 5000, "'1'", "2015-13-45 00:00:00"])
@pytest.mark.parametrize("key", ["camera", "sequences", "version", "parent_frame"])
def test_strange_values_of_a_manifest_are_one_line(tmp_path, key, value):
    path = write_fake_dataset(tmp_path / "set").path / "dataset.yaml"
    values = yaml.safe_load(path.read_text())
    del values[key]
    path.write_text(yaml.safe_dump(values) + f"{key}: {value}\n")
    if (key, value) in {("camera", "null"), ("parent_frame", "'1'")}:
        assert Dataset.load(tmp_path / "set").frame_count == 12
        return
    with pytest.raises(DatasetError, match="dataset.yaml") as refused:
        Dataset.load(tmp_path / "set")
    assert "\n" not in str(refused.value)
