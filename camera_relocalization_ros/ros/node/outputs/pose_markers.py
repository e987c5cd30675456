# SPDX-License-Identifier: BSD-3-Clause
"""`~markers`: camera and object for rviz, coloured by the state, made only while somebody looks."""

from __future__ import annotations

import numpy as np
import rospy
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.node.outputs.display_topic import DisplayTopic

# Okabe and Ito's bluish green, orange and vermilion, which colour-blind people can tell apart
COLOURS = {State.OK: (0.0, 0.62, 0.45), State.DEGRADED: (0.90, 0.62, 0.0), State.LOST: (0.84, 0.37, 0.0)}
FRUSTUM_M, LINE_M = 0.5, 0.015
# a camera that is shown where it was long ago is worse than none
LIFETIME_S = 2.0


class PoseMarkers(DisplayTopic):
    """`object_box` as DisplayTopic has it."""

    def __init__(self, object_box: tuple[float, ...]) -> None:
        super().__init__("~markers", MarkerArray, object_box)

    def publish(self, estimate: Estimate, camera: CameraIntrinsics | None, parent_frame: str) -> None:
        """Publish, where somebody listens, the camera unless it is LOST or not known, and the object's box."""
        if not self.listeners():
            return
        pose = conversions.pose_to_message(estimate.pose, estimate.stamp_ns, parent_frame)
        found = Marker(ns="camera", action=Marker.DELETE)
        if camera is not None and estimate.state != State.LOST:
            found = _lines("camera", frustum_edges(camera, FRUSTUM_M), estimate.state)
            found.pose, found.lifetime = pose.pose, rospy.Duration(LIFETIME_S)
        markers = [found]
        if self._edges is not None:
            markers.append(_lines("object", self._edges, estimate.state))
        for marker in markers:
            marker.header = pose.header
        self._publisher.publish(MarkerArray(markers))


def frustum_edges(camera: CameraIntrinsics, depth_m: float) -> np.ndarray:
    """Segments (8, 2, 3) in the optical frame: from the camera to the image's corners at a depth, and between these."""
    columns, rows = np.array([0, 1, 1, 0]) * camera.width - 0.5, np.array([0, 0, 1, 1]) * camera.height - 0.5
    # without distortion, which bends the edges by less than the lines are wide
    rays = np.column_stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(4)])
    corners = depth_m * rays
    sides = np.stack([np.zeros((4, 3)), corners], axis=1)
    return np.concatenate([sides, np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)])


def _lines(name: str, segments: np.ndarray, state: State) -> Marker:
    marker = Marker(ns=name, type=Marker.LINE_LIST, action=Marker.ADD, color=ColorRGBA(*COLOURS[state], 1.0))
    marker.pose.orientation.w = 1.0
    marker.scale.x = LINE_M
    marker.points = [Point(*point) for point in segments.reshape(-1, 3).tolist()]
    return marker
