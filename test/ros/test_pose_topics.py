# SPDX-License-Identifier: BSD-3-Clause
"""Topics that come and go with the model, while another thread answers images."""

from types import SimpleNamespace

import numpy as np
import pytest
import rospy
from helpers import START_NS

from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.ros.node.outputs.pose_topics import PoseTopics


def test_a_topic_that_is_retired_while_an_image_is_answered_ends_nothing():
    # what rospy leaves of a publisher that another thread unregistered
    retired = rospy.Publisher.__new__(rospy.Publisher)
    retired.impl = None
    topics = PoseTopics.__new__(PoseTopics)
    topics._pose = SimpleNamespace(get_num_connections=lambda: 2, publish=lambda message: None)
    topics._path, topics._frames = None, ("map", "camera")
    estimate = SimpleNamespace(pose=Pose.identity(), stamp_ns=START_NS, covariance=np.eye(6))

    def retire_meanwhile(pose, covariance):
        topics._with_covariance = []
        return pose

    topics._with_covariance = [(retired, retire_meanwhile)]
    assert topics.listeners() == 2
    assert topics.publish(estimate).header.frame_id == "map"
    topics._with_covariance = [(retired, lambda pose, covariance: pose)]
    with pytest.raises(rospy.ROSException, match="unregistered"):
        topics.publish(estimate)
