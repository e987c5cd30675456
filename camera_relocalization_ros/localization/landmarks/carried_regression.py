# SPDX-License-Identifier: BSD-3-Clause
"""When the network should look at an image, when it must, and what stands for its regression where it did not.

While landmarks are tracked they give the pose, and the regression is a second sign beside them. How the camera moved
since the network looked last they know to millimetres, so that the last regression moved along with them says of this
image what it said of that one. So no image waits for the network, and the time is left to the search.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.localization.estimate import Estimate

# of the time, what the network should take while landmarks are tracked
NETWORK_SHARE = 0.1
# After so long it should look again, however much of the time that takes; gaps beyond it break windows of images, so
# that a regression is of one image alone.
DUE_S = 0.5
# a regression is carried no longer than this
LONGEST_S = 1.0


@dataclass(frozen=True)
class _Seen:
    """A regression, and the pose that tracked landmarks gave of the same image."""

    regression: Estimate
    tracked: Pose


class CarriedRegression:
    """The newest regression of an image whose landmarks were tracked, for the images after it; of one stream."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The network must look at the next image."""
        self._seen: _Seen | None = None

    def remember(self, regression: Estimate, tracked: Pose) -> None:
        """The network looked at an image of which tracked landmarks gave a pose."""
        if self._seen is None or regression.stamp_ns > self._seen.regression.stamp_ns:
            self._seen = _Seen(regression, tracked)

    def is_due(self, stamp_ns: int) -> bool:
        """Whether the network should look at an image, which need not wait for it."""
        if self._seen is None:
            return True
        regression = self._seen.regression
        return stamp_ns - regression.stamp_ns >= 1e9 * min(regression.inference_s / NETWORK_SHARE, DUE_S)

    def at(self, stamp_ns: int, tracked: Pose) -> Estimate | None:
        """The regression of an image by what tracked landmarks say of it; None where the network must look first.

        `inference_s` is NaN: it took none. What else is in it is of the image that the network saw last.
        """
        if self._seen is None:
            return None
        regression = self._seen.regression
        if not 0 < stamp_ns - regression.stamp_ns < 1e9 * LONGEST_S:
            return None
        # as far from the tracked pose as it was, in position and in orientation
        was, matrix = self._seen.tracked, np.eye(4)
        matrix[:3, :3] = regression.pose.matrix[:3, :3] @ was.matrix[:3, :3].T @ tracked.matrix[:3, :3]
        matrix[:3, 3] = regression.position - was.position + tracked.position
        pose = Pose.from_matrix(matrix).canonical
        return replace(regression, stamp_ns=stamp_ns, pose=pose, inference_s=math.nan)
