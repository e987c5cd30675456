# SPDX-License-Identifier: BSD-3-Clause
"""Messages <-> arrays, both directions; stamps are int64 nanoseconds, images RGB uint8."""

from __future__ import annotations

from functools import partial
from typing import Callable

import cv2
import numpy as np
import rospy
from cv_bridge import CvBridge, CvBridgeError
from geometry_msgs.msg import Pose as PoseMessage
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, TransformStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from camera_relocalization_ros.core.camera import DISTORTION_LENGTHS, EQUIDISTANT, CameraIntrinsics, distortion_model
from camera_relocalization_ros.core.errors import EncodingError, FrameError, StampError
from camera_relocalization_ros.core.image_files import Picture, decode_image, encoded_suffix, image_fault
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.ros.pixel_layouts import MATRICES, is_refused_by_cv_bridge, yuv_to_bgr

# what image_transport appends to the name of an image topic
COMPRESSED_SUFFIX = "/compressed"
# of what is not known: a filter that uses it learns nothing from it
UNKNOWN_VARIANCE = 1e9
# a picture of 12 bits in 16 has no more of the 256 levels
LEAST_LEVELS = 16

_BRIDGE = CvBridge()


def stamp_from_ns(stamp_ns: int) -> rospy.Time:
    """A ROS time; exact."""
    return rospy.Time(int(stamp_ns) // 1_000_000_000, int(stamp_ns) % 1_000_000_000)


def stamp_ns_of(header: Header) -> int:
    """The stamp of a header in nanoseconds, 0 where there is none.

    Raises StampError where its nanoseconds are no part of a second, which no clock gives: a driver filled it wrongly,
    and added up it may be more than a header holds.
    """
    if header.stamp.nsecs >= 1_000_000_000:
        found = f"{header.stamp.secs} s and {header.stamp.nsecs} ns"
        raise StampError(f"image with a stamp of {found}; expected less than 1000000000 ns: does its driver fill it?")
    return int(header.stamp.to_nsec())


def message_to_rgb(message: Image | CompressedImage) -> np.ndarray:
    """The picture of either message as (H, W, 3) uint8 RGB; raises EncodingError."""
    image_rgb: np.ndarray = cv2.cvtColor(message_to_bgr(message), cv2.COLOR_BGR2RGB)
    return image_rgb


def message_to_picture(message: Image | CompressedImage, is_grey_enough: bool = False) -> Picture:
    """The picture of either message, decoded here and now; raises EncodingError.

    is_grey_enough: colours are decoded when they are asked for, which may raise too. Of a JPEG grey alone takes a third
    of the time, and differs from the grey of its colours by rounding; of other images it would save nothing.
    """
    if is_grey_enough and _is_jpeg(message):
        return Picture(_decoded(message, cv2.IMREAD_GRAYSCALE), partial(message_to_rgb, message))
    return Picture.of(message_to_rgb(message))


def grey_decoder(message: Image | CompressedImage) -> Callable[[], np.ndarray]:
    """What gives the picture of either message as (H, W) uint8 and may raise EncodingError, as this may.

    It holds the bytes of a JPEG, or the grey of other images, which is smaller than they are.
    """
    if _is_jpeg(message):
        return partial(_decoded, message, cv2.IMREAD_GRAYSCALE)
    grey = Picture.of(message_to_rgb(message)).grey
    return lambda: grey


def _is_jpeg(message: Image | CompressedImage) -> bool:
    return message._type == CompressedImage._type and encoded_suffix(message.data) == ".jpg"


def message_to_bgr(message: Image | CompressedImage) -> np.ndarray:
    """The same as (H, W, 3) uint8 BGR, which is what most drivers send and OpenCV encodes; not to be written to."""
    # by its ROS type, because messages read from a bag are of classes that rosbag makes at run time
    return DECODERS[message._type](message)


def image_to_bgr(message: Image) -> np.ndarray:
    """An Image of any colour encoding that cv_bridge or pixel_layouts know as (H, W, 3) uint8 BGR.

    Raises EncodingError.
    """
    what = f"image of {message.width}x{message.height} pixels, encoding {message.encoding!r}"
    if not message.width or not message.height:
        raise EncodingError(f"{what}: it is empty")
    encoding = MATRICES.get(message.encoding, message.encoding)
    # cv_bridge copies, slowly, even when there is nothing to convert
    wanted = "passthrough" if encoding == "bgr8" else "bgr8"
    try:
        if is_refused_by_cv_bridge(encoding):
            return yuv_to_bgr(message)
        plain = _without_padding(message, encoding)
        fault = _fault_of_levels(plain)
        if fault:
            raise EncodingError(f"{what}: {fault}")
        return np.asarray(_BRIDGE.imgmsg_to_cv2(plain, desired_encoding=wanted))
    except (CvBridgeError, cv2.error, TypeError, ValueError, KeyError, IndexError) as error:
        raise EncodingError(f"{what}: does not convert to BGR ({_first_line(error)})") from error


def _without_padding(message: Image, encoding: str) -> Image:
    """The same image, its encoding by this name, with rows that follow each other at once.

    cv_bridge's Python does not look at `step`.
    """
    pixel_type, channels = _BRIDGE.encoding_to_dtype_with_channels(encoding)
    row_bytes = message.width * channels * np.dtype(pixel_type).itemsize
    if message.step < row_bytes or len(message.data) < message.step * message.height:
        raise ValueError(f"{len(message.data)} bytes with {message.step} a row, a row needs {row_bytes}")
    if message.step == row_bytes and encoding == message.encoding:
        return message
    rows = np.frombuffer(message.data, np.uint8, message.step * message.height).reshape(message.height, message.step)
    size = {"width": message.width, "height": message.height, "step": row_bytes}
    data = rows[:, :row_bytes].tobytes()
    return Image(encoding=encoding, is_bigendian=message.is_bigendian, data=data, **size)


def _fault_of_levels(message: Image) -> str:
    """Why the pixels of an image without padding are no picture in 8 bits, "" where they are.

    Sensors of 10 to 14 bits, and thermal ones, fill a small part of 16 bits, and what is left would look like the dark.
    """
    if np.dtype(_BRIDGE.encoding_to_dtype_with_channels(message.encoding)[0]).itemsize != 2:
        return ""
    pixels = np.frombuffer(message.data, ">u2" if message.is_bigendian else "<u2")
    low, high = int(pixels.min()), int(pixels.max())
    levels = high // 256 - low // 256 + 1
    if levels > LEAST_LEVELS:
        return ""
    return (
        f"its values lie from {low} to {high} of 65535, {levels} of 256 levels in 8 bits: the picture is blank, or of "
        "a sensor with fewer bits, whose driver is to stretch them or to send mono8"
    )


def compressed_to_bgr(message: CompressedImage) -> np.ndarray:
    """A JPEG or PNG CompressedImage as (H, W, 3) uint8 BGR; raises EncodingError, also when the data was cut short."""
    return _decoded(message, cv2.IMREAD_COLOR)


def _decoded(message: CompressedImage, flags: int) -> np.ndarray:
    """Its pixels by one of cv2.IMREAD_*; raises EncodingError."""
    what = f"compressed image of {len(message.data)} bytes, format {message.format!r}"
    fault = image_fault(message.data)
    image = None if fault else decode_image(message.data, flags)
    if image is None:
        raise EncodingError(f"{what}: {f'{fault}; ' if fault else ''}does not decode")
    return image


def rgb_to_image(image_rgb: np.ndarray, stamp_ns: int, frame_id: str) -> Image:
    """A bgr8 Image, as the X3's driver publishes."""
    # NumPy turns the channels around in seven times as long
    message = _BRIDGE.cv2_to_imgmsg(cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), encoding="bgr8")
    message.header.stamp, message.header.frame_id = stamp_from_ns(stamp_ns), frame_id
    return message


