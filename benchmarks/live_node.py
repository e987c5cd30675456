#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The live node on a camera that publishes raw 1280x720 images: delay, drops, memory, beside the bare network.

    python benchmarks/live_node.py models/airframe [BUNDLE...] --seconds 60
    python benchmarks/live_node.py models/airframe --seconds 1200 --bag out/demo/flight.bag

The images are noise, or the first ones of a bag, forwards and backwards in turns, with its camera_info: landmarks of a
bundle with a map are found in those alone. A real master, the node and the camera in processes of their own. Delay is
from the stamp that the camera gives an image just before it is published to the arrival of its pose here. The bare
network is the bundle in ONNX Runtime alone, on an input of its size, with nothing else running; it is timed before and
after, because others may use the computer too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from xmlrpc.client import ServerProxy

import numpy as np
import rosgraph
import rospy
from camera_relocalization_ros.msg import RelocalizerStatus
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, Image

from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.onnx_session import feature_count, open_session
from camera_relocalization_ros.ros.bags.reader import TRANSPORTS, open_bag, read_images, topic_types
from camera_relocalization_ros.ros.bags.recorded_cameras import read_camera
from camera_relocalization_ros.ros.conversions import camera_to_info, message_to_rgb, rgb_to_image
from camera_relocalization_ros.ros.params import NodeParams
from camera_relocalization_ros.ros.replay.ros_session import RosSession

TOPIC, INFO_TOPIC, NODE, CAMERA = "/camera/image_raw", "/camera/camera_info", "/relocalizer", "camera"
WIDTH, HEIGHT, IMAGES_OF_NOISE, IMAGES_OF_BAG = 1280, 720, 4, 100
START_TIMEOUT_S, SETTLE_S, MEMORY_PERIOD_S, WARM_UP_S = 60.0, 2.0, 5.0, 60.0
BARE_RUNS = 200


@dataclass
class Flight:
    """What was heard: delays by arrival time in seconds, inference times, how many answers had which state and stage,
    memory of the node by time, and seconds from its start until its services were there."""

    delays: list[tuple[float, float]] = field(default_factory=list)
    inference_s: list[float] = field(default_factory=list)
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    start_s: float = 0.0
    memory: list[tuple[float, float]] = field(default_factory=list)
    seen: int = 0
    dropped: int = 0


def noise() -> list[Image]:
    """Images that show nothing."""
    rng = np.random.default_rng(0)
    return [rgb_to_image(rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8), 1, CAMERA) for _ in range(IMAGES_OF_NOISE)]


def recorded(bag_path: Path) -> tuple[list[Image], CameraInfo | None]:
    """The first images of a bag, there and back, so that the last one is beside the first, and their camera."""
    with open_bag(bag_path) as bag:
        topic = next(name for name, kind in topic_types(bag).items() if kind in TRANSPORTS)
        messages = (message for _, message in islice(read_images(bag, topic), IMAGES_OF_BAG))
        images = [rgb_to_image(message_to_rgb(message), 1, CAMERA) for message in messages]
        intrinsics = read_camera(bag, topic)
    return images + images[-2:0:-1], None if intrinsics is None else camera_to_info(intrinsics, 1, CAMERA)


def camera(rate: float, seconds: float, bag: Path | None) -> None:
    """Publish images, each with the stamp of now."""
    rospy.init_node(CAMERA, disable_signals=True)
    publisher = rospy.Publisher(TOPIC, Image, queue_size=1, tcp_nodelay=True)
    images, info = (noise(), None) if bag is None else recorded(bag)
    if info is not None:
        rospy.Publisher(INFO_TOPIC, CameraInfo, queue_size=1, latch=True).publish(info)
    while not publisher.get_num_connections():
        time.sleep(0.05)
    time.sleep(SETTLE_S)
    count = round(rate * seconds)
    start = time.monotonic()
    for number in range(count):
        time.sleep(max(start + number / rate - time.monotonic(), 0.0))
        image = images[number % len(images)]
        image.header.stamp = rospy.Time.now()
        publisher.publish(image)
    time.sleep(SETTLE_S)


def fly(bundle: Path, rate: float, seconds: float, bag: Path | None, refinement_rate: float) -> Flight:
    """The node with a bundle under a camera for so long."""
    flight, lock = Flight(), threading.Lock()

    def on_pose(message: PoseStamped) -> None:
        now = time.time()
        with lock:
            flight.delays.append((now, now - message.header.stamp.to_sec()))

    def on_status(message: RelocalizerStatus) -> None:
        if message.window_length:
            flight.inference_s.append(message.inference_time)
            flight.states[State(message.state).name, Stage(message.stage).name] += 1
        flight.seen, flight.dropped = message.frames_seen, message.frames_dropped

    with RosSession() as session:
        node = ["rosrun", "camera_relocalization_ros", "relocalizer", f"image:={TOPIC}"]
        # noise is no airframe: every answer counts here, whatever its score
        settings = ["_lost_below:=0.0", "_degraded_below:=0.0", f"_refinement_rate:={refinement_rate}"]
        spawned = time.monotonic()
        session.start("relocalizer", [*node, f"_bundle:={bundle.resolve()}", *settings])
        rospy.init_node("benchmark", disable_signals=True)
        rospy.Subscriber(f"{NODE}/pose", PoseStamped, on_pose, queue_size=100, tcp_nodelay=True)
        rospy.Subscriber(f"{NODE}/status", RelocalizerStatus, on_status, queue_size=100)
        master = rosgraph.Master("/benchmark")
        session.wait_until(lambda: _is_up(master), START_TIMEOUT_S, "the node is ready")
        flight.start_s = time.monotonic() - spawned
        _, _, pid = ServerProxy(master.lookupNode(NODE)).getPid("/benchmark")
        images = [] if bag is None else ["--bag", bag]
        publisher = subprocess.Popen(
            [sys.executable, __file__, "--camera", "--rate", str(rate), "--seconds", str(seconds), *images]
        )
        started = time.monotonic()
        while publisher.poll() is None:
            flight.memory.append((time.monotonic() - started, own_memory_mb(pid)))
            time.sleep(min(MEMORY_PERIOD_S, seconds / 10))
        rospy.signal_shutdown("done")
    return flight


