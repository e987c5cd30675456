# SPDX-License-Identifier: BSD-3-Clause
import bz2
import io
import struct

import numpy as np
import pytest
from helpers import START_NS, fake_trajectory, shared_data
from ros_helpers import image_records, tf_records, transform, write_bag
from scipy.spatial.transform import Rotation, Slerp
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.core.geometry import angular_distance, invert, pose_matrix, position_quat
from camera_relocalization_ros.core.trajectory import Trajectory, read_tum, seconds_text
from camera_relocalization_ros.data.pose_stream import StreamLimits
from camera_relocalization_ros.ros.bags.extraction import ExtractionOptions, extract
from camera_relocalization_ros.ros.bags.reader import open_bag, read_messages
from camera_relocalization_ros.ros.bags.tf.tf_records import tf_records as records_in
from camera_relocalization_ros.ros.bags.transforms import BagTransforms, NoPoseError
from camera_relocalization_ros.ros.conversions import pose_of

MS = 1_000_000


def transforms_of(tmp_path, records):
    with open_bag(write_bag(tmp_path / "tf.bag", records)) as bag:
        return BagTransforms.from_bag(bag)


def static(parent, child, position=(0, 0, 0), quat_xyzw=(0, 0, 0, 1), stamp_ns=START_NS):
    return ("/tf_static", TFMessage([transform(stamp_ns, parent, child, position, quat_xyzw)]), stamp_ns)


def test_interpolation_is_linear_and_slerp(tmp_path):
    poses = fake_trajectory(20)
    chain = transforms_of(tmp_path, tf_records(poses, "map", "body")).chain("map", "body", StreamLimits(0.2))
    stamps_ns = poses.stamps_ns[:-1] + 37 * MS
    found, reasons = chain.trajectory(stamps_ns)
    assert not reasons
    slerp = Slerp(poses.stamps_ns - START_NS, Rotation.from_quat(poses.quats_xyzw))
    np.testing.assert_array_equal(found.stamps_ns, stamps_ns)
    # tf2 takes stamps as seconds in float64, which are a quarter of a microsecond apart today
    between = 0.63 * poses.positions[:-1] + 0.37 * poses.positions[1:]
    np.testing.assert_allclose(found.positions, between, atol=2e-7)
    assert angular_distance(found.quats_xyzw, slerp(stamps_ns - START_NS).as_quat()).max() < 5e-7


def test_poses_at_the_stamps_themselves_are_exact(tmp_path):
    poses = fake_trajectory(20)
    found, _ = (
        transforms_of(tmp_path, tf_records(poses, "map", "body")).chain("map", "body").trajectory(poses.stamps_ns)
    )
    np.testing.assert_array_equal(found.positions, poses.positions)
    np.testing.assert_allclose(found.quats_xyzw, poses.quats_xyzw, atol=1e-15)


def test_chain_over_static_dynamic_and_inverse_edges(tmp_path):
    drone, wing = fake_trajectory(10), fake_trajectory(10)
    wing = Trajectory(wing.stamps_ns, wing.positions[::-1] + 1.0, wing.quats_xyzw[::-1])
    lens = (np.array([0.1, 0.0, -0.05]), Rotation.from_euler("xyz", [-90, 0, -90], degrees=True).as_quat())
    records = [*tf_records(drone, "map", "drone"), *tf_records(wing, "map", "wing"), static("drone", "lens", *lens)]
    found, reasons = transforms_of(tmp_path, records).chain("wing", "lens").trajectory(drone.stamps_ns)
    expected = invert(wing.matrices()) @ drone.matrices() @ pose_matrix(*lens)
    assert not reasons
    np.testing.assert_allclose(found.positions, position_quat(expected)[0], atol=1e-12)
    assert angular_distance(found.quats_xyzw, position_quat(expected)[1]).max() < 1e-9


