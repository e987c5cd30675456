# SPDX-License-Identifier: BSD-3-Clause
"""Looks whether another node broadcasts the frame that is ours, which would give it two parents."""

from __future__ import annotations

import rospy
from tf2_msgs.msg import TFMessage


class ParentWatch:
    """`rival` is the node that broadcasts `frame` too, "" as long as there is none."""

    def __init__(self, frame: str) -> None:
        self.rival = ""
        self._frame = frame.lstrip("/")
        for topic in ("/tf", "/tf_static"):
            rospy.Subscriber(topic, TFMessage, self._on_tf)

    def forget(self) -> None:
        """Believe that the rival has gone, until it is heard again."""
        self.rival = ""

    def _on_tf(self, message: TFMessage) -> None:
        caller = message._connection_header["callerid"]
        if self.rival or caller == rospy.get_name():
            return
        for transform in message.transforms:
            if transform.child_frame_id.lstrip("/") == self._frame:
                self.rival = caller
                rospy.logerr(
                    f"{caller} broadcasts {self._frame} in {transform.header.frame_id}, and a frame has one parent: "
                    "this node stops to broadcast it; change ~tf_mode or ~tf_child_frame, or end that and call ~reset"
                )
