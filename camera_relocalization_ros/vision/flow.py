# SPDX-License-Identifier: BSD-3-Clause
"""Points followed from one image into another by the flow of their surroundings (Lucas & Kanade 1981)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Flow:
    """Squares of window_px about a point are looked for in images halved `levels` times and less (Bouguet 2001), and
    back again from there: a point must return within return_px.

    Each level lets a point be found twice as far from where it is expected, and what is around it say more of where:
    before a background that moves otherwise a thin thing is lost.
    """

    window_px: int
    levels: int
    return_px: float

    def follow(
        self, grey: np.ndarray, other: np.ndarray, pixels: np.ndarray, expected: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where points at pixels (n, 2) of an image are in the other one (n, 2), and which of them return (n,).

        expected (n, 2): where to look for them in the other one; where they were, if it is None.
        """
        before = pixels.astype(np.float32)
        start = before if expected is None else expected.astype(np.float32)
        after, went = self._move(grey, other, before, start)
        back, returned = self._move(other, grey, after, after - (start - before))
        is_found: np.ndarray = went & returned & (np.linalg.norm(back - before, axis=1) < self.return_px)
        return after.astype(np.float64), is_found

    def _move(
        self, grey: np.ndarray, other: np.ndarray, pixels: np.ndarray, start: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        size, guessed = (self.window_px,) * 2, cv2.OPTFLOW_USE_INITIAL_FLOW
        moved, is_found, _ = cv2.calcOpticalFlowPyrLK(
            grey, other, pixels, start.copy(), winSize=size, maxLevel=self.levels, flags=guessed
        )
        return moved, is_found.ravel() > 0
