# SPDX-License-Identifier: BSD-3-Clause
"""What a replay makes of the node's messages, without a master."""

from dataclasses import replace
from pathlib import Path

import genpy
import numpy as np
import pytest
from camera_relocalization_ros.msg import RejectionCount, RelocalizerStatus
from colour_bundle import COLOUR_BUNDLE
from geometry_msgs.msg import PoseWithCovarianceStamped
from helpers import CAMERA, CHILD_FRAME, PARENT_FRAME
from live import known_trajectory
from ros_helpers import IMAGE_TOPIC

from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.cli.replay import describe_counts
from camera_relocalization_ros.core.frames import FramePair
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.replay.bag_replay import running_errors
from camera_relocalization_ros.ros.replay.live_result import live_result
from camera_relocalization_ros.ros.replay.plan import ReplayPlan
from camera_relocalization_ros.ros.replay.recorder import ReplayRecorder

OFF_M = (0.0042, 0.5, 0.02)


@pytest.fixture
def plan():
    truth = known_trajectory(6)
    return ReplayPlan(Path("f.bag"), IMAGE_TOPIC, "raw", truth.stamps_ns, truth, (), 1.0, 1.0, CAMERA)


def status(plan, row, state, **values):
    message = RelocalizerStatus(state=state, **values)
    message.header.stamp = genpy.Time(0, int(plan.stamps_ns[row]))
    return message


def answered(recorder, plan, row, off_m, **values):
    """The node answers an image, so far beside the truth along x."""
    truth, stamp_ns = plan.truth, int(plan.stamps_ns[row])
    position = truth.positions[row] + (off_m, 0, 0)
    recorder.on_pose(conversions.pose_to_message(Pose(position, truth.quats_xyzw[row]), stamp_ns, PARENT_FRAME))
    recorder.on_status(status(plan, row, RelocalizerStatus.OK, window_length=1, frames_answered=row + 1, **values))


def test_running_errors_are_the_newest_and_the_median(plan):
    recorder = ReplayRecorder()
    assert running_errors(plan, recorder) == ""
    for row, off_m in enumerate(OFF_M):
        answered(recorder, plan, row, off_m)
    assert running_errors(plan, recorder) == "OK, 2.0 cm 0.0 deg, median of 3: 2.0 cm 0.0 deg"
    answered(recorder, plan, 3, 0.0042)
    assert running_errors(plan, recorder) == "OK, 4.2 mm 0.0 deg, median of 4: 1.2 cm 0.0 deg"


def test_images_are_answered_lost_rejected_or_dropped(plan):
    recorder = ReplayRecorder()
    for row, off_m in enumerate(OFF_M):
        answered(recorder, plan, row, off_m)
    recorder.on_status(status(plan, 3, RelocalizerStatus.LOST, frames_answered=3, frames_lost=1, score=0.1))
    rejected = [RejectionCount(kind="encoding", count=1)]
    counts = {"frames_answered": 3, "frames_lost": 1, "frames_rejected": 1, "rejected": rejected}
    recorder.on_status(status(plan, 4, RelocalizerStatus.LOST, **counts))
    result = live_result(load_bundle(COLOUR_BUNDLE), FramePair(PARENT_FRAME, CHILD_FRAME), plan, recorder)
    info = result.info
    assert (info.localized, info.lost, info.dropped, info.rejected) == (3, 1, 1, {"encoding": 1})
    assert info.localized + info.lost + info.dropped + sum(info.rejected.values()) == info.images == 6
    assert info.method == "mean_colour" and info.camera == CAMERA
    assert result.compared.tolist() == [True] * 3 + [False] * 3


def test_a_stage_by_landmarks_is_in_the_method_and_a_bag_without_camera_takes_the_bundles(plan):
    recorder, bundle = ReplayRecorder(), load_bundle(COLOUR_BUNDLE)
    answered(recorder, plan, 0, 0.0, stage=RelocalizerStatus.TRACKED)
    info = live_result(bundle, FramePair(PARENT_FRAME, CHILD_FRAME), replace(plan, camera=None), recorder).info
    assert info.method == "fused, mean_colour" and info.camera == bundle.sidecar.camera


def test_a_replay_is_over_when_the_covariances_are_heard_too(plan, monkeypatch):
    recorder, bundle = ReplayRecorder(), replace(load_bundle(COLOUR_BUNDLE), landmark_map=object())
    monkeypatch.setattr("rospy.Subscriber", lambda *_, **__: None)
    recorder.subscribe("/relocalizer", bundle)
    answered(recorder, plan, 0, 0.0)
    # without a calibration the regression has none
    assert recorder.has_all_until(int(plan.stamps_ns[0]))
    answered(recorder, plan, 1, 0.0, stage=RelocalizerStatus.TRACKED)
    assert not recorder.has_all_until(int(plan.stamps_ns[1]))
    heard = PoseWithCovarianceStamped()
    heard.header.stamp = genpy.Time(0, int(plan.stamps_ns[1]))
    heard.pose.covariance = np.eye(6).ravel().tolist()
    recorder.on_covariance(heard)
    assert recorder.has_all_until(int(plan.stamps_ns[1]))


def test_times_are_told_also_of_images_that_never_waited_for_the_network():
    values = {"answered": 9, "images": 10, "answered_share": 0.9, "lost": 1, "dropped": 0, "rejected": 0}
    values["latency_s"] = {"p50": 0.009, "p95": 0.03}
    assert describe_counts(values).endswith(
        "latency p50 9.0 ms, p95 30.0 ms; the network, in images that waited for it, not measured"
    )
    values["inference_s"] = {"p50": 0.016, "p95": 0.02}
    assert describe_counts(values).endswith("in images that waited for it, p50 16.0 ms, p95 20.0 ms")
