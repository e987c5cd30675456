# SPDX-License-Identifier: BSD-3-Clause
"""Whether pictures are by the intrinsics that camera_info has, as landmarks say: a cropped or squeezed one is not."""

from __future__ import annotations

from typing import Callable

import numpy as np

# of each part of a camera, see `pnp.CameraPart`: what is tolerated beside a map's reach
TOLERATED = np.array([0.02, 0.01, 0.02, 0.02, 0.02])
# pictures in a row, at most, that must deny a change, of which they show less than a share: as many as told of it among
# those looked at as a whole, and one at least
MOST_DENIALS, DENIED_SHARE = 3, 0.25
# pictures in a row that told of no other camera when they were looked at as a whole: then one of so many is improbable
SETTLING = 2
# what one picture alone tells of a camera that was known, another one takes back if it shows less than this share of
# the reach, and would show it as well: by deviations up to so many times as large; both looked at as a whole
UNREPEATED, AS_WELL = 0.5, 2.0


def deviations_off(changes_5: np.ndarray, deviations_5: np.ndarray) -> np.ndarray:
    """By how many standard deviations each part of a camera (5,) differs beyond what is tolerated anyway.

    The arguments are what `pnp.camera_changes` returns.
    """
    off: np.ndarray = np.maximum(np.abs(changes_5) - TOLERATED, 0.0) / deviations_5
    return off


class IntrinsicsWatch:
    """Speaks up when landmarks leave no doubt that a picture is not by its intrinsics, until others deny what they saw.

    Pictures are not averaged: what a map errs by is the same from one image to the next. reach: how many standard
    deviations are no doubt, see `LandmarkMap`; half of them deny. What is searched and what is tracked may be looked at
    in threads of their own.
    """

    def __init__(self, reach: float) -> None:
        self._reach = reach
        self.reset()

    def reset(self) -> None:
        """Forget earlier pictures."""
        # what was seen last of each part that is in doubt, else 0, and how many pictures denied it since, in a row
        self._alarms, self._denials = np.zeros(len(_SAYINGS)), np.zeros(len(_SAYINGS), dtype=int)
        # pictures since the first doubt that were looked at as a whole, and told of any
        self._told = 0
        # deviations of what one picture alone told of each part when the camera was known; 0 of the others
        self._told_once = np.zeros(len(_SAYINGS))
        # pictures in a row that were looked at as a whole, and told of none
        self._undoubted = 0

    def lost_sight(self) -> None:
        """Nothing is followed: the camera may have become another one, and nobody saw it."""
        self._undoubted = 0

    @property
    def is_settled(self) -> bool:
        """Whether the camera is known, so that it takes more than a little to speak against it."""
        return self._undoubted >= SETTLING

    @property
    def is_alarmed(self) -> bool:
        """Whether an earlier picture has said that the camera is another one, and none has denied it."""
        return bool(np.any(self._alarms))

    def is_in_doubt(self, changes_5: np.ndarray, deviations_5: np.ndarray) -> bool:
        """Whether the camera is in doubt already, or one more picture says so that is not trusted to speak for all."""
        return self.is_alarmed or bool(np.any(deviations_off(changes_5, deviations_5) > self._reach))

    def complaint(
        self,
        changes_5: np.ndarray,
        deviations_5: np.ndarray,
        denied: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> str:
        """What is wrong by one more picture, see `pnp.camera_changes`; "" when nothing is.

        denied: which given changes (5,) the whole picture rules out. Without it denies nothing: points that agree with
        a pose of the wrong camera are the ones that do not tell.
        """
        off = deviations_off(changes_5, deviations_5)
        is_off = off > self._reach
        excludes = np.abs(self._alarms - changes_5) > self._reach / 2 * deviations_5
        is_small = np.abs(changes_5) < DENIED_SHARE * np.abs(self._alarms)
        may_deny = is_small & excludes & ~is_off & (self._alarms != 0)
        if denied is not None and may_deny.any():
            denials = np.where(may_deny & denied(self._alarms), self._denials + 1, 0)
        else:
            denials = np.where(may_deny, self._denials, 0)
        self._told += bool(is_off.any()) and denied is not None
        is_over = denials >= np.clip(self._told, 1, MOST_DENIALS)
        if denied is not None:
            is_over |= (off < UNREPEATED * self._reach) & (deviations_5 <= AS_WELL * self._told_once)
        is_first = (self._alarms == 0) & self.is_settled & (denied is not None)
        self._told_once = np.where(
            is_off, np.where(is_first, deviations_5, 0.0), np.where(is_over, 0.0, self._told_once)
        )
        alarms = np.where(is_off, changes_5, np.where(is_over, 0.0, self._alarms))
        self._alarms, self._denials = alarms, denials
        if not alarms.any():
            self._told = 0
            self._undoubted += denied is not None
        else:
            self._undoubted = 0
        worst = int(np.argmax(np.abs(alarms) / TOLERATED))
        return f"landmarks say that {_SAYINGS[worst](float(alarms[worst]))}" if alarms[worst] else ""


def _of_focal_length(change: float) -> str:
    factor = f"the focal length is about {1 + change:.2f} times that of camera_info"
    return f"{factor}: is the picture cropped, zoomed or stabilised?"


def _of_aspect_ratio(change: float) -> str:
    side = "wide" if change > 0 else "high"
    factor = f"things are about {(1 + abs(change)) / (1 - abs(change)):.2f} times as {side} as camera_info has them"
    return f"{factor}: is the picture squeezed?"


def _of_principal_point(change: float) -> str:
    share = f"the principal point is off by about {abs(change):.0%} of the focal length"
    return f"{share}: is the picture shifted, or a part of one?"


def _of_distortion(change: float) -> str:
    amount = "too little" if change > 0 else "too much"
    return f"camera_info has {amount} distortion: is the picture rectified, or another lens's?"


# what is asked of who flies, for each part of a camera
_SAYINGS = (_of_focal_length, _of_aspect_ratio, _of_principal_point, _of_principal_point, _of_distortion)
