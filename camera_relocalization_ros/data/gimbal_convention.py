# SPDX-License-Identifier: BSD-3-Clause
"""Which gimbal convention a data set follows: each is tried against camera rotations known from elsewhere."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.aircraft.attitude import attitude_at
from camera_relocalization_ros.aircraft.dji import (
    CONVENTIONS,
    NAMED_ORDER,
    GimbalConvention,
    R_enu_link,
    enu_attitude,
)
from camera_relocalization_ros.aircraft.gimbal import JOINT_LIMITS_DEG, R_LINK_OPTICAL, joint_angles
from camera_relocalization_ros.core.errors import SyncError

PAIR_S = 0.5
TOLERANCE_DEG = 3.0
# a convention whose joints leave their range more often than this is out
OUT_OF_RANGE_SHARE = 0.05
# the right convention leaves what latency and rounding do, not a large part of the motion
FIT_SHARE = 0.25
# DJI rounds to 0.1 degrees and stamps on arrival: a lead smaller than these may be chance
LEAD_DEG, LEAD_FACTOR = 0.5, 1.5


@dataclass(frozen=True)
class Rotations:
    """Samples of one sensor: stamps_ns (N,) int64 strictly ascending, values (N, 3) or (N, 4)."""

    stamps_ns: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Candidate:
    """How well a convention fits.

    Median error of the camera's turns, and of the body's where it is known (else NaN); share of samples with a joint
    angle that the X3 cannot have.
    """

    name: str
    median_deg: float
    body_median_deg: float
    out_of_range: float

    @property
    def error_deg(self) -> float:
        """The worse of the two medians."""
        return float(np.fmax(self.median_deg, self.body_median_deg))

    @property
    def is_possible(self) -> bool:
        """Whether the mechanics allow it."""
        return self.out_of_range <= OUT_OF_RANGE_SHARE


@dataclass(frozen=True)
class ConventionResult:
    """The candidates, best first, the median turn of the reference, and the answer: "" when none is certain."""

    candidates: tuple[Candidate, ...]
    motion_deg: float
    pair_count: int
    convention: str
    reason: str


def check_gimbal(
    gimbal: Rotations, is_named: bool, attitude: Rotations, camera: Rotations, body: Rotations | None = None
) -> ConventionResult:
    """Rank the conventions; raises SyncError when the sources do not overlap in time.

    `gimbal`: vectors (N, 3) in degrees as they come, or roll, pitch, yaw when the message names its fields
    (`is_named`); `attitude`: quaternions as they come; `camera`: quaternions of the optical frame in any frame that
    stays where it is, which may be turned against east and north; `body`: those of the body, where they are known.
    """
    stamps_ns = _common_stamps(gimbal, *(one for one in (attitude, camera, body) if one is not None))
    pairs = _pairs(stamps_ns)
    if not len(pairs[0]):
        raise SyncError(f"gimbal, attitude and known poses share no {PAIR_S} s; expected recordings of the same time")
    vectors = gimbal.values[np.searchsorted(gimbal.stamps_ns, stamps_ns)]
    camera_turns = _turns(_quats_at(camera, stamps_ns), pairs)
    body_turns = None if body is None else _turns(_quats_at(body, stamps_ns), pairs)
    found = []
    for name, convention in _distinct(is_named).items():
        quats = enu_attitude(_quats_at(attitude, stamps_ns), convention.attitude)
        R_enu_body = Rotation.from_quat(quats).as_matrix()
        link = R_enu_link(convention.roll_pitch_yaw(vectors), R_enu_body, convention)
        camera_deg = _median_deg(camera_turns, _turns(Rotation.from_matrix(link @ R_LINK_OPTICAL).as_quat(), pairs))
        body_deg = float("nan") if body_turns is None else _median_deg(body_turns, _turns(quats, pairs))
        found.append(Candidate(name, camera_deg, body_deg, _out_of_range(R_enu_body, link)))
    found.sort(key=lambda one: (not one.is_possible, one.error_deg))
    motion_deg = float(np.median(np.degrees(camera_turns.magnitude())))
    return ConventionResult(tuple(found), motion_deg, len(pairs[0]), *_decide(found, motion_deg))


def _distinct(is_named: bool) -> dict[str, GimbalConvention]:
    """The conventions to try; where fields have names, those that differ only in their order are one."""
    if not is_named:
        return CONVENTIONS
    by_content: dict[GimbalConvention, str] = {}
    for name, convention in CONVENTIONS.items():
        by_content.setdefault(replace(convention, order=NAMED_ORDER), name)
    return {name: convention for convention, name in by_content.items()}


def _decide(found: list[Candidate], motion_deg: float) -> tuple[str, str]:
    """The name of the convention, or "" and why none is certain."""
    best, second = found[0], found[1]
    if not best.is_possible:
        return "", f"no convention keeps the joints in the X3's range; {best.name} comes nearest"
    if best.error_deg > max(FIT_SHARE * motion_deg, LEAD_DEG):
        return "", f"none fits: the best, {best.name}, is off by {best.error_deg:.2f} of {motion_deg:.2f} degrees"
    lead = second.error_deg > max(best.error_deg + LEAD_DEG, best.error_deg * LEAD_FACTOR)
    if second.is_possible and not lead:
        if abs(second.error_deg - best.error_deg) < 1e-6 and motion_deg > LEAD_DEG:
            return "", f"{best.name} and {second.name} read the camera alike; poses of the body can tell them apart"
        return "", f"the motion is too small to tell {best.name} from {second.name}"
    return best.name, ""


def _common_stamps(gimbal: Rotations, *sources: Rotations) -> np.ndarray:
    """Stamps of the gimbal at which all others are known."""
    known = np.ones(len(gimbal.stamps_ns), bool)
    for source in sources:
        known &= attitude_at(source.stamps_ns, source.values, gimbal.stamps_ns, 0.1)[0] == ""
    return np.asarray(gimbal.stamps_ns)[known]


def _quats_at(source: Rotations, stamps_ns: np.ndarray) -> np.ndarray:
    return attitude_at(source.stamps_ns, source.values, stamps_ns, 0.1)[1]


def _pairs(stamps_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of samples about PAIR_S apart."""
    second = np.searchsorted(stamps_ns, stamps_ns + int(PAIR_S * 1e9))
    first = np.flatnonzero(second < len(stamps_ns))
    second = second[first]
    near = stamps_ns[second] - stamps_ns[first] < 1.2 * PAIR_S * 1e9
    return first[near], second[near]


