# SPDX-License-Identifier: BSD-3-Clause
"""Whether the search for landmarks keeps up with the images: what it costs here and now, and how old its finds are."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

# images that shares look back on: some seconds of a camera
RECENT = 100
# what a search should take at most: when it ends, what it found is so old
LONGEST_SEARCH_S = 1.0
# a search of the whole image that takes longer is made of a smaller one, and so is the first, whose time nobody knows
BUDGET_S, SMALL_SCALE = 0.5, 0.7
# one that takes longer than this goes after a guided one, and only where that finds nothing
HURRIED_S = 0.3


@dataclass(frozen=True)
class LandmarkHealth:
    """Numbers of a BackgroundLandmarks, NaN where nothing is known yet.

    search_s and search_processor_s: what searches take at present, on the clock and of the processor; age_s: how long
    before the newest image the one was taken in which its landmarks were found, NaN where it has none;
    searched_share and tracked_share: of the newest images, those in which landmarks were searched for, and those whose
    pose is by landmarks. complaint: what is wrong, in words, "" when nothing is.
    """

    search_s: float = math.nan
    search_processor_s: float = math.nan
    age_s: float = math.nan
    searched_share: float = math.nan
    tracked_share: float = math.nan
    complaint: str = ""


class HealthMeter:
    """Collects what LandmarkHealth says; not thread-safe."""

    def __init__(self) -> None:
        self._search_s = self._search_processor_s = self._age_s = math.nan
        # of a whole image in full size
        self._full_s = math.nan
        self._tracked: deque[bool] = deque(maxlen=RECENT)
        # numbers of the images that were searched, of those that `_tracked` looks back on
        self._searches: deque[int] = deque(maxlen=RECENT)
        self._images = 0

    def image(self, is_tracked: bool, age_s: float) -> None:
        """Count an image: whether its pose is by landmarks, and how old these are."""
        self._images += 1
        self._tracked.append(is_tracked)
        self._age_s = age_s

    def began(self) -> None:
        """Count a search of the newest image."""
        self._searches.append(self._images)

    def ended(self, search_s: float, processor_s: float, effort: float = 1.0) -> None:
        """Take in what a search of an effort, see RefinedImage, took; the newest counts a third, for luck differs."""
        self._full_s = _blend(self._full_s, search_s / effort)
        self._search_s = _blend(self._search_s, search_s)
        self._search_processor_s = _blend(self._search_processor_s, processor_s)

    @property
    def scale(self) -> float:
        """Of the next image to search as a whole, so that it fits the budget."""
        return 1.0 if self._full_s <= BUDGET_S else SMALL_SCALE

    @property
    def is_hurried(self) -> bool:
        """Whether there is no time to search images as a whole where something is tracked; yes while nobody knows."""
        return not self._full_s <= HURRIED_S

    @property
    def health(self) -> LandmarkHealth:
        """What is known now."""
        count = len(self._tracked)
        searched = sum(number > self._images - count for number in self._searches)
        return LandmarkHealth(
            search_s=self._search_s,
            search_processor_s=self._search_processor_s,
            age_s=self._age_s,
            searched_share=min(searched / count, 1.0) if count else math.nan,
            tracked_share=sum(self._tracked) / count if count else math.nan,
            complaint=self._complaint(),
        )

    def _complaint(self) -> str:
        if self._search_s > LONGEST_SEARCH_S:
            return f"a search for landmarks takes {self._search_s:.1f} s; it should take {LONGEST_SEARCH_S:g} s at most"
        return ""


def _blend(before: float, now: float) -> float:
    return now if math.isnan(before) else (2 * before + now) / 3
