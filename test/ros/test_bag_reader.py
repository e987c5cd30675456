# SPDX-License-Identifier: BSD-3-Clause
import os
import re
import resource
import struct
import tempfile

import numpy as np
import pytest
import rosbag
from aircraft import old_type
from helpers import CAMERA, START_NS, fake_trajectory, shared_data
from ros_helpers import IMAGE_TOPIC, image_records, tf_records, write_bag
from sensor_msgs.msg import CameraInfo, Image

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import BagError, FrameError
from camera_relocalization_ros.ros.bags import reader as bag_reader
from camera_relocalization_ros.ros.bags import records
from camera_relocalization_ros.ros.bags.description import describe_bag
from camera_relocalization_ros.ros.bags.reader import image_topic, open_bag, read_images, read_messages
from camera_relocalization_ros.ros.bags.recorded_cameras import read_camera
from camera_relocalization_ros.ros.message_classes import message_class

COMPRESSED_TOPIC = f"{IMAGE_TOPIC}/compressed"
STAMPS_NS = fake_trajectory(5).stamps_ns


@pytest.fixture
def flight(tmp_path):
    trajectory = fake_trajectory(5)
    records = image_records(STAMPS_NS) + tf_records(trajectory, "map", "camera")
    return write_bag(tmp_path / "flight.bag", records)


def test_missing_bag_and_folder(tmp_path):
    for path, says in ((tmp_path / "none.bag", "no such file"), (tmp_path, "a folder")):
        with pytest.raises(BagError, match=says), open_bag(path):
            pass


@pytest.mark.parametrize(
    ("keep", "says"), [(0.0, "empty file"), (0.3, "no index"), (0.7, "no index"), (0.999, "no index")]
)
def test_truncated_bag_says_what_to_do(flight, keep, says):
    content = flight.read_bytes()
    flight.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(BagError, match=f"flight.bag.*{says}"), open_bag(flight) as bag:
        list(read_images(bag, COMPRESSED_TOPIC))


