# SPDX-License-Identifier: BSD-3-Clause
"""A private master, whatever else uses the computer's ports."""

import os
import signal
import time

import pytest
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


class Deaf:
    """Ends this process while it is thrown away, where Python prints what is raised and goes on."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        # the handler runs before the next line of Python
        time.sleep(0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_kill_is_heard_also_where_python_drops_what_is_raised():
    with pytest.raises(SystemExit) as ended, RosSession() as session:
        Deaf()
        session.wait_until(lambda: False, 5.0, "never")
    assert ended.value.code == 143
