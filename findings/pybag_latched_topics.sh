#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pybag's filtered, merged and sorted bags no longer say that /tf_static is latched.
#
# Guess beforehand: a tool that takes messages out of a bag, or puts two together, keeps what the connections say of
# them, as ROS' own rosbag filter does since Melodic and rosbags-convert does. Of a static transform, sent once, the
# header's "latching" is what lets rosbag play hand it to whoever subscribes later.
# Seen (pybag-sdk 0.13.0; rosbags 0.11.9 for comparison): of a connection with latching and a callerid, what `pybag filter`,
# `merge` and `sort` write has neither. `pybag convert` to MCAP writes a channel without any QoS, so that ROS 2 does not
# take it for transient local; rosbags-convert keeps it as both. Nothing is said, and the messages are all there.
# So a node that starts a second after such a bag does not know where the camera is mounted.
# camera_relocalization_ros reads the static transforms of the whole bag before anything else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  pybag-sdk==0.13.0 rosbags==0.11.9 mcap==1.6.0 "numpy<2.5"
cat >"$folder/program.py" <<'PYTHON'
import subprocess

from mcap.reader import make_reader
from rosbags.rosbag1 import Reader, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

KIND = "tf2_msgs/msg/TFMessage"
SENT_NS = 1_700_000_000_000_000_000


def write(path, latching, callerid):
    store = get_typestore(Stores.ROS1_NOETIC)
    store.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", KIND))
    kinds = {name.replace("/msg/", "/"): kind for name, kind in store.types.items()}
    moved, turned = kinds["geometry_msgs/Vector3"](0.1, 0.0, -0.05), kinds["geometry_msgs/Quaternion"](0.0, 0.0, 0.6, 0.8)
    header = kinds["std_msgs/Header"](0, kinds["builtin_interfaces/Time"](SENT_NS // 10**9, 0), "drone")
    pose = kinds["geometry_msgs/Transform"](moved, turned)
    mount = kinds["tf2_msgs/TFMessage"]([kinds["geometry_msgs/TransformStamped"](header, "camera", pose)])
    with Writer(path) as bag:
        connection = bag.add_connection("/tf_static", KIND, typestore=store, latching=latching, callerid=callerid)
        bag.write(connection, SENT_NS, store.serialize_ros1(mount, KIND))


def connections(path):
    """Latching and callerid of each, and how many messages there are."""
    with Reader(path) as bag:
        found = {(each.ext.latching, each.ext.callerid) for each in bag.connections}, len(list(bag.messages()))
    print(path, found)
    return found


def offered(path):
    """What a channel of MCAP says of its durability."""
    with open(path, "rb") as file:
        (channel,) = make_reader(file).get_summary().channels.values()
    found = channel.metadata.get("offered_qos_profiles", "")
    print(path, channel.message_encoding, repr(found[:60]))
    return found


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


write("flight.bag", 1, "/mount")
write("other.bag", 1, "/mount")
run("pybag", "filter", "flight.bag", "-o", "filtered.bag", "--include-topic", "/tf_static")
run("pybag", "merge", "flight.bag", "other.bag", "-o", "merged.bag")
run("pybag", "sort", "flight.bag", "-o", "sorted.bag", "--log-time")
run("rosbags-convert", "--src", "flight.bag", "other.bag", "--dst", "by_rosbags.bag")
assert connections("flight.bag") == ({(1, "/mount")}, 1)
assert connections("by_rosbags.bag") == ({(1, "/mount")}, 2)
for name, count in (("filtered", 1), ("merged", 2), ("sorted", 1)):
    assert connections(f"{name}.bag") == ({(None, None)}, count)
run("pybag", "convert", "flight.bag", "-o", "converted.mcap")
run("rosbags-convert", "--src", "flight.bag", "--dst", "by_rosbags", "--dst-storage", "mcap")
assert offered("converted.mcap") == ""
assert "transient_local" in offered("by_rosbags/by_rosbags.mcap") or "durability: 1" in offered("by_rosbags/by_rosbags.mcap")
PYTHON
cd "$folder"
PATH="$folder/venv/bin:$PATH" python program.py
echo "still so: pybag forgets what is latched"
