# SPDX-License-Identifier: BSD-3-Clause
"""What the node's integration tests share: sends it images, and keeps what it says by the stamp of the image."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import rospy
from camera_relocalization_ros.msg import RelocalizerStatus
from helpers import START_NS, fake_image_rgb
from live import wait_for
from sensor_msgs.msg import Image

from camera_relocalization_ros.ros import conversions

S = 1_000_000_000
STEP_NS = S // 10


class Heard:
    """The messages of one topic."""

    def __init__(self, topic: str, kind: Any) -> None:
        self._lock = threading.Lock()
        self._messages: list[Any] = []
        self.subscriber = rospy.Subscriber(topic, kind, self._on_message)

    def _on_message(self, message: Any) -> None:
        with self._lock:
            self._messages.append(message)

    def all(self) -> list[Any]:
        """All messages so far."""
        with self._lock:
            return list(self._messages)

    def newest(self) -> Any:
        """The last message; waits for the first."""
        return wait_for(self.all, f"a message on {self.subscriber.name}")[-1]

    def at(self, stamp_ns: int) -> Any:
        """The last message of a stamp, None when there is none."""
        found = [message for message in self.all() if message.header.stamp.to_nsec() == stamp_ns]
        return found[-1] if found else None

    def wait_at(self, stamp_ns: int) -> Any:
        """The message of a stamp, which is to come."""
        return wait_for(lambda: self.at(stamp_ns), f"a message on {self.subscriber.name} of stamp {stamp_ns}")

    def wait_connected(self) -> Heard:
        """Itself, once it hears a publisher."""
        wait_for(self.subscriber.get_num_connections, f"{self.subscriber.name} is published", 60.0)
        # the publisher counts a listener only after it has told it so
        time.sleep(0.2)
        return self

    def stop(self) -> None:
        """Hear no more."""
        self.subscriber.unregister()


class NodeClient:
    """Feeds raw images to one node, each stamped later than the one before."""

    def __init__(self, node: str, image_topic: str) -> None:
        self.node = node
        self.statuses = Heard(f"{node}/status", RelocalizerStatus)
        self.publisher = rospy.Publisher(image_topic, Image, queue_size=1)
        self.stamp_ns = START_NS
        self.statuses.wait_connected().newest()
        wait_for(self.publisher.get_num_connections, f"{node} subscribes to {image_topic}", 60.0)

    def next_stamp(self, gap_ns: int = STEP_NS) -> int:
        """A stamp so much later than the last one."""
        self.stamp_ns += gap_ns
        return self.stamp_ns

    def publish(self, image_rgb: np.ndarray, gap_ns: int = STEP_NS) -> int:
        """Send an image and wait for nothing; returns its stamp."""
        stamp_ns = self.next_stamp(gap_ns)
        self.publisher.publish(conversions.rgb_to_image(image_rgb, stamp_ns, "some_camera"))
        return stamp_ns

    def send(self, seed: int = 0, gap_ns: int = STEP_NS) -> RelocalizerStatus:
        """Send an image and return what the node says of it."""
        return self.statuses.wait_at(self.publish(fake_image_rgb(seed), gap_ns))

    def send_until(self, condition: Any, what: str) -> RelocalizerStatus:
        """Send images until a condition of the newest status is true; returns that status."""

        def is_true() -> RelocalizerStatus | None:
            self.publish(fake_image_rgb(0))
            newest = self.statuses.newest()
            return newest if condition(newest) else None

        return wait_for(is_true, what, period_s=0.05)
