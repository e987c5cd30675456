# SPDX-License-Identifier: BSD-3-Clause
"""What poses look like that were recorded in millimetres or centimetres, or by a clock that is ahead: only said."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.pose_stream import StreamLimits

MILLIMETRE, CENTIMETRE = 1e-3, 1e-2
# cameras so far from the parent's zero (m) are rare in metres, and usual in millimetres; beyond lie UTM and ECEF
FAR_M, GLOBAL_M = 200.0, 50_000.0
# of what goes to and fro, from each second pose to the next there is little of the speed
TO_AND_FRO = 0.2
# first and last stamp in nanoseconds
Span = Tuple[int, int]


def clock_suspicion(images_ns: Span, poses_ns: Span) -> str:
    """What to say of images and poses of one recording that do not overlap in time; "" where they do."""
    if images_ns[0] <= poses_ns[1] and poses_ns[0] <= images_ns[1]:
        return ""
    ahead_s = (sum(poses_ns) - sum(images_ns)) / 2e9
    where = "ahead of" if ahead_s > 0 else "behind"
    return (
        f"no image lies within the poses in time: their clock seems to be about {abs(ahead_s):.1f} s {where} "
        f"that of the images; if it is, extract with --image-delay {-ahead_s:.1f} and refine that with reloc sync-check"
    )


def unit_suspicion(poses: Trajectory, limits: StreamLimits) -> str:
    """What to say of poses along time that are too fast for metres and not for smaller units; "" of others.

    Or of those that go to and fro between two places, which two publishers of one frame make of sound ones.
    """
    if len(poses) < 3:
        return ""
    speed, of_every_second = _speed(poses, 1), _speed(poses, 2)
    if of_every_second < limits.max_speed < speed and of_every_second < TO_AND_FRO * speed:
        apart = float(np.median(np.linalg.norm(np.diff(poses.positions, axis=0), axis=1)))
        return f"positions go to and fro by {apart:.2g} m from one pose to the next: two publishers of one frame?"
    if not limits.max_speed < speed < limits.max_speed / MILLIMETRE:
        return ""
    return (
        f"the typical speed is {speed:.0f} m/s: positions in millimetres? With the factor {MILLIMETRE:g} it is "
        f"{speed * MILLIMETRE:.2f} m/s; in centimetres it were {speed * CENTIMETRE:.2f} m/s"
    )


def _speed(poses: Trajectory, step: int) -> float:
    """The typical one (m/s) from each pose to the one `step` later."""
    times_s = np.maximum((poses.stamps_ns[step:] - poses.stamps_ns[:-step]) * 1e-9, 1e-6)
    lengths = np.linalg.norm(poses.positions[step:] - poses.positions[:-step], axis=1)
    return float(np.median(lengths / times_s))


def distance_suspicion(positions: np.ndarray) -> str:
    """What to say of positions (N, 3) as far away as millimetres make a room; "" of others."""
    distance = float(np.median(np.linalg.norm(positions, axis=1)))
    if not FAR_M < distance < GLOBAL_M:
        return ""
    return (
        f"the cameras are typically {distance:.0f} m from the parent's zero; if they are in millimetres, multiply by "
        f"{MILLIMETRE:g} ({distance * MILLIMETRE:.2f} m), if in centimetres by {CENTIMETRE:g} "
        f"({distance * CENTIMETRE:.2f} m)"
    )
