# SPDX-License-Identifier: BSD-3-Clause
"""Keeps what a pose does not depend on from costing the pose: failures are counted and logged, and the node goes on."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from types import TracebackType

import rospy

from camera_relocalization_ros.core.errors import FrameError

LOG_PERIOD_S = 5.0


class FaultIsolation:
    """`failures` counts by what failed; each kind is logged with its traceback, at most every LOG_PERIOD_S."""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self._logged_s: dict[str, float] = {}

    def isolated(self, what: str) -> Isolated:
        """A context for a block; what the block raises ends there, unless it is the image that is at fault."""
        return Isolated(self, what)

    def count(self, what: str, error: BaseException) -> None:
        """Count a failure, and log it unless this kind was logged just now."""
        self.failures[what] += 1
        now_s = time.monotonic()
        if now_s - self._logged_s.get(what, -LOG_PERIOD_S) < LOG_PERIOD_S:
            return
        self._logged_s[what] = now_s
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        rospy.logerr(f"{what} failed ({self.failures[what]} so far), the node goes on:\n{trace}")


class Isolated:
    """The context that FaultIsolation gives; a class, so that type checkers know that it swallows."""

    def __init__(self, faults: FaultIsolation, what: str) -> None:
        self._faults = faults
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        # whatever it is: it is a fault of ours or of a library, and no reason to stop flying
        if not isinstance(error, Exception) or isinstance(error, FrameError):
            return False
        self._faults.count(self._what, error)
        return True