def own_memory_mb(pid: int) -> float:
    """Memory of a process that no other shares; shares of common pages would change as others come and go."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in rollup if line.startswith(("Private_Clean:", "Private_Dirty:"))) / 1024


def bare_ms(bundle_path: Path) -> np.ndarray:
    """Times (N,) in ms of the bundle's network alone, in a stream of images with full windows."""
    bundle = load_bundle(bundle_path)
    session = open_session(bundle, ["CPUExecutionProvider"], 0)
    size, rng = bundle.sidecar.preprocessing, np.random.default_rng(0)
    feeds = {"image": rng.integers(0, 255, (1, size.height, size.width, 3), np.uint8)}
    if bundle.sidecar.window_length > 1:
        shape = (1, bundle.sidecar.window_length - 1, feature_count(session))
        feeds["previous"] = rng.normal(size=shape).astype(np.float32)
    times = []
    for _ in range(BARE_RUNS):
        started = time.perf_counter()
        session.run(None, feeds)
        times.append(1e3 * (time.perf_counter() - started))
    return np.array(times)


def report(name: str, flight: Flight, bare: np.ndarray, rate: float, seconds: float) -> None:
    """Print what was measured."""
    count = round(rate * seconds)
    arrival_s, delay_s = np.array(flight.delays).T
    delay_ms, inference_ms = 1e3 * delay_s, 1e3 * np.array(flight.inference_s)
    p50, p95 = np.percentile(delay_ms, [50, 95])
    bare50, bare95 = np.percentile(bare, [50, 95])
    answered = len(delay_ms)
    missing = count - answered
    slope = np.polyfit(arrival_s - arrival_s[0], delay_ms, 1)[0]
    memory = np.array(flight.memory)
    late = memory[memory[:, 0] >= min(WARM_UP_S, seconds / 2)]
    lines = [
        f"{name}: {rate:g} images/s for {seconds:g} s; from start to ready {flight.start_s:.1f} s",
        f"  bare network         p50 {bare50:6.1f} ms   p95 {bare95:6.1f} ms",
        "  network in the node  p50 {:6.1f} ms   p95 {:6.1f} ms".format(*np.nanpercentile(inference_ms, [50, 95])),
        f"  publish to pose      p50 {p50:6.1f} ms   p95 {p95:6.1f} ms: "
        f"bare p50 + {p50 - bare50:.1f}, + {p95 - bare50:.1f}",
        f"  not answered: {missing} of {count} ({100 * missing / count:.2f} %); "
        f"{count - flight.seen} never arrived, {flight.dropped} gave way to a newer one",
        "  answers: " + ", ".join(f"{n} {state} by {stage}" for (state, stage), n in flight.states.most_common()),
        f"  delay changes by {60 * slope:+.3f} ms a minute; memory {memory[-1, 1]:.0f} MB, "
        f"{late[-1, 1] - late[0, 1]:+.1f} MB since {late[0, 0]:.0f} s",
        "  memory by time: " + ", ".join(f"{t:.0f} s {mb:.0f} MB" for t, mb in memory[:: -(-len(memory) // 12)]),
    ]
    print("\n".join(lines), flush=True)


def _is_up(master: rosgraph.Master) -> bool:
    try:
        return bool(master.lookupNode(NODE)) and bool(master.lookupService(f"{NODE}/reset"))
    except rosgraph.MasterException:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="*", type=Path, default=[Path("models/airframe")])
    parser.add_argument("--rate", type=float, default=30.0, help="images a second (default: 30)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of images (default: 60)")
    parser.add_argument("--bag", type=Path, help="of images in place of noise")
    parser.add_argument("--refinement-rate", type=float, default=NodeParams.refinement_rate, help="as the node's")
    parser.add_argument("--camera", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.camera:
        camera(arguments.rate, arguments.seconds, arguments.bag)
        return
    if len(arguments.bundles) > 1:
        # a process is a ROS node once
        for bundle in arguments.bundles:
            options = ["--rate", str(arguments.rate), "--seconds", str(arguments.seconds)]
            options += ["--refinement-rate", str(arguments.refinement_rate)]
            options += ["--bag", str(arguments.bag)] if arguments.bag else []
            subprocess.run([sys.executable, __file__, str(bundle), *options], check=True)
        return
    bundle = arguments.bundles[0]
    before = bare_ms(bundle)
    flight = fly(bundle, arguments.rate, arguments.seconds, arguments.bag, arguments.refinement_rate)
    report(str(bundle), flight, np.concatenate([before, bare_ms(bundle)]), arguments.rate, arguments.seconds)


if __name__ == "__main__":
    main()
