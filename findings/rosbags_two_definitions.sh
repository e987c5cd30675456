#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# rosbags decodes all messages of a type by the last definition that it finds, also those that were recorded with another.
#
# Guess beforehand: each message is decoded by the definition that its own connection carries, which a bag keeps for just
# this, when a recording from before a driver's update is read together with one from after it, or is in the same file.
# If one definition is for all, the check of digests, which ends with "hash mismatch", ends this.
# Seen (rosbags 0.11.9): AnyReader keeps one definition and one digest for each name of a type, of the last connection, and
# compares these two. Of a gimbal whose driver changed the order of pitch and roll, -90 and 1 degrees, the older bag alone
# is right, and beside the newer bag it says 1 and -90; the order of the paths decides which of the two is wrong, and in
# one bag that holds both that of the connections; pybag-sdk 0.13.0 reads that one right. rosbags-convert, which "merges"
# bags, writes the older messages with the newer definition: they are wrong for every reader then. Nothing is raised or
# said as long as the sizes are the same.
# Consequence for whoever has flights from before and after an update: open and convert each by itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  rosbags==0.11.9 pybag-sdk==0.13.0 "numpy<2.5"
cat >"$folder/program.py" <<'PYTHON'
import subprocess
from pathlib import Path

import pybag
from rosbags.highlevel import AnyReader
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

KIND = "made_driver/msg/Gimbal"
FIELDS = {"before": ("pitch", "roll", "yaw"), "after": ("roll", "pitch", "yaw")}
ANGLES = {"pitch": -90.0, "roll": 1.0, "yaw": 30.0}
RIGHT, SWAPPED = (-90.0, 1.0, 30.0), (1.0, -90.0, 30.0)


def write(path, *kinds):
    """A bag with one message of each kind, on a topic of its name, whose connection carries its definition."""
    with Writer(path) as bag:
        for number, kind in enumerate(kinds):
            store = get_typestore(Stores.ROS1_NOETIC)
            store.register(get_types_from_msg("".join(f"float32 {name}\n" for name in FIELDS[kind]), KIND))
            connection = bag.add_connection(f"/{kind}", KIND, typestore=store)
            bag.write(connection, number, store.serialize_ros1(store.types[KIND](**ANGLES), KIND))


def read(*paths):
    """Pitch, roll and yaw by topic."""
    with AnyReader([Path(path) for path in paths]) as reader:
        assert len({connection.digest for connection in reader.connections}) == len(reader.connections)
        found = {}
        for connection, _, content in reader.messages():
            message = reader.deserialize(content, connection.msgtype)
            found[connection.topic[1:]] = (message.pitch, message.roll, message.yaw)
    print(*paths, found)
    return found


def by_another(path):
    """The same of one bag, as pybag reads it."""
    with pybag.Reader.from_file(path) as reader:
        messages = [each for kind in FIELDS for each in reader.messages(f"/{kind}")]
    found = {each.topic[1:]: (each.data.pitch, each.data.roll, each.data.yaw) for each in messages}
    print(path, "by pybag", found)
    return found


write("before.bag", "before")
write("after.bag", "after")
write("both.bag", "before", "after")
assert read("before.bag") == {"before": RIGHT}
assert read("after.bag") == {"after": RIGHT}
assert read("before.bag", "after.bag") == {"before": SWAPPED, "after": RIGHT}
assert read("after.bag", "before.bag") == {"before": RIGHT, "after": SWAPPED}
assert read("both.bag") == {"before": SWAPPED, "after": RIGHT}
assert by_another("both.bag") == {"before": RIGHT, "after": RIGHT}
subprocess.run(["rosbags-convert", "--src", "before.bag", "after.bag", "--dst", "merged.bag"], check=True)
assert by_another("merged.bag") == {"before": SWAPPED, "after": RIGHT}
PYTHON
cd "$folder"
PATH="$folder/venv/bin:$PATH" python program.py
echo "still so: one definition decodes all messages of a type"
