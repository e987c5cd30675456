# SPDX-License-Identifier: BSD-3-Clause
import struct

import cv2
import numpy as np
import pytest
from helpers import CAMERA, START_NS, encoded, fake_image_rgb, fake_trajectory
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import EncodingError, FrameError
from camera_relocalization_ros.core.geometry import pose_matrix
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.ros import conversions

IMAGE_RGB = fake_image_rgb(1)
GREY = IMAGE_RGB[..., 1].copy()
OPAQUE = np.full_like(GREY, 255)
ENCODED_AS = {
    "rgb8": IMAGE_RGB,
    "bgr8": IMAGE_RGB[..., ::-1],
    "rgba8": np.dstack([IMAGE_RGB, OPAQUE]),
    "bgra8": np.dstack([IMAGE_RGB[..., ::-1], OPAQUE]),
    "rgb16": IMAGE_RGB.astype(np.uint16) * 257,
    "bgr16": IMAGE_RGB[..., ::-1].astype(np.uint16) * 257,
}


def message_of(pixels, encoding, padding=0):
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)))
    height, width = pixels.shape[:2]
    return Image(width=width, height=height, encoding=encoding, step=rows.shape[1], data=rows.tobytes())


def test_orientation_in_a_compressed_image_is_ignored():
    jpeg = encoded(fake_image_rgb(0), ".jpg")
    # EXIF: a phone held upright
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    stored = conversions.message_to_rgb(CompressedImage(format="jpeg", data=jpeg))
    np.testing.assert_array_equal(conversions.message_to_rgb(CompressedImage(format="jpeg", data=turned)), stored)


@pytest.mark.parametrize("padding", [0, 7])
@pytest.mark.parametrize("encoding", ENCODED_AS)
def test_colour_images_become_rgb(encoding, padding):
    if padding and encoding.endswith("16"):
        padding += 1  # a row of 16-bit pixels is an even number of bytes
    image_rgb = conversions.message_to_rgb(message_of(ENCODED_AS[encoding], encoding, padding))
    assert image_rgb.dtype == np.uint8
    np.testing.assert_array_equal(image_rgb, IMAGE_RGB)


@pytest.mark.parametrize("encoding", ["mono8", "mono16"])
def test_grey_images_have_three_equal_channels(encoding):
    pixels = GREY if encoding == "mono8" else GREY.astype(np.uint16) * 257
    np.testing.assert_array_equal(conversions.message_to_rgb(message_of(pixels, encoding)), np.dstack([GREY] * 3))


@pytest.mark.parametrize("encoding, order", [("mono16", "<u2"), ("mono16", ">u2"), ("bayer_rggb16", "<u2")])
@pytest.mark.parametrize("scale, offset", [(16, 0), (4, 0), (12, 28000)])
def test_sensors_of_fewer_bits_in_16_are_told_and_not_taken_for_the_dark(encoding, order, scale, offset):
    message = message_of((GREY.astype(np.uint16) * scale + offset).astype(order), encoding)
    message.is_bigendian = order == ">u2"
    with pytest.raises(EncodingError, match=f"'{encoding}': its values lie from .* 65535, .* send mono8"):
        conversions.message_to_rgb(message)
    whole = message_of((GREY.astype(np.uint16) * 257).astype(order), encoding)
    whole.is_bigendian = order == ">u2"
    assert conversions.message_to_rgb(whole).max() > 200


def test_bayer_and_yuv_images_keep_a_flat_colour():
    flat = np.full((48, 64), 90, dtype=np.uint8)
    bayer = conversions.message_to_rgb(message_of(flat, "bayer_rggb8"))
    np.testing.assert_array_equal(bayer[2:-2, 2:-2], np.full((44, 60, 3), 90))
    uyvy = np.dstack([np.full_like(flat, 128), flat])
    assert conversions.message_to_rgb(message_of(uyvy, "yuv422")).shape == (48, 64, 3)


def test_rgb_to_image_and_back_is_exact():
    message = conversions.rgb_to_image(IMAGE_RGB, START_NS + 1, "camera")
    assert (message.encoding, message.header.frame_id) == ("bgr8", "camera")
    assert message.header.stamp.to_nsec() == START_NS + 1
    np.testing.assert_array_equal(conversions.message_to_rgb(message), IMAGE_RGB)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"width": 0}, "empty"),
        ({"height": 0}, "empty"),
        ({"data": b""}, "does not convert"),
        ({"data": IMAGE_RGB.tobytes()[:-1]}, "9215 bytes"),
        ({"step": 0}, "a row needs 192"),
        ({"step": 100}, "a row needs 192"),
        ({"step": 10**9}, "does not convert"),
        ({"encoding": "32FC1"}, "32FC1"),
        ({"encoding": "nonsense"}, "nonsense"),
        ({"encoding": ""}, "does not convert"),
    ],
)
def test_broken_images_are_refused_with_a_reason(changes, says):
    message = message_of(IMAGE_RGB, "bgr8")
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(FrameError, match=says):
        conversions.message_to_rgb(message)


