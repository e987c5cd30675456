# SPDX-License-Identifier: BSD-3-Clause
"""Why no image comes: what the master has on and near the topic that is listened to, and what to type instead."""

from __future__ import annotations

import difflib
import logging
import threading
from typing import Callable, Mapping
from xmlrpc.client import ServerProxy

import rosgraph
import rospy

from camera_relocalization_ros.ros.conversions import COMPRESSED_SUFFIX
from camera_relocalization_ros.ros.master_watch import AWAY_ERRORS, ImpatientTransport

# seconds without a first image after which something is wrong, and between two looks at the master
PATIENCE_S = 5.0
TRANSPORT_OF_TYPE = {"sensor_msgs/Image": "raw", "sensor_msgs/CompressedImage": "compressed"}
logger = logging.getLogger(__name__)


class ImageTopicWatch:
    """Asks the master from time to time until the first image came; a thread of its own, which ends with that.

    complaint: why none came, in words; "" while it is too early to say, and once one came.
    """

    def __init__(self, has_come: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        self.complaint = ""
        self._has_come = has_come
        self._patience_s = patience_s

    def start(self, topic: str, message_type: str) -> None:
        """Begin to look; topic and message_type are what is subscribed to, such as sensor_msgs/Image."""
        arguments = (rospy.resolve_name(topic), message_type)
        threading.Thread(target=self._run, args=arguments, name="image_topic_watch", daemon=True).start()

    def _run(self, topic: str, message_type: str) -> None:
        # not rospy's timer: in simulated time it stands still with the clock
        ending = threading.Event()
        rospy.on_shutdown(ending.set)
        while not ending.wait(self._patience_s) and not self._has_come():
            complaint = explain_silence(topic, message_type, _published_types())
            if complaint != self.complaint:
                rospy.logwarn(complaint)
            self.complaint = complaint
        self.complaint = ""


def explain_silence(topic: str, wanted: str, published: Mapping[str, str] | None) -> str:
    """Why no image came on a topic, and what to type.

    wanted: the type of message that is subscribed to. published: type by topic of all that is published; None where
    the master gave no answer.
    """
    silent = f"no image came on {topic} ({wanted})"
    if published is None:
        return f"{silent}: the master does not answer"
    found = published.get(topic)
    if found == wanted:
        return (
            f"{silent}, though it is published: the camera sends none, or this computer cannot reach it by the name "
            f"or address that it gives; see `rostopic hz {topic}`, and ROS_IP and ROS_HOSTNAME on both computers"
        )
    if found in TRANSPORT_OF_TYPE:
        return f"{silent}: it carries {found}; {_what_to_type(topic, found)}"
    there = f"{silent}: it carries {found}, no images" if found else f"{silent}: nobody publishes it"
    images = {name: kind for name, kind in published.items() if kind in TRANSPORT_OF_TYPE}
    if not images:
        return f"{there}, nor images on any other topic"
    nearest = _nearest(topic, wanted, images)
    return f"{there}; there is {nearest} ({images[nearest]}): {_what_to_type(nearest, images[nearest])}"


def _nearest(topic: str, wanted: str, types: Mapping[str, str]) -> str:
    """The name most like a topic, whatever its transport; of two alike the one of the type that is wanted."""

    def likeness(name: str) -> tuple[float, bool]:
        return difflib.SequenceMatcher(None, _base(topic), _base(name)).ratio(), types[name] == wanted

    return max(sorted(types), key=likeness)


def _base(topic: str) -> str:
    return topic[: -len(COMPRESSED_SUFFIX)] if topic.endswith(COMPRESSED_SUFFIX) else topic


def _what_to_type(topic: str, message_type: str) -> str:
    return f"start with image_topic:={topic} transport:={TRANSPORT_OF_TYPE[message_type]}"


def _published_types() -> dict[str, str] | None:
    """Type by topic of all that others publish; None where the master does not answer."""
    own = f"{rospy.get_name()}/"
    try:
        master = rosgraph.Master(rospy.get_name())
        master.handle = ServerProxy(master.master_uri, transport=ImpatientTransport())
        return {name: kind for name, kind in master.getPublishedTopics("") if not name.startswith(own)}
    except AWAY_ERRORS as error:
        logger.debug("no answer from the master (%s)", error)
        return None