def encoded_to_compressed(data: bytes, suffix: str, stamp_ns: int, frame_id: str) -> CompressedImage:
    """A CompressedImage with the bytes of a .jpg or .png file."""
    message = CompressedImage(format="png" if suffix == ".png" else "jpeg", data=bytes(data))
    message.header.stamp, message.header.frame_id = stamp_from_ns(stamp_ns), frame_id
    return message


def camera_to_info(camera: CameraIntrinsics, stamp_ns: int, frame_id: str) -> CameraInfo:
    """A CameraInfo without rectification."""
    long = "rational_polynomial" if len(camera.distortion) > 5 else "plumb_bob"
    model = camera.distortion_model if camera.is_fisheye else long
    message = CameraInfo(width=camera.width, height=camera.height, distortion_model=model)
    message.header.stamp, message.header.frame_id = stamp_from_ns(stamp_ns), frame_id
    message.D = list(camera.distortion)
    message.K = camera.matrix.ravel().tolist()
    message.R = np.eye(3).ravel().tolist()
    message.P = np.column_stack([camera.matrix, np.zeros(3)]).ravel().tolist()
    return message


def info_to_camera(message: CameraInfo) -> CameraIntrinsics | None:
    """K and D for the whole sensor; None for an uncalibrated camera, whose K is zero (sensor_msgs/CameraInfo).

    Which intrinsics a picture has is another question: picture_camera answers it.
    Raises FrameError for an unknown distortion model, and for numbers that describe no camera.
    """
    if message.K[0] == 0:
        return None
    if not (message.width and message.height):
        raise FrameError(f"camera of {message.width}x{message.height} pixels; expected the size of its images")
    fx, fy, cx, cy = message.K[0], message.K[4], message.K[2], message.K[5]
    try:
        model = distortion_model(message.distortion_model)
        if len(message.D) not in DISTORTION_LENGTHS[model]:
            expected = list(DISTORTION_LENGTHS[model])
            raise FrameError(f"{len(message.D)} coefficients of distortion; expected one of {expected}")
        distortion = tuple(message.D) + (0.0,) * ((4 if model == EQUIDISTANT else 5) - len(message.D))
        return CameraIntrinsics(message.width, message.height, fx, fy, cx, cy, distortion, model)
    except ValueError as error:
        raise FrameError(f"K {list(message.K)}: {error}") from error


