# SPDX-License-Identifier: BSD-3-Clause
"""Clocks of bags that were set back in flight, and images and poses that were never stamped."""

import logging

import genpy
import numpy as np
import pytest
from helpers import fake_trajectory
from ros_helpers import FRAME, IMAGE_TOPIC, image_records, tf_records, write_bag

from camera_relocalization_ros.core.errors import RelocalizationError
from camera_relocalization_ros.core.pose import pose_residual
from camera_relocalization_ros.ros.bags.description import describe_bag
from camera_relocalization_ros.ros.bags.extraction import ExtractionOptions, extract
from camera_relocalization_ros.ros.bags.records import RECEIPT

MS = 1_000_000
TOPIC = f"{IMAGE_TOPIC}/compressed"
POSES = fake_trajectory(401, 0.02)  # 8 s
STEP_NS, AT = 2_003 * MS, 200
ALONE = "the images' clock was set back, not the poses'"


def flight(path, shifted):
    """Images at every tenth pose; what is `shifted` has stamps of a clock that is set back at half time."""
    records = []
    for topic, message, received_ns in [*tf_records(POSES, "map", FRAME), *image_records(POSES.stamps_ns[5::10])]:
        if topic in shifted and received_ns >= POSES.stamps_ns[AT]:
            for each in getattr(message, "transforms", (message,)):
                each.header.stamp = genpy.Time(0, received_ns - STEP_NS)
        records.append((topic, message, received_ns))
    return write_bag(path, sorted(records, key=lambda record: record[2]))


def extracted(bag, **settings):
    return extract([bag], ExtractionOptions(TOPIC, "map", FRAME, **settings), bag.with_suffix(""))


def worst_error_m(dataset):
    """Of each frame's position against the pose at the moment at which it was taken."""
    rows = [POSES.poses[5 + 10 * frame.number] for frame in dataset.frames]
    return max(np.linalg.norm(frame.pose.position - row.position) for frame, row in zip(dataset.frames, rows))


def test_poses_set_back_alone_are_left_out_from_then_on(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        dataset = extracted(flight(tmp_path / "f.bag", {"/tf"}))
    assert [frame.number for frame in dataset.frames] == list(range(20))
    assert worst_error_m(dataset) < 1e-9
    assert dataset.sequences[0].info["skipped"] == {"outside the pose stream": 20}
    assert "the clock of the poses of 'camera_optical_frame' was set back by 2.003 s" in caplog.text


def test_images_set_back_alone_are_left_out_from_then_on(tmp_path):
    dataset = extracted(flight(tmp_path / "f.bag", {TOPIC, "/camera/camera_info"}))
    assert worst_error_m(dataset) < 1e-9
    assert dataset.frame_count == 20 and dataset.sequences[0].info["skipped"] == {ALONE: 20}


def test_all_set_back_together_keep_the_epochs_apart(tmp_path):
    dataset = extracted(flight(tmp_path / "f.bag", {"/tf", TOPIC, "/camera/camera_info"}))
    assert worst_error_m(dataset) < 1e-6
    # 2 s that came twice, 1 s that nothing is interpolated across
    assert dataset.frame_count == 40 - 10 - 5
    assert dataset.sequences[0].info["skipped"] == {"stamp out of order": 10, "gap in the pose stream": 5}


@pytest.mark.parametrize("unstamped", [{TOPIC}, {TOPIC, "/tf"}])
def test_what_has_no_stamp_is_counted_as_that_and_read_by_the_time_of_recording(tmp_path, caplog, unstamped):
    records = [*tf_records(POSES, "map", FRAME), *image_records(POSES.stamps_ns[5::10])]
    for topic, message, _ in records:
        for each in getattr(message, "transforms", (message,)):
            each.header.stamp = genpy.Time(0) if topic in unstamped else each.header.stamp
    bag = write_bag(tmp_path / "f.bag", records)
    with pytest.raises(RelocalizationError) as caught, caplog.at_level(logging.WARNING):
        extracted(bag)
    assert "401 without a stamp" in caplog.text if "/tf" in unstamped else "(40 no stamp)" in str(caught.value)
    assert "without stamps: extract with --stamps receipt" in describe_bag(bag)
    dataset = extracted(bag, stamps=RECEIPT)
    assert [frame.stamp_ns for frame in dataset.frames] == POSES.stamps_ns[5::10].tolist()
    truth = POSES.poses[np.arange(5, 401, 10)]
    assert max(np.abs(pose_residual(frame.pose, pose)).max() for frame, pose in zip(dataset.frames, truth)) < 1e-9
