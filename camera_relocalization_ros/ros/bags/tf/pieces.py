# SPDX-License-Identifier: BSD-3-Clause
"""Pieces of one recording: `rosbag record --split` writes what is latched, as /tf_static, into the first alone."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Sequence, Tuple

import rosbag

# record times of first and last message, in seconds
Span = Tuple[float, float]
# a piece begins with the first message after the one before; a stalled disk or a quiet robot may take a while
LONGEST_BREAK_S = 5.0


def recorded_span(bag: rosbag.Bag) -> Span | None:
    """From when to when an open bag was recorded; None for a bag without messages."""
    return (bag.get_start_time(), bag.get_end_time()) if bag.get_message_count() else None


def pieces_before(path: Path, spans: Mapping[Path, Span | None]) -> Sequence[Path]:
    """The bags that a bag goes on from, the first one first; none where it was recorded for itself."""
    pieces: list[Path] = []
    start = spans[path]
    while start is not None:
        ends = {other: span[1] for other, span in spans.items() if span is not None and span[0] < start[0]}
        before = max(ends, key=lambda other: ends[other], default=None)
        if before is None or not 0 <= start[0] - ends[before] <= LONGEST_BREAK_S:
            break
        pieces.insert(0, before)
        start = spans[before]
    return pieces
