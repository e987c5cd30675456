# SPDX-License-Identifier: BSD-3-Clause
import shutil

import numpy as np
import pytest
from helpers import shared_data, write_fake_dataset

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.pose_errors import pose_errors
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.layouts.seven_scenes import import_seven_scenes
from camera_relocalization_ros.data.leakage import find_leakage
from camera_relocalization_ros.data.split_kinds import blocks, periodic, whole_sequences
from camera_relocalization_ros.data.splits import save_split


def leak_between(dataset, parts, **options):
    save_split(dataset.path, "s", parts, "test")
    return find_leakage(Dataset.load(f"{dataset.path}@s.train"), Dataset.load(f"{dataset.path}@s.test"), **options)


def test_every_fifth_frame_leaks(tmp_path):
    dataset = write_fake_dataset(tmp_path / "d", counts=(60,))
    found = leak_between(dataset, periodic(dataset, 5, {"train": (0, 3), "test": (4, 4)}))
    assert (found.frames, found.beside, found.closest, found.same_images) == (12, 12, 1, 0)
    assert found.closest_s == pytest.approx(0.1)
    assert found.sentence().startswith(
        "CLOSE: 12 of 12 lie less than 1 s from a training frame (closest: 1 frames, 0.10"
    )


def test_blocks_with_guards_of_a_second_do_not_leak(tmp_path):
    dataset = write_fake_dataset(tmp_path / "d", counts=(90,))
    found = leak_between(dataset, blocks(dataset, 15, 3, 10))
    assert not found.leaks and found.closest == 11
    assert found.sentence().startswith("30 frames, no leak (11 frames, 1.10 s apart); nearest training pose (median ")
    assert leak_between(dataset, blocks(dataset, 15, 3, 10), limit_s=1.2).beside == 3  # ends next to training


def test_exactly_at_the_limit_is_no_leak(tmp_path):
    dataset = write_fake_dataset(tmp_path / "d", counts=(30,))
    found = leak_between(dataset, {"train": {"flight0": [[0, 9]]}, "test": {"flight0": [[19, 19]]}})
    assert found.seconds_apart.tolist() == [1.0] and not found.leaks


def test_distances_of_each_frame(tmp_path):
    dataset = write_fake_dataset(tmp_path / "d", counts=(30, 30))
    parts = {"train": {"flight0": [[5, 6], [20, 20]]}, "test": {"flight0": [[0, 0], [12, 14]], "flight1": [[3, 3]]}}
    found = leak_between(dataset, parts)
    np.testing.assert_array_equal(found.frames_apart, [5, 6, 7, 6, np.inf])
    np.testing.assert_allclose(found.seconds_apart, [0.5, 0.6, 0.7, 0.6, np.inf])
    assert found.beside == 4


def test_the_same_bytes_leak_even_from_other_sequences(tmp_path):
    dataset = write_fake_dataset(tmp_path / "d", counts=(5, 5))
    parts = whole_sequences(dataset, {"train": ["flight0"], "test": ["flight1"]})
    assert "5 frames, no leak (other sequences)" in leak_between(dataset, parts).sentence()
    train, test = (sequence.frames for sequence in dataset.sequences)
    for row in (1, 3):
        shutil.copy(train[row].image_path, test[row].image_path)
    found = leak_between(dataset, parts)
    assert (found.beside, found.closest, found.same_images, found.leaks) == (0, np.inf, 2, True)
    assert "LEAK: 2 images are training images too" in found.sentence()


def test_the_oracle_is_the_best_of_all_training_poses(tmp_path):
    dataset = write_fake_dataset(tmp_path / "d", counts=(60,))
    found = leak_between(dataset, {"train": {"flight0": [[0, 29]]}, "test": {"flight0": [[40, 44]]}})
    poses = dataset.poses
    # the curve climbs and turns steadily, so the last training frame is nearest to all
    expected = pose_errors(poses[[29] * 5], poses[40:45])
    assert found.oracle_m == pytest.approx(np.median(expected.position_m))
    assert found.oracle_deg == pytest.approx(np.median(expected.orientation_deg))


def test_a_missing_image_is_named(tmp_path):
    dataset = write_fake_dataset(tmp_path / "d", counts=(30,))
    dataset.frames[2].image_path.unlink()
    with pytest.raises(DatasetError, match="000002.png: is missing"):
        leak_between(dataset, {"train": {"flight0": [[0, 5]]}, "test": {"flight0": [[20, 25]]}})


def test_red_kitchen_blocks_are_fair_and_every_fifth_frame_is_not(tmp_path):
    source = shared_data("7scenes", "redkitchen")
    if not source.is_dir():
        pytest.skip(f"no {source}")
    dataset = import_seven_scenes(source, tmp_path / "kitchen")
    leaking = leak_between(dataset, periodic(dataset, 5, {"train": (0, 3), "test": (4, 4)}))
    bare = leak_between(dataset, blocks(dataset, 50, 4, 0))
    guarded = leak_between(dataset, blocks(dataset, 50, 4, 30))
    assert leaking.beside == leaking.frames and leaking.oracle_m < 0.01 and leaking.oracle_deg < 0.5
    assert 0.07 < bare.oracle_m < 0.09 and 4 < bare.oracle_deg < 5
    # a look-up gains nothing from neighbours any more, only from the camera's coming back
    assert not guarded.leaks and guarded.oracle_m > 2 * bare.oracle_m and guarded.oracle_deg > 2 * bare.oracle_deg
