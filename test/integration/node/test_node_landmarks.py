#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A live node whose model has a map: centimetres where landmarks are found, and never a wait for them."""

import itertools
import math
import subprocess
import tempfile
import time
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np
import rospy
import rostest
from camera_relocalization_ros.msg import ModelInfo, RelocalizerStatus
from camera_relocalization_ros.srv import LoadBundle, RelocalizeImage
from colour_bundle import COLOUR_BUNDLE
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from live import wait_for
from node_client import STEP_NS, Heard, NodeClient
from painted_wall import CAMERA, flight, paint, view, write_wall_bundle
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from camera_relocalization_ros.core.geometry import position_quat
from camera_relocalization_ros.ros import conversions

NODE, IMAGES, PERIOD_S = "/relocalizer", "/camera/image_raw", STEP_NS * 1e-9
CENTIMETRES_M = 0.02


def sensor_around(camera):
    """A sensor of twice the resolution and 100 to 200 more pixels around the picture that a camera takes."""
    twice = camera.scaled(2 * camera.width, 2 * camera.height)
    return twice.cropped(-200, -60, twice.width + 300, twice.height + 200)


class NodeLandmarksTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.bundle = write_wall_bundle(Path(cls.folder.name))
        command = ["rosrun", "camera_relocalization_ros", "relocalizer", f"image:={IMAGES}", f"_bundle:={cls.bundle}"]
        cls.node = subprocess.Popen([*command, "_tf_mode:=none"])
        cls.addClassCleanup(cls.node.wait, 20)
        cls.addClassCleanup(cls.node.terminate)
        # always there, so that the node always has a listener
        cls.plain = Heard(f"{NODE}/pose", PoseStamped)
        cls.poses = Heard(f"{NODE}/pose_with_covariance", PoseWithCovarianceStamped)
        cls.client = NodeClient(NODE, IMAGES)
        cls.poses.wait_connected()
        cls.info = rospy.Publisher("/camera/camera_info", CameraInfo, queue_size=1, latch=True)
        cls.wall = paint()

    def see(self, camera):
        """Say on camera_info which camera it is, and wait until the node knows."""
        self.info.publish(conversions.camera_to_info(camera, 0, "camera"))
        time.sleep(0.5)

    def fly(self, condition, what, wall=None, every=1, poses=None):
        """Send images of a flight in real time until a condition of a status holds; that status, and the true pose."""
        wall = self.wall if wall is None else wall
        poses = flight(400, seed=5) if poses is None else poses
        reported = {}
        for T in poses:
            stamp_ns = self.client.publish(np.ascontiguousarray(view(T, wall)[::every, ::every]))
            reported[stamp_ns] = T
            time.sleep(PERIOD_S)
            status = self.client.statuses.newest()
            if status.header.stamp.to_nsec() in reported and condition(status):
                return status, reported[status.header.stamp.to_nsec()]
        raise AssertionError(f"not within {len(poses)} images: {what}; last {self.client.statuses.newest()}")

    def tracked(self):
        return [status for status in self.client.statuses.all() if status.stage == RelocalizerStatus.TRACKED]

    def error_m(self, position, T_parent_camera):
        return np.linalg.norm([position.x, position.y, position.z] - position_quat(T_parent_camera)[0])

    def test_1_without_camera_info_there_is_regression_and_it_is_said_why(self):
        status, _ = self.fly(lambda s: s.window_length == 2, "an answer")
        assert (status.state, status.stage) == (RelocalizerStatus.DEGRADED, RelocalizerStatus.REGRESSION)
        assert "no camera_info" in status.reason and status.refinements == 0
        assert all(map(math.isnan, (status.search_duration, status.landmarks_age, status.landmarks_share)))
        info = Heard(f"{NODE}/model_info", ModelInfo).newest()
        assert info.landmarks > 100 and info.has_covariance

    def test_2_landmarks_give_centimetres(self):
        self.see(CAMERA)
        status, T = self.fly(lambda s: s.stage == RelocalizerStatus.TRACKED, "landmarks are followed")
        assert status.state == RelocalizerStatus.OK and not status.reason and status.refinements > 0
        pose = self.poses.wait_at(status.header.stamp.to_nsec()).pose
        assert self.error_m(pose.pose.position, T) < CENTIMETRES_M
        covariance = np.reshape(pose.covariance, (6, 6))
        assert 0 < np.sqrt(np.trace(covariance[:3, :3])) < 0.1
        # what it cost, and how old and how many the finds are
        assert 0 < status.search_duration < 5 and 0 <= status.landmarks_age < 5 and 0 < status.landmarks_share <= 1
        # no image waits for a search; the one that takes over what a search found may take longer than the others
        self.fly(lambda s: len(self.tracked()) >= 6, "some more are followed")
        assert min(status.latency for status in self.tracked()) < PERIOD_S

    def test_2_a_picture_that_its_driver_repeats_is_not_ok_for_long(self):
        self.see(CAMERA)
        self.fly(lambda s: s.state == RelocalizerStatus.OK, "OK as long as pictures differ")
        still = np.repeat(flight(1, seed=5), 400, axis=0)
        status, _ = self.fly(lambda s: "the same, to the bit" in s.reason, "it is noticed", poses=still)
        assert (status.state, status.stage) == (RelocalizerStatus.DEGRADED, RelocalizerStatus.TRACKED)
        self.fly(lambda s: s.state == RelocalizerStatus.OK, "OK again")

    def test_3_another_place_is_not_believed(self):
        self.see(CAMERA)
        before = sum(one.count for one in self.client.statuses.newest().refused)
        status, _ = self.fly(
            lambda s: sum(one.count for one in s.refused) > before + 2, "refusals are counted", paint(seed=9)
        )
        assert (status.state, status.stage) == (RelocalizerStatus.DEGRADED, RelocalizerStatus.REGRESSION)
        assert "not refined" in status.reason
        assert "few" in {one.kind for one in status.refused}

    def test_4_one_image_by_itself_is_refined(self):
        self.see(CAMERA)
        T = flight(1, seed=8)[0]
        rospy.wait_for_service(f"{NODE}/relocalize_image", 20)
        image = conversions.rgb_to_image(view(T, self.wall), 1, "camera")
        answer = rospy.ServiceProxy(f"{NODE}/relocalize_image", RelocalizeImage)(image=image)
        assert answer.ok and answer.state == RelocalizerStatus.OK, answer
        assert self.error_m(answer.pose.pose.pose.position, T) < CENTIMETRES_M

    def test_5_another_camera_is_refused(self):
        self.see(replace(CAMERA, fx=1.3 * CAMERA.fx, fy=1.3 * CAMERA.fy))
        status, _ = self.fly(lambda s: "focal length" in s.reason, "the camera is complained about")
        assert (status.state, status.stage) == (RelocalizerStatus.DEGRADED, RelocalizerStatus.REGRESSION)

    def test_6_a_model_without_a_map_may_take_over_and_give_back(self):
        self.see(CAMERA)
        load = rospy.ServiceProxy(f"{NODE}/load_bundle", LoadBundle)
        assert load(str(COLOUR_BUNDLE)).ok
        status, _ = self.fly(lambda s: s.reason == "not calibrated", "the model without a map answers by itself")
        assert status.stage == RelocalizerStatus.REGRESSION
        assert load(str(self.bundle)).ok
        self.fly(lambda s: s.stage == RelocalizerStatus.TRACKED, "landmarks are followed again")

    def test_7_images_may_be_smaller_than_camera_info_says(self):
        self.see(CAMERA)
        status, T = self.fly(lambda s: s.stage == RelocalizerStatus.TRACKED, "landmarks are followed", every=2)
        assert self.error_m(self.plain.wait_at(status.header.stamp.to_nsec()).pose.position, T) < 2 * CENTIMETRES_M
        assert status.frames_rejected == 0

    def test_8_images_may_be_a_window_of_what_camera_info_describes(self):
        """Sensor and lens of camera_info are larger; roi and binning say which part of it the images are."""
        info = conversions.camera_to_info(sensor_around(CAMERA), 0, "camera")
        info.roi = RegionOfInterest(x_offset=200, y_offset=60, width=2 * CAMERA.width, height=2 * CAMERA.height)
        info.binning_x = info.binning_y = 2
        self.info.publish(info)
        time.sleep(0.5)
        status, T = self.fly(lambda s: s.stage == RelocalizerStatus.TRACKED, "landmarks are followed")
        assert status.state == RelocalizerStatus.OK
        assert self.error_m(self.plain.wait_at(status.header.stamp.to_nsec()).pose.position, T) < CENTIMETRES_M

    def test_9_two_cameras_on_one_camera_info_are_told_and_end(self):
        other = replace(CAMERA, fx=1.01 * CAMERA.fx)
        both = itertools.cycle(conversions.camera_to_info(camera, 0, "camera") for camera in (other, CAMERA))

        def is_reported(status):
            self.info.publish(next(both))
            return "changes all the time" in status.reason

        self.see(CAMERA)
        status, _ = self.fly(is_reported, "the changes are told")
        assert (status.state, status.stage) == (RelocalizerStatus.DEGRADED, RelocalizerStatus.REGRESSION)
        self.see(CAMERA)
        self.fly(lambda s: s.stage == RelocalizerStatus.TRACKED, "landmarks are followed again")

    def test_9_repeated_stamps_are_not_ok(self):
        self.see(CAMERA)
        self.fly(lambda s: s.stage == RelocalizerStatus.TRACKED, "landmarks are followed")
        image = view(flight(1, seed=5)[0], self.wall)
        stamp_ns = self.client.publish(image)

        def of_stamp():
            """The first status of each image of the stamp."""
            statuses = [s for s in self.client.statuses.all() if s.header.stamp.to_nsec() == stamp_ns]
            return list({status.frames_answered: status for status in reversed(statuses)}.values())[::-1]

        def are_answered():
            self.client.publish(image, gap_ns=0)
            time.sleep(PERIOD_S)
            return len(of_stamp()) > 6

        wait_for(are_answered, "images of one stamp are localized")
        _, *repeats = of_stamp()
        assert {(status.state, status.reason) for status in repeats} == {
            (RelocalizerStatus.DEGRADED, "its stamp is that of the image before")
        }


if __name__ == "__main__":
    rospy.init_node("test_node_landmarks")
    rostest.rosrun("camera_relocalization_ros", "test_node_landmarks", NodeLandmarksTest)
