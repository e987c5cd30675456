# SPDX-License-Identifier: BSD-3-Clause
"""The network beside a stream: in a thread of its own it looks at some of the images whose landmarks are tracked."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable

import numpy as np

from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.core.image_files import Picture
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.localization.estimate import Estimate

# above that of the other threads: those that work beside the images give way where there are not cores enough for all
NICENESS = 3


@dataclass(frozen=True)
class Looked:
    """What the network says of an image, and its pose by landmarks."""

    regression: Estimate
    tracked: Pose


class NetworkBeside:
    """Of an image that it should look at: `ask`, publish, `start`, and with a later image `take`; not thread-safe.

    regress: the network's word for an image (H, W, 3) and its stamp; raises FrameError.
    """

    def __init__(self, regress: Callable[[np.ndarray, int], Estimate]) -> None:
        self._regress = regress
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="look", initializer=be_nice)
        self._asked: tuple[Picture, int, Pose] | None = None
        self._pending: Future[Looked | None] | None = None

    def ask(self, picture: Picture, stamp_ns: int, tracked: Pose) -> None:
        """Look at an image, whose pose by landmarks is `tracked`, from `start` on; not while at another one."""
        if self._pending is None:
            self._asked = picture, stamp_ns, tracked

    def start(self) -> None:
        """Look at what was asked for."""
        if self._asked is not None:
            self._pending = self._thread.submit(self._look, *self._asked)
            self._asked = None

    def take(self) -> Looked | None:
        """What it saw since; None while it has not ended, or nobody asked. Raises what `regress` raises."""
        if self._pending is None or not self._pending.done():
            return None
        pending, self._pending = self._pending, None
        return pending.result()

    def reset(self) -> None:
        """Forget what was asked for, and what it is at."""
        self._asked = self._pending = None

    def close(self) -> None:
        """End the thread after what it is at."""
        self._thread.shutdown(wait=False)

    def _look(self, picture: Picture, stamp_ns: int, tracked: Pose) -> Looked | None:
        try:
            return Looked(self._regress(picture.rgb, stamp_ns), tracked)
        except FrameError:
            # a later image may do better; an image that must wait for the network tells what is wrong
            return None


def be_nice() -> None:
    """Let all other threads of this process go first; only Linux gives a thread a priority of its own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, min(os.getpriority(os.PRIO_PROCESS, thread) + NICENESS, 19))
