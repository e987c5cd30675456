# SPDX-License-Identifier: BSD-3-Clause
"""A private master, whatever else uses the computer's ports."""

import os

from live import wait_for
from rosgraph.xmlrpc import XmlRpcHandler, XmlRpcNode

from camera_relocalization_ros.ros.replay import ros_session
from camera_relocalization_ros.ros.replay.ros_session import RosSession


def test_a_port_that_somebody_took_is_left_for_another(monkeypatch):
    # as a node's own server, which is no master and says so
    somebody = XmlRpcNode(0, XmlRpcHandler())
    somebody.start()
    try:
        wait_for(lambda: somebody.port, "somebody listens", 10.0)
        ports = [somebody.port, ros_session._free_port()]
        free = ports[1]
        monkeypatch.setattr(ros_session, "_free_port", lambda: ports.pop(0))
        with RosSession():
            assert os.environ["ROS_MASTER_URI"] == f"http://127.0.0.1:{free}"
    finally:
        somebody.shutdown("the test is over")
    assert not ports
