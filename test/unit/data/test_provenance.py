# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np
from helpers import write_fake_dataset

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.bundle.training_set import TrainingSet
from camera_relocalization_ros.core.plain_values import from_plain, to_plain
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.provenance import frames_digest, is_training_pose, training_set
from camera_relocalization_ros.data.splits import save_split


def index_of(dataset):
    poses = dataset.poses
    descriptors = np.random.default_rng(0).normal(size=(len(poses), 8))
    return RetrievalIndex.build(descriptors, single_precision(poses))


def single_precision(poses):
    """As a bundle stores them."""
    return Poses(poses.positions.astype(np.float32), poses.quats_xyzw.astype(np.float32))


def test_a_data_set_is_known_by_its_frames_and_a_part_by_its_split_too(tmp_path):
    whole = write_fake_dataset(tmp_path / "set", counts=(12, 4))
    split = save_split(tmp_path / "set", "blocks", {"train": {"flight0": [[0, 5]]}, "rest": {"flight0": [[6, 11]]}}, "")
    train = Dataset.load(f"{tmp_path / 'set'}@blocks.train")
    known = training_set(train)
    assert (known.name, known.part, known.frames) == ("set", "blocks.train", 6)
    assert training_set(whole).split_sha256 == "" and len(known.split_sha256) == 64
    assert from_plain(TrainingSet, to_plain(known)) == known
    assert len({frames_digest(whole), frames_digest(train)}) == 2
    assert training_set(Dataset.load(f"{tmp_path / 'set'}@blocks.train")) == known
    split.write_text(split.read_text() + "# by hand\n")
    changed = training_set(Dataset.load(f"{tmp_path / 'set'}@blocks.train"))
    assert changed.sha256 == known.sha256 and changed.split_sha256 != known.split_sha256


def test_the_digest_follows_names_stamps_and_poses(tmp_path):
    whole = write_fake_dataset(tmp_path / "set")
    first = whole.frames[0]
    changes = (
        {"stamp_ns": first.stamp_ns - 1},
        {"position": first.position + 1e-9},
        {"quat_xyzw": -first.quat_xyzw},
        {"image_path": first.image_path.with_name("other.png")},
    )
    digests = {frames_digest(whole)}
    for change in changes:
        sequence = whole.sequences[0]
        frames = (replace(first, **change), *sequence.frames[1:])
        digests.add(frames_digest(replace(whole, sequences=(replace(sequence, frames=frames),))))
    assert len(digests) == 5


def test_frames_of_training_are_known_again_whatever_they_are_called(tmp_path):
    trained = write_fake_dataset(tmp_path / "set", counts=(12,))
    poses, index = trained.poses, index_of(trained)
    positions, quats = poses.positions, poses.quats_xyzw
    assert is_training_pose(index, Poses(positions, -quats)).all()
    assert is_training_pose(index, poses[3:5]).all()
    assert not is_training_pose(index, Poses(positions + [1e-4, 0, 0], quats)).any(), "a tenth of a millimetre away"
    assert not is_training_pose(index, Poses(positions, np.roll(quats, 1, axis=0))).any(), "the same place, turned"


def test_frames_far_from_the_origin_are_known_again(tmp_path):
    trained = write_fake_dataset(tmp_path / "set", counts=(12,))
    near = trained.poses
    far = Poses(near.positions + [5000.0, -7000.0, 300.0], near.quats_xyzw)
    index = RetrievalIndex.build(np.eye(12), single_precision(far))
    assert is_training_pose(index, far).all()
    assert not is_training_pose(index, Poses(far.positions + 0.01, far.quats_xyzw)).any()
