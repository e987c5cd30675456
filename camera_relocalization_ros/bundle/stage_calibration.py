# SPDX-License-Identifier: BSD-3-Clause
"""How far the errors of a stage's poses reach beyond the covariances that these come with; docs/uncertainty.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Tuple  # read from YAML: evaluated at run time

from camera_relocalization_ros.core.plain_values import OMITTED_DEFAULT
from camera_relocalization_ros.core.state import Stage

# with which OK promises errors below a pilot's limits
CONFIDENCE = 0.999
# kinds of poses that are published: regressed; by landmarks of one search alone; searched, tracked, and tracked by
# FEW_LANDMARKS, where two searches agreed
STAGES = ("regression", "refined", "confirmed", "tracked", "tracked_few")
# Poses by fewer tracked landmarks than this are seldom off by more than others, for their covariance, but then by far:
# where some landmarks are wrong, the others are too few to tell.
FEW_LANDMARKS = 40
MAX_REACH = 1e4
# nothing is added to deviations
NO_FLOOR, MAX_FLOOR = (0.0, 0.0), 1e6
# times deviations, where they are published as they were made
AS_MADE = (1.0, 1.0)
# nor does any kind err ten times more, or less, than the map's own left-out images
MOST_WIDENED = 10.0
# Of a stage that was not measured: what 99.95 % of errors lie within that are distributed as Student's t, with an
# ellipsoid for 90 % that holds 90 %. Four degrees of freedom for regressed poses, eight for those by landmarks, which a
# gate has looked at; both have lighter tails (docs/uncertainty.md).
UNMEASURED_REACH = {"regression": 10.9, "refined": 6.4, "tracked": 6.4}
# what was measured of another of STAGES, where nothing was of the one itself
INSTEAD = {"tracked_few": "tracked", "confirmed": "refined"}


def stage_of(stage: Stage, landmarks: int, is_confirmed: bool) -> str:
    """Of STAGES the one of poses of a stage that rest on so many landmarks, and maybe on two searches that agree."""
    if stage is Stage.REGRESSION or not is_confirmed:
        return "regression" if stage is Stage.REGRESSION else "refined"
    if stage is not Stage.TRACKED:
        return "confirmed"
    return "tracked_few" if landmarks < FEW_LANDMARKS else "tracked"


@dataclass(frozen=True)
class StageCalibration:
    """Fitted to `frames` poses of one stage, on data that the bundle was not trained on.

    reach: in CONFIDENCE of the poses both errors, in position and in orientation, are shorter than so many standard
    deviations along the longest axis of their covariance. floor: metres (or the scene's units) and radians that are
    added in squares to these deviations first, because the smallest claim too little. widened: times the deviations, of
    position and of orientation, 90 % ellipsoids hold 90 % of them.
    """

    frames: int
    reach: Tuple[float, float]
    floor: Tuple[float, float] = field(default=NO_FLOOR, metadata={OMITTED_DEFAULT: True})
    widened: Tuple[float, float] = field(default=AS_MADE, metadata={OMITTED_DEFAULT: True})

    def __post_init__(self) -> None:
        """Raises ValueError that names the key, what was found and what was expected."""
        if self.frames < 1:
            raise ValueError(f"calibration frames of a stage is {self.frames}; expected 1 or more")
        if not all(1 <= value <= MAX_REACH for value in self.reach):
            raise ValueError(f"calibration reach is {self.reach}; expected 1 to {MAX_REACH:g} standard deviations each")
        if not all(0 <= value <= MAX_FLOOR for value in self.floor):
            raise ValueError(f"calibration floor is {self.floor}; expected 0 to {MAX_FLOOR:g} each")
        if not all(1 / MOST_WIDENED <= value <= MOST_WIDENED for value in self.widened):
            expected = f"{1 / MOST_WIDENED:g} to {MOST_WIDENED:g} times the standard deviations each"
            raise ValueError(f"calibration widened is {self.widened}; expected {expected}")


def reach_of(stages: Mapping[str, StageCalibration], name: str) -> tuple[float, float]:
    """Of poses of one of STAGES: as measured; where there were too few of them as measured of others, see INSTEAD."""
    known = _measured(stages, name)
    return (UNMEASURED_REACH[INSTEAD.get(name, name)],) * 2 if known is None else known.reach


def floor_of(stages: Mapping[str, StageCalibration], name: str) -> tuple[float, float]:
    """What is added in squares to deviations, before `reach_of` counts them, of poses of one of STAGES."""
    known = _measured(stages, name)
    return NO_FLOOR if known is None else known.floor


def widened_of(stages: Mapping[str, StageCalibration], name: str) -> tuple[float, float]:
    """Times what their standard deviations of position and orientation are published, of poses of one of STAGES."""
    known = _measured(stages, name)
    return AS_MADE if known is None else known.widened


def _measured(stages: Mapping[str, StageCalibration], name: str) -> StageCalibration | None:
    return stages.get(name) or stages.get(INSTEAD.get(name, name))
