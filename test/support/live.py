# SPDX-License-Identifier: BSD-3-Clause
"""What the integration tests share: waiting with a deadline, and the bag whose answers are known."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable

import numpy as np
from colour_bundle import QUAT_XYZW, known_position
from helpers import CHILD_FRAME, PARENT_FRAME, START_NS, fake_image_rgb
from ros_helpers import image_records, tf_records, write_bag

from camera_relocalization_ros.core.trajectory import Trajectory

PERIOD_NS = 100_000_000


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 60.0, period_s: float = 0.01) -> Any:
    """The first true value of a condition; AssertionError when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(period_s)


def known_trajectory(count: int) -> Trajectory:
    """What the colour bundle answers on the images of `image_records`."""
    stamps_ns = START_NS + PERIOD_NS * np.arange(count)
    positions = np.array([known_position(fake_image_rgb(seed)) for seed in range(count)])
    return Trajectory(stamps_ns, positions, np.tile(QUAT_XYZW, (count, 1)))


def write_known_bag(path: Path, count: int, raw: bool = False) -> Path:
    """A flight whose TF is exactly what the colour bundle answers."""
    truth = known_trajectory(count)
    return write_bag(path, tf_records(truth, PARENT_FRAME, CHILD_FRAME) + image_records(truth.stamps_ns, raw))
