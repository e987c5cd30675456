# SPDX-License-Identifier: BSD-3-Clause
"""The aircraft's attitude at the stamps of other samples, interpolated between two known ones and never guessed."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

OUTSIDE, GAP = "outside the attitude stream", "gap in the attitude stream"
# how long a live sample waits for the other stream; bounds the memory
HOLD_NS = 2_000_000_000


class Joined(NamedTuple):
    """A sample and the attitude (4,) at its stamp."""

    stamp_ns: int
    quat_xyzw: np.ndarray
    sample: Any


def attitude_at(
    stamps_ns: np.ndarray, quats_xyzw: np.ndarray, wanted_ns: np.ndarray, max_gap_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Faults (M,) at the wanted stamps (M,), "" where the attitude is known, and the known attitudes (K, 4).

    stamps_ns (N,) int64 strictly ascending, quats_xyzw (N, 4). The two attitudes around a stamp may be `max_gap_s`
    apart; one exactly at the stamp needs no other.
    """
    stamps_ns, wanted_ns = np.asarray(stamps_ns, dtype=np.int64), np.asarray(wanted_ns, dtype=np.int64)
    if not len(stamps_ns):
        return np.full(len(wanted_ns), OUTSIDE, dtype=object), np.zeros((0, 4))
    after = np.searchsorted(stamps_ns, wanted_ns)
    right = np.minimum(after, len(stamps_ns) - 1)
    is_hit = stamps_ns[right] == wanted_ns
    left = np.where(is_hit, right, np.maximum(after - 1, 0))
    width_ns = stamps_ns[right] - stamps_ns[left]
    is_outside = ~is_hit & ((after == 0) | (after == len(stamps_ns)))
    faults = np.where(is_outside, OUTSIDE, np.where(width_ns > max_gap_s * 1e9, GAP, "")).astype(object)
    known = faults == ""
    fraction = (wanted_ns - stamps_ns[left])[known] / np.maximum(width_ns[known], 1)
    return faults, _slerp(np.asarray(quats_xyzw)[left[known]], np.asarray(quats_xyzw)[right[known]], fraction)


def _slerp(start: np.ndarray, end: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Quaternions (N, 4) on the shortest way from start to end (N, 4); fraction (N,)."""
    if not len(fraction):
        return np.zeros((0, 4))
    first = Rotation.from_quat(start)
    turn = (first.inv() * Rotation.from_quat(end)).as_rotvec()
    between: np.ndarray = (first * Rotation.from_rotvec(fraction[:, None] * turn)).as_quat()
    return between


class AttitudeJoin:
    """Hands out live samples with the attitude at their stamps, as soon as it is known on both sides.

    The two streams may come in any order against each other. When the stamps of either go back (a looped bag, a reset
    clock), everything is forgotten. `refused` counts the samples that got no attitude, by reason.
    """

    def __init__(self, max_gap_s: float) -> None:
        self._max_gap_s = max_gap_s
        self._attitudes: deque[tuple[int, np.ndarray]] = deque()
        self._waiting: deque[tuple[int, Any]] = deque()
        self._newest_sample_ns = -1
        self.refused: Counter[str] = Counter()

    def add_attitude(self, stamp_ns: int, quat_xyzw: np.ndarray) -> list[Joined]:
        """Take the attitude (4,) at a stamp and return the samples that waited for it."""
        newest_ns = self._attitudes[-1][0] if self._attitudes else -1
        if stamp_ns < newest_ns:
            self.forget()
        if stamp_ns != newest_ns:
            self._attitudes.append((stamp_ns, quat_xyzw))
        return self._hand_out()

    def add_sample(self, stamp_ns: int, sample: Any) -> list[Joined]:
        """Take a sample and return those whose attitude is known, this one among them or not."""
        if stamp_ns < self._newest_sample_ns:
            self.forget()
        if stamp_ns == self._newest_sample_ns:
            self.refused["repeated stamp"] += 1
            return []
        self._newest_sample_ns = stamp_ns
        self._waiting.append((stamp_ns, sample))
        return self._hand_out()

    @property
    def waiting(self) -> int:
        """How many samples wait for an attitude."""
        return len(self._waiting)

    def forget(self) -> None:
        """Drop all that was held."""
        self._attitudes.clear()
        self._waiting.clear()
        self._newest_sample_ns = -1

    def _hand_out(self) -> list[Joined]:
        newest_ns = self._attitudes[-1][0] if self._attitudes else -1
        ready = []
        while self._waiting and self._waiting[0][0] <= newest_ns:
            ready.append(self._waiting.popleft())
        joined = self._join(ready) if ready else []
        self._drop_old(newest_ns)
        return joined

    def _join(self, ready: list[tuple[int, Any]]) -> list[Joined]:
        stamps_ns, quats = zip(*self._attitudes)
        wanted_ns = np.array([stamp_ns for stamp_ns, _ in ready], dtype=np.int64)
        faults, known = attitude_at(np.array(stamps_ns), np.array(quats), wanted_ns, self._max_gap_s)
        self.refused.update(fault for fault in faults if fault)
        good = (one for one, fault in zip(ready, faults) if not fault)
        return [Joined(stamp_ns, quat, sample) for (stamp_ns, sample), quat in zip(good, known)]

    def _drop_old(self, newest_ns: int) -> None:
        while self._waiting and self._waiting[0][0] < self._newest_sample_ns - HOLD_NS:
            self._waiting.popleft()
            self.refused[OUTSIDE] += 1
        # the attitude just before the newest sample may still be the left side of the next one
        done_ns = max(newest_ns - HOLD_NS, self._newest_sample_ns if not self._waiting else -1)
        while len(self._attitudes) > 1 and self._attitudes[1][0] <= done_ns:
            self._attitudes.popleft()
