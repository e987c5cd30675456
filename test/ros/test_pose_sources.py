# SPDX-License-Identifier: BSD-3-Clause
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from helpers import START_NS, fake_trajectory
from nav_msgs.msg import Odometry
from ros_helpers import image_records, tf_records, transform, write_bag
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import BagError, ConfigError
from camera_relocalization_ros.core.geometry import angular_distance, pose_matrix
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.bags.pose_sources import PoseSources, PoseTopic, StaticTransform
from camera_relocalization_ros.ros.bags.reader import open_bag
from camera_relocalization_ros.ros.bags.simulation_bag import write_simulated_bag
from camera_relocalization_ros.ros.bags.transforms import BagTransforms
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording

POSES = fake_trajectory(30)
EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "sources"


def message_of(kind, position, quat_xyzw, stamp_ns):
    stamped = conversions.pose_to_message(Pose(position, quat_xyzw), stamp_ns, "/map")
    if kind is PoseStamped:
        return stamped
    if kind is PoseWithCovarianceStamped:
        message = kind(header=stamped.header)
        message.pose.pose = stamped.pose
        return message
    if kind is Odometry:
        message = kind(header=stamped.header, child_frame_id="/body")
        message.pose.pose = stamped.pose
        return message
    return transform(stamp_ns, "/map", "/body", position, quat_xyzw)


def pose_records(kind, topic="/drone/pose"):
    rows = zip(POSES.stamps_ns.tolist(), POSES.positions, POSES.quats_xyzw)
    return [(topic, message_of(kind, p, q, stamp_ns), stamp_ns) for stamp_ns, p, q in rows]


def transforms_of(path, records, sources):
    with open_bag(write_bag(path, records)) as bag:
        return BagTransforms.from_bag(bag, sources)


@pytest.mark.parametrize("kind", [PoseStamped, PoseWithCovarianceStamped, Odometry, "TransformStamped"])
def test_poses_of_every_message_type_and_an_extrinsic(tmp_path, kind):
    names_child = kind not in (PoseStamped, PoseWithCovarianceStamped)
    sources = PoseSources(
        (PoseTopic("drone/pose", child="" if names_child else "body"),),
        (StaticTransform("body", "lens", (0.1, 0.0, -0.05), roll_pitch_yaw_deg=(-90.0, 0.0, -90.0)),),
    )
    found, reasons = (
        transforms_of(tmp_path / "f.bag", pose_records(kind), sources).chain("map", "lens").trajectory(POSES.stamps_ns)
    )
    # x right, y down and z forward of the lens, in the body: -y, -z and x
    R_body_lens = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    expected = POSES.matrices() @ pose_matrix([0.1, 0.0, -0.05], Rotation.from_matrix(R_body_lens).as_quat())
    assert not reasons
    np.testing.assert_allclose(found.matrices(), expected, atol=1e-9)


def test_sources_win_over_tf(tmp_path):
    wrong = tf_records(fake_trajectory(30, 0.05), "odom", "body")
    sources = PoseSources((PoseTopic("/drone/pose", child="body"),))
    transforms = transforms_of(tmp_path / "f.bag", [*pose_records(PoseStamped), *wrong], sources)
    assert transforms.ignored == {"of a frame that comes from elsewhere": 30}
    np.testing.assert_array_equal(
        transforms.chain("map", "body").trajectory(POSES.stamps_ns)[0].positions, POSES.positions
    )


def test_missing_topics_and_frames_are_named(tmp_path):
    records = [*pose_records(PoseStamped), *image_records([START_NS])]
    for source, says in (
        (PoseTopic("/nowhere", child="b"), "'/nowhere' is not in the bag; its topics of poses are: /drone/pose"),
        (PoseTopic("/camera/camera_info", child="b"), "holds sensor_msgs/CameraInfo"),
        (PoseTopic("/drone/pose"), "names no child frame"),
    ):
        with pytest.raises(BagError, match=says):
            transforms_of(tmp_path / "f.bag", records, PoseSources((source,)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pose_topic: []", "pose_topic"),
        ("pose_topics: [{topic: 3}]", "topic"),
        ("static_transforms: [{parent: a, child: b, position: [0, 0, 0]}]", "quat_xyzw"),
        ("static_transforms: [{parent: a, child: b, position: [0, 0, 0], quat_xyzw: [0, 0, 0, 0]}]", "not of length 1"),
        ("[1, 2]", "expected a mapping"),
        ("a: [", "not a readable YAML file"),
    ],
)
def test_faults_of_the_file_are_named(tmp_path, text, says):
    path = tmp_path / "sources.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"sources.yaml.*{says}"):
        PoseSources.load(path)


def test_the_examples_load():
    for path in sorted(EXAMPLES.glob("*.yaml")):
        assert not PoseSources.load(path).is_empty
    mocap = PoseSources.load(EXAMPLES / "mocap_pose_topic.yaml")
    assert mocap.static_transforms[0].pose().position.tolist() == [0.10, 0.0, -0.05]


def test_gimbal_and_satellites_give_the_pose_that_tf_has(tmp_path):
    recording = Recording(FlightPlan(placement=1, duration_s=3.0, rate_hz=0.5, seed=2, width=64))
    path = tmp_path / "f.bag"
    write_simulated_bag(recording, path, compressed=True)
    sources = tmp_path / "sources.yaml"
    sources.write_text("gimbal: {}\ngps: {parent: gps_map, child: M100/base_link}\n")
    with open_bag(path) as bag:
        plain = BagTransforms.from_bag(bag)
        stamps_ns = recording.stamps_ns(5)[2:-2]
        truth, _ = plain.chain("map", "M100/camera_optical_frame").trajectory(stamps_ns)
        both = BagTransforms.from_bag(bag, PoseSources.load(sources))
    found, reasons = both.chain("gps_map", "M100/camera_optical_frame").trajectory(stamps_ns)
    assert not reasons
    # angles come in tenths of a degree
    assert np.degrees(angular_distance(found.quats_xyzw, truth.quats_xyzw)).max() < 0.15
    # the local frame begins at the first fix, not at the map's origin
    offsets = found.positions - truth.positions
    assert np.ptp(offsets, axis=0).max() < 5e-3
