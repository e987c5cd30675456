# SPDX-License-Identifier: BSD-3-Clause
"""All outputs that carry poses, each only where parameters and model ask for it; none of them costs another."""

from __future__ import annotations

from functools import partial
from typing import Callable

from geometry_msgs.msg import PoseStamped

from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.ros.fault_isolation import FaultIsolation
from camera_relocalization_ros.ros.node.outputs.body_pose import BodyFrames, BodyPose
from camera_relocalization_ros.ros.node.outputs.motion_topics import MotionTopics
from camera_relocalization_ros.ros.node.outputs.pose_now import PoseNow
from camera_relocalization_ros.ros.node.outputs.pose_topics import PoseTopics
from camera_relocalization_ros.ros.node.outputs.predicted_pose import PredictedPose
from camera_relocalization_ros.ros.node.outputs.tf_output import TfOutput
from camera_relocalization_ros.ros.params import NodeParams


class EstimateOutputs:
    """Publishes estimates; body_pose, predicted and body_predicted are None where they are not asked for.

    Raises ConfigError for frames that cannot be.
    """

    def __init__(self, params: NodeParams, bundle: Bundle, tf: TfOutput | None, faults: FaultIsolation) -> None:
        self.topics = PoseTopics(params)
        self.tf = tf
        self.body_pose: BodyPose | None = None
        self.predicted: PredictedPose | None = None
        self.body_predicted: PredictedPose | None = None
        self._only_ok = params.publish_states == "ok"
        self._faults = faults
        motion = MotionTopics.from_params(params)
        camera_frame = params.camera_frame or bundle.sidecar.child_frame
        self._pose_now = PoseNow(motion, camera_frame) if motion is not None else None
        prediction = (params.output_rate, params.max_prediction, faults)
        frames = BodyFrames.from_params(params, bundle.sidecar)
        if params.output_rate:
            self.predicted = PredictedPose("~pose_predicted", bundle.sidecar.parent_frame, *prediction)
        if frames is not None:
            if params.output_rate:
                self.body_predicted = PredictedPose("~body_pose_predicted", frames.parent, *prediction)
            self.body_pose = BodyPose(frames, params.tf_timeout)

    def listeners(self) -> int:
        """Subscribers of all these topics together."""
        optional = (self._pose_now, self.body_pose, self.predicted, self.body_predicted)
        return self.topics.listeners() + sum(one.listeners() for one in optional if one is not None)

    def publish(self, estimate: Estimate) -> PoseStamped | None:
        """Publish an estimate that is not LOST, everywhere but on the path; the pose, None when it was left out."""
        if self._only_ok and estimate.state != State.OK:
            return None
        pose = self.topics.publish(estimate)
        if self._pose_now is not None:
            with self._faults.isolated("~pose_now"):
                self._pose_now.publish(estimate, pose.header.frame_id)
        if self.tf is not None:
            with self._faults.isolated("TF"):
                self.tf.send(estimate)
        if self.body_pose is not None:
            self.body_pose.send(estimate, self._then_predict())
        if self.predicted is not None:
            with self._faults.isolated("~pose_predicted"):
                self.predicted.update(estimate)
        return pose

    def lose(self) -> None:
        """An image gave no pose to believe: nothing is predicted from those before."""
        for one in self._predictions():
            one.reset()

    def reset(self) -> None:
        """Forget earlier poses, and a rival in TF."""
        self.topics.clear()
        self.lose()
        if self.tf is not None:
            self.tf.parent_watch.reset()

    def use(self, bundle: Bundle) -> None:
        """Publish estimates of this model from now on."""
        self.topics.use(bundle)
        self.lose()

    def _predictions(self) -> list[PredictedPose]:
        return [one for one in (self.predicted, self.body_predicted) if one is not None]

    def _then_predict(self) -> Callable[[Estimate], None]:
        """What is done with the body's pose once TF has placed it, unless an image was LOST meanwhile."""
        if self.body_predicted is None:
            return lambda _placed: None
        return partial(self.body_predicted.update, epoch=self.body_predicted.epoch)
