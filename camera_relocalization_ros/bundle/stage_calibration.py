# SPDX-License-Identifier: BSD-3-Clause
"""How far the errors of a stage's poses reach beyond the covariances that these come with; docs/uncertainty.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple  # read from YAML: evaluated at run time

# with which OK promises errors below a pilot's limits
CONFIDENCE = 0.999
# stages of poses that are published, as core.state.Stage has them in lower case
STAGES = ("regression", "refined", "tracked")
MAX_REACH = 1e4
# Of a stage that was not measured: what 99.95 % of errors lie within that are distributed as Student's t, with an
# ellipsoid for 90 % that holds 90 %. Four degrees of freedom for regressed poses, eight for those by landmarks, which a
# gate has looked at; both have lighter tails (docs/uncertainty.md).
UNMEASURED_REACH = {"regression": 10.9, "refined": 6.4, "tracked": 6.4}


@dataclass(frozen=True)
class StageCalibration:
    """Fitted to `frames` poses of one stage, on data that the bundle was not trained on.

    reach: in CONFIDENCE of the poses both errors, in position and in orientation, are shorter than so many standard
    deviations along the longest axis of their covariance.
    """

    frames: int
    reach: Tuple[float, float]

    def __post_init__(self) -> None:
        """Raises ValueError that names the key, what was found and what was expected."""
        if self.frames < 1:
            raise ValueError(f"calibration frames of a stage is {self.frames}; expected 1 or more")
        if not all(1 <= value <= MAX_REACH for value in self.reach):
            raise ValueError(f"calibration reach is {self.reach}; expected 1 to {MAX_REACH:g} standard deviations each")
