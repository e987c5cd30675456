#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What is left of OK on a busy computer, live: the demo's flight through the node while other processes are busy.

    python benchmarks/load.py --live --work out/load_live [--before OTHER_CHECKOUT] [--repeat 3]

A row for each number of busy processes beside (0, 1, 2 and 4), and one for the node on one core alone. Each busy
process is in a session of its own, as the programs of others are: the kernel shares the processor among sessions first,
so the node's niceness protects nothing. Master, node and this program (camera and ear) are in sessions of their own
too. --before: the node of another checkout, set up by `make setup`, in turns with this one's.

Printed of each row: OK poses in per cent of the images sent, what the other images were, the worst OK error, how many
OK poses are more than 10 cm or 5 degrees off, and the delay from the stamp, which an image gets as it is sent, to its
pose. It says how busy the computer was before: with other work on it the rows mean nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

import genpy.dynamic
import numpy as np
import rosgraph
import rospy
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, CompressedImage

from camera_relocalization_ros.core.pose import Pose, pose_residual
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.pipelines.demo import CAMERA_FRAME, IMAGE_TOPIC, OBJECT_FRAME, PLACEMENT
from camera_relocalization_ros.ros.bags.reader import open_bag
from camera_relocalization_ros.ros.bags.simulation_bag import write_simulated_bag
from camera_relocalization_ros.ros.conversions import camera_to_info, message_to_pose, stamp_from_ns
from camera_relocalization_ros.ros.replay.plan import plan_replay
from camera_relocalization_ros.ros.replay.ros_session import RosSession
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording

ROOT = Path(__file__).resolve().parents[1]
TOPIC, INFO_TOPIC, NODE = "/camera/image_raw/compressed", "/camera/camera_info", "/relocalizer"
BUSY = (0, 1, 2, 4)
START_TIMEOUT_S, SETTLE_S = 60.0, 2.0
FAR_M, FAR_DEG = 0.10, 5.0
# what a shell needs to set up another checkout, and nothing of this one
KEPT = ("HOME", "LANG", "ROS_MASTER_URI", "ROS_IP", "ROS_HOME", "ROS_LOG_DIR", "TMPDIR", "PYTHONUNBUFFERED")


@dataclass(frozen=True)
class Run:
    """One flight: the checkout whose node flies, how many processes are busy beside, whether the node has one core."""

    checkout: str
    bundle: str
    bag: str
    busy: int = 0
    one_core: bool = False

    @property
    def name(self) -> str:
        """As a row is called."""
        return "node on one core" if self.one_core else f"{self.busy} busy beside"


@dataclass
class Outcome:
    """Of one flight: states of the images sent, errors (m, deg) of the OK poses, delays in seconds, load before.

    reasons: why images were not OK, without the numbers, and how many of each.
    """

    sent: int
    states: dict[str, int]
    ok_errors: list[tuple[float, float]] = field(default_factory=list)
    delays_s: list[float] = field(default_factory=list)
    load_before: float = 0.0
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """OK images of all."""
        return self.states.get("OK", 0) / max(self.sent, 1)


class Ear:
    """Hears poses and states of whatever build the node is of: its own definition of ~status comes with it."""

    def __init__(self) -> None:
        self.poses: dict[int, tuple[Pose, float]] = {}
        self.states: dict[int, str] = {}
        self.reasons: dict[int, str] = {}
        self._kind: Any = None
        self._subscribers = [
            rospy.Subscriber(f"{NODE}/pose", PoseStamped, self._on_pose, queue_size=100, tcp_nodelay=True),
            rospy.Subscriber(f"{NODE}/status", rospy.AnyMsg, self._on_status, queue_size=100),
        ]

    def _on_pose(self, message: PoseStamped) -> None:
        position, quat_xyzw, stamp_ns = message_to_pose(message)
        self.poses[stamp_ns] = Pose(position, quat_xyzw), time.time() - stamp_ns * 1e-9

    def _on_status(self, message: rospy.AnyMsg) -> None:
        if self._kind is None:
            header = message._connection_header
            self._kind = genpy.dynamic.generate_dynamic(header["type"], header["message_definition"])[header["type"]]
        status = self._kind().deserialize(message._buff)
        # those between the images have another stamp, or none
        self.states[status.header.stamp.to_nsec()] = State(status.state).name
        self.reasons[status.header.stamp.to_nsec()] = status.reason