def test_unclosed_bag_names_rosbag_reindex(flight):
    content = flight.read_bytes()
    flight.write_bytes(content[: len(content) // 2])
    with pytest.raises(BagError, match=f"rosbag reindex {flight}"), open_bag(flight):
        pass


def test_file_that_is_no_bag(tmp_path):
    path = tmp_path / "notes.bag"
    path.write_text("not a bag at all\n" * 10)
    with pytest.raises(BagError, match="notes.bag: not a whole bag"), open_bag(path):
        pass


def test_damaged_messages_are_an_error_and_not_a_loss(flight):
    content = bytearray(flight.read_bytes())
    content[5000:6000] = bytes(1000)
    flight.write_bytes(content)
    with pytest.raises(BagError, match="not a whole bag"), open_bag(flight) as bag:
        list(read_images(bag, COMPRESSED_TOPIC))


def test_a_record_that_lies_about_its_size_takes_no_memory(flight):
    content = flight.read_bytes()
    index = struct.unpack_from("<Q", content, content.index(b"index_pos=") + len(b"index_pos="))[0]
    flight.write_bytes(content[:index] + struct.pack("<L", 2**32 - 1) + content[index + 4 :])
    os.truncate(flight, 2**32 + 2**20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BagError, match="a record of 4294967295 bytes; expected at most 536870912"), open_bag(flight):
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**16


def packed_flight(flight, compression):
    """The flight with packed chunks, and where the first of them says how much it holds."""
    packed = flight.with_name("packed.bag")
    with rosbag.Bag(str(flight)) as source, rosbag.Bag(str(packed), "w", compression=compression) as bag:
        for topic, message, stamp in source.read_messages():
            bag.write(topic, message, stamp)
    content = packed.read_bytes()
    return packed, content.index(b"size=", content.index(b"compression=" + compression.encode())) + len(b"size=")


@pytest.mark.parametrize("compression", ["bz2", "lz4"])
@pytest.mark.parametrize(("size", "says"), [(2**32 - 1, "a chunk of 4294967295 bytes"), (1000, "other than the 1000")])
def test_a_chunk_that_holds_more_than_it_says_is_not_unpacked(flight, compression, size, says):
    packed, at = packed_flight(flight, compression)
    with open_bag(packed) as bag:
        assert len(list(read_images(bag, COMPRESSED_TOPIC))) == 5
    content = packed.read_bytes()
    packed.write_bytes(content[:at] + struct.pack("<L", size) + content[at + 4 :])
    with pytest.raises(BagError, match=says), open_bag(packed) as bag:
        list(read_images(bag, COMPRESSED_TOPIC))


@pytest.mark.parametrize("compression", ["bz2", "lz4"])
def test_an_index_is_made_of_packed_chunks_without_unpacking_more_than_they_say(flight, compression):
    packed, at = packed_flight(flight, compression)
    # a recorder that was killed: no index, and the file's header does not say where it is
    content = packed.read_bytes()
    place = content.index(b"index_pos=") + len(b"index_pos=")
    content = content[:place] + bytes(8) + content[place + 8 : struct.unpack_from("<Q", content, place)[0]]
    packed.write_bytes(content)
    with open_bag(packed, reindex=True) as bag:
        assert len(list(read_images(bag, COMPRESSED_TOPIC))) == 5
    assert packed.read_bytes() == content
    packed.write_bytes(content[:at] + struct.pack("<L", 1000) + content[at + 4 :])
    with pytest.raises(BagError, match="no whole chunk of messages"), open_bag(packed, reindex=True):
        pass


def test_nothing_is_written_to_read_types_that_are_not_installed(tmp_path, monkeypatch):
    kind = old_type("dji_sdk/Gimbal")
    path = write_bag(tmp_path / "old.bag", [("/gimbal", kind(yaw=7.0), START_NS)])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    records._message_types.clear()
    (tmp_path / "temporary").mkdir()
    with open_bag(path) as bag:
        assert [message.yaw for _, message, _ in read_messages(bag, ["/gimbal"])] == [7.0]
    assert not list((tmp_path / "temporary").iterdir())


def test_an_installed_type_is_the_installed_class():
    assert message_class("sensor_msgs/Image", Image._full_text, Image._md5sum) is Image


def test_a_bag_converted_from_ros_2_has_its_small_letters(tmp_path, capsys):
    # as rosbags-convert writes it, whose sensor_msgs/CameraInfo is that of ROS 2 with a header of ROS 1
    class Converted(CameraInfo):
        _full_text = re.sub(r"(?m)^float64\[\d*\] +[DKRP]\b", lambda found: found[0].lower(), CameraInfo._full_text)
        _md5sum = "b5aff04250fbf270b71bef9d82c2132e"

    def converted(message):
        if isinstance(message, CameraInfo):
            return Converted(*(getattr(message, name) for name in CameraInfo.__slots__))
        return message

    recorded = [(topic, converted(message), received_ns) for topic, message, received_ns in image_records(STAMPS_NS)]
    path = write_bag(tmp_path / "converted.bag", recorded)
    records._message_types.clear()
    with rosbag.Bag(str(path)) as bag:
        assert {message.k[0] for _, message, _ in bag.read_messages("/camera/camera_info")} == {CAMERA.fx}
    records._message_types.clear()
    with open_bag(path) as bag:
        assert read_camera(bag, COMPRESSED_TOPIC) == CAMERA
    assert main(["info", str(path)]) == 0
    assert f"fx {CAMERA.fx:.1f}" in capsys.readouterr().out


def test_another_order_of_fields_is_another_type():
    shuffled = re.sub(r"(?m)^uint32 height\nuint32 width\n", "uint32 width\nuint32 height\n", bare(Image._full_text))
    assert shuffled != bare(Image._full_text)
    assert message_class("sensor_msgs/Image", bare(Image._full_text), "") is Image
    assert message_class("sensor_msgs/Image", shuffled, "") is not Image


def bare(definition):
    lines = (line.partition("#")[0].strip() for line in definition.splitlines())
    return "".join(f"{line}\n" for line in lines if line)


@pytest.mark.parametrize(
    ("kind", "definition"),
    [
        ("dji_sdk/../os", "uint8 a"),
        ("dji_sdk/Thing", "uint8 a; b"),
        ("dji_sdk/Thing", "uint8[123456789] a"),
        ("dji_sdk/Thing", "dji_sdk/Missing a"),
        ("dji_sdk/Thing", f"uint8 a\n{'=' * 80}\nMSG: os/a b\nuint8 a"),
    ],
)
def test_a_definition_is_types_and_names(kind, definition):
    with pytest.raises(FrameError):
        message_class(kind, definition, "")


def test_errors_of_the_caller_are_not_blamed_on_the_bag(flight):
    with pytest.raises(OSError, match="disk full"), open_bag(flight):
        raise OSError("disk full")


def test_image_topic_and_its_transport(flight):
    with open_bag(flight) as bag:
        assert image_topic(bag, COMPRESSED_TOPIC) == (COMPRESSED_TOPIC, "compressed")
        assert image_topic(bag, COMPRESSED_TOPIC[1:]) == (COMPRESSED_TOPIC, "compressed")


@pytest.mark.parametrize(("topic", "says"), [("/nowhere", "is not in the bag"), ("/tf", "holds tf2_msgs/TFMessage")])
def test_wrong_topic_lists_the_image_topics(flight, topic, says):
    with open_bag(flight) as bag, pytest.raises(BagError, match=f"'{topic}' {says}.* are: {COMPRESSED_TOPIC}$"):
        image_topic(bag, topic)


def test_bag_without_images_lists_all_topics(tmp_path):
    path = write_bag(tmp_path / "tf.bag", tf_records(fake_trajectory(2), "map", "camera"))
    with open_bag(path) as bag, pytest.raises(BagError, match=r"none \(topics: /tf\)"):
        image_topic(bag, "/camera/image_raw")


def test_images_come_in_the_order_of_their_header_stamps(tmp_path):
    records = image_records(STAMPS_NS[[2, 0, 1, 4, 3]])
    received = [(topic, message, START_NS + 1000 * n) for n, (topic, message, _) in enumerate(records)]
    path = write_bag(tmp_path / "shuffled.bag", received)
    with open_bag(path) as bag:
        assert [stamp_ns for stamp_ns, _ in read_images(bag, COMPRESSED_TOPIC)] == STAMPS_NS.tolist()
        np.testing.assert_array_equal(bag_reader.read_image_stamps(bag, COMPRESSED_TOPIC), STAMPS_NS)


def test_reordering_holds_a_bounded_number():
    taken = []

    def source():
        for stamp in (3, 1, 2, 6, 5, 4):
            taken.append(stamp)
            yield stamp, None

    ordered = bag_reader.in_stamp_order(source(), window=2)
    assert next(ordered)[0] == 1
    assert taken == [3, 1, 2]
    assert [stamp for stamp, _ in ordered] == [2, 3, 4, 5, 6]


def test_camera_is_read_beside_its_image(tmp_path, flight):
    with open_bag(flight) as bag:
        assert read_camera(bag, COMPRESSED_TOPIC) == CAMERA
    path = write_bag(tmp_path / "bare.bag", [r for r in image_records(STAMPS_NS) if "info" not in r[0]])
    with open_bag(path) as bag:
        assert read_camera(bag, COMPRESSED_TOPIC) is None


def test_describe_bag_through_reloc_info(flight, capsys):
    assert main(["info", str(flight)]) == 0
    text = capsys.readouterr().out
    assert "0.4 s, 15 messages" in text
    assert "sensor_msgs/CompressedImage" in text
    assert "fx 60.0" in text
    assert "\nframes in TF:\n  map\n    " in text
    assert "\nnext: reloc extract " in text


def test_info_of_an_empty_bag(tmp_path):
    with rosbag.Bag(str(tmp_path / "empty.bag"), "w"):
        pass
    assert describe_bag(tmp_path / "empty.bag").endswith("no messages")


def test_info_of_a_missing_bag_is_one_line(tmp_path, capsys):
    assert main(["info", str(tmp_path / "none.bag")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "none.bag: no such file" in error


def test_real_camera_bag():
    path = shared_data("bags", "aruco_images.bag")
    if not path.is_file():
        pytest.skip(f"no {path}")
    with open_bag(path) as bag:
        images = list(read_images(bag, "/raspicam_node/image/compressed"))
        camera = read_camera(bag, "/raspicam_node/image/compressed")
    assert len(images) == 1
    assert (camera.width, camera.height) == (1280, 960)
    assert camera.fx == pytest.approx(1014.3, abs=0.1)
