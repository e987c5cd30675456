# SPDX-License-Identifier: BSD-3-Clause
"""Watches whether another node broadcasts the frame that is ours, which would give it two parents."""

from __future__ import annotations

import time

import rospy
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.frames import bare_frame

# connections to who is there already take some milliseconds, and a broadcaster repeats itself many times a second
LISTENING_S = 1.0


class ParentWatch:
    """`rival` is the node that broadcasts `frame` too, "" as long as there is none."""

    def __init__(self, frame: str) -> None:
        self.rival = ""
        self._frame = bare_frame(frame)
        self._listened_s = time.monotonic() + LISTENING_S
        rospy.Subscriber("/tf", TFMessage, self._on_tf)
        self._static = rospy.Subscriber("/tf_static", TFMessage, self._on_tf)

    @property
    def is_listening(self) -> bool:
        """Whether a rival that was there before would not have been heard yet."""
        return time.monotonic() < self._listened_s

    @property
    def is_free(self) -> bool:
        """Whether the frame may be broadcast."""
        return not (self.rival or self.is_listening)

    def reset(self) -> None:
        """Believe that the rival has gone, until it is heard again; of a static one that is there, at once."""
        self.rival = ""
        # a static transform is published once; rospy gives a new callback again what connected publishers latched
        before, self._static = self._static, rospy.Subscriber("/tf_static", TFMessage, self._on_tf)
        before.unregister()

    def _on_tf(self, message: TFMessage) -> None:
        caller = message._connection_header["callerid"]
        if self.rival or caller == rospy.get_name():
            return
        for transform in message.transforms:
            if bare_frame(transform.child_frame_id) == self._frame:
                self.rival = caller
                rospy.logerr(
                    f"{caller} broadcasts {self._frame} in {transform.header.frame_id}, and a frame has one parent: "
                    "this node stops to broadcast it; change ~tf_mode or ~tf_child_frame, or end that and call ~reset"
                )