def fly(run: Run) -> Outcome:
    """Send the bag's images in real time to a node of the run's checkout, and hear what it says."""
    plan = plan_replay(Path(run.bag), IMAGE_TOPIC, OBJECT_FRAME, CAMERA_FRAME)
    truth = dict(zip(plan.truth.stamps_ns.tolist(), zip(plan.truth.positions, plan.truth.quats_xyzw)))
    with open_bag(Path(run.bag)) as bag:
        images = [message for _, message, _ in bag.read_messages([plan.image_topic])]
    load_before = os.getloadavg()[0]
    with RosSession() as session:
        session.start("relocalizer", node_command(run))
        rospy.init_node("benchmark", disable_signals=True)
        ear = Ear()
        publisher = rospy.Publisher(TOPIC, CompressedImage, queue_size=1, tcp_nodelay=True)
        info = rospy.Publisher(INFO_TOPIC, CameraInfo, queue_size=1, latch=True)
        if plan.camera is not None:
            info.publish(camera_to_info(plan.camera, 1, CAMERA_FRAME))
        session.wait_until(
            lambda: _is_up() and 0 < publisher.get_num_connections() > 0, START_TIMEOUT_S, "the node is ready"
        )
        with busy_processes(run.busy):
            time.sleep(SETTLE_S)
            sent = send(publisher, images)
            time.sleep(SETTLE_S)
        rospy.signal_shutdown("done")
    return outcome(ear, {now_ns: truth.get(bag_ns) for now_ns, bag_ns in sent.items()}, load_before)


def node_command(run: Run) -> list[str]:
    """The node of the run's checkout, in an environment that knows no other."""
    own = [f"{name}={os.environ[name]}" for name in KEPT if name in os.environ]
    settings = [f"_bundle:={run.bundle}", "_transport:=compressed", "_tf_mode:=none", "_lazy:=false"]
    node = ["rosrun", "camera_relocalization_ros", "relocalizer", f"image:={TOPIC}", *settings]
    node = ["taskset", "--cpu-list", "0", *node] if run.one_core else node
    script = '. "$0/env.sh" && exec "$@"'
    return ["env", "-i", f"PATH={os.defpath}:/usr/local/bin", *own, "bash", "-c", script, run.checkout, *node]


