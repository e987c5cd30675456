# SPDX-License-Identifier: BSD-3-Clause
"""rosbag play for a replay: at a rate, or image by image as the node answers."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Callable
from xmlrpc.client import ServerProxy

import rosgraph
import rospy
from std_srvs.srv import SetBool

from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.ros.replay.plan import ReplayPlan
from camera_relocalization_ros.ros.replay.recorder import ReplayRecorder
from camera_relocalization_ros.ros.replay.ros_session import START_TIMEOUT_S, RosSession

PLAYER, CLOCK_HZ = "/player", 200
# stretches of a bag without any message are not sat through
SKIP_EMPTY_S = 5
# after the bag's end, the node is given this long to finish
QUIET_S = 5.0
# what an image may take that is searched for landmarks, on a slow and busy computer
IMAGE_TIMEOUT_S = 10.0


def play(
    session: RosSession,
    recorder: ReplayRecorder,
    plan: ReplayPlan,
    node: str,
    rate: float,
    in_step: bool,
    tell: Callable[[], str],
) -> None:
    """Play the bag, from its first image on with `node` listening, until the node is through with the last.

    in_step: each image is played once the node is through with the one before, so that none is dropped. `tell` says
    what the progress bar shows. Raises ReplayError.
    """
    values = [f"--hz={CLOCK_HZ}", f"--rate={rate}", f"--skip-empty={SKIP_EMPTY_S}"]
    names = [f"__name:={PLAYER[1:]}", *_remaps(plan, node)]
    command = ["rosbag", "play", *_halts(plan, in_step), "--keep-alive", "--clock", *values, str(plan.bag), *names]
    session.start(PLAYER[1:], command)
    topic = plan.played_topic
    session.wait_until(lambda: _feeds(node, topic), START_TIMEOUT_S, f"rosbag play feeds {topic} to the node")
    go_on = rospy.ServiceProxy(f"{PLAYER}/pause_playback", SetBool)
    played = 0 if in_step else int(go_on(False).success)
    last_ns = int(plan.stamps_ns[-1])
    # other programs may look on: rviz, rqt, rostopic
    print(f"ROS_MASTER_URI={os.environ['ROS_MASTER_URI']}", file=sys.stderr)
    with Task("replay", len(plan.stamps_ns), "image") as progress:

        def is_over() -> bool:
            nonlocal played
            if in_step and recorder.images_handled >= played:
                played += int(go_on(False).success)
            progress.reach(int(recorder.statuses[-1].frames_seen), tell())
            quiet_s = time.monotonic() - recorder.last_heard_s
            return recorder.has_all_until(last_ns) or (rospy.get_time() >= plan.end_s - 0.1 and quiet_s > QUIET_S)

        session.wait_until(is_over, _timeout_s(plan, rate, in_step), "the bag is played to its end")


def _halts(plan: ReplayPlan, in_step: bool) -> list[str]:
    """Where rosbag play waits for leave to go on: before each image, or before the first message."""
    return ["--pause-topics", plan.image_topic] if in_step else ["--pause"]


def _timeout_s(plan: ReplayPlan, rate: float, in_step: bool) -> float:
    return 2 * plan.duration_s / rate + START_TIMEOUT_S + (IMAGE_TIMEOUT_S * len(plan.stamps_ns) if in_step else 0.0)


def _remaps(plan: ReplayPlan, node: str) -> list[str]:
    """Move topics of the bag out of the way that this replay uses itself."""
    used = [name for name in plan.other_topics if name == "/clock" or name.startswith(f"{node}/")]
    remaps = [f"{name}:=/recorded{name}" for name in used]
    return remaps + ([f"{plan.image_topic}:={topic}"] if (topic := plan.played_topic) != plan.image_topic else [])


def _feeds(node: str, topic: str) -> bool:
    """Whether rosbag play has its service up and is connected to the node on the images' topic."""
    master = rosgraph.Master("/reloc")
    try:
        master.lookupService(f"{PLAYER}/pause_playback")
        bus_info: Any = ServerProxy(master.lookupNode(PLAYER)).getBusInfo("/reloc")
    except (OSError, rosgraph.MasterException):
        return False
    # status, message, connections
    return any(node in connection and topic in connection for connection in bus_info[2])