def pose_to_message(pose: Pose, stamp_ns: int, frame_id: str) -> PoseStamped:
    """A PoseStamped of some frame in `frame_id`."""
    message = PoseStamped()
    message.header.stamp, message.header.frame_id = stamp_from_ns(stamp_ns), frame_id
    target, turn = message.pose.position, message.pose.orientation
    target.x, target.y, target.z = (float(value) for value in pose.position)
    turn.x, turn.y, turn.z, turn.w = (float(value) for value in pose.quat_xyzw)
    return message


def pose_with_covariance(pose: PoseStamped, covariance: np.ndarray) -> PoseWithCovarianceStamped:
    """The same pose with a covariance (6, 6) in the order of REP 103: x, y, z, rotations about the fixed x, y, z."""
    message = PoseWithCovarianceStamped(header=pose.header)
    message.pose.pose, message.pose.covariance = pose.pose, np.asarray(covariance, dtype=float).ravel().tolist()
    return message


def pose_to_odometry(pose: PoseStamped, covariance: np.ndarray, child_frame: str) -> Odometry:
    """The same as Odometry, whose twist is not known and says so by its variances."""
    message = Odometry(header=pose.header, child_frame_id=child_frame)
    message.pose = pose_with_covariance(pose, covariance).pose
    message.twist.covariance = (UNKNOWN_VARIANCE * np.eye(6)).ravel().tolist()
    return message


def message_to_pose(message: PoseStamped) -> tuple[np.ndarray, np.ndarray, int]:
    """Position (3,), quaternion (4,) and stamp in nanoseconds."""
    return (*pose_of(message.pose), message.header.stamp.to_nsec())


def pose_of(pose: PoseMessage) -> tuple[np.ndarray, np.ndarray]:
    """Position (3,) and quaternion (4,)."""
    p, q = pose.position, pose.orientation
    return np.array([p.x, p.y, p.z]), np.array([q.x, q.y, q.z, q.w])


def pose_to_transform(pose: Pose, stamp_ns: int, parent: str, child: str) -> TransformStamped:
    """The pose of `child` in `parent` for TF."""
    message = TransformStamped()
    message.header.stamp, message.header.frame_id, message.child_frame_id = stamp_from_ns(stamp_ns), parent, child
    target, turn = message.transform.translation, message.transform.rotation
    target.x, target.y, target.z = (float(value) for value in pose.position)
    turn.x, turn.y, turn.z, turn.w = (float(value) for value in pose.quat_xyzw)
    return message


def matrix_to_transform(T_parent_child: np.ndarray, stamp_ns: int, parent: str, child: str) -> TransformStamped:
    """T_parent_child (4, 4) for TF."""
    return pose_to_transform(Pose.from_matrix(T_parent_child), stamp_ns, parent, child)


def transform_to_pose(message: TransformStamped) -> tuple[np.ndarray, np.ndarray]:
    """Position (3,) and quaternion (4,)."""
    t, q = message.transform.translation, message.transform.rotation
    return np.array([t.x, t.y, t.z]), np.array([q.x, q.y, q.z, q.w])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


DECODERS = {Image._type: image_to_bgr, CompressedImage._type: compressed_to_bgr}