def test_compressed_png_is_exact_and_jpeg_is_near():
    png = conversions.encoded_to_compressed(encoded(IMAGE_RGB, ".png"), ".png", START_NS, "camera")
    jpeg = conversions.encoded_to_compressed(encoded(IMAGE_RGB, ".jpg"), ".jpg", START_NS, "camera")
    assert (png.format, jpeg.format) == ("png", "jpeg")
    np.testing.assert_array_equal(conversions.message_to_rgb(png), IMAGE_RGB)
    assert np.abs(conversions.message_to_rgb(jpeg).astype(int) - IMAGE_RGB).mean() < 6


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9])
def test_compressed_images_that_were_cut_short_are_refused(suffix, share):
    data = encoded(IMAGE_RGB, suffix)
    with pytest.raises(FrameError, match="compressed image of"):
        conversions.message_to_rgb(CompressedImage(format="jpeg", data=data[: int(share * len(data))]))


def test_compressed_garbage_is_refused():
    with pytest.raises(FrameError, match="150 bytes, format 'jpeg': neither JPEG nor PNG"):
        conversions.message_to_rgb(CompressedImage(format="jpeg", data=b"abc" * 50))


def test_jpeg_with_bytes_after_its_end_is_whole():
    data = encoded(IMAGE_RGB, ".jpg") + bytes(64)
    assert conversions.message_to_rgb(CompressedImage(format="jpeg", data=data)).shape == IMAGE_RGB.shape


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_picture_is_as_grey_as_its_colours_but_for_rounding(suffix):
    message = conversions.encoded_to_compressed(encoded(IMAGE_RGB, suffix), suffix, START_NS, "camera")
    coloured = conversions.message_to_picture(message)
    grey = conversions.message_to_picture(message, is_grey_enough=True)
    assert grey.size == coloured.size == IMAGE_RGB.shape[1::-1]
    np.testing.assert_array_equal(grey.rgb, coloured.rgb)
    if suffix == ".png":
        np.testing.assert_array_equal(grey.grey, coloured.grey)
    # where a colour is beyond what RGB can show, grey alone knows more
    assert np.abs(grey.grey.astype(int) - coloured.grey).mean() < 0.5


@pytest.mark.parametrize("is_grey_enough", [False, True])
def test_a_picture_that_was_cut_short_is_refused_at_once(is_grey_enough):
    data = encoded(IMAGE_RGB, ".jpg")
    with pytest.raises(FrameError, match="cut short"):
        conversions.message_to_picture(CompressedImage(format="jpeg", data=data[: len(data) // 2]), is_grey_enough)


def test_camera_info_round_trip():
    camera = CameraIntrinsics(640, 480, 388.4, 518.2, 318.1, 241.2, (-0.13, 0.095, -0.0003, -0.0002, 0.0))
    message = conversions.camera_to_info(camera, START_NS, "camera")
    assert message.distortion_model == "plumb_bob"
    assert message.P[:3] == message.K[:3]
    assert conversions.info_to_camera(message) == camera
    rational = CameraIntrinsics(640, 480, 388.4, 518.2, 318.1, 241.2, tuple(0.01 * k for k in range(8)))
    assert conversions.info_to_camera(conversions.camera_to_info(rational, START_NS, "camera")) == rational


def test_camera_info_with_few_or_no_distortion_values():
    message = conversions.camera_to_info(CAMERA, START_NS, "camera")
    message.D, message.distortion_model = [], ""
    assert conversions.info_to_camera(message) == CAMERA


def test_uncalibrated_and_unknown_cameras():
    assert conversions.info_to_camera(CameraInfo(width=640, height=480)) is None
    message = conversions.camera_to_info(CAMERA, START_NS, "camera")
    message.distortion_model = "omnidirectional"
    with pytest.raises(FrameError, match="omnidirectional"):
        conversions.info_to_camera(message)


def test_a_fisheye_round_trip():
    camera = CameraIntrinsics(640, 480, 210.0, 211.0, 318.1, 241.2, (-0.01, 0.02, -0.003, 0.0005), "equidistant")
    message = conversions.camera_to_info(camera, START_NS, "camera")
    assert message.distortion_model == "equidistant" and len(message.D) == 4
    assert conversions.info_to_camera(message) == camera
    message.D = []
    assert conversions.info_to_camera(message).distortion == (0.0,) * 4


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"width": 0, "height": 0}, "camera of 0x0 pixels"),
        ({"K": [float("nan"), 0, 31.5, 0, 60, 23.5, 0, 0, 1]}, "camera fx is nan; expected above 0"),
        # not calibrated is 0
        ({"K": [-60, 0, 31.5, 0, 60, 23.5, 0, 0, 1]}, "camera fx is -60"),
        ({"K": [60, 0, float("inf"), 0, 60, 23.5, 0, 0, 1]}, "camera cx is inf"),
        ({"K": [60, 0, 31.5, 0, 0, 23.5, 0, 0, 1]}, "camera fy is 0; expected above 0"),
        ({"D": [0.1] * 6}, "6 coefficients of distortion; expected one of .0, 4, 5, 8, 12, 14."),
        ({"D": [0.1, float("nan"), 0, 0, 0]}, "camera distortion is"),
    ],
)
def test_camera_info_that_describes_no_camera(changes, says):
    message = conversions.camera_to_info(CAMERA, START_NS, "camera")
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(FrameError, match=says):
        conversions.info_to_camera(message)


