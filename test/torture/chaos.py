#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A live node while all around it goes wrong: cameras die and their time jumps, the master is killed, models change.

As a program: chaos.py SECONDS SEED, which prints a line for each fault, behind its kind, and at last the seconds and
the poses that were held against their images. Every image tells by its stamp what it shows, so each pose can be judged.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Callable

HERE = Path(__file__).resolve().parent
MUCH_KB = 2**20
# clocks are off by multiples of this, so that an arrival tells by how much
JUMP_S = 1000
# what node and listener may take on a machine that is busy with the chaos
STALE_S, SERVICE_S, OK_S = 5.0, 30.0, 90.0


class World:
    """A master, a node, a camera and a listener, each but the last of which a process that may be killed."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        from calibrated_bundle import write_calibrated_bundle

        self.rng, self.faults = rng, []
        self.bundles = [write_calibrated_bundle(folder / name) for name in ("first", "second")]
        self.damaged = shutil.copytree(self.bundles[0], folder / "damaged")
        (self.damaged / "network.onnx").write_bytes(b"no network")
        self.master = self._start_master()
        options = ("_lazy:=false", "_ok_position_m:=100.0", "_ok_orientation_deg:=180.0", "image:=/camera/image_raw")
        self.node = start("rosrun", "camera_relocalization_ros", "relocalizer", f"_bundle:={self.bundles[0]}", *options)
        self.camera = self._start_camera(0)

    def end(self) -> None:
        for process in (self.camera, self.node, self.master):
            kill(process)

    def restart_camera(self, offset_s: int) -> None:
        """Kill it at once, or let it hang for a while before; another one's clock is off by whole jumps."""
        if self.rng.random() < 0.3:
            os.killpg(self.camera.pid, signal.SIGSTOP)
            time.sleep(self.rng.uniform(0.5, 3.0))
            os.killpg(self.camera.pid, signal.SIGCONT)
        kill(self.camera)
        self.camera = self._start_camera(offset_s)

    def restart_master(self) -> None:
        kill(self.master)
        time.sleep(self.rng.uniform(0.0, 2.0))
        self.master = self._start_master()
        # the new master knows no old camera, and the listener's own news of it comes by the node
        self.restart_camera(0)

    def load(self) -> None:
        """Busy processes, more than there are cores."""
        for _ in range(3):
            subprocess.Popen(["timeout", "3", sys.executable, "-c", "while True: pass"])

    def call_service(self) -> None:
        """One of the node's services, with what it can do and what it cannot."""
        import rospy
        from camera_relocalization_ros.srv import LoadBundle, RelocalizeImage
        from std_srvs.srv import SetBool, Trigger

        calls: list[tuple[str, Any, tuple[Any, ...]]] = [
            ("reset", Trigger, ()),
            ("set_enabled", SetBool, (False,)),
            ("load_bundle", LoadBundle, (str(self.rng.choice(self.bundles)),)),
            ("load_bundle", LoadBundle, (str(self.damaged),)),
            ("relocalize_image", RelocalizeImage, (None, None)),
        ]
        name, kind, arguments = self.rng.choice(calls)
        started = time.monotonic()
        try:
            rospy.ServiceProxy(f"/relocalizer/{name}", kind)(*arguments)
            if name == "set_enabled":
                rospy.ServiceProxy(f"/relocalizer/{name}", kind)(True)
        except (rospy.ServiceException, OSError):
            pass  # the master does not know the node yet; the end of the chaos tells whether it ever does
        if time.monotonic() - started > SERVICE_S:
            self.faults.append(f"hangs over 5 s: ~{name} took {time.monotonic() - started:.0f} s")

    def _start_master(self) -> subprocess.Popen:
        return start("rosmaster", "--core", "-p", os.environ["ROS_MASTER_URI"].rpartition(":")[2])

    def _start_camera(self, offset_s: int) -> subprocess.Popen:
        return start(sys.executable, str(HERE / "chaos_camera.py"), str(offset_s))


