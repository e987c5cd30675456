# SPDX-License-Identifier: BSD-3-Clause
"""The clock that stamps a bag's images, against which those of its other streams are held."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Iterable, Iterator, Sequence

import numpy as np
import rosbag

from camera_relocalization_ros.data.clock_steps import SetBack, in_clock_of_images, is_shared, set_backs
from camera_relocalization_ros.ros.bags.reader import places, read_recorded_image

OUT_OF_ORDER, ALONE = "stamp out of order", "the images' clock was set back, not the poses'"

logger = logging.getLogger(__name__)


class ImageClock:
    """Tells which samples of a stream have stamps of one clock, the images' where there are some."""

    def __init__(self, bag: rosbag.Bag, image_topic: str = "") -> None:
        self._bag = bag
        self._topic = image_topic
        # steps of the other streams that were asked about
        self._others: list[Sequence[SetBack]] = []

    @cached_property
    def steps(self) -> Sequence[SetBack]:
        """Where it was set back; reads all images, so it is asked only when another clock was."""
        if not self._topic:
            return ()
        stamps_ns = [read_recorded_image(self._bag, place).stamp_ns for place in places(self._bag, [self._topic])]
        return set_backs(np.array(stamps_ns, dtype=np.int64))

    def kept(self, stamps_ns: np.ndarray, name: str) -> np.ndarray:
        """Mask (N,) of the stamps (N,) int64, in the order of arrival, that can be used; what is left out is logged."""
        steps = set_backs(stamps_ns)
        if not steps:
            return np.ones(len(stamps_ns), dtype=bool)
        self._others.append(steps)
        one_clock = in_clock_of_images(stamps_ns, self.steps)
        logger.warning("%s: the clock of %s was %s", self._bag.filename, name, one_clock.message)
        return one_clock.kept

    def image_faults(self, stamps_ns: Iterable[int]) -> Iterator[str]:
        """For each image, by its stamp in the order of arrival: why its stamp does not count; "" where it does."""
        newest_ns, passed, fault = 0, 0, ""
        before_ns, steps, limit_ns = 0, None, 0
        for index, stamp_ns in enumerate(stamps_ns):
            if steps is None and stamp_ns < before_ns:
                steps = self.steps
            if steps and passed < len(steps) and steps[passed].first == index:
                shared = any(is_shared(steps[passed], passed, others) for others in self._others)
                fault = fault or ("" if shared else ALONE)
                limit_ns, passed = newest_ns, passed + 1
            newest_ns, before_ns = max(newest_ns, stamp_ns), stamp_ns
            yield fault or (OUT_OF_ORDER if stamp_ns <= limit_ns else "")
