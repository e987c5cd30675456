# SPDX-License-Identifier: BSD-3-Clause
"""/tf_static that changes in a recording, is shared by the pieces of one, or is said on /tf too."""

import logging

import numpy as np
import pytest
from helpers import START_NS, fake_trajectory
from ros_helpers import FRAME, IMAGE_TOPIC, image_records, tf_records, transform, write_bag
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.core.geometry import invert, pose_matrix
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.data.split_kinds import placements_of
from camera_relocalization_ros.ros.bags.extraction import ExtractionOptions, extract
from camera_relocalization_ros.ros.bags.reader import open_bag
from camera_relocalization_ros.ros.bags.transforms import BagTransforms

MS = 1_000_000
POSES = fake_trajectory(40, 0.05)
TURNED = (0.0, 0.0, 0.6, 0.8)


def static(at_ms, parent, child, position=(0, 0, 0), quat_xyzw=(0, 0, 0, 1), received_ms=None, topic="/tf_static"):
    stamp_ns = START_NS + at_ms * MS
    received_ns = stamp_ns if received_ms is None else START_NS + received_ms * MS
    return (topic, TFMessage([transform(stamp_ns, parent, child, position, quat_xyzw)]), received_ns)


def extracted(tmp_path, bags, parent="map", child=FRAME, name="out"):
    options = ExtractionOptions(f"{IMAGE_TOPIC}/compressed", parent, child)
    paths = [write_bag(tmp_path / f"{bag}.bag", sorted(records, key=lambda r: r[2])) for bag, records in bags.items()]
    return extract(paths, options, tmp_path / name)


def matrices(dataset):
    return {frame.stamp_ns: frame.pose.matrix for frame in dataset.frames}


@pytest.mark.parametrize("recorder_ahead_ms", [0, 60_000])
def test_an_extrinsic_that_is_calibrated_in_flight_holds_from_then_on(tmp_path, caplog, recorder_ahead_ms):
    statics = [static(-200, "drone", FRAME, (0.1, 0, 0)), static(1000, "drone", FRAME, (0.15, 0, 0), TURNED)]
    records = [*tf_records(POSES, "map", "drone"), *image_records(POSES.stamps_ns), *statics]
    records = [(topic, message, received_ns + recorder_ahead_ms * MS) for topic, message, received_ns in records]
    with caplog.at_level(logging.WARNING):
        dataset = extracted(tmp_path, {"f": records})
    assert dataset.frame_count == len(POSES) and len(dataset.sequences) == 1
    for pose, frame in zip(POSES.poses, dataset.frames):
        is_calibrated = frame.stamp_ns >= START_NS + 1000 * MS
        offset, turn = ((0.15, 0, 0), TURNED) if is_calibrated else ((0.1, 0, 0), (0, 0, 0, 1))
        np.testing.assert_allclose(
            frame.pose.matrix, pose.matrix @ pose_matrix(np.array(offset), np.array(turn)), atol=1e-9
        )
    assert "'camera_optical_frame' in 'drone' was said 2 times on /tf_static with other values" in caplog.text
    assert dataset.sequences[0].info["static_changes_ns"] == {f"{FRAME} in drone": [START_NS + 1000 * MS]}


def test_what_is_said_again_unchanged_is_no_change(tmp_path, caplog):
    statics = [static(at_ms, "drone", FRAME, (0.1, 0, 0)) for at_ms in (0, 500, 1000)]
    records = [*tf_records(POSES, "map", "drone"), *image_records(POSES.stamps_ns), *statics]
    dataset = extracted(tmp_path, {"f": records})
    assert "static_changes_ns" not in dataset.sequences[0].info and "said" not in caplog.text


