# SPDX-License-Identifier: BSD-3-Clause
"""Notices two cameras on one topic, and stamps that go to and fro: nothing can be followed from image to image then."""

from __future__ import annotations

from camera_relocalization_ros.ros.often import Often


class ArrivalWatch:
    """Takes who sent an image, and its stamp, in whatever threads these arrive."""

    def __init__(self) -> None:
        self._senders = ("", "")
        self._last_ns = 0
        self._changed, self._went_back = Often(), Often()

    def note(self, sender: str, stamp_ns: int) -> None:
        """An image arrived."""
        last = self._senders[1]
        if sender != last:
            self._senders = last, sender
            if last:
                self._changed.note()
        if stamp_ns < self._last_ns:
            self._went_back.note()
        self._last_ns = stamp_ns

    @property
    def complaint(self) -> str:
        """What is wrong, "" when nothing is."""
        if self._changed:
            return f"images come by turns from {' and '.join(sorted(self._senders))}: two cameras on one topic?"
        if self._went_back:
            return f"stamps of images from {self._senders[1]} go back again and again"
        return ""