class Listener:
    """Keeps what comes, and when."""

    def __init__(self) -> None:
        import rospy
        from camera_relocalization_ros.msg import RelocalizerStatus
        from geometry_msgs.msg import PoseStamped

        self.poses: list[tuple[float, Any]] = []
        self.newest: Any = None
        rospy.Subscriber("/relocalizer/pose", PoseStamped, lambda pose: self.poses.append((time.time(), pose)))
        rospy.Subscriber("/relocalizer/status", RelocalizerStatus, lambda status: setattr(self, "newest", status))

    def unjustified(self) -> list[str]:
        """A line for each pose that is not its image's, that came twice, or that came late."""
        import numpy as np
        from camera_script import seed_of
        from colour_bundle import QUAT_XYZW, known_position
        from helpers import fake_image_rgb

        from camera_relocalization_ros.ros.conversions import message_to_pose

        known = [known_position(fake_image_rgb(seed)) for seed in range(100)]
        faults, seen = [], set()
        for heard_s, message in self.poses:
            position, quat, stamp_ns = message_to_pose(message)
            age = heard_s - stamp_ns / 1e9
            age -= JUMP_S * round(age / JUMP_S)
            if not np.allclose(position, known[seed_of(stamp_ns)], atol=1e-4) or abs(quat @ QUAT_XYZW) < 1 - 1e-6:
                faults.append(f"poses not of their image: of stamp {stamp_ns}: {position}")
            if stamp_ns in seen or age > STALE_S:
                faults.append(f"poses published stale: of stamp {stamp_ns}, {age:.1f} s old")
            seen.add(stamp_ns)
        return faults


def main() -> int:
    seconds, seed = float(sys.argv[1]), int(sys.argv[2])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="chaos_") as folder:
        local = {"ROS_MASTER_URI": f"http://127.0.0.1:{port}", "ROS_IP": "127.0.0.1", "ROS_LOG_DIR": f"{folder}/log"}
        # what was started must see it too, and rospy reads it when it is loaded
        os.environ.update(local)
        world = World(Path(folder), random.Random(seed))
        try:
            faults, events, poses = chaos(world, seconds)
        finally:
            world.end()
    for fault in faults:
        print(fault)
    print(json.dumps({"seconds of chaos": round(seconds), "events": sum(events.values()), "poses": poses, **events}))
    return 1 if faults else 0


def chaos(world: World, seconds: float) -> tuple[list[str], Counter[str], int]:
    """Faults, events by name, and how many poses were judged."""
    import rospy

    rospy.init_node("chaos", anonymous=True, disable_signals=True)
    listener = Listener()
    events: Counter[str] = Counter()
    rng = world.rng
    if not wait_for_ok(listener, world):
        return [f"hangs over 5 s: no OK before the chaos: {listener.newest}"], events, 0
    until = time.monotonic() + seconds
    acts: dict[str, Callable[[], None]] = {
        "cameras killed": lambda: world.restart_camera(0),
        "clocks off": lambda: world.restart_camera(JUMP_S * rng.choice((-3, -1, 2))),
        "services": world.call_service,
        "load": world.load,
        "masters killed": world.restart_master,
    }
    weights = (3, 3, 5, 2, 1)
    while time.monotonic() < until:
        ((name, act),) = rng.choices(list(acts.items()), weights)
        act()
        events[name] += 1
        time.sleep(rng.uniform(0.5, 8.0))
        if world.node.poll() is not None:
            return [*world.faults, f"process crashes: the node ended with {world.node.returncode}"], events, 0
    world.restart_camera(0)
    if not wait_for_ok(listener, world):
        world.faults.append(f"hangs over 5 s: no OK {OK_S:.0f} s after the chaos: {listener.newest}")
    memory_kb = peak_kb(world.node.pid)
    if memory_kb > MUCH_KB:
        world.faults.append(f"memory over 1 GB: the node took {memory_kb} kB")
    return world.faults + listener.unjustified(), events, len(listener.poses)


def wait_for_ok(listener: Listener, world: World) -> bool:
    """Whether the node's newest image is OK, in time."""
    deadline = time.monotonic() + OK_S
    since = time.time()
    while time.monotonic() < deadline and world.node.poll() is None:
        newest = listener.newest
        if newest is not None and newest.state == newest.OK and newest.header.stamp.to_sec() > since:
            return True
        time.sleep(0.1)
    return False


def peak_kb(group: int) -> int:
    """The largest memory of a process of a group, rosrun's being one."""
    peaks = [0]
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if os.getpgid(int(status.parent.name)) == group:
                lines = status.read_text().splitlines()
                peaks += [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
        except OSError:
            continue  # it ended meanwhile
    return max(peaks)


def start(*command: str) -> subprocess.Popen:
    """A process in a group of its own; what it says is not ours."""
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


if __name__ == "__main__":
    sys.exit(main())
