# SPDX-License-Identifier: BSD-3-Clause
"""Counts how often poses began anew, so that who fuses them can begin anew too; docs/node.md says when that is."""

from __future__ import annotations

# as the motion filter has it: longer between two poses than this is another time, or a silence like one
MAX_GAP_NS = 1_000_000_000


class ResetCounter:
    """`count` goes up with the first published pose after a break, not with the break itself; not thread-safe."""

    def __init__(self) -> None:
        self.count = 0
        self._stamp_ns: int | None = None
        self._is_broken = False

    def note_break(self) -> None:
        """An image was LOST, the node was reset or another model loaded: the next pose need not continue the last."""
        self._is_broken = True

    def note_pose(self, stamp_ns: int) -> None:
        """A pose of this stamp is published; stamps that go back, or on by more than MAX_GAP_NS, are a break too."""
        before_ns, self._stamp_ns = self._stamp_ns, stamp_ns
        jumped = before_ns is not None and not 0 <= stamp_ns - before_ns <= MAX_GAP_NS
        # there is nothing that the very first pose could have continued
        self.count += before_ns is not None and (self._is_broken or jumped)
        self._is_broken = False