def _turns(quats: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]) -> Rotation:
    """Rotation from the first to the second of each pair, which no choice of the fixed frame changes."""
    first, second = pairs
    return Rotation.from_quat(quats[first]).inv() * Rotation.from_quat(quats[second])


def _median_deg(true_turns: Rotation, turns: Rotation) -> float:
    return float(np.median(np.degrees((true_turns.inv() * turns).magnitude())))


def _out_of_range(R_enu_body: np.ndarray, R_enu_link: np.ndarray) -> float:
    """Share of samples with a joint beyond its range."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a wrong convention may roll the camera by 90 degrees, where yaw is free
        yaw, roll, pitch = joint_angles(np.swapaxes(R_enu_body, 1, 2) @ R_enu_link)
    # a joint that turns on past 180 degrees is followed, from within half a turn of the middle of its way
    yaw = np.unwrap(yaw)
    yaw = yaw - 2 * np.pi * np.round(0.5 * (yaw.min() + yaw.max()) / (2 * np.pi))
    is_out = np.zeros(len(yaw), bool)
    for name, angles in (("yaw", yaw), ("roll", roll), ("pitch", pitch)):
        low, high = JOINT_LIMITS_DEG[name]
        is_out |= (np.degrees(angles) < low - TOLERANCE_DEG) | (np.degrees(angles) > high + TOLERANCE_DEG)
    return float(is_out.mean())
