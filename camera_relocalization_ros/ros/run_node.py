# SPDX-License-Identifier: BSD-3-Clause
"""What every node's main() does: start, die with one line where parameters or files are bad, else run."""

from __future__ import annotations

from typing import Callable

import rospy

from camera_relocalization_ros.core.errors import RelocalizationError


def run_node(name: str, start: Callable[[], Callable[[], None] | None]) -> int:
    """Run a node until it is shut down; the exit code, 1 when `start` raises a RelocalizationError.

    start: makes the node with its topics; returns what runs until shutdown, None where callbacks do all.
    """
    rospy.init_node(name)
    try:
        run = start()
    except RelocalizationError as error:
        rospy.logfatal(str(error))
        return 1
    (run or rospy.spin)()
    return 0