def test_an_object_that_is_moved_in_a_recording_has_two_placements(tmp_path, caplog):
    places = [((2.0, 0, 0), (0, 0, 0, 1)), ((2.0, 2.0, 0), TURNED)]
    statics = [static(0, "map", "wing", *places[0]), static(990, "map", "wing", *places[1])]
    records = [*tf_records(POSES, "map", FRAME), *image_records(POSES.stamps_ns), *statics]
    dataset = extracted(tmp_path, {"f": records}, parent="wing")
    assert [sequence.name for sequence in dataset.sequences] == ["f_1", "f_2"]
    assert [len(sequence.frames) for sequence in dataset.sequences] == [20, 20]
    assert [sequence.info["images"] for sequence in dataset.sequences] == [20, 20]
    for sequence, (position, quat_xyzw) in zip(dataset.sequences, places):
        np.testing.assert_allclose(sequence.info["T_world_parent"]["position"], position)
        T_wing_map = invert(pose_matrix(np.array(position), np.array(quat_xyzw)))
        for frame in sequence.frames:
            row = int(np.searchsorted(POSES.stamps_ns, frame.stamp_ns))
            np.testing.assert_allclose(frame.pose.matrix, T_wing_map @ POSES.poses[row].matrix, atol=1e-9)
    assert placements_of(dataset) == {"f_1": 1, "f_2": 2}
    assert "'wing' stood at 2 places" in caplog.text


def test_pieces_of_a_recording_share_what_only_the_first_has(tmp_path):
    lens, cut_ns = ((0.1, 0, 0), TURNED), START_NS + 1000 * MS
    images = [r for r in image_records(POSES.stamps_ns) if "camera_info" not in r[0] or r[2] == START_NS]
    records = [*tf_records(POSES, "map", "drone"), *images]
    first = [static(0, "drone", FRAME, *lens), *(r for r in records if r[2] < cut_ns)]
    second = [r for r in records if r[2] >= cut_ns]
    # in any order
    dataset = extracted(tmp_path, {"f_1": second, "f_0": first})
    found = matrices(dataset)
    assert len(found) == len(POSES) and dataset.camera is not None
    for stamp_ns, pose in zip(POSES.stamps_ns, POSES.poses):
        np.testing.assert_allclose(found[stamp_ns], pose.matrix @ pose_matrix(*map(np.array, lens)), atol=1e-9)


def test_bags_that_are_no_pieces_share_nothing(tmp_path):
    later = fake_trajectory(40, 0.05)
    later.stamps_ns[:] += 60_000 * MS
    bags = {
        "first": [static(0, "drone", FRAME), *tf_records(POSES, "map", "drone"), *image_records(POSES.stamps_ns)],
        "other": [*tf_records(later, "map", "drone"), *image_records(later.stamps_ns)],
    }
    with pytest.raises(BagError, match="no frame 'camera_optical_frame' in TF"):
        extracted(tmp_path, bags)


def test_a_second_parent_above_what_is_asked_for_does_not_stop(tmp_path, caplog):
    records = [
        *tf_records(POSES, "drone", FRAME),
        *tf_records(POSES, "map", "drone"),
        *tf_records(POSES, "odom", "drone"),
        *image_records(POSES.stamps_ns),
    ]
    dataset = extracted(tmp_path, {"f": records}, parent="drone")
    np.testing.assert_allclose(dataset.poses.positions, POSES.positions)
    assert "T_world_parent" not in dataset.sequences[0].info and "more than one parent" in caplog.text


def test_a_static_transform_that_is_said_on_tf_as_well_is_static(tmp_path):
    on_tf = [static(at_ms, "drone", FRAME, (0.1, 0, 0), topic="/tf") for at_ms in (0, 1000)]
    records = [*tf_records(POSES, "map", "drone"), static(0, "drone", FRAME, (0.1, 0, 0)), *on_tf]
    with open_bag(write_bag(tmp_path / "f.bag", sorted(records, key=lambda r: r[2]))) as bag:
        found, missing = BagTransforms.from_bag(bag).chain("map", FRAME).trajectory(POSES.stamps_ns)
    assert len(found) == len(POSES) and not missing
    expected = (POSES.poses @ Pose((0.1, 0, 0), (0, 0, 0, 1))).positions
    np.testing.assert_allclose(found.positions, expected, atol=1e-9)
