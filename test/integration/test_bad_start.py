#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A node that cannot work says why in one line and ends with code 1."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import rostest
from colour_bundle import COLOUR_BUNDLE


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

    def test_network_cut_short(self):
        network = self.bundle / "network.onnx"
        network.write_bytes(network.read_bytes()[:400])
        self.assert_dies("network.onnx: 400 bytes")

    def test_network_replaced(self):
        (self.bundle / "network.onnx").write_bytes(b"something else")
        self.assert_dies("cut short or replaced")

    def test_unknown_parameter(self):
        self.assert_dies("unknown parameter ~tranport", tranport="raw")

    def test_parameter_of_the_wrong_type(self):
        self.assert_dies("~threads is 'many' (str); expected int", threads="many")

    def test_estimate_that_would_take_a_frame_of_the_model(self):
        self.assert_dies("'camera_optical_frame', a frame of the model", estimate_frame="camera_optical_frame")


if __name__ == "__main__":
    rostest.rosrun("camera_relocalization_ros", "test_bad_start", BadStartTest)