def send(publisher: rospy.Publisher, images: list[Any]) -> dict[int, int]:
    """Publish images at the pace of their stamps, each with that of now; stamps sent and what they were."""
    sent: dict[int, int] = {}
    first_ns, start_s = images[0].header.stamp.to_nsec(), time.monotonic()
    for image in images:
        bag_ns = image.header.stamp.to_nsec()
        time.sleep(max(start_s + (bag_ns - first_ns) * 1e-9 - time.monotonic(), 0.0))
        message = CompressedImage(format=image.format, data=image.data)
        now_ns = time.time_ns()
        message.header.stamp, message.header.frame_id = stamp_from_ns(now_ns), image.header.frame_id
        publisher.publish(message)
        sent[now_ns] = bag_ns
    return sent


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """So many processes that do nothing, as fast as they can, each in a session of its own."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def outcome(ear: Ear, truth: dict[int, Any], load_before: float) -> Outcome:
    """What was heard of the images sent, by their stamps, beside the true poses."""
    states = Counter(ear.states.get(stamp_ns, "none") for stamp_ns in truth)
    # of many reasons the numbers alone differ
    reasons = Counter(re.sub(r"[\d.]+", "N", ear.reasons[one]) for one in truth if ear.reasons.get(one))
    found = Outcome(len(truth), dict(states), load_before=load_before, reasons=dict(reasons))
    for stamp_ns, true_pose in truth.items():
        if stamp_ns not in ear.poses:
            continue
        pose, delay_s = ear.poses[stamp_ns]
        found.delays_s.append(delay_s)
        if ear.states.get(stamp_ns) == "OK" and true_pose is not None:
            residual = pose_residual(pose, Pose(*true_pose))
            error = float(np.linalg.norm(residual[:3])), float(np.degrees(np.linalg.norm(residual[3:])))
            found.ok_errors.append(error)
    return found


def row(run: Run, outcomes: list[Outcome]) -> str:
    """A line of the table, of the same run repeated."""
    shares = [100 * one.share for one in outcomes]
    errors = np.array([error for one in outcomes for error in one.ok_errors]).reshape(-1, 2)
    delays_ms = 1e3 * np.array([delay for one in outcomes for delay in one.delays_s])
    states: Counter[str] = Counter()
    for one in outcomes:
        states.update(one.states)
    spread = f" ({min(shares):.0f}-{max(shares):.0f})" if len(shares) > 1 else ""
    worst = f"{100 * errors[:, 0].max():.1f} cm, {errors[:, 1].max():.1f} deg" if len(errors) else "-"
    far = int(np.sum((errors[:, 0] > FAR_M) | (errors[:, 1] > FAR_DEG)))
    delay = "{:.0f}, {:.0f} ms".format(*np.percentile(delays_ms, [50, 95])) if len(delays_ms) else "-"
    others = ", ".join(f"{count} {name}" for name, count in sorted(states.items()) if name != "OK") or "none"
    cells = [run.name, f"{np.mean(shares):.1f} %{spread}", others, worst, f"{far} of {len(errors)}", delay]
    return "| " + " | ".join([*cells, f"{max(one.load_before for one in outcomes):.1f}"]) + " |"


def report(title: str, results: dict[Run, list[Outcome]]) -> None:
    """Print the table of one build, and what is left of the idle computer's share."""
    print(f"\n{title}\n")
    print("| | OK | other images | worst OK | OK too far off | delay p50, p95 | load before |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for run, outcomes in results.items():
        print(row(run, outcomes))
    for run, outcomes in results.items():
        reasons = sum((Counter(one.reasons) for one in outcomes), Counter())
        print(f"\n{run.name}, not OK: " + "; ".join(f"{count} {reason}" for reason, count in reasons.most_common(4)))
    shares = {run: float(np.mean([one.share for one in outcomes])) for run, outcomes in results.items()}
    idle = next((share for run, share in shares.items() if run.busy == 0 and not run.one_core), 0.0)
    if idle:
        rest = [f"{run.name}: {share / idle:.2f}" for run, share in shares.items() if run.busy or run.one_core]
        print(f"\nof the idle computer's share of OK: {', '.join(rest)}", flush=True)


def flown_apart(run: Run) -> Outcome:
    """`fly` in a process of its own, because a process is a ROS node once."""
    command = [sys.executable, __file__, "--one", json.dumps(vars(run))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, start_new_session=True)
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


def flight_bag(work: Path, seconds: float, rate_hz: float) -> Path:
    """The demo's flight; simulated where it is not there yet."""
    bag = work / f"flight_{seconds:g}s_{rate_hz:g}hz.bag"
    if not bag.is_file():
        work.mkdir(parents=True, exist_ok=True)
        write_simulated_bag(Recording(FlightPlan(PLACEMENT, seconds, rate_hz, 1000)), bag, compressed=True)
    return bag


def parser() -> argparse.ArgumentParser:
    """What may be asked for."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--work", type=Path, default=Path("out/load_live"), help="where the flight is kept")
    found.add_argument("--before", type=Path, help="another checkout, whose node flies the same")
    found.add_argument("--bundle", type=Path, default=ROOT / "models" / "airframe", help="the model of both")
    found.add_argument("--seconds", type=float, default=40.0, help="of flight (default: 40, the demo's)")
    found.add_argument("--rate", type=float, default=10.0, help="images a second (default: 10, the demo's)")
    found.add_argument("--busy", type=int, nargs="+", default=list(BUSY), help="busy processes beside, a row each")
    found.add_argument("--repeat", type=int, default=1, help="flights of each row (default: 1)")
    found.add_argument("--no-one-core", action="store_true", help="leave out the row of one core")
    found.add_argument("--one", help=argparse.SUPPRESS)
    return found


def main(argv: list[str] | None = None) -> None:
    """Fly all rows, build by build in turns, and print them."""
    arguments = parser().parse_args(argv)
    if arguments.one:
        print(json.dumps(vars(fly(Run(**json.loads(arguments.one))))))
        return
    bag = str(flight_bag(arguments.work, arguments.seconds, arguments.rate).resolve())
    conditions = [(busy, False) for busy in arguments.busy] + ([] if arguments.no_one_core else [(0, True)])
    builds = {"this build": ROOT, **({"before": arguments.before.resolve()} if arguments.before else {})}
    results: dict[str, dict[Run, list[Outcome]]] = {title: {} for title in builds}
    for _ in range(arguments.repeat):
        for busy, one_core in conditions:
            for title, checkout in builds.items():
                run = Run(str(checkout), str(arguments.bundle.resolve()), bag, busy, one_core)
                results[title].setdefault(run, []).append(flown_apart(run))
                print(f"{title}, {run.name}: OK {100 * results[title][run][-1].share:.1f} %", file=sys.stderr)
    for title, by_run in results.items():
        report(f"{title} ({builds[title]}), {arguments.seconds:g} s at {arguments.rate:g} images a second", by_run)


def _is_up() -> bool:
    try:
        return bool(rosgraph.Master("/benchmark").lookupService(f"{NODE}/reset"))
    except rosgraph.MasterException:
        return False


if __name__ == "__main__":
    main()
