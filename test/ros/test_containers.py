# SPDX-License-Identifier: BSD-3-Clause
"""One flight as a bag of ROS 1, as one of ROS 2 in sqlite3 and in mcap, and as one of ROS 1 in mcap: all read alike."""

import filecmp
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import fake_trajectory
from ros_helpers import FRAME, IMAGE_TOPIC, image_records, tf_records, transform, write_bag
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.ros.bags.containers.mcap_source import McapSource
from camera_relocalization_ros.ros.bags.containers.ros1_copy import as_ros1_bag
from camera_relocalization_ros.ros.bags.reader import open_bag, places, read_message, read_messages, topic_types
from camera_relocalization_ros.ros.bags.records import RECEIPT
from camera_relocalization_ros.ros.replay.plan import plan_replay

pytest.importorskip("rosbags", reason="reads recordings of ROS 2")
mcap_writer = pytest.importorskip("mcap.writer", reason="reads recordings in mcap")
mcap_reader = pytest.importorskip("mcap.reader", reason="reads recordings in mcap")

TOPIC = f"{IMAGE_TOPIC}/compressed"
MS = 1_000_000
POSES = fake_trajectory(60, 0.05)
KINDS = ("sqlite3", "mcap", "ros1mcap", "plainmcap", "db3")


def flight(path):
    lens = transform(int(POSES.stamps_ns[0]), "drone", FRAME, (0.1, 0.0, -0.05))
    images = image_records(POSES.stamps_ns[2:-2:3] + 7 * MS)
    records = [*tf_records(POSES, "map", "drone"), *images, ("/tf_static", TFMessage([lens]), int(POSES.stamps_ns[0]))]
    return write_bag(path, sorted(records, key=lambda record: record[2]))


def to_ros2(bag, output, storage):
    from rosbags.convert.converter import convert

    options = dict.fromkeys(("exclude_topics", "include_topics", "exclude_msgtypes", "include_msgtypes"), ())
    convert([bag], output, storage, 9, None, "file", None, None, **options)
    return output


def to_mcap_of_ros1(bag, output):
    with open_bag(bag) as source, open(output, "wb") as file:
        writer, channels = mcap_writer.Writer(file, chunk_size=4096), {}
        writer.start(profile="ros1")
        topics = list(source.get_type_and_topic_info().topics)
        for place in places(source, topics):
            topic, (kind, content, md5sum, _, message_class), received = read_message(source, place, raw=True)
            if topic not in channels:
                schema = writer.register_schema(kind, "ros1msg", message_class._full_text.encode())
                channels[topic] = writer.register_channel(topic, "ros1", schema, {"md5sum": md5sum})
            writer.add_message(channels[topic], received.to_nsec(), content, received.to_nsec())
        writer.finish()
    return output


def without_profile(mcap, output):
    """The same messages in a file that does not say what recorded them, as it need not."""
    with open(mcap, "rb") as source, open(output, "wb") as file:
        writer, channels = mcap_writer.Writer(file, chunk_size=4096), {}
        writer.start()
        for schema, channel, message in mcap_reader.make_reader(source).iter_messages():
            if channel.topic not in channels:
                own = writer.register_schema(schema.name, schema.encoding, schema.data)
                channels[channel.topic] = writer.register_channel(channel.topic, channel.message_encoding, own)
            writer.add_message(channels[channel.topic], message.log_time, message.data, message.publish_time)
        writer.finish()
    return output


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flight")
    found = {"bag": flight(folder / "flight.bag")}
    for kind in ("sqlite3", "mcap"):
        (folder / kind).mkdir()
        found[kind] = to_ros2(found["bag"], folder / kind / "flight", kind)
    (found["db3"],) = found["sqlite3"].glob("*.db3")
    (folder / "ros1").mkdir()
    found["ros1mcap"] = to_mcap_of_ros1(found["bag"], folder / "ros1" / "flight.mcap")
    (mcap,) = found["mcap"].glob("*.mcap")
    (folder / "plain").mkdir()
    found["plainmcap"] = without_profile(mcap, folder / "plain" / "flight.mcap")
    return found


