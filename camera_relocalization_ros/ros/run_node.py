# SPDX-License-Identifier: BSD-3-Clause
"""What every node's main() does: start, or say in one line which parameter or file is bad; then run."""

from __future__ import annotations

import sys
import time
from typing import Callable
from xmlrpc.client import ServerProxy

import rosgraph
import rospy

from camera_relocalization_ros.core.errors import RelocalizationError
from camera_relocalization_ros.ros.master_watch import AWAY_ERRORS, ImpatientTransport

# argument of a node that launch files give it
WAIT = "--wait"
# between two tries to start
WAIT_S = 2.0


def run_node(name: str, start: Callable[[], Callable[[], None] | None]) -> int:
    """Run a node until it is shut down; the exit code, 1 when `start` raises a RelocalizationError.

    start: makes the node with its topics; returns what runs until shutdown, None where callbacks do all. With the
    argument WAIT a node that cannot start says so once, and tries again until it can: of a process that ends, roslaunch
    knows only how to start it again, and what is wrong would be told every two seconds.
    """
    _tell_of_no_master(name)
    try:
        rospy.init_node(name)
    except (rospy.exceptions.ROSInitException, rospy.exceptions.ROSInterruptException):
        if not rospy.is_shutdown():
            raise
        print(f"{name}: ended before there was a master", file=sys.stderr)
        return 1
    waits, said = WAIT in rospy.myargv(), ""
    while not rospy.is_shutdown():
        try:
            run = start()
        except RelocalizationError as error:
            if str(error) != said:
                said = str(error)
                rospy.logfatal(said)
            if not waits:
                return 1
            # by the computer's clock: that of a simulation may stand still
            time.sleep(WAIT_S)
        else:
            (run or rospy.spin)()
            return 0
    return 1


def _tell_of_no_master(name: str) -> None:
    """Say it where no master answers; rospy waits for one, and on a busy computer says nothing.

    Its thread that registers, and complains, may look before there is anything to register.
    """
    uri = rosgraph.get_master_uri()
    try:
        ServerProxy(uri, transport=ImpatientTransport()).getPid(f"/{name}")
    except AWAY_ERRORS as error:
        print(f"{name}: no master answers at {uri} ({error}); waiting for one", file=sys.stderr, flush=True)
