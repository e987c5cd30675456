# SPDX-License-Identifier: BSD-3-Clause
"""A topic for people to look at, made only while somebody does; it may show the object's box."""

from __future__ import annotations

import numpy as np
import rospy

from camera_relocalization_ros.vision.silhouette import ObjectMesh


class DisplayTopic:
    """`object_box`: least and greatest x, y, z in the model's parent frame, or nothing."""

    def __init__(self, topic: str, message_type: type, object_box: tuple[float, ...]) -> None:
        self._edges = ObjectMesh.of_box(np.reshape(object_box, (2, 3))).edges() if object_box else None
        self._publisher = rospy.Publisher(topic, message_type, queue_size=1)

    def listeners(self) -> int:
        """Subscribers."""
        return int(self._publisher.get_num_connections())
