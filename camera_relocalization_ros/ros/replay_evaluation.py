# SPDX-License-Identifier: BSD-3-Clause
"""A bag through a real master, rosbag play and the live node: what it published, against the bag's TF."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import numpy as np
import rosgraph
import rospy
from std_srvs.srv import SetBool
from tqdm import tqdm

from camera_relocalization_ros.core.errors import ReplayError, SyncError
from camera_relocalization_ros.core.evaluation import PoseErrors, match_stamps, pose_errors
from camera_relocalization_ros.core.model_bundle import load_bundle
from camera_relocalization_ros.core.pose_stream import StreamLimits
from camera_relocalization_ros.core.results import Result
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.ros.bag_reader import image_topic, open_bag, read_image_stamps, topic_types
from camera_relocalization_ros.ros.bag_tf import BagTransforms
from camera_relocalization_ros.ros.conversions import COMPRESSED_SUFFIX
from camera_relocalization_ros.ros.live_result import live_result
from camera_relocalization_ros.ros.replay_recorder import ReplayRecorder
from camera_relocalization_ros.ros.ros_session import START_TIMEOUT_S, RosSession

PACKAGE, LAUNCH_FILE, NODE, PLAYER = "camera_relocalization_ros", "relocalize.launch", "/relocalizer", "/player"
CLOCK_HZ = 200
# stretches of a bag without any message are not sat through
SKIP_EMPTY_S = 5
# after the bag's end, the node is given this long to finish
QUIET_S = 5.0
# answers that the running errors are about
RUNNING = 50

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReplayPlan:
    """What to play: a bag's images, and the true poses (T,) at those of their stamps (N,) that have one."""

    bag: Path
    image_topic: str
    transport: str
    stamps_ns: np.ndarray
    truth: Trajectory
    other_topics: tuple[str, ...]
    duration_s: float
    end_s: float


@dataclass(frozen=True)
class ReplayResult:
    """What came back. estimate and truth (F,) have the same stamps: images that were answered and have a true pose.

    images, answered, dropped, rejected: counts of all images, with a true pose or not; latency_s and inference_s
    (A,): of each answer, from the image's arrival at the node to its pose, and of the network alone. `frames` tells the
    same and more of each image, answered or not; `topic` is the bag's with the images.
    """

    estimate: Trajectory
    truth: Trajectory
    errors: PoseErrors
    images: int
    answered: int
    dropped: int
    rejected: int
    latency_s: np.ndarray
    inference_s: np.ndarray
    frames: Result
    topic: str

    @property
    def answered_share(self) -> float:
        """Answered images of all images in the bag, 0 to 1."""
        return self.answered / self.images

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        counts = {name: getattr(self, name) for name in ("images", "answered", "dropped", "rejected")}
        times = {"latency_s": self.latency_s, "inference_s": self.inference_s}
        percentiles = {
            name: {f"p{p}": float(np.percentile(values, p)) for p in (50, 95)} for name, values in times.items()
        }
        return {**self.errors.summary(), **counts, "answered_share": self.answered_share, **percentiles}


def replay(
    bundle: Path,
    bag: Path,
    topic: str,
    parent: str,
    child: str,
    rate: float = 1.0,
    max_gap_s: float = StreamLimits.max_gap_s,
) -> ReplayResult:
    """Play `bag` at `rate` times real time into a node with `bundle`; poses of `child` in `parent` are the truth.

    One replay per process, in its main thread. Raises BundleError, BagError or ReplayError; leaves no process behind.
    """
    if not rate > 0:
        raise ReplayError(f"rate {rate}; expected a number above 0")
    if rospy.core.is_initialized():
        raise ReplayError("this process is a ROS node already; a replay needs one of its own")
    loaded = load_bundle(bundle)
    sidecar = loaded.sidecar
    plan = plan_replay(bag, topic, parent, child, max_gap_s)
    if (sidecar.parent_frame, sidecar.child_frame) != (parent.lstrip("/"), child.lstrip("/")):
        logger.warning(
            "%s answers with %r in %r, the truth is %r in %r; taken as the same frames",
            *(bundle, sidecar.child_frame, sidecar.parent_frame, child, parent),
        )
    recorder = ReplayRecorder()
    with RosSession() as session:
        rosgraph.Master("/reloc").setParam("/use_sim_time", True)
        session.start(NODE[1:], _launch_command(bundle, plan))
        rospy.init_node("replay", disable_signals=True)
        try:
            recorder.subscribe(NODE, sidecar.calibration is not None)
            session.wait_until(recorder.is_connected, START_TIMEOUT_S, "the node is ready")
            _play(session, recorder, plan, rate)
        finally:
            rospy.signal_shutdown("the replay is over")
    frames = live_result(loaded, (parent, child), plan.bag, plan.stamps_ns, plan.truth, recorder)
    return compare(plan, recorder, frames)


def plan_replay(
    bag_path: Path, topic: str, parent: str, child: str, max_gap_s: float = StreamLimits.max_gap_s
) -> ReplayPlan:
    """Read the bag beforehand; raises BagError, or ReplayError when no image has a true pose."""
    with open_bag(bag_path) as bag:
        bag_topic, transport = image_topic(bag, topic)
        chain = BagTransforms.from_bag(bag).chain(parent, child, StreamLimits(max_gap_s))
        stamps_ns = read_image_stamps(bag, bag_topic)
        truth, reasons = chain.trajectory(stamps_ns)
        others = tuple(sorted(set(topic_types(bag)) - {bag_topic}))
        duration_s, end_s = bag.get_end_time() - bag.get_start_time(), bag.get_end_time()
    if not len(truth):
        why = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        raise ReplayError(f"{bag_path}: none of {len(stamps_ns)} images has a pose of {child!r} in {parent!r}: {why}")
    return ReplayPlan(Path(bag_path), bag_topic, transport, stamps_ns, truth, others, duration_s, end_s)


