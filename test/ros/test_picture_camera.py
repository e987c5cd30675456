# SPDX-License-Identifier: BSD-3-Clause
"""Which intrinsics fit a picture: the same answer in flight, in extract and in sync-check."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import rospy
from colour_bundle import COLOUR_BUNDLE
from helpers import START_NS, encoded, fake_image_rgb, fake_trajectory
from ros_helpers import FRAME, tf_records, write_bag
from sensor_msgs.msg import RegionOfInterest

from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import BagError, FrameError
from camera_relocalization_ros.pipelines.extract import extract
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.bags.reader import open_bag
from camera_relocalization_ros.ros.bags.recorded_cameras import (
    CameraChoice,
    RecordedCameras,
    read_camera,
    recorded_cameras,
)
from camera_relocalization_ros.ros.node.camera_watch import CameraWatch
from camera_relocalization_ros.ros.picture_camera import is_rectified, picture_camera

POSES = fake_trajectory(4)
SENSOR = CameraIntrinsics(160, 120, 150.0, 152.0, 78.0, 61.0, (-0.05, 0.01, 0.001, -0.002, 0.0))
RECTIFIED = CameraIntrinsics(160, 120, 140.0, 141.0, 80.5, 59.0)
POINTS = np.array([[0.0, 0.0, 2.0], [0.1, -0.12, 1.0], [-0.2, 0.15, 1.5]])
ROI = RegionOfInterest(x_offset=16, y_offset=8, width=96, height=72)


def info_of(camera=SENSOR, rectified=RECTIFIED, stamp_ns=START_NS, frame=FRAME, **changes):
    message = conversions.camera_to_info(camera, stamp_ns, frame)
    message.P = np.column_stack([rectified.matrix, np.zeros(3)]).ravel().tolist()
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def bag_of(path, infos, size, image_topic="/camera/image_raw", info_topic="/camera/camera_info", compressed=False):
    """A flight whose pictures have a size (width, height), with one camera_info for each."""
    records = tf_records(POSES, "map", FRAME)
    for seed, (stamp_ns, info) in enumerate(zip(POSES.stamps_ns.tolist(), infos)):
        image_rgb = fake_image_rgb(seed, *size)
        if compressed:
            message = conversions.encoded_to_compressed(encoded(image_rgb, ".jpg"), ".jpg", stamp_ns, FRAME)
        else:
            message = conversions.rgb_to_image(image_rgb, stamp_ns, FRAME)
        info.header.stamp = conversions.stamp_from_ns(stamp_ns)
        records += [(image_topic, message, stamp_ns), (info_topic, info, stamp_ns)]
    return write_bag(path, records)


def extracted(bag, output, image_topic, **options):
    return extract([bag], output, image_topic=image_topic, parent="map", child=FRAME, **options).dataset


@pytest.mark.parametrize(
    ("changes", "size", "expected"),
    [
        ({}, (160, 120), lambda p: p),
        ({"roi": ROI}, (96, 72), lambda p: p - [16, 8]),
        ({"binning_x": 2, "binning_y": 2}, (80, 60), lambda p: (p + 0.5) / 2 - 0.5),
        ({"roi": ROI, "binning_x": 2, "binning_y": 4}, (48, 18), lambda p: (p - [16, 8] + 0.5) / [2, 4] - 0.5),
        # rows and columns that fill no bin are dropped
        ({"binning_x": 3, "binning_y": 1}, (53, 120), lambda p: (p + 0.5) / [3, 1] - 0.5),
        # a driver that shrinks pictures afterwards, and one that fills in a roi and sends the whole
        ({"roi": ROI}, (48, 36), lambda p: (p - [16, 8] + 0.5) / 2 - 0.5),
        ({"roi": ROI}, (160, 120), lambda p: p),
        ({"binning_x": 2, "binning_y": 2}, (160, 120), lambda p: p),
    ],
)
def test_window_and_bins_move_the_pixels_of_known_points(changes, size, expected):
    for is_rectified_picture, sensor in ((False, SENSOR), (True, RECTIFIED)):
        found = picture_camera(info_of(**changes), is_rectified_picture, size).camera
        assert (found.width, found.height) == size
        np.testing.assert_allclose(found.project(POINTS), expected(sensor.project(POINTS)), atol=1e-9)


def test_a_window_shows_what_the_sensor_showed_there():
    # an edge of the whole picture, cut out and averaged as a driver does, lies where the intrinsics say
    whole = np.zeros((120, 160), np.uint8)
    u, v = SENSOR.project(POINTS[1:2])[0]
    cv2.circle(whole, (round(8 * u), round(8 * v)), 8 * 6, 255, -1, cv2.LINE_AA, 3)
    window = cv2.resize(whole[8:80, 16:112], (48, 36), interpolation=cv2.INTER_AREA).astype(float)
    rows, columns = np.mgrid[0:36, 0:48]
    seen = np.array([(columns * window).sum(), (rows * window).sum()]) / window.sum()
    camera = picture_camera(info_of(roi=ROI, binning_x=2, binning_y=2), False, (48, 36)).camera
    np.testing.assert_allclose(camera.project(POINTS[1:2])[0], seen, atol=0.15)


@pytest.mark.parametrize(
    ("changes", "size", "says"),
    [
        ({"roi": RegionOfInterest(x_offset=100, width=96, height=72)}, (96, 72), "leads out of 160x120"),
        ({}, (160, 90), "camera_info is for 160x120"),
        ({"roi": ROI}, (96, 48), "camera_info is for 96x72"),
        ({"binning_x": 200}, (1, 1), "leaves nothing"),
    ],
)
def test_pictures_that_camera_info_does_not_describe_are_refused(changes, size, says):
    with pytest.raises(FrameError, match=says):
        picture_camera(info_of(**changes), False, size)


@pytest.mark.parametrize(
    ("rectified", "changes", "says"),
    [
        (True, {"P": [1e300, 0, 80, 0, 0, 140, 60, 0, 0, 0, 1, 0]}, "camera fx is 1e.300"),
        (True, {"P": [1e-300, 0, 80, 0, 0, 140, 60, 0, 0, 0, 1, 0]}, "fx is 1e-300"),
        # all is well until a picture of twice the size comes
        (False, {"K": [150, 0, 9e5, 0, 152, 61, 0, 0, 1]}, "camera cx is 1800000.5"),
    ],
)
def test_numbers_of_no_camera_are_told_and_take_the_camera_before_away(monkeypatch, rectified, changes, says):
    """In flight: whatever was raised here ended the node, or left it the intrinsics that were no longer so."""
    with pytest.raises(FrameError, match=says):
        picture_camera(info_of(**changes), rectified, (320, 240))
    for log in ("logwarn", "logwarn_throttle", "logerr_throttle"):
        monkeypatch.setattr(rospy, log, lambda *_: None)
    watch = CameraWatch(load_bundle(COLOUR_BUNDLE).sidecar, "rectified" if rectified else "raw")
    watch.on_info(info_of(RECTIFIED, RECTIFIED))
    assert watch.camera is not None
    watch.on_info(info_of(**changes))
    watch.on_image(320, 240, FRAME)
    assert watch.camera is None and "camera_info: camera" in watch.why_unknown


def test_the_size_of_images_is_known_before_they_come(monkeypatch):
    """A model for another shape is refused by it, and one for a window of the sensor is not."""
    monkeypatch.setattr(rospy, "logwarn_throttle", lambda *_: None)
    watch = CameraWatch(load_bundle(COLOUR_BUNDLE).sidecar)
    assert watch.size is None
    watch.on_info(info_of(roi=ROI, binning_x=2, binning_y=2))
    assert watch.size == (48, 36)


@pytest.mark.parametrize("compressed", [False, True])
def test_extract_and_the_node_use_window_and_bins(tmp_path, monkeypatch, compressed):
    monkeypatch.setattr(rospy, "logwarn", lambda _line: None)
    monkeypatch.setattr(rospy, "logwarn_throttle", lambda _period_s, _line: None)
    topic = "/camera/image_raw/compressed" if compressed else "/camera/image_raw"
    infos = [info_of(roi=ROI, binning_x=2, binning_y=2) for _ in POSES.stamps_ns]
    bag = bag_of(tmp_path / "f.bag", infos, (48, 36), topic, compressed=compressed)
    camera = extracted(bag, tmp_path / "out", topic).camera
    wanted = (SENSOR.project(POINTS) - [16, 8] + 0.5) / 2 - 0.5
    np.testing.assert_allclose(camera.project(POINTS), wanted, atol=1e-9)
    watch = CameraWatch(load_bundle(COLOUR_BUNDLE).sidecar)
    watch.on_info(infos[0])
    watch.on_image(48, 36, FRAME)
    assert watch.camera == camera
    # a camera that shrinks its pictures in flight
    watch.on_image(24, 18, FRAME)
    np.testing.assert_allclose(watch.camera.project(POINTS), (wanted + 0.5) / 2 - 0.5, atol=1e-9)


@pytest.mark.parametrize(
    ("topic", "rectification", "expected"),
    [
        ("/camera/image_rect", "auto", True),
        ("/camera/image_rect_color/compressed", "auto", True),
        ("/stereo/left/image_rect_color", "auto", True),
        ("/undistorted/image", "auto", True),
        ("/camera/image_raw", "auto", False),
        ("/direct/image_color", "auto", False),
        ("/camera/image_rect", "raw", False),
        ("/camera/image_raw", "rectified", True),
    ],
)
def test_rectified_by_name_or_by_choice(topic, rectification, expected):
    assert is_rectified(topic, rectification) is expected


@pytest.mark.parametrize(
    ("topic", "rectification", "expected"),
    [
        ("/camera/image_rect", "auto", RECTIFIED),
        ("/camera/image_rect_color/compressed", "auto", RECTIFIED),
        ("/camera/image_raw", "auto", SENSOR),
        ("/camera/image_rect", "raw", SENSOR),
        ("/camera/image_raw", "rectified", RECTIFIED),
    ],
)
def test_rectified_pictures_have_p_and_no_distortion(tmp_path, caplog, topic, rectification, expected):
    infos = [info_of() for _ in POSES.stamps_ns]
    bag = bag_of(tmp_path / "f.bag", infos, (160, 120), topic, compressed=topic.endswith("compressed"))
    dataset = extracted(bag, tmp_path / "out", topic, rectification=rectification)
    np.testing.assert_allclose(dataset.camera.project(POINTS), expected.project(POINTS), atol=1e-9)
    assert ("pictures are rectified" in caplog.text) == (expected is RECTIFIED)


def test_the_node_uses_p_for_rectified_images_and_says_so(monkeypatch):
    warnings = []
    monkeypatch.setattr(rospy, "logwarn", warnings.append)
    monkeypatch.setattr(rospy, "logwarn_throttle", lambda _period_s, _line: None)
    watch = CameraWatch(load_bundle(COLOUR_BUNDLE).sidecar, "rectified")
    watch.on_image(160, 120, "another_frame")
    watch.on_info(info_of())
    assert watch.camera == RECTIFIED
    assert any("pictures are rectified" in line for line in warnings)
    assert any("'another_frame'" in line for line in warnings)


def test_rectified_without_p_and_rectified_by_a_turn():
    with pytest.raises(FrameError, match="need P"):
        picture_camera(info_of(P=[0.0] * 12), True, (160, 120))
    plain = replace(SENSOR, distortion=(0.0,) * 5)
    assert picture_camera(info_of(plain, P=[0.0] * 12), True, (160, 120)).camera == plain
    turned = picture_camera(info_of(R=cv2.Rodrigues(np.array([0.0, 0.02, 0.0]))[0].ravel().tolist()), True, (160, 120))
    assert "turned by 1.15 deg" in " ".join(turned.notes)


def test_a_distortion_of_another_picture_is_noticed():
    # r (1 - 0.5 r^2) bends back at r = 0.82; the corners lie at 0.67 and, with a wider lens, at 1.25
    bent = (-0.5, 0.0, 0.0, 0.0, 0.0)
    wide = replace(SENSOR, fx=80.0, fy=80.0, distortion=bent)
    assert "does not belong" in " ".join(picture_camera(info_of(wide), False, (160, 120)).notes)
    assert picture_camera(info_of(SENSOR), False, (160, 120)).notes == ()


def test_a_camera_info_of_another_camera_is_not_taken_in_silence(tmp_path, caplog):
    infos = [info_of(frame="right") for _ in POSES.stamps_ns]
    bag = bag_of(tmp_path / "f.bag", infos, (160, 120), "/left/image_raw", "/right/camera_info")
    assert extracted(bag, tmp_path / "out", "/left/image_raw").camera is None
    assert "'right'" in caplog.text and "--camera-info" in caplog.text
    taken = extracted(bag, tmp_path / "taken", "/left/image_raw", camera_info_topic="/right/camera_info")
    assert taken.camera == SENSOR
    with pytest.raises(BagError, match="/right/camera_info"):
        extracted(bag, tmp_path / "none", "/left/image_raw", camera_info_topic="/up/camera_info")


def test_a_camera_info_elsewhere_is_taken_where_its_frame_is_that_of_the_images(tmp_path):
    infos = [info_of() for _ in POSES.stamps_ns]
    bag = bag_of(tmp_path / "f.bag", infos, (160, 120), "/decoded/image", "/camera/camera_info")
    assert extracted(bag, tmp_path / "out", "/decoded/image").camera == SENSOR


def test_beside_the_images_another_frame_is_told(tmp_path, caplog):
    infos = [info_of(frame="/camera") for _ in POSES.stamps_ns]
    bag = bag_of(tmp_path / "f.bag", infos, (160, 120))
    assert extracted(bag, tmp_path / "out", "/camera/image_raw").camera == SENSOR
    assert "of frame '/camera'" in caplog.text


def test_the_first_good_camera_info_counts(tmp_path):
    infos = [info_of(K=[0.0] * 9), info_of(K=[0.0] * 9), info_of(), info_of()]
    bag = bag_of(tmp_path / "f.bag", infos, (160, 120))
    assert extracted(bag, tmp_path / "out", "/camera/image_raw").camera == SENSOR


def test_zoom_in_flight_is_told_and_refused_where_one_camera_is_needed(tmp_path):
    tele = replace(SENSOR, fx=300.0, fy=304.0)
    infos = [info_of(), info_of(), info_of(tele), info_of(tele)]
    with open_bag(bag_of(tmp_path / "f.bag", infos, (160, 120))) as bag:
        found = recorded_cameras(bag, "/camera/image_raw")
        assert found.distinct == (SENSOR, tele)
        assert [found.at(stamp_ns) for stamp_ns in POSES.stamps_ns.tolist()] == [SENSOR, SENSOR, tele, tele]
        with pytest.raises(BagError, match=r"f\.bag: the camera changes in flight, fx 150\.0 to 300\.0"):
            read_camera(bag, "/camera/image_raw")
        given = read_camera(bag, "/camera/image_raw", CameraChoice(given=SENSOR.scaled(320, 240)))
        np.testing.assert_allclose(given.project(POINTS), SENSOR.project(POINTS), atol=1e-9)


def test_what_changes_in_flight_is_named_where_it_is_not_the_focal_length():
    other = replace(SENSOR, distortion_model="equidistant", distortion=(0.0,) * 4)
    cameras = RecordedCameras(np.array([0, 10]), (SENSOR, other))
    with pytest.raises(BagError, match=r"changes in flight, distortion, distortion_model \(2 cameras\)"):
        cameras.only("f.bag")