def test_leading_slashes_are_stripped_and_static_counts_for_the_whole_bag(tmp_path):
    poses = fake_trajectory(3)
    # sent once, later than the pose that is asked for
    late = static("/body", "/camera", (0, 0, 1), stamp_ns=int(poses.stamps_ns[-1]))
    chain = transforms_of(tmp_path, [*tf_records(poses, "/map", "/body"), late]).chain("/map", "camera")
    T_map_camera = pose_matrix(*chain.at(int(poses.stamps_ns[0])))
    np.testing.assert_allclose(T_map_camera, poses.matrices()[0] @ pose_matrix([0, 0, 1], [0, 0, 0, 1]), atol=1e-12)


def test_outside_gap_and_stamp_zero_are_refused(tmp_path):
    stamps_ns = START_NS + np.array([0, 100, 200, 500, 600]) * MS
    poses = fake_trajectory(5)
    poses = Trajectory(stamps_ns, poses.positions, poses.quats_xyzw)
    chain = transforms_of(tmp_path, tf_records(poses, "map", "body")).chain("map", "body", StreamLimits(0.1))
    wanted = START_NS + np.array([-1, 0, 50, 200, 201, 300, 499, 500, 550, 600, 601]) * MS
    found, reasons = chain.trajectory(wanted)
    assert ((found.stamps_ns - START_NS) // MS).tolist() == [0, 50, 200, 500, 550, 600]
    assert reasons == {"outside the pose stream": 2, "gap in the pose stream": 3}
    with pytest.raises(NoPoseError, match="no stamp"):
        chain.at(0)


def test_a_gap_of_exactly_the_limit_is_bridged(tmp_path):
    stamps_ns = START_NS + np.array([0, 100]) * MS
    poses = fake_trajectory(2)
    transforms = transforms_of(tmp_path, tf_records(Trajectory(stamps_ns, poses.positions, poses.quats_xyzw), "a", "b"))
    assert transforms.chain("a", "b", StreamLimits(0.1)).at(START_NS + 50 * MS)
    with pytest.raises(NoPoseError, match="gap"):
        transforms.chain("a", "b", StreamLimits(0.099)).at(START_NS + 50 * MS)


def test_a_gap_in_any_edge_of_the_chain_counts(tmp_path):
    poses = fake_trajectory(10)
    holed = poses.select(np.array([0, 1, 2, 7, 8, 9]))
    records = [*tf_records(poses, "map", "body"), *tf_records(holed, "map", "wing")]
    _, reasons = transforms_of(tmp_path, records).chain("wing", "body", StreamLimits(0.15)).trajectory(poses.stamps_ns)
    assert reasons == {"gap in the pose stream": 4}


def test_unknown_frame_lists_the_frames(tmp_path):
    transforms = transforms_of(tmp_path, tf_records(fake_trajectory(2), "map", "body"))
    with pytest.raises(BagError, match="no frame 'wing' in TF; its frames are: body, map"):
        transforms.chain("wing", "body")


def test_frames_that_are_not_connected(tmp_path):
    poses = fake_trajectory(2)
    transforms = transforms_of(tmp_path, [*tf_records(poses, "map", "a"), *tf_records(poses, "world", "b")])
    with pytest.raises(BagError, match="'a' .below 'map'. and 'b' .below 'world'. are not connected"):
        transforms.chain("a", "b")


def test_second_parent_and_loop_are_told(tmp_path):
    poses = fake_trajectory(2)
    two = transforms_of(tmp_path, [*tf_records(poses, "map", "a"), *tf_records(poses, "odom", "a")])
    with pytest.raises(BagError, match="'a' has more than one parent in TF: 'map' and 'odom'"):
        two.chain("map", "a")
    loop = transforms_of(tmp_path, [*tf_records(poses, "a", "b"), *tf_records(poses, "b", "a")])
    with pytest.raises(BagError, match="hang below each other"):
        loop.chain("a", "b")


def test_frame_on_both_topics_is_told(tmp_path):
    transforms = transforms_of(tmp_path, [*tf_records(fake_trajectory(2), "map", "a"), static("map", "a")])
    with pytest.raises(BagError, match="'a' is on /tf and on /tf_static"):
        transforms.chain("map", "a")


def test_bad_and_repeated_transforms_are_counted_and_not_used(tmp_path):
    poses = fake_trajectory(5)
    nan, zero = transform(START_NS + MS, "map", "a", (np.nan, 0, 0)), transform(START_NS + 2 * MS, "map", "a")
    zero.transform.rotation.w = 0.0
    bad = [nan, zero, transform(0, "map", "a"), transform(START_NS, "", "a"), transform(START_NS, "a", "a")]
    records = [("/tf", TFMessage(bad), START_NS), *tf_records(poses, "map", "a"), *tf_records(poses, "map", "a")]
    transforms = transforms_of(tmp_path, records)
    assert transforms.ignored == {
        "not finite": 1,
        "without a unit quaternion": 1,
        "without a stamp": 1,
        "without two frame names": 2,
        "repeated": 5,
    }
    np.testing.assert_array_equal(
        transforms.chain("map", "a").trajectory(poses.stamps_ns)[0].positions, poses.positions
    )


def test_of_two_poses_at_a_stamp_neither_is_taken_and_two_publishers_are_told(tmp_path):
    poses = fake_trajectory(8)
    others = Trajectory(poses.stamps_ns, poses.positions + [0.5, 0.0, 0.0], poses.quats_xyzw)
    records = tf_records(poses, "map", "a")
    one = transforms_of(tmp_path, [*records, *tf_records(others.select(np.array([3])), "map", "a")])
    assert one.ignored == {"of a stamp that another contradicts": 2}
    assert poses.stamps_ns[3] not in one.chain("map", "a").streams[0].trusted.stamps_ns
    two = transforms_of(tmp_path, [*records, *tf_records(others, "map", "a"), *tf_records(poses, "map", "b")])
    with pytest.raises(BagError, match="'a' has two poses each at 8 of 8 stamps on /tf, typically 0.5 m apart"):
        two.chain("map", "a")
    # another frame is none of their business
    assert len(two.chain("map", "b").recorded_trajectory()) == 8


def test_transforms_out_of_order_are_sorted(tmp_path):
    poses = fake_trajectory(6)
    records = tf_records(poses, "map", "a")
    order = [(n, records[k]) for n, k in enumerate((3, 0, 5, 1, 4, 2))]
    shuffled = [(topic, message, START_NS + n) for n, (topic, message, _) in order]
    found, _ = transforms_of(tmp_path, shuffled).chain("map", "a").trajectory(poses.stamps_ns)
    np.testing.assert_array_equal(found.positions, poses.positions)


def test_a_tf_message_that_is_none_is_a_damaged_bag(tmp_path):
    class Cut(TFMessage):
        def serialize(self, buff):
            content = io.BytesIO()
            super().serialize(content)
            buff.write(content.getvalue()[:-8])

    records = [("/tf", Cut([transform(START_NS, "map", "a")]), START_NS)]
    with pytest.raises(BagError, match=r"tf\.bag: not a whole bag of format 2\.0"):
        transforms_of(tmp_path, records)


def test_tf_from_bytes_is_what_messages_say():
    poses = fake_trajectory(3)
    names = [("/map", "body"), ("wing \u00e9", ""), ("", "lens")]
    sent = [
        transform(int(stamp_ns), *frames, pose.position, pose.quat_xyzw)
        for stamp_ns, frames, pose in zip(poses.stamps_ns, names, poses.poses)
    ]
    buffer = io.BytesIO()
    TFMessage(sent).serialize(buffer)
    # a name that is no UTF-8 comes out as the message's own reader has it
    content = buffer.getvalue().replace(b"lens", b"le\xffs")
    read = TFMessage().deserialize(content).transforms
    found = list(records_in(content))
    assert [(r.parent, r.child, r.stamp_ns) for r in found] == [
        (t.header.frame_id, t.child_frame_id, t.header.stamp.to_nsec()) for t in read
    ]
    for record, pose in zip(found, poses.poses):
        assert record.position == tuple(pose.position) and record.quat_xyzw == tuple(pose.quat_xyzw)
    for length in (0, 3, 20, len(content) - 1):
        with pytest.raises(struct.error):
            list(records_in(content[:length]))


def test_a_tf_topic_of_another_type_is_told(tmp_path):
    records = [*tf_records(fake_trajectory(3), "map", "body", "/other_tf"), ("/tf", String("no transform"), START_NS)]
    with pytest.raises(BagError, match="topic '/tf' holds std_msgs/String; expected transforms"):
        transforms_of(tmp_path, records)


def test_bag_without_tf(tmp_path):
    with pytest.raises(BagError, match="no TF in it"):
        transforms_of(tmp_path, image_records([START_NS]))


@pytest.fixture(scope="module")
def real_flight(tmp_path_factory):
    packed = shared_data("bags", "mav_flight_tf.bag.bz2")
    if not packed.is_file():
        pytest.skip(f"no {packed}")
    path = tmp_path_factory.mktemp("real") / "mav.bag"
    path.write_bytes(bz2.decompress(packed.read_bytes()))
    return path


def test_real_flight_of_the_old_message_type_equals_its_odometry(real_flight):
    with open_bag(real_flight) as bag:
        chain = BagTransforms.from_bag(bag).chain("/map", "rig")
        messages = [message for _, message, _ in read_messages(bag, ["/tagslam/odom/body_rig"])]
    odometry = Trajectory(
        np.array([message.header.stamp.to_nsec() for message in messages]),
        *(np.array(part) for part in zip(*(pose_of(message.pose.pose) for message in messages))),
    )
    found, reasons = chain.trajectory(odometry.stamps_ns)
    assert len(found) == 4500
    assert not reasons
    np.testing.assert_allclose(found.positions, odometry.positions, atol=1e-9)
    assert angular_distance(found.quats_xyzw, odometry.quats_xyzw).max() < 1e-8


def test_real_camera_relative_to_a_tag_at_listed_stamps_and_at_those_of_images(real_flight, tmp_path):
    with open_bag(real_flight) as bag:
        transforms = BagTransforms.from_bag(bag)
        records = [(topic, message, received.to_nsec()) for topic, message, received in read_messages(bag, ["/tf"])]
    tag = next(frame for frame in transforms.frames if frame.startswith("tag_"))
    stamps_ns = transforms.chain("map", "rig").recorded_trajectory().stamps_ns[100:130] + 13 * MS
    T_map_tag, T_map_cam0 = (
        transforms.chain("map", frame).trajectory(stamps_ns)[0].matrices() for frame in (tag, "cam0")
    )
    expected = invert(T_map_tag) @ T_map_cam0
    listed = tmp_path / "stamps.txt"
    listed.write_text("\n".join(seconds_text(int(stamp_ns)) for stamp_ns in stamps_ns))
    command = ["trajectory", str(real_flight), "--parent", tag, "--child", "cam0", "--stamps", str(listed)]
    assert main([*command, "-o", str(tmp_path / "poses.txt")]) == 0
    found = read_tum(tmp_path / "poses.txt")
    np.testing.assert_array_equal(found.stamps_ns, stamps_ns)
    np.testing.assert_allclose(found.matrices(), expected, atol=1e-9)
    # what is recorded seconds before and after says nothing about these stamps
    near = [record for record in records if stamps_ns[0] - 5000 * MS < record[2] < stamps_ns[-1] + 5000 * MS]
    assert len(near) < len(records) / 2
    with_images = write_bag(tmp_path / "images.bag", [*near, *image_records(stamps_ns)])
    options = ExtractionOptions("/camera/image_raw/compressed", tag, "cam0")
    dataset = extract([with_images], options, tmp_path / "set")
    np.testing.assert_allclose(dataset.sequences[0].trajectory().matrices(), expected, atol=1e-9)
