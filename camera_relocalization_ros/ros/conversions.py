# SPDX-License-Identifier: BSD-3-Clause
"""Messages <-> arrays, both directions; stamps are int64 nanoseconds, images RGB uint8."""

from __future__ import annotations

import cv2
import numpy as np
import rospy
from cv_bridge import CvBridge, CvBridgeError
from geometry_msgs.msg import PoseStamped, TransformStamped
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.core.geometry import position_quat

_BRIDGE = CvBridge()


def stamp_from_ns(stamp_ns: int) -> rospy.Time:
    """A ROS time; exact."""
    return rospy.Time(int(stamp_ns) // 1_000_000_000, int(stamp_ns) % 1_000_000_000)


def image_to_rgb(message: Image) -> np.ndarray:
    """An Image of any encoding cv_bridge knows as (H, W, 3) uint8 RGB; raises FrameError."""
    if not message.width or not message.height:
        raise FrameError(f"image message of {message.width}x{message.height} pixels")
    try:
        return np.asarray(_BRIDGE.imgmsg_to_cv2(message, desired_encoding="rgb8"))
    except (CvBridgeError, cv2.error, TypeError, ValueError, KeyError, IndexError) as error:
        reason = (str(error).splitlines() or ["unknown"])[0]
        raise FrameError(f"image message with encoding {message.encoding!r} does not convert ({reason})") from error


def compressed_to_rgb(message: CompressedImage) -> np.ndarray:
    """A JPEG or PNG CompressedImage as (H, W, 3) uint8 RGB; raises FrameError."""
    data = np.frombuffer(message.data, dtype=np.uint8)
    image_bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image_bgr is None:
        raise FrameError(f"compressed image of {data.size} bytes, format {message.format!r}, does not decode")
    return cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB)


def rgb_to_image(image_rgb: np.ndarray, stamp_ns: int, frame_id: str) -> Image:
    """A bgr8 Image, as the X3's driver publishes."""
    message = _BRIDGE.cv2_to_imgmsg(np.ascontiguousarray(image_rgb[..., ::-1]), encoding="bgr8")
    message.header.stamp, message.header.frame_id = stamp_from_ns(stamp_ns), frame_id
    return message


def encoded_to_compressed(data: bytes, suffix: str, stamp_ns: int, frame_id: str) -> CompressedImage:
    """A CompressedImage with the bytes of a .jpg or .png file."""
    message = CompressedImage(format="png" if suffix == ".png" else "jpeg", data=bytes(data))
    message.header.stamp, message.header.frame_id = stamp_from_ns(stamp_ns), frame_id
    return message


def camera_to_info(camera: CameraIntrinsics, stamp_ns: int, frame_id: str) -> CameraInfo:
    """A CameraInfo without rectification."""
    message = CameraInfo(width=camera.width, height=camera.height, distortion_model="plumb_bob")
    message.header.stamp, message.header.frame_id = stamp_from_ns(stamp_ns), frame_id
    message.D = list(camera.distortion)
    message.K = camera.matrix.ravel().tolist()
    message.R = np.eye(3).ravel().tolist()
    message.P = np.column_stack([camera.matrix, np.zeros(3)]).ravel().tolist()
    return message


def info_to_camera(message: CameraInfo) -> CameraIntrinsics | None:
    """The intrinsics; None for an uncalibrated camera, whose K is zero (sensor_msgs/CameraInfo)."""
    if message.K[0] <= 0:
        return None
    distortion = (list(message.D) + [0.0] * 5)[:5]
    return CameraIntrinsics(
        message.width, message.height, message.K[0], message.K[4], message.K[2], message.K[5], tuple(distortion)
    )


def pose_to_message(position: np.ndarray, quat_xyzw: np.ndarray, stamp_ns: int, frame_id: str) -> PoseStamped:
    """A PoseStamped of some frame in `frame_id`."""
    message = PoseStamped()
    message.header.stamp, message.header.frame_id = stamp_from_ns(stamp_ns), frame_id
    target, turn = message.pose.position, message.pose.orientation
    target.x, target.y, target.z = (float(value) for value in position)
    turn.x, turn.y, turn.z, turn.w = (float(value) for value in quat_xyzw)
    return message


def message_to_pose(message: PoseStamped) -> tuple[np.ndarray, np.ndarray, int]:
    """Position (3,), quaternion (4,) and stamp in nanoseconds."""
    p, q = message.pose.position, message.pose.orientation
    return np.array([p.x, p.y, p.z]), np.array([q.x, q.y, q.z, q.w]), message.header.stamp.to_nsec()


def pose_to_transform(
    position: np.ndarray, quat_xyzw: np.ndarray, stamp_ns: int, parent: str, child: str
) -> TransformStamped:
    """The pose of `child` in `parent` for TF."""
    message = TransformStamped()
    message.header.stamp, message.header.frame_id, message.child_frame_id = stamp_from_ns(stamp_ns), parent, child
    target, turn = message.transform.translation, message.transform.rotation
    target.x, target.y, target.z = (float(value) for value in position)
    turn.x, turn.y, turn.z, turn.w = (float(value) for value in quat_xyzw)
    return message


def matrix_to_transform(T_parent_child: np.ndarray, stamp_ns: int, parent: str, child: str) -> TransformStamped:
    """T_parent_child (4, 4) for TF."""
    return pose_to_transform(*position_quat(T_parent_child), stamp_ns, parent, child)


def transform_to_pose(message: TransformStamped) -> tuple[np.ndarray, np.ndarray]:
    """Position (3,) and quaternion (4,)."""
    t, q = message.transform.translation, message.transform.rotation
    return np.array([t.x, t.y, t.z]), np.array([q.x, q.y, q.z, q.w])
