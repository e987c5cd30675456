# SPDX-License-Identifier: BSD-3-Clause
"""A node that is started before the master waits, and ends in one line when it is told to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def test_ctrl_c_while_there_is_no_master_is_one_line():
    # nobody listens on port 9
    environment = {**os.environ, "ROS_MASTER_URI": "http://localhost:9"}
    command = [sys.executable, str(SCRIPTS / "gimbal_node")]
    node = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert "Unable to register with master node" in node.stdout.readline()
    node.send_signal(signal.SIGINT)
    rest = node.communicate(timeout=60)[0]
    assert rest == "gimbal_node: ended before there was a master\n"
    assert node.returncode == 1