def compare(plan: ReplayPlan, recorder: ReplayRecorder, frames: Result) -> ReplayResult:
    """Errors of what was recorded; raises ReplayError when no answer has a true pose."""
    estimates = recorder.estimates()
    try:
        estimate, truth = match_stamps(estimates, plan.truth)
    except SyncError as error:
        raise ReplayError(f"{plan.bag}: no answered image has a true pose ({error})") from error
    errors = pose_errors(estimate.positions, estimate.quats_xyzw, truth.positions, truth.quats_xyzw)
    last = recorder.statuses[-1]
    answers = [status for status in recorder.statuses if status.window_length]
    return ReplayResult(
        *(estimate, truth, errors),
        images=len(plan.stamps_ns),
        answered=int(np.isin(plan.stamps_ns, estimates.stamps_ns).sum()),
        dropped=last.frames_dropped,
        rejected=last.frames_rejected,
        latency_s=np.array([status.latency for status in answers]),
        inference_s=np.array([status.inference_time for status in answers]),
        frames=frames,
        topic=plan.image_topic,
    )


def running_errors(plan: ReplayPlan, recorder: ReplayRecorder) -> str:
    """The newest state and the errors of the newest answers, for a terminal line; "" before there is any."""
    if not (newest := recorder.newest(RUNNING)):
        return ""
    try:
        estimate, truth = match_stamps(newest, plan.truth)
    except SyncError:
        return ""
    errors = pose_errors(estimate.positions, estimate.quats_xyzw, truth.positions, truth.quats_xyzw)
    last = f"{errors.position_m[-1]:.2f} m {errors.orientation_deg[-1]:.1f} deg"
    median = f"{np.median(errors.position_m):.2f} m {np.median(errors.orientation_deg):.1f} deg"
    return f"{State(recorder.statuses[-1].state).name}, {last}, median of {len(truth)}: {median}"


def _launch_command(bundle: Path, plan: ReplayPlan) -> list[str]:
    arguments = {
        "bundle": str(Path(bundle).resolve()),
        "image_topic": plan.image_topic,
        "transport": plan.transport,
        "required": "true",
    }
    return ["roslaunch", PACKAGE, LAUNCH_FILE, *(f"{name}:={value}" for name, value in arguments.items())]


def _play(session: RosSession, recorder: ReplayRecorder, plan: ReplayPlan, rate: float) -> None:
    """Play the bag, from its first image on with the node listening, until the node is through with the last."""
    topic = _played_topic(plan)
    options = ["--pause", "--keep-alive", "--clock"]
    values = [f"--hz={CLOCK_HZ}", f"--rate={rate}", f"--skip-empty={SKIP_EMPTY_S}"]
    names = [f"__name:={PLAYER[1:]}", *_remaps(plan)]
    session.start(PLAYER[1:], ["rosbag", "play", *options, *values, str(plan.bag), *names])
    session.wait_until(lambda: _feeds_node(topic), START_TIMEOUT_S, f"rosbag play feeds {topic} to the node")
    rospy.ServiceProxy(f"{PLAYER}/pause_playback", SetBool)(False)
    last_ns, timeout_s = int(plan.stamps_ns[-1]), 2 * plan.duration_s / rate + START_TIMEOUT_S
    with tqdm(total=len(plan.stamps_ns), desc="replay", unit="image") as progress:

        def is_over() -> bool:
            progress.set_postfix_str(running_errors(plan, recorder), refresh=False)
            progress.update(int(recorder.statuses[-1].frames_seen) - progress.n)
            quiet_s = time.monotonic() - recorder.last_heard_s
            return recorder.has_all_until(last_ns) or (rospy.get_time() >= plan.end_s - 0.1 and quiet_s > QUIET_S)

        session.wait_until(is_over, timeout_s, "the bag is played to its end")


def _played_topic(plan: ReplayPlan) -> str:
    """What the images' topic is called live: a compressed one must be called so."""
    plain = plan.transport == "compressed" and not plan.image_topic.endswith(COMPRESSED_SUFFIX)
    return plan.image_topic + COMPRESSED_SUFFIX if plain else plan.image_topic


def _remaps(plan: ReplayPlan) -> list[str]:
    """Move topics of the bag out of the way that this replay uses itself."""
    used = [name for name in plan.other_topics if name == "/clock" or name.startswith(f"{NODE}/")]
    remaps = [f"{name}:=/recorded{name}" for name in used]
    return remaps + ([f"{plan.image_topic}:={topic}"] if (topic := _played_topic(plan)) != plan.image_topic else [])


def _feeds_node(topic: str) -> bool:
    """Whether rosbag play has its service up and is connected to the node on the images' topic."""
    master = rosgraph.Master("/reloc")
    try:
        master.lookupService(f"{PLAYER}/pause_playback")
        _, _, connections = ServerProxy(master.lookupNode(PLAYER)).getBusInfo("/reloc")
    except (OSError, rosgraph.MasterException):
        return False
    return any(NODE in connection and topic in connection for connection in connections)