def extracted(recording, output, *more):
    command = ["extract", str(recording), "--image-topic", TOPIC, "--parent", "map", "--child", FRAME]
    assert main([*command, "-o", str(output), *more]) == 0
    return output


@pytest.fixture(scope="module")
def of_the_bag(recordings, tmp_path_factory):
    return extracted(recordings["bag"], tmp_path_factory.mktemp("sets") / "bag")


def plain_manifest(dataset):
    text = (dataset / "dataset.yaml").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if "source:" not in line]


@pytest.mark.parametrize("kind", ("sqlite3", "mcap", "ros1mcap", "plainmcap"))
def test_the_same_flight_gives_the_same_data_set_to_the_byte(recordings, of_the_bag, tmp_path, kind):
    found = extracted(recordings[kind], tmp_path / "set")
    names = sorted(str(path.relative_to(of_the_bag)) for path in of_the_bag.rglob("*") if path.is_file())
    assert names == sorted(str(path.relative_to(found)) for path in found.rglob("*") if path.is_file())
    assert len(names) == 21  # 19 images
    # the manifest names the recording that it is of
    _, differ, errors = filecmp.cmpfiles(of_the_bag, found, [n for n in names if n != "dataset.yaml"], shallow=False)
    assert not differ and not errors
    assert plain_manifest(found) == plain_manifest(of_the_bag)


@pytest.mark.parametrize("kind", KINDS)
def test_info_of_every_container(recordings, capsys, kind):
    said = {}
    for each in ("bag", kind):
        assert main(["info", str(recordings[each])]) == 0
        out = capsys.readouterr().out.replace(str(recordings[each]), "RECORDING")
        said[each] = [line.split() for line in out.splitlines()[1:]]
    assert said[kind] == said["bag"]


@pytest.mark.parametrize("kind", KINDS)
def test_messages_one_by_one_and_by_the_time_of_recording(recordings, kind):
    topics = ["/tf", "/camera/camera_info", TOPIC]
    with open_bag(recordings["bag"]) as bag, open_bag(recordings[kind], stamps=RECEIPT) as other:
        expected = list(read_messages(bag, topics))
        found = {place: read_message(other, place) for place in places(other, topics)}
        assert len(found) == len(expected)
        backwards = [read_message(other, place) for place in reversed(found)][::-1]
    assert [(topic, received) for topic, _, received in backwards] == [(t, r) for t, _, r in found.values()]
    for topic, message, received in found.values():
        each = message.transforms[0] if topic == "/tf" else message
        assert each.header.stamp == received
    infos = [message for topic, message, _ in found.values() if topic == "/camera/camera_info"]
    np.testing.assert_array_equal(infos[0].K, next(m for t, m, _ in expected if t == "/camera/camera_info").K)


@pytest.mark.parametrize("kind", ("db3", "mcap", "ros1mcap", "plainmcap"))
def test_a_damaged_recording_is_one_line(recordings, tmp_path, capsys, kind):
    path = recordings[kind] if Path(recordings[kind]).is_file() else next(recordings[kind].glob("*.mcap"))
    cut = tmp_path / path.name
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert main(["info", str(cut)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"reloc info: {cut}: ") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("  version: ", "  x: ", "no version, or of another kind than expected"),
        ("  duration:\n    nanoseconds: ", "  duration:\n    x: ", "no duration.nanoseconds, or no whole number"),
        ("  files:", "  files: x\n  y:", "files is no list"),
        ("  message_count: 99\n  rel", "  message_count: []\n  rel", "no message_count, or of another kind"),
        ("rosbag2_bagfile_information:", "- x\ny:", "metadata.yaml: "),
        ("rosbag2_bagfile_information:", "x:", "no rosbag2_bagfile_information"),
    ],
)
def test_metadata_of_another_shape_are_one_line_that_says_what_helps(recordings, tmp_path, capsys, old, new, says):
    folder = shutil.copytree(recordings["sqlite3"], tmp_path / "flight")
    text = (folder / "metadata.yaml").read_text()
    assert old in text
    (folder / "metadata.yaml").write_text(text.replace(old, new))
    assert main(["info", str(folder)]) == 1
    error = capsys.readouterr().err
    assert says in error and error.endswith(f"`ros2 bag reindex {folder}` makes it again\n") and error.count("\n") == 1


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_a_recording_that_is_no_plain_file_is_not_waited_for(recordings, tmp_path, capsys, make):
    folder = shutil.copytree(recordings["sqlite3"], tmp_path / "flight", ignore=shutil.ignore_patterns("*.db3"))
    for path, given in ((folder / "flight.db3", folder), (tmp_path / "x.mcap", tmp_path / "x.mcap")):
        make(path)
        assert main(["info", str(given)]) == 1
        assert capsys.readouterr().err == f"reloc info: {given}: {path.name}: expected a plain file\n"


