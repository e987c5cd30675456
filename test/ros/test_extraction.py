# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import cv2
import numpy as np
import pytest
import yaml
from helpers import CAMERA, START_NS, encoded, fake_image_rgb, fake_trajectory, shared_data
from ros_helpers import FRAME, IMAGE_TOPIC, image_records, tf_records, transform, write_bag
from sensor_msgs.msg import CompressedImage

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError, FrameError
from camera_relocalization_ros.core.plain_values import to_plain
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.data.pose_stream import StreamLimits
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.bags.extraction import ExtractionOptions
from camera_relocalization_ros.ros.bags.extraction import extract as extract_bags
from camera_relocalization_ros.ros.bags.image_encoding import encode

COMPRESSED_TOPIC = f"{IMAGE_TOPIC}/compressed"
MS = 1_000_000
POSES = fake_trajectory(11)


def extract(bags, topic, parent, child, output, **options):
    return extract_bags(bags, ExtractionOptions(topic, parent, child, **options), output)


def flight(path, stamps_ns, raw=False, poses=POSES):
    return write_bag(path, [*tf_records(poses, "map", FRAME), *image_records(stamps_ns, raw)])


def test_compressed_images_keep_their_bytes_and_get_their_poses(tmp_path):
    dataset = extract([flight(tmp_path / "f.bag", POSES.stamps_ns)], COMPRESSED_TOPIC, "/map", FRAME, tmp_path / "out")
    (sequence,) = dataset.sequences
    assert (dataset.parent_frame, dataset.child_frame, dataset.camera) == ("map", FRAME, CAMERA)
    assert sequence.name == "f"
    assert sequence.info == {"source": "f.bag", "image_topic": COMPRESSED_TOPIC, "images": 11, "skipped": {}}
    np.testing.assert_array_equal(sequence.trajectory().positions, POSES.positions)
    for seed, frame in enumerate(sequence.frames):
        assert frame.image_path.read_bytes() == encoded(fake_image_rgb(seed))


@pytest.mark.parametrize(("image_format", "tolerance"), [("png", 0), ("jpg", 12)])
def test_raw_images_are_encoded(tmp_path, image_format, tolerance):
    bag = flight(tmp_path / "f.bag", POSES.stamps_ns[:3], raw=True)
    dataset = extract([bag], IMAGE_TOPIC, "map", FRAME, tmp_path / "out", image_format=image_format)
    for seed, frame in enumerate(dataset.frames):
        assert frame.image_path.suffix == f".{image_format}"
        difference = load_image_rgb(frame.image_path).astype(int) - fake_image_rgb(seed)
        assert np.abs(difference).mean() <= tolerance


