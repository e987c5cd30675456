# SPDX-License-Identifier: BSD-3-Clause
"""A simulated bag looks like a recorded one, and its geometry is exact."""

import cv2
import numpy as np
import pytest
import rosbag

from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.core.geometry import angular_distance, invert, position_quat, transform_points
from camera_relocalization_ros.ros.bags.extraction import ExtractionOptions, extract
from camera_relocalization_ros.ros.bags.reader import open_bag, read_image_stamps
from camera_relocalization_ros.ros.bags.recorded_cameras import read_camera
from camera_relocalization_ros.ros.bags.simulation_bag import IMAGE_TOPIC, OPTICAL_FRAME, write_simulated_bag
from camera_relocalization_ros.ros.bags.transforms import BagTransforms
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording
from camera_relocalization_ros.simulation.renderer import Renderer

# 7 Hz, so that the images lie between the transforms, which come at 120 Hz
PLAN = FlightPlan(placement=6, duration_s=1.0, rate_hz=7.0, seed=5, width=640)


@pytest.fixture(scope="module")
def bag_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated") / "flight.bag"
    write_simulated_bag(Recording(PLAN), path, compressed=False)
    return path


def test_topics_types_and_rates(bag_path):
    with rosbag.Bag(str(bag_path)) as bag:
        topics = {name: (info.msg_type, info.message_count) for name, info in bag.get_type_and_topic_info()[1].items()}
        received = [stamp.to_nsec() for _, _, stamp in bag.read_messages()]
    assert topics.pop("/tf_static") == ("tf2_msgs/TFMessage", 1)
    assert topics.pop("/dji_sdk/image_raw") == ("sensor_msgs/Image", 7)
    assert topics.pop("/dji_sdk/camera_info") == ("sensor_msgs/CameraInfo", 7)
    rates = {"/tf": 120, "/dji_sdk/attitude": 100, "/dji_sdk/gimbal_angle": 50, "/dji_sdk/gps_position": 10}
    assert set(topics) == set(rates)
    for name, rate in rates.items():
        assert abs(topics[name][1] - 1.6 * rate) <= 2, name  # 0.3 s before and after the second of images
    assert received == sorted(received)


def test_tf_gives_the_flights_poses_at_the_image_stamps(bag_path):
    recording = Recording(PLAN)
    with open_bag(bag_path) as bag:
        chain = BagTransforms.from_bag(bag).chain("wing/base_link", OPTICAL_FRAME)
        stamps_ns = read_image_stamps(bag, IMAGE_TOPIC)
    found, reasons = chain.trajectory(stamps_ns)
    assert not reasons
    T_map_camera = recording.flight.T_map_camera(recording.seconds(stamps_ns))
    position, quat = position_quat(invert(recording.T_map_airframe) @ T_map_camera)
    assert np.linalg.norm(found.positions - position, axis=1).max() < 1e-4
    assert np.degrees(angular_distance(found.quats_xyzw, quat)).max() < 0.005


def test_known_points_land_on_their_pixels_by_camera_info_and_tf(bag_path):
    # markers float in the airframe's frame and are drawn; camera_info and the bag's TF say where they must be seen
    recording = Recording(PLAN)
    renderer = Renderer(PLAN.camera, recording.T_map_airframe)
    with open_bag(bag_path) as bag:
        chain = BagTransforms.from_bag(bag).chain("wing/base_link", OPTICAL_FRAME)
        stamps_ns, camera = read_image_stamps(bag, IMAGE_TOPIC), read_camera(bag, IMAGE_TOPIC)
    T_object_camera = chain.trajectory(stamps_ns)[0].matrices()
    rays = np.array([(x, y, 1.3) for x in (-0.7, -0.2, 0.3, 0.75) for y in (-0.35, 0.05, 0.4)])
    points_object = transform_points(T_object_camera[3], rays)
    renderer.add_markers(transform_points(recording.T_map_airframe, points_object), radius=0.012)
    distances = []
    for row in (2, 3, 4):
        image = renderer.render(recording.flight.T_map_camera(recording.seconds(stamps_ns[row : row + 1]))[0])
        is_marker = (image[..., 1] > 250) & (image[..., 0] < 5) & (image[..., 2] < 5)
        _, _, _, centres = cv2.connectedComponentsWithStats(is_marker.astype(np.uint8))
        pixels = camera.project(transform_points(invert(T_object_camera[row]), points_object))
        inside = (pixels > 12).all(axis=1) & (pixels < [628, 348]).all(axis=1)
        distances += [np.linalg.norm(centres[1:] - pixel, axis=1).min() for pixel in pixels[inside]]
    renderer.close()
    assert len(distances) > 24
    assert max(distances) < 0.5


def plain_values(message):
    """All numbers, texts and bytes in a message, flat."""
    if hasattr(message, "__slots__"):
        return [value for slot in message.__slots__ for value in plain_values(getattr(message, slot))]
    if isinstance(message, (list, tuple)):
        return [value for item in message for value in plain_values(item)]
    return [message]


def test_same_seed_same_bag(bag_path, tmp_path):
    write_simulated_bag(Recording(PLAN), tmp_path / "again.bag", compressed=False)
    with rosbag.Bag(str(bag_path)) as first, rosbag.Bag(str(tmp_path / "again.bag")) as second:
        for (topic, message, received), (other_topic, other, other_received) in zip(
            first.read_messages(), second.read_messages()
        ):
            assert (topic, received) == (other_topic, other_received)
            values, wanted = plain_values(message), plain_values(other)
            assert [type(value) for value in values] == [type(value) for value in wanted]
            assert [v for v in values if not isinstance(v, float)] == [v for v in wanted if not isinstance(v, float)]
            # NumPy's last digit depends on where in the memory an array lies
            floats = ([value for value in each if isinstance(value, float)] for each in (values, wanted))
            np.testing.assert_allclose(*floats, rtol=0, atol=1e-12)
        assert first.get_message_count() == second.get_message_count()


def test_extraction_returns_the_true_poses(bag_path, tmp_path):
    options = ExtractionOptions(IMAGE_TOPIC, "wing/base_link", OPTICAL_FRAME)
    dataset = extract([bag_path], options, tmp_path / "set")
    recording = Recording(PLAN)
    found = dataset.sequences[0].trajectory()
    T_map_camera = recording.flight.T_map_camera(recording.seconds(found.stamps_ns))
    position, _ = position_quat(invert(recording.T_map_airframe) @ T_map_camera)
    assert len(found) == 7
    assert np.linalg.norm(found.positions - position, axis=1).max() < 1e-3


def test_a_bag_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BagError, match="cannot be written"):
        write_simulated_bag(Recording(PLAN), tmp_path / "file" / "flight.bag", compressed=True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
