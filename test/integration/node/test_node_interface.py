#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Topics, services, settings and diagnostics of one live node that broadcasts no TF."""

import math
import subprocess
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from xmlrpc.client import ServerProxy

import cv2
import numpy as np
import rosgraph
import rospy
import rostest
import yaml
from calibrated_bundle import SIGMA_M, SIGMA_RAD, write_calibrated_bundle
from camera_relocalization_ros.msg import ModelInfo, RelocalizerStatus
from camera_relocalization_ros.srv import LoadBundle, RelocalizeImage
from colour_bundle import COLOUR_BUNDLE, QUAT_XYZW, edited_copy, known_position
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from dynamic_reconfigure.client import Client
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from helpers import CAMERA, CHILD_FRAME, PARENT_FRAME, START_NS, encoded, fake_image_rgb
from live import wait_for
from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as PathMessage
from node_client import Heard, NodeClient, S
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import Marker, MarkerArray

from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.lost_publishers import LostPublishers
from camera_relocalization_ros.ros.master_watch import MasterWatch

NODE, COUNT = "/relocalizer", 30
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
KNOWN_COVARIANCE = np.diag([SIGMA_M**2] * 3 + [SIGMA_RAD**2] * 3)


def call(name, kind, *arguments):
    """Call a service of the node."""
    rospy.wait_for_service(f"{NODE}/{name}", 20.0)
    return rospy.ServiceProxy(f"{NODE}/{name}", kind)(*arguments)


class NodeInterfaceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = NodeClient(NODE, "/camera/image_raw")
        cls.diagnostics = Heard("/diagnostics", DiagnosticArray).wait_connected()
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.calibrated = write_calibrated_bundle(Path(cls.folder.name) / "calibrated")

    def hear(self, topic, kind):
        """Listen to a topic of the node for the time of one test."""
        heard = Heard(f"{NODE}/{topic}", kind)
        self.addCleanup(heard.stop)
        heard.wait_connected()
        before = self.client.stamp_ns
        self.client.send_until(
            lambda s: s.activity == RelocalizerStatus.ANSWERING and s.header.stamp.to_nsec() > before,
            "the node knows that somebody listens",
        )
        return heard

    def load(self, path):
        answer = call("load_bundle", LoadBundle, str(path))
        assert answer.ok, answer.message
        return answer

    def fly_calibrated(self):
        """Answer with the calibrated bundle for the time of one test; OK promises what its errors of a metre can."""
        settings = Client(NODE, timeout=20.0)
        settings.update_configuration({"ok_position_m": 100.0, "ok_orientation_deg": 180.0})
        self.addCleanup(settings.update_configuration, {"ok_position_m": 0.1, "ok_orientation_deg": 3.0})
        self.load(self.calibrated)
        self.addCleanup(self.load, COLOUR_BUNDLE)

    def diagnosed(self, task, condition, what):
        """The next report of a diagnostic task that meets a condition."""

        def found():
            tasks = [one for array in self.diagnostics.all()[-3:] for one in array.status]
            tasks = [one for one in tasks if one.name == f"relocalizer: {task}" and condition(one)]
            return tasks[-1] if tasks else None

        return wait_for(found, what)

    def test_nobody_listens_so_no_image_is_looked_at(self):
        # before the first image of another test, or after its poses are no longer heard
        idle = self.client.send_until(lambda s: s.activity == RelocalizerStatus.IDLE and s.frames_skipped, "it is idle")
        assert idle.state in (RelocalizerStatus.WARMING_UP, RelocalizerStatus.STALE)
        assert idle.reason == "nobody listens"
        later = self.client.send_until(lambda s: s.frames_skipped > idle.frames_skipped, "it counts on")
        assert later.frames_answered == idle.frames_answered
        assert later.frames_seen > idle.frames_seen
        poses = self.hear("pose", PoseStamped)
        status = self.client.send()
        assert (status.state, status.reason) == (RelocalizerStatus.DEGRADED, "not calibrated")
        poses.wait_at(self.client.stamp_ns)

    def test_disabled_and_enabled(self):
        poses = self.hear("pose", PoseStamped)
        before = self.client.send()
        assert call("set_enabled", SetBool, False).success
        disabled = wait_for(
            lambda: (
                self.client.statuses.newest().activity == RelocalizerStatus.DISABLED and self.client.statuses.newest()
            ),
            "it says that it is disabled",
        )
        assert (disabled.state, disabled.reason) == (RelocalizerStatus.STALE, "disabled by ~set_enabled")
        self.client.publish(fake_image_rgb(0))
        skipped_ns = self.client.stamp_ns
        wait_for(lambda: self.client.statuses.newest().frames_skipped > before.frames_skipped, "the image is skipped")
        assert call("set_enabled", SetBool, True).success
        self.client.send()
        poses.wait_at(self.client.stamp_ns)
        assert poses.at(skipped_ns) is None

    def test_reset_forgets_earlier_images(self):
        self.hear("pose", PoseStamped)
        self.client.send()
        assert self.client.send().window_length == 2
        assert call("reset", Trigger).success
        assert self.client.send().window_length == 1

    def test_model_info_is_latched(self):
        info = Heard(f"{NODE}/model_info", ModelInfo).newest()
        bundle = load_bundle(COLOUR_BUNDLE)
        assert info.bundle_id == bundle.bundle_id
        assert info.path.endswith("test/data/colour_bundle")
        assert (info.parent_frame, info.child_frame) == (PARENT_FRAME, CHILD_FRAME)
        assert (info.backbone, info.head, info.precision) == ("none", "mean_colour", "fp32")
        assert (info.window_length, info.max_gap, info.input_width, info.input_height) == (2, 0.5, 64, 48)
        assert conversions.info_to_camera(info.camera) == CAMERA
        assert (info.training_min.x, info.training_max.z) == (
            bundle.training_range.min[0],
            bundle.training_range.max[2],
        )
        assert list(info.providers) == ["CPUExecutionProvider"]
        assert not info.has_covariance

    def test_without_a_calibration_there_is_no_covariance(self):
        self.hear("pose", PoseStamped)
        self.client.send()
        topics = dict(rospy.get_published_topics(NODE))
        assert f"{NODE}/pose" in topics
        assert f"{NODE}/pose_with_covariance" not in topics
        assert f"{NODE}/odometry" not in topics

    def test_covariance_score_and_odometry_of_a_calibrated_model(self):
        self.fly_calibrated()
        infos = Heard(f"{NODE}/model_info", ModelInfo)
        wait_for(lambda: infos.newest().has_covariance, "the model is introduced")
        poses = self.hear("pose_with_covariance", PoseWithCovarianceStamped)
        odometry = self.hear("odometry", Odometry)
        self.client.send_until(lambda s: s.window_length > 0, "it answers")
        status = self.client.send(seed=3)
        assert 0 < status.score < 1
        pose = poses.wait_at(self.client.stamp_ns)
        assert pose.header.frame_id == PARENT_FRAME
        np.testing.assert_allclose(conversions.pose_of(pose.pose.pose)[0], known_position(fake_image_rgb(3)), atol=1e-5)
        np.testing.assert_allclose(np.reshape(pose.pose.covariance, (6, 6)), KNOWN_COVARIANCE, atol=1e-9)
        same = odometry.wait_at(self.client.stamp_ns)
        assert (same.header.frame_id, same.child_frame_id) == (PARENT_FRAME, CHILD_FRAME)
        assert same.pose == pose.pose
        # what is not known is not zero
        assert min(np.diag(np.reshape(same.twist.covariance, (6, 6)))) >= 1e6

    def test_path_keeps_the_newest_poses(self):
        paths = self.hear("path", PathMessage)
        for _ in range(12):
            self.client.send(gap_ns=S // 4)
        path = paths.wait_at(self.client.stamp_ns)
        stamps_ns = [pose.header.stamp.to_nsec() for pose in path.poses]
        assert stamps_ns == [self.client.stamp_ns - k * S // 4 for k in (4, 3, 2, 1, 0)]
        assert path.header.frame_id == PARENT_FRAME
        # time goes back: the path starts anew
        self.client.stamp_ns -= 100 * S
        self.client.send()
        assert len(paths.wait_at(self.client.stamp_ns).poses) == 1

    def test_another_model_is_loaded_without_losing_an_image(self):
        poses = self.hear("pose", PoseStamped)
        before = self.client.send(gap_ns=S)
        rate, stamps_ns = rospy.Rate(30), []
        answers = []
        loading = threading.Thread(target=lambda: answers.append(self.load(self.calibrated)))
        for number in range(COUNT):
            if number == COUNT // 3:
                loading.start()
            stamps_ns.append(self.client.publish(fake_image_rgb(0)))
            rate.sleep()
        loading.join()
        self.addCleanup(self.load, COLOUR_BUNDLE)
        assert answers[0].bundle_id == load_bundle(self.calibrated).bundle_id
        after = self.client.send()
        assert after.frames_answered - before.frames_answered == COUNT + 1
        assert after.frames_dropped == before.frames_dropped
        assert not math.isnan(after.score)
        for stamp_ns in stamps_ns:
            poses.wait_at(stamp_ns)

    def test_a_bad_model_is_refused_and_the_old_one_stays(self):
        self.hear("pose", PoseStamped)
        folder = Path(tempfile.mkdtemp(dir=self.folder.name))
        room = edited_copy(folder / "room", lambda values: values.update(parent_frame="room"))
        damaged = edited_copy(folder / "damaged")
        (damaged / "network.onnx").write_bytes(b"something else")
        (folder / "loop").symlink_to(folder / "loop")
        directory = edited_copy(folder / "directory")
        (directory / "network.onnx").unlink()
        (directory / "network.onnx").mkdir()
        for path, says in [
            ("/nowhere", "/nowhere: no such bundle"),
            # root may read all; these nobody may look into
            (f"/{'x' * 300}", "File name too long"),
            ("x" * 300, "File name too long"),
            ("~nobody_of_this_name/bundle", "~nobody_of_this_name/bundle: "),
            (folder / "loop", "no such bundle"),
            (directory, "network.onnx: Is a directory"),
            (damaged, "cut short or replaced"),
            (room, "its parent_frame is 'room'; expected 'wing/base_link', that of the running model"),
        ]:
            answer = call("load_bundle", LoadBundle, str(path))
            assert not answer.ok
            assert says in answer.message
            assert answer.bundle_id == load_bundle(COLOUR_BUNDLE).bundle_id
        self.client.send()
        assert self.client.send().window_length == 2

    def test_a_model_that_cannot_answer_the_images_that_come_is_refused(self):
        self.hear("pose", PoseStamped)
        square = np.zeros((64, 64, 3), np.uint8)
        assert "64x64" in self.client.statuses.wait_at(self.client.publish(square)).reason
        answer = call("load_bundle", LoadBundle, str(self.calibrated))
        assert not answer.ok
        assert "the camera's images do not fit: image of 64x64 pixels" in answer.message
        self.client.send()
        self.fly_calibrated()

    def test_a_publisher_that_rospy_gave_up_is_heard_again(self):
        heard = self.hear("pose", PoseStamped)
        # what rospy does when a connection to a driver that restarts is refused: it never looks for it again
        for connection in heard.subscriber.impl.connections:
            connection.close()
        assert heard.subscriber.get_num_connections() == 0
        master, lost = rosgraph.Master("/test"), LostPublishers()
        node = ServerProxy(rospy.get_node_uri())
        lost.look(master, node)
        assert heard.subscriber.get_num_connections() == 0, "it may come back by itself"
        lost.look(master, node)
        heard.wait_connected()
        self.client.send_until(lambda s: heard.at(s.header.stamp.to_nsec()), "poses come again")
        # and by itself in every node that watches the master, as the relocalizer does
        for connection in heard.subscriber.impl.connections:
            connection.close()
        assert heard.subscriber.get_num_connections() == 0
        MasterWatch(dict, period_s=0.2).start()
        heard.wait_connected()

    def test_one_image_by_itself_leaves_the_live_ones_alone(self):
        self.hear("pose", PoseStamped)
        self.client.send()
        raw = conversions.rgb_to_image(fake_image_rgb(5), START_NS - S, "x")
        compressed = conversions.encoded_to_compressed(encoded(fake_image_rgb(5)), ".png", START_NS - S, "x")
        for request in ({"image": raw}, {"compressed": compressed}):
            answer = rospy.ServiceProxy(f"{NODE}/relocalize_image", RelocalizeImage)(**request)
            assert answer.ok, answer.message
            assert (answer.state, answer.reason) == (RelocalizerStatus.DEGRADED, "seen in 1 of 2 images")
            assert (answer.pose.header.stamp, answer.pose.header.frame_id) == (raw.header.stamp, PARENT_FRAME)
            position, quat = conversions.pose_of(answer.pose.pose.pose)
            np.testing.assert_allclose(position, known_position(fake_image_rgb(5)), atol=1e-5)
            np.testing.assert_allclose(quat, QUAT_XYZW, atol=1e-6)
            # not calibrated: not known, and never zero
            assert all(map(math.isnan, answer.pose.pose.covariance))
        assert self.client.send().window_length == 2

    def test_one_image_that_cannot_be_answered(self):
        service = rospy.ServiceProxy(f"{NODE}/relocalize_image", RelocalizeImage)
        good = conversions.rgb_to_image(fake_image_rgb(5), START_NS, "x")
        wide = conversions.rgb_to_image(np.zeros((10, 100, 3), np.uint8), START_NS, "x")
        compressed = conversions.encoded_to_compressed(b"no picture", ".jpg", START_NS, "x")
        for request, says in [
            ({}, "0 images; expected one"),
            ({"image": good, "compressed": compressed}, "2 images; expected one"),
            ({"image": wide}, "100x10"),
            ({"compressed": compressed}, "does not decode"),
        ]:
            answer = service(**request)
            assert not answer.ok
            assert says in answer.message
            assert answer.state == RelocalizerStatus.LOST
            assert math.isnan(answer.pose.pose.pose.position.x)

    def test_one_image_at_a_time_is_looked_at_by_itself(self):
        content = cv2.imencode(".png", np.zeros((3000, 4000, 3), np.uint8))[1].tobytes()
        image = conversions.encoded_to_compressed(content, ".png", START_NS, "x")
        with ThreadPoolExecutor(6) as callers:
            answers = list(callers.map(lambda _: call("relocalize_image", RelocalizeImage, None, image), range(6)))
        told_to_wait = [a.message == "another image is being looked at; ask again" for a in answers]
        assert 0 < sum(told_to_wait) < 6
        assert all(answer.ok != is_told for answer, is_told in zip(answers, told_to_wait))

    def test_a_covariance_for_one_image(self):
        self.fly_calibrated()
        answer = call(
            "relocalize_image", RelocalizeImage, conversions.rgb_to_image(fake_image_rgb(5), START_NS, "x"), None
        )
        np.testing.assert_allclose(np.reshape(answer.pose.pose.covariance, (6, 6)), KNOWN_COVARIANCE, atol=1e-9)
        assert 0 < answer.score < 1

    def test_debug_image_shows_the_estimate_and_is_drawn_only_for_who_looks(self):
        heard = self.hear("debug_image", Image)
        self.client.send()
        drawn = conversions.message_to_rgb(heard.wait_at(self.client.stamp_ns))
        sent = fake_image_rgb(0)
        assert drawn.shape == sent.shape
        assert 0.01 < np.any(drawn != sent, axis=2).mean() < 0.9

    def test_markers_show_frustum_and_box_in_the_colour_of_the_state(self):
        heard = self.hear("markers", MarkerArray)
        settings = Client(NODE, timeout=20.0)
        self.addCleanup(settings.update_configuration, {"gate": False})
        settings.update_configuration({"gate": True})
        # the node may answer for another listener, and not know this one yet
        self.client.send_until(lambda _status: heard.all(), "markers are heard")
        black = np.zeros_like(fake_image_rgb(0))
        stamps_ns = [self.client.publish(black)]
        for image_rgb in (black, np.full_like(black, 250)):
            self.client.statuses.wait_at(stamps_ns[-1])
            stamps_ns.append(self.client.publish(image_rgb))

        def markers_at(stamp_ns):
            found = [one.markers for one in heard.all() if one.markers[0].header.stamp.to_nsec() == stamp_ns]
            return {marker.ns: marker for marker in found[0]} if found else None

        degraded = wait_for(lambda: markers_at(stamps_ns[1]), "markers of a pose")
        camera, box = degraded["camera"], degraded["object"]
        assert (camera.header.frame_id, len(camera.points), len(box.points)) == (PARENT_FRAME, 2 * 8, 2 * 12)
        np.testing.assert_allclose(conversions.pose_of(camera.pose)[0], known_position(black), atol=1e-5)
        points = np.array([[p.x, p.y, p.z] for p in camera.points])
        # the corners of an image of 64x48 pixels and a focal length of 60, half a metre away
        assert points[:, 2].max() == 0.5
        np.testing.assert_allclose(np.abs(points[:, :2]).max(axis=0), [0.5 * 32 / 60, 0.5 * 24 / 60], atol=1e-9)
        # yellow, for the bundle is not calibrated
        assert camera.color.r > camera.color.g > 0.5 and camera.color == box.color
        lost = wait_for(lambda: markers_at(stamps_ns[2]), "markers of a lost pose")
        assert lost["camera"].action == Marker.DELETE
        assert lost["object"].color.g < 0.5

    def test_camera_info_of_no_camera_is_told_and_poses_go_on(self):
        poses, drawn = self.hear("pose", PoseStamped), self.hear("debug_image", Image)
        publisher = rospy.Publisher("/camera/camera_info", CameraInfo, queue_size=1, latch=True)
        self.addCleanup(publisher.unregister)
        good = conversions.camera_to_info(CAMERA, START_NS, "x")
        self.addCleanup(publisher.publish, good)
        for changes, says in [
            ({"width": 0, "height": 0}, "camera of 0x0 pixels"),
            ({"K": [math.nan, 0, 31.5, 0, 60, 23.5, 0, 0, 1]}, "camera fx is nan"),
            ({"D": [0.1] * 6}, "6 coefficients of distortion"),
        ]:
            message = conversions.camera_to_info(CAMERA, START_NS, "x")
            for name, value in changes.items():
                setattr(message, name, value)
            publisher.publish(message)
            self.diagnosed("camera", lambda one, says=says: says in one.message, says)
            self.client.send()
            poses.wait_at(self.client.stamp_ns)
            drawn.wait_at(self.client.stamp_ns)
        assert self.diagnosed("faults", lambda one: True, "faults").level == OK

    def test_gate_by_dynamic_reconfigure(self):
        poses = self.hear("pose", PoseStamped)
        settings = Client(NODE, timeout=20.0)
        self.addCleanup(settings.update_configuration, {"gate": False})
        black = np.zeros_like(fake_image_rgb(0))
        white = np.full_like(black, 250)
        settings.update_configuration({"gate": True})
        before = [self.client.statuses.wait_at(self.client.publish(black)) for _ in range(10)][-1]
        assert (before.state, before.reason) == (RelocalizerStatus.DEGRADED, "not calibrated")
        # a metre along each axis within a tenth of a second; who waits where it was seen is believed in the end
        jumps = [self.client.statuses.wait_at(self.client.publish(white)) for _ in range(8)]
        assert jumps[0].state == RelocalizerStatus.LOST
        assert "rejected by the gate" in jumps[0].reason
        assert jumps[0].frames_lost == before.frames_lost + 1
        assert jumps[-1].reason == "not calibrated"
        assert poses.at(jumps[0].header.stamp.to_nsec()) is None
        poses.wait_at(self.client.stamp_ns)

    def test_settings_by_rosservice_where_there_is_no_dynparam(self):
        settings = Client(NODE, timeout=20.0)
        self.addCleanup(settings.update_configuration, {"gate": False, "degraded_below": -1.0})
        bools, doubles = "[{name: gate, value: true}, {name: gat, value: true}]", "[{name: degraded_below, value: 7.0}]"
        wanted = f"config: {{bools: {bools}, doubles: {doubles}}}"
        command = ["rosservice", "call", f"{NODE}/set_parameters", wanted]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        answer = yaml.safe_load(done.stdout)["config"]
        values = {one["name"]: one["value"] for kind in ("bools", "ints", "doubles") for one in answer[kind]}
        # out of range is the end of the range, and what is no setting does not seem to be one
        assert (values["gate"], values["degraded_below"], "gat" in values) == (True, 1.0, False)
        assert rospy.get_param(f"{NODE}/gate") is True

    def test_a_setting_of_another_type_changes_nothing(self):
        # dynamic_reconfigure would put 0.0 where a node that starts again expects true or false
        wanted = "config: {ints: [{name: recover_after, value: 7}], doubles: [{name: gate, value: 0.0}]}"
        command = ["rosservice", "call", f"{NODE}/set_parameters", wanted]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        assert "setting gate is 0.0 (float); expected bool" in done.stderr, done.stderr
        assert (rospy.get_param(f"{NODE}/gate"), rospy.get_param(f"{NODE}/recover_after")) == (False, 3)

    def test_the_gates_patience_by_dynamic_reconfigure(self):
        self.hear("pose", PoseStamped)
        settings = Client(NODE, timeout=20.0)
        usual = {"gate": False, "reinitialise_after": 5, "recover_after": 3}
        self.addCleanup(settings.update_configuration, usual)
        settings.update_configuration({"gate": True, "reinitialise_after": 2, "recover_after": 1})
        black = np.zeros_like(fake_image_rgb(0))
        for _ in range(3):
            self.client.statuses.wait_at(self.client.publish(black))
        white = np.full_like(black, 250)
        jumps = [self.client.statuses.wait_at(self.client.publish(white)).state for _ in range(2)]
        assert jumps == [RelocalizerStatus.LOST, RelocalizerStatus.DEGRADED]

    def test_another_setting_leaves_the_gate_its_track(self):
        self.hear("pose", PoseStamped)
        settings = Client(NODE, timeout=20.0)
        self.addCleanup(settings.update_configuration, {"gate": False, "degraded_below": -1.0})
        black = np.zeros_like(fake_image_rgb(0))
        settings.update_configuration({"gate": True})
        for _ in range(3):
            self.client.statuses.wait_at(self.client.publish(black))
        settings.update_configuration({"degraded_below": 0.5})
        jump = self.client.statuses.wait_at(self.client.publish(np.full_like(black, 250)))
        assert jump.state == RelocalizerStatus.LOST
        assert "rejected by the gate" in jump.reason

    def test_thresholds_by_dynamic_reconfigure(self):
        self.fly_calibrated()
        poses = self.hear("pose", PoseStamped)
        settings = Client(NODE, timeout=20.0)
        self.addCleanup(settings.update_configuration, {"lost_below": -1.0, "degraded_below": -1.0})
        names = [one["name"] for one in settings.get_parameter_descriptions(20.0)]
        assert {"lost_below", "degraded_below"} <= set(names)
        self.client.send()
        assert self.client.send().state == RelocalizerStatus.OK
        settings.update_configuration({"ok_position_m": 1.0})
        status = self.client.send()
        assert status.state == RelocalizerStatus.DEGRADED
        assert status.reason == "promises 10.9 m and 180 deg; OK is 1 m and 180 deg"
        settings.update_configuration({"ok_position_m": 100.0})
        settings.update_configuration({"degraded_below": 1.0})
        degraded = self.client.send()
        assert degraded.state == RelocalizerStatus.DEGRADED
        assert "score" in degraded.reason
        poses.wait_at(self.client.stamp_ns)
        assert settings.update_configuration({"lost_below": 7.0})["lost_below"] == 1.0
        lost = self.client.send()
        lost_ns = self.client.stamp_ns
        assert (lost.state, lost.window_length, lost.frames_lost) == (
            RelocalizerStatus.LOST,
            0,
            degraded.frames_lost + 1,
        )
        assert "below 1" in lost.reason
        assert rospy.get_param(f"{NODE}/lost_below") == 1.0
        settings.update_configuration({"lost_below": -1.0, "degraded_below": -1.0})
        assert self.client.send().state == RelocalizerStatus.OK
        poses.wait_at(self.client.stamp_ns)
        assert poses.at(lost_ns) is None

    def test_diagnostics(self):
        self.hear("pose", PoseStamped)
        self.client.send()
        self.client.send()
        message = "DEGRADED: not calibrated"
        state = self.diagnosed("state", lambda one: one.message == message, "the state and its reason are told")
        values = {one.key: one.value for one in state.values}
        assert state.level == WARN
        assert values["providers"] == "CPUExecutionProvider"
        assert values["bundle"].startswith(load_bundle(COLOUR_BUNDLE).bundle_id)
        images = self.diagnosed("images", lambda one: True, "images")
        assert {"images per second", "answers per second", "dropped", "rejected", "skipped"} <= {
            one.key for one in images.values
        }
        timing = {one.key for one in self.diagnosed("timing", lambda one: one.values, "timing").values}
        assert {"latency p50, p95 [ms]", "inference_time p50, p95 [ms]", "age p50, p95 [ms]"} <= timing
        assert self.diagnosed("tf", lambda one: True, "TF").message == "off"
        assert self.diagnosed("temperature", lambda one: True, "temperature").message
        self.client.publish(np.full((48, 64, 3), 255, np.uint8))
        self.diagnosed("images", lambda one: one.level == WARN and "1 images rejected" in one.message, "a rejection")
        self.diagnosed("state", lambda one: one.level == ERROR and "LOST: the network" in one.message, "it is LOST")
        self.diagnosed("state", lambda one: one.level == WARN and "STALE" in one.message, "it is STALE")
        reported = "images a second, expected 2"
        self.diagnosed("images", lambda one: one.level == WARN and reported in one.message, "no images come")
        # images of this test are years old
        late = self.diagnosed("timing", lambda one: "age" in one.message, "the age is told")
        assert late.level == WARN and "allowed are 500" in late.message

    def test_a_second_camera_on_the_topic_of_the_images_is_named(self):
        other = subprocess.Popen(["rostopic", "pub", "-r", "20", "/camera/image_raw", "sensor_msgs/Image", "{}"])
        self.addCleanup(other.wait, 20)
        self.addCleanup(other.terminate)

        def is_named(one):
            self.client.publish(fake_image_rgb(0))
            return one.level == WARN and "images come by turns from" in one.message

        images = self.diagnosed("images", is_named, "two cameras are told")
        assert rospy.get_name() in images.message and "/rostopic_" in images.message

    def test_camera_info_is_compared_with_the_training_camera(self):
        publisher = rospy.Publisher("/camera/camera_info", CameraInfo, queue_size=1, latch=True)
        self.addCleanup(publisher.unregister)
        for camera, level, says in [
            (replace(CAMERA, fx=90.0, fy=90.0).scaled(640, 480), WARN, "focal length 90.0 network pixels"),
            (CAMERA.scaled(1280, 720), ERROR, "expected the aspect ratio of 64x48"),
            (CAMERA.scaled(320, 240), OK, "as trained, as far"),
        ]:
            publisher.publish(conversions.camera_to_info(camera, START_NS, "x"))
            found = self.diagnosed("camera", lambda one, says=says: says in one.message, says)
            assert found.level == level


if __name__ == "__main__":
    rospy.init_node("test_node_interface")
    rostest.rosrun("camera_relocalization_ros", "test_node_interface", NodeInterfaceTest)
