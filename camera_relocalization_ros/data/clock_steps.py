# SPDX-License-Identifier: BSD-3-Clause
"""Streams whose clock was set back in flight: their epochs overlap, and only the order of arrival parts them."""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np

# stamps on either side of a step that must not descend themselves: single late messages are no step
NEIGHBOURS = 3
# a stream that goes back more often, and in a larger share of its messages, is out of order
MOST_STEPS, UNORDERED_SHARE = 3, 0.02
# messages that come late leave holes: two epochs cannot both have this share of what lies between them, and more than
# so many messages are not late at once
COVERED_SHARE, MOST_LATE = 0.6, 10
# between the last pose before a step and the first one after it nothing may be interpolated
SEAM_NS = 1_000_000_000
# clocks that were set back together differ by less, and by less than this share of the step
SAME_STEP_NS, SAME_STEP_SHARE = 200_000_000, 0.2


class SetBack(NamedTuple):
    """A clock that was set back by `by_ns` before the sample `first` of its stream, in the order of arrival."""

    first: int
    by_ns: int


def set_backs(stamps_ns: np.ndarray) -> list[SetBack]:
    """Where the clock of a stream was set back; stamps (N,) int64 in the order of arrival.

    A step shows when it is longer than NEIGHBOURS samples. What comes late is none: of late messages the stamps fill
    the holes that they left. What comes twice by a slower way is none: then the stamps are soon back where they were.
    Where much comes out of order, the order of arrival tells nothing.
    """
    steps_ns = np.diff(stamps_ns)
    candidates = np.flatnonzero(steps_ns < 0) + 1
    if not 0 < len(candidates) <= max(MOST_STEPS, UNORDERED_SHARE * len(stamps_ns)) or not np.any(steps_ns > 0):
        return []
    period_ns = float(np.median(steps_ns[steps_ns > 0]))
    found = (_set_back_at(stamps_ns, int(index), period_ns) for index in candidates)
    return [step for step in found if step is not None]


def _set_back_at(stamps_ns: np.ndarray, index: int, period_ns: float) -> SetBack | None:
    before, after = stamps_ns[max(index - NEIGHBOURS, 0) : index], stamps_ns[index : index + NEIGHBOURS]
    if len(before) < NEIGHBOURS or len(after) < NEIGHBOURS or after[0] >= before[0]:
        return None
    if np.any(np.diff(before) < 0) or np.any(np.diff(after) < 0):
        return None
    by_ns = int(before[-1] - after[0]) + int(period_ns)
    is_beyond = stamps_ns[index:] > before[-1]
    if is_beyond.any() and int(np.argmax(is_beyond)) * period_ns < COVERED_SHARE * by_ns:
        return None
    from_ns, to_ns = int(after[0]), int(before[-1])
    is_covered = (_covers(epoch, from_ns, to_ns, period_ns) for epoch in (stamps_ns[:index], stamps_ns[index:]))
    return SetBack(index, by_ns) if all(is_covered) else None


def _covers(stamps_ns: np.ndarray, from_ns: int, to_ns: int, period_ns: float) -> bool:
    """Whether stamps lie close enough between two times, as far as they reach: then nothing else belongs there."""
    lowest_ns, highest_ns = max(from_ns, int(stamps_ns.min())), min(to_ns, int(stamps_ns.max()))
    count = len(np.unique(stamps_ns[(stamps_ns >= lowest_ns) & (stamps_ns <= highest_ns)]))
    is_cut = lowest_ns > from_ns or highest_ns < to_ns
    return count >= COVERED_SHARE * (highest_ns - lowest_ns) / period_ns and (count >= MOST_LATE or not is_cut)


class OneClock(NamedTuple):
    """Which samples (N,) of a stream have stamps that can be compared with the images'; why not all, in words."""

    kept: np.ndarray
    message: str = ""


def in_clock_of_images(stamps_ns: np.ndarray, image_steps: Sequence[SetBack] = ()) -> OneClock:
    """What of a stream to keep; stamps (N,) int64 in the order of arrival, image_steps those of the images' stream.

    What comes after a step that the images' clock did not make is a lie about its time. Where both were set back
    together, moments that were stamped twice belong to the first epoch, as the images do: later ones are out of order.
    """
    kept = np.ones(len(stamps_ns), dtype=bool)
    steps = set_backs(stamps_ns)
    for number, step in enumerate(steps):
        if not is_shared(step, number, image_steps):
            kept[step.first :] = False
            return OneClock(kept, f"set back by {step.by_ns / 1e9:.3f} s in flight, and all after it is left out")
        newest_ns = int(stamps_ns[: step.first][kept[: step.first]].max())
        kept[step.first :] &= stamps_ns[step.first :] > newest_ns + SEAM_NS
    if not steps:
        return OneClock(kept)
    by_s = ", ".join(f"{step.by_ns / 1e9:.3f}" for step in steps)
    return OneClock(kept, f"set back by {by_s} s in flight, with the images', and what was stamped twice is left out")


def is_shared(step: SetBack, number: int, others: Sequence[SetBack]) -> bool:
    """Whether the step of this number is also the other stream's."""
    if number >= len(others):
        return False
    return abs(others[number].by_ns - step.by_ns) <= max(SAME_STEP_NS, SAME_STEP_SHARE * step.by_ns)