def test_frames_without_trustworthy_pose_or_image_are_counted_by_reason(tmp_path):
    poses = POSES.select(np.array([0, 1, 2, 3, 6, 7, 8]))
    stamps_ns = START_NS + np.array([-50, 0, 50, 100, 450, 500, 700, 801]) * MS
    records = [*tf_records(poses, "map", FRAME), *image_records(stamps_ns)]
    broken = CompressedImage(format="jpeg", data=b"\xff\xd8\xff broken")
    broken.header.stamp = conversions.stamp_from_ns(START_NS + 120 * MS)
    cut = conversions.encoded_to_compressed(
        encoded(fake_image_rgb(0), ".jpg")[:-40], ".jpg", START_NS + 130 * MS, FRAME
    )
    again = records[-4][1]
    records += [(COMPRESSED_TOPIC, message, START_NS + 900 * MS) for message in (broken, cut, again)]
    dataset = extract([write_bag(tmp_path / "f.bag", records)], COMPRESSED_TOPIC, "map", FRAME, tmp_path / "out")
    (sequence,) = dataset.sequences
    assert ((sequence.trajectory().stamps_ns - START_NS) // MS).tolist() == [0, 50, 100, 700]
    assert sequence.info["skipped"] == {
        "outside the pose stream": 2,
        "gap in the pose stream": 2,
        "image does not decode": 2,
        "duplicate stamp": 1,
    }


@pytest.mark.parametrize(
    ("shift_s", "factor", "says"),
    [
        (40, 1.0, "about 40.0 s ahead of that of the images"),
        (0, 1000.0, "positions in millimetres? With the factor 0.001"),
    ],
)
def test_a_tracker_with_another_clock_or_unit_is_suspected(tmp_path, caplog, shift_s, factor, says):
    poses = fake_trajectory(31)
    off = Trajectory(poses.stamps_ns + shift_s * 1000 * MS, factor * poses.positions, poses.quats_xyzw)
    bag = flight(tmp_path / "f.bag", poses.stamps_ns[5:25], poses=off)
    with pytest.raises(DatasetError, match="no frame was kept"):
        extract([bag], COMPRESSED_TOPIC, "map", FRAME, tmp_path / "out")
    assert says in caplog.text


def test_max_gap_is_the_callers_choice(tmp_path):
    bag = flight(tmp_path / "f.bag", POSES.stamps_ns[:-1] + 50 * MS)
    assert extract([bag], COMPRESSED_TOPIC, "map", FRAME, tmp_path / "wide", limits=StreamLimits(0.1)).frame_count == 10
    with pytest.raises(DatasetError, match="10 gap in the pose stream"):
        extract([bag], COMPRESSED_TOPIC, "map", FRAME, tmp_path / "narrow", limits=StreamLimits(0.05))
    assert not (tmp_path / "narrow").exists()


def test_each_bag_is_a_sequence(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    bags = [flight(tmp_path / name, POSES.stamps_ns[:3]) for name in ("a/f.bag", "b/f.bag", "g.bag")]
    dataset = extract(bags, COMPRESSED_TOPIC, "map", FRAME, tmp_path / "out")
    assert [sequence.name for sequence in dataset.sequences] == ["f_1", "f_2", "g"]


def test_bags_of_two_cameras_keep_them_apart(tmp_path):
    first = flight(tmp_path / "a.bag", POSES.stamps_ns[:3])
    other = CameraIntrinsics(64, 48, 99.0, 99.0, 31.5, 23.5)
    records = [*tf_records(POSES, "map", FRAME), *image_records(POSES.stamps_ns[:3])]
    for topic, message, _ in records:
        if topic.endswith("camera_info"):
            message.K = other.matrix.ravel().tolist()
    second = write_bag(tmp_path / "b.bag", records)
    dataset = extract([first, second], COMPRESSED_TOPIC, "map", FRAME, tmp_path / "out")
    assert dataset.camera is None and dataset.cameras == (CAMERA, other)
    assert [dataset.camera_of(frame) for frame in dataset.frames] == [CAMERA] * 3 + [other] * 3


def test_a_bag_without_intrinsics_takes_those_of_the_others_and_says_so(tmp_path, caplog):
    first = flight(tmp_path / "a.bag", POSES.stamps_ns[:3])
    records = [*tf_records(POSES, "map", FRAME), *image_records(POSES.stamps_ns[:3])]
    second = write_bag(tmp_path / "b.bag", [record for record in records if "info" not in record[0]])
    assert extract([first, second], COMPRESSED_TOPIC, "map", FRAME, tmp_path / "out").camera == CAMERA
    assert "b.bag: no intrinsics" in caplog.text


def test_a_zoom_lens_gives_each_picture_its_own_intrinsics(tmp_path, caplog):
    records = [*tf_records(POSES, "map", FRAME), *image_records(POSES.stamps_ns[:4])]
    zoomed = [CAMERA, replace(CAMERA, fx=70.0), replace(CAMERA, fx=80.0), replace(CAMERA, fx=80.0)]
    infos = [message for topic, message, _ in records if topic.endswith("camera_info")]
    for message, camera in zip(infos, zoomed):
        message.K = camera.matrix.ravel().tolist()
    bag = write_bag(tmp_path / "f.bag", records)
    dataset = extract([bag], COMPRESSED_TOPIC, "map", FRAME, tmp_path / "out", resize=(32, 24))
    assert [dataset.camera_of(frame) for frame in dataset.frames] == [camera.scaled(32, 24) for camera in zoomed]
    assert "changes in flight, fx 60.0 to 80.0" in caplog.text


def test_intrinsics_follow_images_that_were_shrunk(tmp_path):
    records = tf_records(POSES, "map", FRAME)
    for topic, message, stamp_ns in image_records(POSES.stamps_ns[:2], raw=True):
        if topic == IMAGE_TOPIC:
            message = conversions.rgb_to_image(cv2.resize(fake_image_rgb(0), (32, 24)), stamp_ns, FRAME)
        records.append((topic, message, stamp_ns))
    dataset = extract([write_bag(tmp_path / "f.bag", records)], IMAGE_TOPIC, "map", FRAME, tmp_path / "out")
    assert dataset.camera == CAMERA.scaled(32, 24)


def test_other_compressed_formats_are_encoded_anew():
    done, buffer = cv2.imencode(".bmp", fake_image_rgb(0)[..., ::-1])
    assert done
    data, suffix = encode(CompressedImage(format="bmp", data=buffer.tobytes()), "png")
    assert suffix == ".png"
    image_rgb = conversions.message_to_rgb(CompressedImage(format="png", data=data))
    np.testing.assert_array_equal(image_rgb, fake_image_rgb(0))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"--image-topic": "/nowhere"}, COMPRESSED_TOPIC),
        ({"--parent": "wing"}, f"{FRAME}, map"),
        ({"--child": "wing"}, f"{FRAME}, map"),
    ],
)
def test_command_names_what_the_bag_has(tmp_path, capsys, changes, says):
    bag = flight(tmp_path / "f.bag", POSES.stamps_ns)
    options = {"--image-topic": COMPRESSED_TOPIC, "--parent": "map", "--child": FRAME, **changes}
    arguments = [word for option in options.items() for word in option]
    assert main(["extract", str(bag), *arguments, "-o", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"reloc extract: {bag}: ")
    assert error.endswith(says)
    assert not (tmp_path / "out").exists()


def test_command_prints_the_counts(tmp_path, capsys):
    bag = flight(tmp_path / "f.bag", POSES.stamps_ns + 50 * MS)
    arguments = ["--image-topic", COMPRESSED_TOPIC, "--parent", "map", "--child", FRAME, "-o", str(tmp_path / "out")]
    assert main(["extract", str(bag), *arguments]) == 0
    assert "f: 10 frames, skipped: 1 outside the pose stream" in capsys.readouterr().out


def test_real_image_with_a_pose_of_its_own(tmp_path):
    source = shared_data("bags", "aruco_images.bag")
    if not source.is_file():
        pytest.skip(f"no {source}")
    import rosbag

    records = []
    with rosbag.Bag(str(source)) as bag:
        for topic, message, received in bag.read_messages():
            records.append((topic, message, received.to_nsec()))
            stamp_ns = message.header.stamp.to_nsec()
            if topic.endswith("compressed"):
                data = message.data
                pair = [transform(stamp_ns + step * MS, "map", "raspicam", (1, 2, 3)) for step in (-20, 20)]
                records += tf_records_of(pair)
    path = write_bag(tmp_path / "aruco.bag", records)
    dataset = extract([path], "/raspicam_node/image/compressed", "map", "raspicam", tmp_path / "out")
    assert Dataset.load(tmp_path / "out").camera.width == 1280
    assert dataset.frames[0].image_path.read_bytes() == data
    np.testing.assert_allclose(dataset.frames[0].position, [1, 2, 3])


def tf_records_of(transforms):
    from tf2_msgs.msg import TFMessage

    return [("/tf", TFMessage([one]), one.header.stamp.to_nsec()) for one in transforms]


def jpeg_with_thumbnail(image_rgb):
    """A JPEG whose APP1 segment holds another one, as cameras write for their displays."""
    whole, thumbnail = encoded(image_rgb, ".jpg"), encoded(fake_image_rgb(9, 16, 12), ".jpg")
    body = b"Exif\0\0" + thumbnail
    return whole[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + whole[2:]


def test_jpeg_with_a_thumbnail_passes_and_broken_ones_do_not():
    image = jpeg_with_thumbnail(fake_image_rgb(0, 320, 240))
    data, suffix = encode(CompressedImage(format="jpeg", data=image), "jpg")
    assert (data, suffix) == (image, ".jpg")
    rng = np.random.default_rng(0)
    whole = encoded(fake_image_rgb(0, 320, 240), ".jpg")
    for _ in range(60):
        broken = bytearray(whole)
        for place in rng.integers(2, 600, 4):
            broken[place] = rng.integers(0, 256)
        decodes = cv2.imdecode(np.frombuffer(bytes(broken), np.uint8), cv2.IMREAD_COLOR) is not None
        try:
            encode(CompressedImage(format="jpeg", data=bytes(broken)), "jpg")
            passed = True
        except FrameError:
            passed = False
        assert passed == decodes


def test_resized_and_undistorted_images_come_with_their_intrinsics(tmp_path):
    bag = flight(tmp_path / "f.bag", POSES.stamps_ns[:3])
    arguments = ["--image-topic", COMPRESSED_TOPIC, "--parent", "map", "--child", FRAME, "-o", str(tmp_path / "out")]
    assert main(["extract", str(bag), *arguments, "--resize", "32x24", "--format", "png"]) == 0
    dataset = Dataset.load(tmp_path / "out")
    assert dataset.camera == CAMERA.scaled(32, 24)
    expected = cv2.resize(fake_image_rgb(1), (32, 24), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(load_image_rgb(dataset.frames[1].image_path), expected)
    (tmp_path / "camera.yaml").write_text(yaml.safe_dump({**to_plain(CAMERA), "distortion": [-0.2, 0.05, 0, 0, 0]}))
    lens = ["--camera", str(tmp_path / "camera.yaml"), "--undistort"]
    assert main(["extract", str(bag), *arguments[:-1], str(tmp_path / "flat"), *lens]) == 0
    flat = Dataset.load(tmp_path / "flat").camera
    assert flat.distortion == (0.0,) * 5 and flat.fx != CAMERA.fx