def test_replay_reads_any_recording_and_missing_ones_are_named(recordings, tmp_path, capsys):
    plans = [plan_replay(recordings[kind], TOPIC, "map", FRAME) for kind in ("bag", "ros1mcap", "mcap")]
    for plan in plans[1:]:
        np.testing.assert_array_equal(plan.truth.positions, plans[0].truth.positions)
        assert (plan.image_topic, plan.other_topics) == (plans[0].image_topic, plans[0].other_topics)
        assert plan.camera == plans[0].camera
    assert main(["info", str(tmp_path / "none.mcap")]) == 1
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ("bag", "sqlite3", "mcap", "ros1mcap", "plainmcap"))
def test_what_reads_ros_1_alone_gets_a_bag_with_the_same_messages(recordings, kind):
    with as_ros1_bag(recordings[kind]) as copy:
        with open_bag(copy) as bag, open_bag(recordings["bag"]) as original:
            for topic in topic_types(original):
                expected, found = ([m for _, m, _ in read_messages(b, [topic])] for b in (original, bag))
                assert len(found) == len(expected) > 0
                for message, same in zip(found, expected):
                    if hasattr(message, "header"):
                        message.header.seq = same.header.seq  # ROS 2 has none
                    for transform_ in getattr(message, "transforms", []):
                        transform_.header.seq = 0
                    assert message == same
        assert copy.is_file() and (copy == recordings["bag"]) == (kind == "bag")
    assert copy.is_file() == (kind == "bag")


def test_a_recording_whose_channels_stand_once_is_refused_with_what_helps(tmp_path):
    with open(tmp_path / "flight.mcap", "wb") as file:
        writer = mcap_writer.Writer(file, repeat_channels=False)
        writer.start(profile="ros1")
        schema = writer.register_schema("std_msgs/String", "ros1msg", b"string data")
        writer.add_message(writer.register_channel("/said", "ros1", schema), 1, b"\x00" * 4, 1)
        writer.finish()
    with pytest.raises(BagError, match="does not repeat the channels; `mcap recover`"):
        McapSource(tmp_path / "flight.mcap", "ros1")


@pytest.mark.parametrize(
    ("profile", "kind", "encoding", "language"),
    [
        ("ros2", "made_driver/msg/Gimbal", "cdr", "ros2msg"),
        ("", "made_driver/msg/Gimbal", "cdr", "ros2msg"),
        ("ros1", "made_driver/Gimbal", "ros1", "ros1msg"),
    ],
)
def test_two_definitions_of_a_type_are_refused(tmp_path, profile, kind, encoding, language):
    # flights from before and after an update, merged: rosbags takes the newer order of fields for all
    before, after = b"float32 pitch\nfloat32 roll\n", b"float32 roll\nfloat32 pitch\n"
    for name, second in (("alike", before + b"# a remark\n"), ("unlike", after)):
        with open(tmp_path / f"{name}.mcap", "wb") as file:
            writer = mcap_writer.Writer(file)
            writer.start(profile=profile)
            for number, definition in enumerate((before, second)):
                schema = writer.register_schema(kind, language, definition)
                channel = writer.register_channel("/gimbal", encoding, schema)
                writer.add_message(channel, number, b"\0\1\0\0" * (encoding == "cdr") + bytes(8), number)
            writer.finish()
    with open_bag(tmp_path / "alike.mcap") as bag:
        assert [message.pitch for _, message, _ in read_messages(bag, ["/gimbal"])] == [0.0, 0.0]
    with pytest.raises(BagError, match="definition"), open_bag(tmp_path / "unlike.mcap"):
        pass
