# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from helpers import CAMERA, CHILD_FRAME, PARENT_FRAME, encoded, fake_image_rgb, write_fake_dataset

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.ros.bags.dataset_bag import write_dataset_bag
from camera_relocalization_ros.ros.bags.extraction import ExtractionOptions, extract
from camera_relocalization_ros.ros.bags.reader import open_bag
from camera_relocalization_ros.ros.bags.recorded_cameras import read_camera


@pytest.mark.parametrize("raw", [False, True])
def test_to_bag_and_extract_give_the_same_poses_and_images(tmp_path, raw):
    dataset = write_fake_dataset(tmp_path / "before")
    topic = write_dataset_bag(dataset, tmp_path / "d.bag", raw)
    options = ExtractionOptions(topic, PARENT_FRAME, CHILD_FRAME, image_format="png")
    back = extract([tmp_path / "d.bag"], options, tmp_path / "after")
    before, after = dataset.sequences[0].trajectory(), back.sequences[0].trajectory()
    assert back.sequences[0].info["skipped"] == {}
    assert (back.parent_frame, back.child_frame, back.camera) == (PARENT_FRAME, CHILD_FRAME, CAMERA)
    np.testing.assert_array_equal(after.stamps_ns, before.stamps_ns)
    np.testing.assert_array_equal(after.positions, before.positions)
    assert angular_distance(after.quats_xyzw, before.quats_xyzw).max() < 1e-12
    for old, new in zip(dataset.frames, back.frames):
        if not raw:
            assert new.image_path.read_bytes() == old.image_path.read_bytes()
        np.testing.assert_array_equal(load_image_rgb(new.image_path), load_image_rgb(old.image_path))


def test_part_of_a_data_set_and_unknown_camera(tmp_path):
    write_fake_dataset(tmp_path / "d", camera=None)
    assert main(["split", str(tmp_path / "d"), "--period", "4", "--part", "test=0-1"]) == 0
    assert main(["to-bag", f"{tmp_path / 'd'}@holdout.test", "-o", str(tmp_path / "d.bag")]) == 0
    with open_bag(tmp_path / "d.bag") as bag:
        assert bag.get_message_count("/camera/image_raw/compressed") == 6
        assert read_camera(bag, "/camera/image_raw/compressed") is None


def test_sequences_at_the_same_time_do_not_fit_one_bag(tmp_path):
    dataset = write_fake_dataset(tmp_path / "d", counts=(3, 3))
    with pytest.raises(DatasetError, match="same time"):
        write_dataset_bag(dataset, tmp_path / "d.bag")
    assert not (tmp_path / "d.bag").exists()


def test_stamp_zero_does_not_fit_a_bag(tmp_path):
    with DatasetWriter(tmp_path / "d", "map", "camera") as writer, writer.sequence("s") as sequence:
        sequence.add(0, np.zeros(3), np.array([0, 0, 0, 1.0]), encoded(fake_image_rgb(0)), ".png")
    with pytest.raises(DatasetError, match="stamps 0 to 0 ns"):
        write_dataset_bag(Dataset.load(tmp_path / "d"), tmp_path / "d.bag")


@pytest.mark.parametrize("raw", [[], ["--raw"]])
def test_missing_image_leaves_no_bag(tmp_path, capsys, raw):
    dataset = write_fake_dataset(tmp_path / "d")
    dataset.frames[5].image_path.unlink()
    assert main(["to-bag", str(tmp_path / "d"), *raw, "-o", str(tmp_path / "d.bag")]) == 1
    assert "000005.png: " in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["d"]
