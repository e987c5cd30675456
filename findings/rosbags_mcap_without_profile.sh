#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# rosbags reads no MCAP file of ROS 2 messages whose header names no profile, nor one of ROS 1 messages.
#
# Guess beforehand: what a message is follows from its channel (encoding "cdr", schema in "ros2msg"), so that a reader of
# ROS 2 recordings reads it whatever the header says; MCAP's specification lets the profile be empty, which is also what
# the mcap library writes if it is not asked for one. And a reader of .bag files and of MCAP reads ROS 1 messages in MCAP.
# Seen (rosbags 0.11.9, mcap 1.6.0): the same channel and messages are read with profile "ros2", and refused with an
# empty one, and so is profile "ros1": AnyReaderError "Profile is not ros2." So camera_relocalization_ros reads these two
# kinds by the mcap library, and asks rosbags only to turn CDR into ROS 1's bytes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rosbags==0.11.9 mcap==1.6.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import struct
from pathlib import Path

from mcap.writer import Writer
from rosbags.highlevel import AnyReader, AnyReaderError


def string(text):
    return struct.pack("<I", len(text)) + text


KINDS = {
    "cdr": ("std_msgs/msg/String", "ros2msg", b"\0\1\0\0" + string(b"hello\0")),
    "ros1": ("std_msgs/String", "ros1msg", string(b"hello")),
}


def read(profile, encoding):
    name, language, content = KINDS[encoding]
    with open("made.mcap", "wb") as file:
        writer = Writer(file)
        writer.start(**({} if profile is None else {"profile": profile}))
        schema = writer.register_schema(name, language, b"string data\n")
        channel = writer.register_channel("/chatter", encoding, schema)
        writer.add_message(channel, log_time=1, publish_time=1, data=content)
        writer.finish()
    try:
        with AnyReader([Path("made.mcap")]) as reader:
            return [reader.deserialize(raw, connection.msgtype).data for connection, _, raw in reader.messages()]
    except AnyReaderError as error:
        return str(error)


seen = {(profile, encoding): read(profile, encoding) for profile, encoding in
        (("ros2", "cdr"), (None, "cdr"), ("", "cdr"), ("ros1", "ros1"))}
print(seen)
assert seen == {
    ("ros2", "cdr"): ["hello"],
    (None, "cdr"): "Profile is not ros2.",
    ("", "cdr"): "Profile is not ros2.",
    ("ros1", "ros1"): "Profile is not ros2.",
}
PYTHON
echo "still so: the messages are the same, and the header's profile decides whether they are read"