def test_poses_and_transforms_round_trip_exactly():
    trajectory = fake_trajectory(5)
    for stamp_ns, position, quat in zip(trajectory.stamps_ns, trajectory.positions, trajectory.quats_xyzw):
        message = conversions.pose_to_message(Pose(position, quat), stamp_ns, "map")
        back = conversions.message_to_pose(message)
        assert message.header.frame_id == "map"
        np.testing.assert_array_equal(np.concatenate(back[:2]), np.concatenate([position, quat]))
        assert back[2] == stamp_ns
        transform = conversions.pose_to_transform(Pose(position, quat), stamp_ns, "map", "camera")
        assert (transform.header.frame_id, transform.child_frame_id) == ("map", "camera")
        np.testing.assert_array_equal(
            np.concatenate(conversions.transform_to_pose(transform)), np.concatenate([position, quat])
        )
        matrix = conversions.matrix_to_transform(pose_matrix(position, quat), stamp_ns, "map", "camera")
        np.testing.assert_allclose(conversions.transform_to_pose(matrix)[1], quat, atol=1e-15)


def test_stamps_are_exact_to_the_nanosecond():
    for stamp_ns in (0, 1, START_NS + 999_999_999, 4_000_000_000_123_456_789):
        assert conversions.stamp_from_ns(stamp_ns).to_nsec() == stamp_ns


IMAGE_BGR = np.ascontiguousarray(IMAGE_RGB[..., ::-1])
# brightness, then the planes of both colours, of which there is one for two by two pixels
I420 = cv2.cvtColor(IMAGE_BGR, cv2.COLOR_BGR2YUV_I420)
COLOURS = I420[len(IMAGE_BGR) :].reshape(2, len(IMAGE_BGR) // 2, IMAGE_BGR.shape[1] // 2)


def packed(place):
    """Brightness at byte `place` of each pixel, one colour for two pixels at the other."""
    pixels = np.empty((*IMAGE_BGR.shape[:2], 2), np.uint8)
    pixels[..., place] = I420[: len(IMAGE_BGR)]
    for first, colour in enumerate(COLOURS):
        pixels[:, first::2, 1 - place] = np.repeat(colour, 2, axis=0)
    return pixels


def planar(order):
    """Rows of brightness, then rows of both colours in turn."""
    colours = COLOURS[list(order)].transpose(1, 2, 0).reshape(len(IMAGE_BGR) // 2, -1)
    return np.vstack([I420[: len(IMAGE_BGR)], colours])


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("8UC3", IMAGE_BGR),
        ("8UC1", GREY),
        ("yuv422_yuy2", packed(0)),
        ("yuyv", packed(0)),
        ("uyvy", packed(1)),
        ("nv12", planar((0, 1))),
        ("nv21", planar((1, 0))),
    ],
)
def test_encodings_that_cv_bridge_refuses(encoding, pixels, padding):
    message = message_of(pixels, encoding, padding)
    whole = {"8UC3": IMAGE_RGB, "8UC1": np.dstack([GREY] * 3)}
    expected = whole.get(encoding, cv2.cvtColor(I420, cv2.COLOR_YUV2RGB_I420))
    message.width = IMAGE_RGB.shape[1]
    # of planes, drivers give the picture's height, or that of all rows
    for message.height in (len(IMAGE_RGB), len(pixels)):
        found = conversions.message_to_rgb(message)
        assert found.shape == expected.shape
        assert np.abs(found.astype(float) - expected).max() <= (0 if encoding in whole else 1)
    message.data = message.data[: len(message.data) // 2]
    with pytest.raises(EncodingError, match=encoding):
        conversions.message_to_rgb(message)
