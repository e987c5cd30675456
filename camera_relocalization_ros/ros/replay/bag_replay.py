# SPDX-License-Identifier: BSD-3-Clause
"""A bag through a real master, rosbag play and the live node: what it published, against the bag's TF."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rosgraph
import rospkg
import rospy
from sensor_msgs.msg import CameraInfo

from camera_relocalization_ros.bundle.model_bundle import Bundle, load_bundle
from camera_relocalization_ros.core.errors import ReplayError, SyncError
from camera_relocalization_ros.core.frames import FramePair
from camera_relocalization_ros.core.pose_errors import PoseErrors, length_text, pose_errors
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.core.trajectory import Trajectory, match_stamps
from camera_relocalization_ros.data.pose_stream import StreamLimits
from camera_relocalization_ros.evaluation.metrics import summarise
from camera_relocalization_ros.evaluation.results import Result
from camera_relocalization_ros.ros.bags.containers.ros1_copy import as_ros1_bag
from camera_relocalization_ros.ros.conversions import camera_to_info
from camera_relocalization_ros.ros.picture_camera import topic_beside
from camera_relocalization_ros.ros.replay.live_result import live_result
from camera_relocalization_ros.ros.replay.plan import ReplayPlan, plan_replay
from camera_relocalization_ros.ros.replay.playback import play
from camera_relocalization_ros.ros.replay.recorder import ReplayRecorder
from camera_relocalization_ros.ros.replay.ros_session import START_TIMEOUT_S, RosSession

PACKAGE, LAUNCH_FILE, NODE = "camera_relocalization_ros", "relocalize.launch", "/relocalizer"
# answers that the running errors are about
RUNNING = 50


@dataclass(frozen=True)
class ReplayResult:
    """What came back. estimate and truth (F,) have the same stamps: images that were localized and have a true pose.

    images, localized, lost, dropped, rejected: counts of all images, with a true pose or not. `frames` tells the same
    and more of each image, localized or not; `topic` is the bag's with the images.
    """

    estimate: Trajectory
    truth: Trajectory
    errors: PoseErrors
    images: int
    localized: int
    lost: int
    dropped: int
    rejected: int
    frames: Result
    topic: str

    @property
    def localized_share(self) -> float:
        """Localized images of all images in the bag, 0 to 1."""
        return self.localized / self.images

    def to_dict(self) -> dict[str, Any]:
        """All of `summarise`, and the counts, as plain values for JSON."""
        counts = {"images": self.images, "answered": self.localized, "lost": self.lost}
        counts.update(dropped=self.dropped, rejected=self.rejected)
        return {**summarise(self.frames), **counts, "answered_share": self.localized_share}


def replay(
    bundle: Path,
    bag: Path,
    topic: str,
    parent: str,
    child: str,
    rate: float = 1.0,
    max_gap_s: float = StreamLimits.max_gap_s,
    refine_first: bool = False,
    any_frames: bool = False,
    rviz: bool = False,
) -> ReplayResult:
    """Play `bag` at `rate` times real time into a node with `bundle`; poses of `child` in `parent` are the truth.

    refine_first: the node searches every image for landmarks before it answers, as `evaluate` does, and the bag waits
    for it, image by image. any_frames: that the model names its frames otherwise is no error. rviz: shows it.

    One replay per process, in its main thread. Raises BundleError, BagError or ReplayError; leaves no process behind.
    """
    if not rate > 0:
        raise ReplayError(f"rate {rate}; expected a number above 0")
    if rospy.core.is_initialized():
        raise ReplayError("this process is a ROS node already; a replay needs one of its own")
    if rviz and not _is_installed("rviz"):
        raise ReplayError("rviz is not installed; expected the ROS package rviz (ros-noetic-rviz, on Debian rviz)")
    loaded = load_bundle(bundle)
    plan = plan_replay(bag, topic, parent, child, max_gap_s)
    if not any_frames:
        _check_frames(loaded, FramePair(parent, child))
    if refine_first and loaded.landmark_map is not None and plan.camera is None:
        raise ReplayError(f"{bag}: no camera_info beside {plan.image_topic}, and landmarks need it")
    recorder = ReplayRecorder()
    with as_ros1_bag(bag) as played, RosSession() as session:
        rosgraph.Master("/reloc").setParam("/use_sim_time", True)
        settings = {**_settings(session, refine_first), **({"rviz": "true"} if rviz else {})}
        session.start(NODE[1:], _launch_command(bundle, plan, settings))
        rospy.init_node("replay", disable_signals=True)
        try:
            recorder.subscribe(NODE, loaded)
            session.wait_until(recorder.is_connected, START_TIMEOUT_S, "the node is ready")
            # held, so that it stays there while the bag is played
            _camera = _introduce_camera(session, plan) if refine_first else None
            play(
                session,
                recorder,
                replace(plan, bag=played),
                NODE,
                rate,
                refine_first,
                lambda: running_errors(plan, recorder),
            )
        finally:
            rospy.signal_shutdown("the replay is over")
    frames = live_result(loaded, FramePair(parent, child), plan, recorder)
    return compare(plan, recorder, frames)


def _check_frames(bundle: Bundle, frames: FramePair) -> None:
    mismatch = bundle.sidecar.frame_pair.mismatch(frames, "the truth is asked for of")
    if mismatch:
        raise ReplayError(f"{bundle.path}: answers with {mismatch}; --any-frames takes them as the same")


def compare(plan: ReplayPlan, recorder: ReplayRecorder, frames: Result) -> ReplayResult:
    """Errors of what was recorded; raises ReplayError when no answer has a true pose."""
    estimates = recorder.estimates()
    try:
        estimate, truth = match_stamps(estimates, plan.truth)
    except SyncError as error:
        raise ReplayError(f"{plan.bag}: no answered image has a true pose ({error})") from error
    errors = pose_errors(estimate.poses, truth.poses)
    return ReplayResult(
        estimate=estimate,
        truth=truth,
        errors=errors,
        images=frames.info.images,
        localized=frames.info.localized,
        lost=frames.info.lost,
        dropped=frames.info.dropped,
        rejected=sum(frames.info.rejected.values()),
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
    errors = pose_errors(estimate.poses, truth.poses)
    last = f"{length_text(errors.position_m[-1])} {errors.orientation_deg[-1]:.1f} deg"
    median = f"{length_text(np.median(errors.position_m))} {np.median(errors.orientation_deg):.1f} deg"
    return f"{State(recorder.statuses[-1].state).name}, {last}, median of {len(truth)}: {median}"


def _is_installed(package: str) -> bool:
    try:
        return bool(rospkg.RosPack().get_path(package))
    except rospkg.ResourceNotFound:
        return False


def _settings(session: RosSession, refine_first: bool) -> dict[str, str]:
    """What the launch file gets beside its defaults, for a node that refines first."""
    if not refine_first:
        return {}
    params = session.folder / "params.yaml"
    params.write_text("refine_first: true\n", encoding="utf-8")
    return {"params": str(params)}


def _introduce_camera(session: RosSession, plan: ReplayPlan) -> rospy.Publisher:
    """Tell the node the camera before the first image, as a data set does; the publisher, which it must outlive."""
    publisher = rospy.Publisher(topic_beside(plan.played_topic), CameraInfo, queue_size=1, latch=True)
    if plan.camera is not None:
        publisher.publish(camera_to_info(plan.camera, int(plan.stamps_ns[0]), ""))
        session.wait_until(publisher.get_num_connections, START_TIMEOUT_S, "the node listens to camera_info")
    return publisher


def _launch_command(bundle: Path, plan: ReplayPlan, settings: dict[str, str]) -> list[str]:
    arguments = {
        "bundle": str(Path(bundle).resolve()),
        "image_topic": plan.image_topic,
        "transport": plan.transport,
        "required": "true",
        **settings,
    }
    return ["roslaunch", PACKAGE, LAUNCH_FILE, *(f"{name}:={value}" for name, value in arguments.items())]
