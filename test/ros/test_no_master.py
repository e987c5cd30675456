# SPDX-License-Identifier: BSD-3-Clause
"""A node that is started before the master waits, and ends in one line when it is told to."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def test_ctrl_c_while_there_is_no_master_is_one_line(tmp_path):
    # nobody listens on port 9
    environment = {**os.environ, "ROS_MASTER_URI": "http://localhost:9", "ROS_LOG_DIR": str(tmp_path)}
    command = [sys.executable, str(SCRIPTS / "gimbal_node")]
    node = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert node.stdout.readline().startswith("gimbal_node: no master answers at http://localhost:9 (")
    # rospy listens to signals before it opens its log
    while not any(tmp_path.glob("gimbal_node*.log")):
        assert node.poll() is None
        time.sleep(0.1)
    node.send_signal(signal.SIGINT)
    said = node.communicate(timeout=60)[0].splitlines()
    assert said.count("gimbal_node: ended before there was a master") == 1
    # on an idle computer a thread of rospy complains, too, before or after
    others = [line for line in said if not line.startswith("gimbal_node: ")]
    assert all(line.startswith("Unable to register with master node") for line in others)
    assert node.returncode == 1
