# SPDX-License-Identifier: BSD-3-Clause
"""Whether two searches agree: the pose by one, and that by the landmarks that were followed since another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camera_relocalization_ros.core.pose import pose_residual
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.gate import GateSettings
from camera_relocalization_ros.localization.refinement import Refinement

# Root mean square of the six parts of the difference, in standard deviations of both. In five flights around a white
# light aircraft 14 of 1,146 searched poses were off by more than 4.5 deviations, two of these by half a turn. 12 of
# them were further apart, and 9 of the others.
MOST_APART = 1.5
# of a guided search, which sees nothing but what it expects, to confirm: in five flights around an airliner errors of
# 208 up to this reached 4 cm, of 11 beyond 8 cm
MOST_APART_GUIDED = 1.0
# followed landmarks have a say where so many, and so large a share of them, agree on a pose
LEAST_FOLLOWED, LEAST_SHARE = 12, 0.5


@dataclass(frozen=True)
class Prior:
    """What is known of an image before it is searched: its best pose, and the pose by the landmarks that are followed.

    `followed` may be too uncertain to be published, for in the image it is wrong by little, but what is found near it
    then confirms nothing; None where it is no guide.
    """

    best: Estimate
    followed: Refinement | None = None


def has_a_say(followed: Refinement | None) -> bool:
    """Whether the pose by followed landmarks can confirm or contest another."""
    if followed is None or not followed.found:
        return False
    return len(followed.landmarks) >= LEAST_FOLLOWED and followed.share >= LEAST_SHARE


def apart(found: Refinement, followed: Refinement) -> float:
    """How far two poses of an image differ, see MOST_APART."""
    return followed.best.apart(found.pose, found.covariance)


def confirms(found: Refinement, followed: Refinement, settings: GateSettings) -> bool:
    """Whether a search agrees with followed landmarks, and would not have where either was wrong.

    With a pose of less certainty, as of landmarks that were followed to where few are in view, much agrees that is
    wrong: a search near it finds what looks alike in a row, such as windows, as it would look from there.
    """
    most = MOST_APART_GUIDED if found.is_guided else MOST_APART
    return is_near(found, followed, settings) and apart(found, followed) <= most


def is_near(found: Refinement, followed: Refinement, settings: GateSettings) -> bool:
    """Whether the pose of a search does not contradict that by followed landmarks, which is certain."""
    return settings.is_certain(followed.best.covariance) and apart(found, followed) <= MOST_APART


def contest(found: Refinement, followed: Refinement, unit: str) -> str:
    """What to say where a searched pose and that of followed landmarks of the same image contradict each other."""
    difference = pose_residual(found.pose, followed.best.pose)
    distance, angle_deg = np.linalg.norm(difference[:3]), np.degrees(np.linalg.norm(difference[3:]))
    return f"landmarks that were searched and followed ones are {distance:.2f} {unit} and {angle_deg:.0f} deg apart"


class Confirmation:
    """What is known of the landmarks that are followed.

    is_confirmed: two searches agree on them. doubt: why the last search contests them, "" where it does not.
    is_giving_way: they are in doubt until what a second search found has taken their place.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nothing is followed."""
        self.is_confirmed, self.doubt, self.is_giving_way = False, "", False

    def found(self, is_confirmed: bool) -> None:
        """Landmarks were found by a search, and agree with those that were followed, or take their place."""
        self.is_giving_way = bool(self.doubt) and not is_confirmed
        self.is_confirmed = is_confirmed
        if not self.is_giving_way:
            self.doubt = ""

    def gave_way(self, is_catching_up: bool) -> bool:
        """Whether what was in doubt is followed no more: what was found later is no longer on its way to the newest."""
        if not self.is_giving_way or is_catching_up:
            return False
        self.reset()
        return True
