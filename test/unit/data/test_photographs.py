# SPDX-License-Identifier: BSD-3-Clause
"""Photographs are no film: nothing is judged by the stamps that an importer made up."""

import json
import re

import numpy as np
import pytest
from helpers import encoded, fake_image_rgb

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import invert, position_quat
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.doctor.coverage import measure_coverage
from camera_relocalization_ros.data.doctor.recording_checks import check_gaps, check_quaternions, check_stream
from camera_relocalization_ros.data.layouts.colmap import import_colmap
from camera_relocalization_ros.data.layouts.transforms_json import import_transforms_json
from camera_relocalization_ros.data.leakage import find_leakage
from camera_relocalization_ros.data.split_kinds import airframe_mixed, guard_frames
from camera_relocalization_ros.data.splits import load_split


def facing(position, ahead):
    """T_scene_camera (4, 4) of an optical frame."""
    x = np.cross(ahead, (0.0, 0.0, 1.0) if abs(ahead[2]) < 0.9 else (0.0, 1.0, 0.0))
    x /= np.linalg.norm(x)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = np.stack([x, np.cross(ahead, x), ahead], 1), position
    return T


def ring(count=60, radius_m=4.0):
    angles = 2 * np.pi * np.arange(count) / count
    ways = np.stack([np.cos(angles), np.sin(angles), np.zeros(count)], 1)
    return [facing(radius_m * way, -way) for way in ways]


def import_photographs(folder, poses, **lists):
    (folder / "src" / "images").mkdir(parents=True)
    frames = []
    for number, T in enumerate(poses):
        name = f"images/p{number:03d}.png"
        (folder / "src" / name).write_bytes(encoded(fake_image_rgb(number)))
        frames.append({"file_path": name, "transform_matrix": (T @ np.diag([1.0, -1, -1, 1])).tolist()})
    lens = {"fl_x": 60.0, "fl_y": 60.0, "cx": 32.0, "cy": 24.0, "w": 64, "h": 48}
    (folder / "src" / "transforms.json").write_text(json.dumps({**lens, **lists, "frames": frames}))
    return import_transforms_json(folder / "src", folder / "set")


def test_a_data_set_says_that_it_is_of_photographs(tmp_path):
    dataset = import_photographs(tmp_path, ring(12))
    assert dataset.sequences[0].is_photographs and dataset.sequences[0].info["photographs"] is True
    assert guard_frames(dataset.sequences[0]) == 0
    with pytest.raises(DatasetError, match="photographs, without times"):
        airframe_mixed(dataset)


def test_blocks_of_photographs_need_no_guard_and_leak_by_distance_alone(tmp_path, capsys):
    import_photographs(tmp_path, ring())
    blocks = ["split", str(tmp_path / "set"), "blocks", "--block", "6", "--every", "4", "--name", "d"]
    assert main(blocks) == 0
    text = capsys.readouterr().out
    assert (
        "LEAK" not in text
        and "CLOSE" not in text
        and "d.train: 48 frames" in text
        and "d.test: 12 frames, no leak" in text
    )
    # the same places twice
    twice = import_photographs(tmp_path / "twice", [T for T in ring(10) for _ in range(2)])
    stretches = ["--period", "2", "--part", "train=0-0", "--part", "test=1-1"]
    assert main(["split", str(twice.path), "periodic", *stretches]) == 0
    parts = [Dataset.load(f"{twice.path}@holdout.{part}") for part in ("train", "test")]
    found = find_leakage(*parts)
    assert found.near == 10 and found.beside == 0 and found.leaks
    assert "10 of 10 photographs were taken within 0.11 units and 3 deg of a training image" in found.sentence()


