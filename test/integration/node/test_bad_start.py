#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A node that cannot work says why in one line and ends with code 1."""

import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import rostest
from colour_bundle import COLOUR_BUNDLE
from live import wait_for

from camera_relocalization_ros.ros.run_node import WAIT_S


class BadStartTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.bundle = Path(self.folder.name) / "bundle"
        shutil.copytree(COLOUR_BUNDLE, self.bundle)

    def assert_dies(self, says, **params):
        params = {"bundle": self.bundle, **params}
        command = ["rosrun", "camera_relocalization_ros", "relocalizer", "__name:=doomed"]
        command += [f"_{name}:={value}" for name, value in params.items()]
        done = subprocess.run(["timeout", "30", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        assert len(lines) == 1, done.stderr
        assert "[FATAL]" in lines[0]
        assert says in lines[0]
        subprocess.run(["rosparam", "delete", "/doomed"], check=True)

    def test_no_bundle(self):
        self.assert_dies("/nowhere: no such bundle", bundle="/nowhere")

    def test_another_bundle_than_the_one_that_is_pinned(self):
        # the network is not looked at
        (self.bundle / "network.onnx").unlink()
        self.assert_dies(f"expected {'1a' * 32}, that of the bundle that was pinned", bundle_sha256="1a" * 32)

    def test_network_replaced(self):
        (self.bundle / "network.onnx").write_bytes(b"something else")
        self.assert_dies("cut short or replaced")

    def test_folder_that_the_user_may_not_read(self):
        # root may read all; what no user may look into has too long a name for the system
        self.assert_dies("File name too long", bundle=f"/{'x' * 300}")

    def test_who_waits_says_once_what_is_missing_and_starts_when_it_is_there(self):
        late = Path(self.folder.name) / "late"
        log = Path(self.folder.name) / "log"
        command = ["rosrun", "camera_relocalization_ros", "relocalizer", "--wait", f"_bundle:={late}"]
        with open(log, "w") as file:
            environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
            node = subprocess.Popen([*command, "__name:=patient"], env=environment, stdout=file, stderr=file)
        self.addCleanup(node.wait, 20)
        self.addCleanup(node.terminate)
        wait_for(lambda: "no such bundle" in log.read_text(), "it says what is missing", 30.0)
        # long enough for two more tries
        time.sleep(2.5 * WAIT_S)
        assert node.poll() is None
        shutil.copytree(self.bundle, late)
        wait_for(lambda: "localizes images" in log.read_text(), "it starts", 30.0)
        # that it runs, is said by another thread: a signal that comes while rospy writes a line may block its thread
        wait_for(lambda: "no image came" in log.read_text(), "it runs", 30.0)
        assert log.read_text().count("FATAL") == 1

    def test_unknown_parameter(self):
        self.assert_dies("unknown parameter ~tranport", tranport="raw")

    def test_parameter_of_the_wrong_type(self):
        self.assert_dies("~threads is 'many' (str); expected int", threads="many")

    def test_estimate_that_would_take_a_frame_of_the_model(self):
        self.assert_dies("'camera_optical_frame', a frame that is there", tf_child_frame="camera_optical_frame")

    def test_object_that_would_take_the_fixed_frame(self):
        self.assert_dies("'map', a frame that is there", tf_mode="object", tf_child_frame="map")

    def test_model_for_other_frames(self):
        self.assert_dies("its parent_frame is 'wing/base_link'; expected 'room'", parent_frame="room")

    def test_model_for_another_camera(self):
        self.assert_dies(
            "image of 1280x720 pixels; expected the aspect ratio of 64x48", image_width=1280, image_height=720
        )

    def test_mode_that_there_is_not(self):
        self.assert_dies("~tf_mode is 'camra'; expected one of none, camera, object, odom", tf_mode="camra")


if __name__ == "__main__":
    rostest.rosrun("camera_relocalization_ros", "test_bad_start", BadStartTest)
