# SPDX-License-Identifier: BSD-3-Clause
"""What an image goes through: regression, landmarks, motion filter; what they remember is of one camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import rospy

from camera_relocalization_ros.core.image_files import Picture
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.fusion import regression_alone
from camera_relocalization_ros.localization.motion_filter import FilterSettings, MotionFilter
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.ros.fault_isolation import FaultIsolation
from camera_relocalization_ros.ros.node.camera_watch import CameraWatch
from camera_relocalization_ros.ros.node.landmark_worker import NodeLandmarks
from camera_relocalization_ros.ros.params import NodeParams

WARNING_PERIOD_S = 5.0


class ImageLocalizer:
    """Localizes images in the order of their stamps; not thread-safe, but for `estimate_alone`.

    image_size: width and height of the newest image, None while none came.
    """

    def __init__(
        self, relocalizer: Relocalizer, params: NodeParams, camera: CameraWatch, faults: FaultIsolation
    ) -> None:
        self.relocalizer = relocalizer
        # for images that need not wait for the network; its windows are made of those alone
        self._beside = relocalizer.sibling()
        self.landmarks = NodeLandmarks(camera, self._regress_beside, params.refinement_rate, params.refine_first)
        self.image_size: tuple[int, int] | None = None
        self._camera = camera
        self._faults = faults
        self._filter = MotionFilter(filter_settings(params))
        self._last_ns: int | None = None

    def use_model(self, relocalizer: Relocalizer, params: NodeParams) -> None:
        """Estimate with this model from now on."""
        self.relocalizer = relocalizer
        self._filter.reset()
        self._set_thresholds(params)
        self._camera.use(relocalizer.bundle.sidecar)
        if relocalizer.bundle.never_ok:
            rospy.logwarn(f"{relocalizer.bundle.path}: {relocalizer.bundle.never_ok}")
        self.landmarks.use(relocalizer.bundle)

    def use_settings(self, params: NodeParams) -> None:
        """Go on with other settings."""
        settings = filter_settings(params)
        if settings != self._filter.settings:
            # a new one follows nothing yet: other settings must not cost the track
            self._filter = MotionFilter(settings)
        self._set_thresholds(params)

    def reset(self) -> None:
        """Forget earlier images."""
        self.relocalizer.reset()
        self._beside = self.relocalizer.sibling()
        self.landmarks.reset()
        self._filter.reset()

    def estimate(self, picture: Picture, stamp_ns: int) -> Estimate:
        """The pose to publish of an image; raises FrameError."""
        self._notice_size(picture.size)
        repeats, self._last_ns = stamp_ns == self._last_ns, stamp_ns
        best = self._tracked(picture, stamp_ns)
        if best is None:
            best = self._refined(picture, self.relocalizer.estimate(picture.rgb, stamp_ns))
        if repeats and best.state is not State.LOST:
            # whatever else is missing follows from that
            best = replace(best, state=State.DEGRADED, reason="its stamp is that of the image before")
        # the last word: what is published, smoothed or not, promises what a pilot asked for, or is not OK
        return self.relocalizer.contract.settle(self._filter.update(best))

    def estimate_alone(self, image_rgb: np.ndarray, stamp_ns: int) -> Estimate:
        """The pose of one image by itself; leaves the live images alone. Raises FrameError."""
        return self.landmarks.estimate_alone(self.relocalizer.sibling(), image_rgb, stamp_ns)

    def _set_thresholds(self, params: NodeParams) -> None:
        limits = (params.lost_below, params.degraded_below)
        self.relocalizer.set_thresholds(*(None if limit < 0 else limit for limit in limits))
        self.relocalizer.set_ok_limits(OkLimits.from_degrees(params.ok_position_m, params.ok_orientation_deg))
        self._beside = self.relocalizer.sibling()

    def _regress_beside(self, image_rgb: np.ndarray, stamp_ns: int) -> Estimate:
        """What the network says of an image, in the thread that looks at some beside; raises FrameError."""
        return self._beside.estimate(image_rgb, stamp_ns)

    def _tracked(self, picture: Picture, stamp_ns: int) -> Estimate | None:
        with self._faults.isolated("landmarks"):
            return self.landmarks.estimate_tracked(picture, stamp_ns)
        self.landmarks.reset()
        return None

    def _refined(self, picture: Picture, regression: Estimate) -> Estimate:
        with self._faults.isolated("landmarks"):
            return self.landmarks.estimate(picture, regression)
        self.landmarks.reset()
        return regression_alone(regression, "landmarks failed")

    def _notice_size(self, size: tuple[int, int]) -> None:
        """Images of two sizes are of two cameras, as far as anyone knows: none of their windows is mixed."""
        if self.image_size not in (None, size):
            change = f"images have {size} pixels now, had {self.image_size}; earlier ones are forgotten"
            rospy.logwarn_throttle(WARNING_PERIOD_S, change)
            self.reset()
        self.image_size = size


def filter_settings(params: NodeParams) -> FilterSettings:
    """What the motion filter is to do."""
    return FilterSettings(
        smooths=params.smoothing,
        gates=params.gate,
        gate_chance=params.gate_chance,
        reinitialise_after=params.reinitialise_after,
        recover_after=params.recover_after,
    )