def test_the_doctor_judges_no_speed_turn_or_gap_of_photographs(tmp_path):
    down = np.array([0.0, 0.0, -1.0])
    survey = [facing(np.array([8.0 * (k % 8), 8.0 * (k // 8), 30.0]), down) for k in range(20)]
    turned = [facing(np.array([0.1 * k, 0.0, 1.0]), np.array([(-1.0) ** k, 0.0, 0.0])) for k in range(20)]
    for name, poses in (("survey", survey), ("turned", turned)):
        dataset = import_photographs(tmp_path / name, poses)
        findings = [check(dataset) for check in (check_gaps, check_quaternions, check_stream)]
        assert {finding.level for finding in findings} == {"OK"}
        assert all("photographs" in finding.sentence for finding in findings)


def test_places_to_fly_next_are_in_the_units_of_the_scene():
    rng = np.random.default_rng(0)
    positions = rng.uniform(-8, 8, (300, 3)) + (40.0, 0.0, 0.0)
    positions = positions[np.linalg.norm(positions - (40.0, 0.0, 0.0), axis=1) > 5]
    poses = Poses(positions, np.tile([0.0, 0.0, 0.0, 1.0], (len(positions), 1)))
    words = [measure_coverage(poses, is_metric).suggestions[0].sentence for is_metric in (True, False)]
    assert re.search(r"z \S+ to \S+ m: 0 of \d+ images$", words[0]) and words[1] == re.sub(r" m\b", " units", words[0])


def test_lists_of_files_become_a_split(tmp_path):
    names = [f"images/p{number:03d}.png" for number in range(12)]
    lists = {"train_filenames": names[:4] + names[6:], "val_filenames": ["./images/p004.png"]}
    dataset = import_photographs(tmp_path, ring(12), **lists, test_filenames=[names[5]])
    assert list(load_split(dataset.path, "official")) == ["train", "val", "test"]
    of_part = {part: Dataset.load(f"{dataset.path}@official.{part}").frames for part in ("train", "val", "test")}
    assert [frame.number for frame in of_part["train"]] == [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]
    assert [frame.number for frame in (*of_part["val"], *of_part["test"])] == [4, 5]


def test_files_of_a_list_that_are_no_frames_are_told(tmp_path, caplog):
    dataset = import_photographs(tmp_path, ring(3), test_filenames=["images/other.png", "images/p001.png"])
    assert load_split(dataset.path, "official") == {"test": {"images": [[1, 1]]}}
    assert "1 of the 2 files of test_filenames are no frames" in caplog.text
    with pytest.raises(DatasetError, match="train_filenames is no list of file names"):
        import_photographs(tmp_path / "bad", ring(3), train_filenames=[3])
    assert not (tmp_path / "bad" / "set").exists()


def test_folders_of_a_colmap_model_become_sequences(tmp_path):
    poses, lines = ring(6), []
    for number, T in enumerate(poses):
        path = tmp_path / "images" / ("a", "b/c")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(fake_image_rgb(number)))
        (x, y, z), (qx, qy, qz, qw) = position_quat(invert(T))
        name = path.relative_to(tmp_path / "images").as_posix()
        lines.append(f"{number + 1} {qw} {qx} {qy} {qz} {x} {y} {z} 1 {name}\n\n")
    (tmp_path / "sparse").mkdir()
    (tmp_path / "sparse" / "cameras.txt").write_text("1 PINHOLE 64 48 60 60 32 24\n")
    (tmp_path / "sparse" / "images.txt").write_text("".join(lines))
    dataset = import_colmap(tmp_path / "sparse", tmp_path / "set")
    assert [sequence.name for sequence in dataset.sequences] == ["a", "b_c"]
    for sequence, wanted in zip(dataset.sequences, (poses[0::2], poses[1::2])):
        assert sequence.is_photographs
        np.testing.assert_allclose(sequence.trajectory().matrices(), wanted, atol=1e-9)


def test_blenders_files_for_each_part_become_sequences_and_a_split(tmp_path):
    """As of NeRF's synthetic scenes: a field of view, and names without an ending."""
    poses = ring(6)
    for part, numbers in (("train", (0, 1, 2)), ("val", (3,)), ("test", (4, 5))):
        (tmp_path / "lego" / part).mkdir(parents=True)
        frames = []
        for number in numbers:
            (tmp_path / "lego" / part / f"r_{number}.png").write_bytes(encoded(fake_image_rgb(number)))
            matrix = (poses[number] @ np.diag([1.0, -1, -1, 1])).tolist()
            frames.append({"file_path": f"./{part}/r_{number}", "rotation": 0.01, "transform_matrix": matrix})
        values = {"camera_angle_x": np.pi / 2, "frames": frames}
        (tmp_path / "lego" / f"transforms_{part}.json").write_text(json.dumps(values))
    dataset = import_transforms_json(tmp_path / "lego", tmp_path / "set")
    assert [(s.name, len(s.frames)) for s in dataset.sequences] == [("train", 3), ("val", 1), ("test", 2)]
    np.testing.assert_allclose([frame.pose.matrix for frame in dataset.frames], poses, atol=1e-12)
    assert dataset.camera is not None and round(dataset.camera.fx, 9) == 32.0
    assert len({frame.stamp_ns for frame in dataset.frames}) == 6
    for part, count in (("train", 3), ("val", 1), ("test", 2)):
        assert Dataset.load(f"{tmp_path / 'set'}@official.{part}").frame_count == count
    # each of them alone is a source too
    assert import_transforms_json(tmp_path / "lego" / "transforms_val.json", tmp_path / "one").frame_count == 1
