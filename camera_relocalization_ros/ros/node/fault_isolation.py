# SPDX-License-Identifier: BSD-3-Clause
"""Keeps what a pose does not depend on from costing the pose: failures are counted and logged, and the node goes on."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from contextlib import contextmanager
from typing import Iterator

import rospy

from camera_relocalization_ros.core.errors import FrameError

LOG_PERIOD_S = 5.0


class SideWork:
    """`failures` counts by what failed; each kind is logged with its traceback, at most every LOG_PERIOD_S."""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self._logged_s: dict[str, float] = {}

    @contextmanager
    def tried(self, what: str) -> Iterator[None]:
        """Run the block; what it raises ends here, unless it is the image that is at fault."""
        try:
            yield
        except FrameError:
            raise
        except Exception:  # whatever it is: it is a fault of ours or of a library, and no reason to stop flying
            self.failures[what] += 1
            self._log(what)

    def _log(self, what: str) -> None:
        now_s = time.monotonic()
        if now_s - self._logged_s.get(what, -LOG_PERIOD_S) < LOG_PERIOD_S:
            return
        self._logged_s[what] = now_s
        rospy.logerr(f"{what} failed ({self.failures[what]} so far), the node goes on:\n{traceback.format_exc()}")
