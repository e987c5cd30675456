# SPDX-License-Identifier: BSD-3-Clause
"""A simulated flight as a bag that looks like one recorded on an M100 in a motion-capture arena."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import Any, Iterator, Tuple

import cv2
import numpy as np
import pymap3d
from geometry_msgs.msg import QuaternionStamped, Vector3Stamped
from sensor_msgs.msg import NavSatFix, NavSatStatus
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.aircraft.gimbal import T_link_optical
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.progress import tracked
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.bags.writer import new_bag
from camera_relocalization_ros.simulation.recording import (
    ATTITUDE_RATE_HZ,
    GIMBAL_RATE_HZ,
    GPS_RATE_HZ,
    TF_RATE_HZ,
    Recording,
)

OPTICAL_FRAME = "M100/camera_optical_frame"
IMAGE_TOPIC = "/dji_sdk/image_raw"
# the map's origin on the globe: latitude and longitude in degrees, ellipsoidal height in metres
ORIGIN_GEODETIC = (49.6265, 6.1590, 330.0)
# how much later than its stamp a message reaches the recorder, in nanoseconds
LATENCY_NS = {"image": 45_000_000, "tf": 4_000_000, "sensor": 8_000_000}

Record = Tuple[int, str, Any]  # record time in nanoseconds, topic, message


def write_simulated_bag(recording: Recording, path: Path, compressed: bool) -> int:
    """Write the flight's bag and return its number of images; messages lie in the order of their arrival."""
    with new_bag(path) as bag:
        streams = [_images(recording, compressed), _tf(recording), _attitude(recording), _gimbal(recording)]
        streams += [_gps(recording), _tf_static(recording)]
        for received_ns, topic, message in heapq.merge(*streams, key=lambda record: record[0]):
            bag.write(topic, message, conversions.stamp_from_ns(received_ns))
    return len(recording.image_stamps_ns())


def _images(recording: Recording, compressed: bool) -> Iterator[Record]:
    count = len(recording.image_stamps_ns())
    for stamp_ns, jpeg in tracked(recording.images(), "simulate", "image", count):
        received_ns = stamp_ns + LATENCY_NS["image"]
        yield (
            received_ns,
            "/dji_sdk/camera_info",
            conversions.camera_to_info(recording.plan.camera, stamp_ns, OPTICAL_FRAME),
        )
        if compressed:
            message = conversions.encoded_to_compressed(jpeg.tobytes(), ".jpg", stamp_ns, OPTICAL_FRAME)
            yield received_ns, f"{IMAGE_TOPIC}/compressed", message
        else:
            image_rgb = cv2.cvtColor(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
            yield received_ns, IMAGE_TOPIC, conversions.rgb_to_image(image_rgb, stamp_ns, OPTICAL_FRAME)


def _tf(recording: Recording) -> Iterator[Record]:
    stamps_ns = recording.stamps_ns(TF_RATE_HZ)
    # all at once: a matrix at a time took fifteen times as long
    poses = {frames: Poses.from_matrices(T_n44) for frames, T_n44 in recording.transforms(stamps_ns).items()}
    for row, stamp_ns in enumerate(stamps_ns):
        transforms = [
            conversions.pose_to_transform(of_frames[row], stamp_ns, parent, child)
            for (parent, child), of_frames in poses.items()
        ]
        yield int(stamp_ns) + LATENCY_NS["tf"], "/tf", TFMessage(transforms)


def _tf_static(recording: Recording) -> Iterator[Record]:
    stamp_ns = int(recording.stamps_ns(TF_RATE_HZ)[0])
    transform = conversions.matrix_to_transform(T_link_optical(), stamp_ns, "M100/camera_link", OPTICAL_FRAME)
    yield stamp_ns, "/tf_static", TFMessage([transform])


def _attitude(recording: Recording) -> Iterator[Record]:
    stamps_ns = recording.stamps_ns(ATTITUDE_RATE_HZ)
    for stamp_ns, quat_xyzw in zip(stamps_ns, recording.attitudes(stamps_ns)):
        message = QuaternionStamped()
        message.header.stamp, message.header.frame_id = conversions.stamp_from_ns(stamp_ns), "body_FLU"
        turn = message.quaternion
        turn.x, turn.y, turn.z, turn.w = (float(value) for value in quat_xyzw)
        yield int(stamp_ns) + LATENCY_NS["sensor"], "/dji_sdk/attitude", message


def _gimbal(recording: Recording) -> Iterator[Record]:
    stamps_ns = recording.stamps_ns(GIMBAL_RATE_HZ)
    for stamp_ns, angles_deg in zip(stamps_ns, recording.gimbal_angles_deg(stamps_ns)):
        message = Vector3Stamped()
        # the frame is what the M100's driver writes, though the angles are in NED
        message.header.stamp, message.header.frame_id = conversions.stamp_from_ns(stamp_ns), "ground_ENU"
        message.vector.x, message.vector.y, message.vector.z = (float(value) for value in angles_deg)
        yield int(stamp_ns) + LATENCY_NS["sensor"], "/dji_sdk/gimbal_angle", message


def _gps(recording: Recording) -> Iterator[Record]:
    stamps_ns = recording.stamps_ns(GPS_RATE_HZ)
    east, north, up = recording.body_positions(stamps_ns).T
    geodetic = np.stack(pymap3d.enu2geodetic(east, north, up, *ORIGIN_GEODETIC), axis=1)
    for stamp_ns, (latitude, longitude, altitude) in zip(stamps_ns, geodetic):
        message = NavSatFix(latitude=float(latitude), longitude=float(longitude), altitude=float(altitude))
        message.header.stamp, message.header.frame_id = conversions.stamp_from_ns(stamp_ns), "gps"
        message.status.status, message.status.service = NavSatStatus.STATUS_FIX, NavSatStatus.SERVICE_GPS
        yield int(stamp_ns) + LATENCY_NS["sensor"], "/dji_sdk/gps_position", message
