#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Master, camera and node are killed and started again, each by itself; the answers come back by themselves.

The masters are this test's own, because rostest's must live.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from xmlrpc.client import ServerProxy

import rosgraph
import rostest
from calibrated_bundle import write_calibrated_bundle
from colour_bundle import COLOUR_BUNDLE
from live import wait_for

TESTS = Path(__file__).resolve().parents[2] / "support"
CAMERA = TESTS / "camera_script.py"
IMAGE_TOPIC = "/camera/image_raw"
DEADLINE_S = 60.0


class RestartsTest(unittest.TestCase):
    def setUp(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        logs = tempfile.TemporaryDirectory()
        self.addCleanup(logs.cleanup)
        # last of all, and more than the groups of `start`: roslaunch's nodes are in groups of their own
        self.addCleanup(kill_all_with, f"ROS_LOG_DIR={logs.name}")
        uri = f"http://127.0.0.1:{self.port}"
        self.environment = {**os.environ, "ROS_MASTER_URI": uri, "ROS_IP": "127.0.0.1", "ROS_LOG_DIR": logs.name}
        self.master = self.start_master()

    def start(self, *command):
        """A process with all its children in a group of their own, which the end of the test kills."""
        process = subprocess.Popen(command, env=self.environment, start_new_session=True)
        self.addCleanup(kill, process)
        return process

    def start_master(self):
        # not roscore, whose master is in a process group of its own and outlives it
        process = self.start("rosmaster", "--core", "-p", str(self.port))
        wait_for(self.answers, "the master answers", DEADLINE_S)
        return process

    def kill_master(self):
        kill(self.master)
        assert not self.answers()

    def answers(self):
        """Whether there is a master."""
        try:
            return rosgraph.Master("/test", self.environment["ROS_MASTER_URI"]).getPid()
        except OSError:
            return False

    def knows(self, node):
        """A condition: the master has a node of that name."""

        def condition():
            try:
                return rosgraph.Master("/test", self.environment["ROS_MASTER_URI"]).lookupNode(node)
            except (OSError, rosgraph.MasterException):
                return False

        return condition

    def start_node(self):
        command = ("rosrun", "camera_relocalization_ros", "relocalizer", f"image:={IMAGE_TOPIC}")
        return self.start(*command, f"_bundle:={COLOUR_BUNDLE}")

    def start_camera(self):
        return self.start(sys.executable, str(CAMERA))

    def assert_answers(self, when):
        """Somebody new who asks the master for the poses hears right ones, and that the state is OK."""
        command = ["timeout", str(DEADLINE_S), sys.executable, str(TESTS / "pose_listener.py")]
        assert subprocess.run(command, env=self.environment, check=False).returncode == 0, f"no good poses {when}"

    def test_master_is_killed_and_started_again(self):
        node, camera = self.start_node(), self.start_camera()
        self.assert_answers("at the start")
        self.kill_master()
        self.start_master()
        self.assert_answers("from a camera that the new master does not know")
        kill(camera)
        self.start_camera()
        self.assert_answers("from a camera that only the new master knows")
        reset = ["timeout", str(DEADLINE_S), "rosservice", "call", "/relocalizer/reset"]
        assert subprocess.run(reset, env=self.environment, check=False).returncode == 0
        assert node.poll() is None

    def test_a_respawned_node_finds_its_parameters_on_the_second_master(self):
        arguments = (f"bundle:={COLOUR_BUNDLE}", f"image_topic:={IMAGE_TOPIC}")
        self.start("roslaunch", "camera_relocalization_ros", "relocalize.launch", *arguments)
        camera = self.start_camera()
        self.assert_answers("at the start")
        self.kill_master()
        self.start_master()
        self.assert_answers("after the master was started again")
        # the second master does not know the first camera
        kill(camera)
        self.start_camera()
        self.kill_node_and_wait_for_another()
        self.assert_answers("from the node that was started on the second master")

    def test_another_model_is_loaded_while_the_master_is_away_and_poses_go_on(self):
        self.start_node()
        self.start_camera()
        with tempfile.TemporaryDirectory() as folder:
            # a calibrated model has topics that the running one has not
            calibrated = write_calibrated_bundle(Path(folder) / "calibrated")
            command = [sys.executable, str(TESTS / "load_without_master.py"), str(calibrated)]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            asker = subprocess.Popen(command, env=self.environment, text=True, **pipes)
            self.addCleanup(asker.communicate)
            self.addCleanup(asker.kill)
            assert asker.stdout.readline().strip() == "connected"
            self.kill_master()
            asker.stdin.write("\n")
            asker.stdin.flush()
            assert asker.stdout.readline().strip() == "answered", "poses waited for the master"

    def test_camera_is_killed_and_started_again(self):
        self.start_node()
        camera = self.start_camera()
        self.assert_answers("at the start")
        kill(camera)
        self.start_camera()
        self.assert_answers("from the second camera")

    def test_node_is_killed_and_respawned(self):
        arguments = (f"bundle:={COLOUR_BUNDLE}", f"image_topic:={IMAGE_TOPIC}")
        self.start("roslaunch", "camera_relocalization_ros", "relocalize.launch", *arguments)
        self.start_camera()
        self.assert_answers("at the start")
        self.kill_node_and_wait_for_another()
        self.assert_answers("from the node that was started again")

    def kill_node_and_wait_for_another(self):
        first = wait_for(self.knows("/relocalizer"), "the node is known", DEADLINE_S)
        _, _, pid = ServerProxy(first).getPid("/test")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.knows("/relocalizer")() not in (False, first), "another node has the name", DEADLINE_S)


def kill(process):
    """End a process and its children at once, as a crash would."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def kill_all_with(setting):
    """End all processes whose environment has it, but for this one."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if setting.encode() in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue  # it ended meanwhile, or is not ours


if __name__ == "__main__":
    rostest.rosrun("camera_relocalization_ros", "test_restarts", RestartsTest)
