# SPDX-License-Identifier: BSD-3-Clause
"""Does OK keep its promise? Promised, seen, and of how many, by state and stage."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from camera_relocalization_ros.bundle.stage_calibration import CONFIDENCE
from camera_relocalization_ros.core.pose_errors import length_text, length_unit, within
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.evaluation.results import NO_STAGE, Result

ALL_STAGES = "all"
STATES = (State.OK, State.DEGRADED, State.LOST)


@dataclass(frozen=True)
class ReliabilityRow:
    """Of the estimates with a true pose that had a state and came from a stage, or from any (ALL_STAGES).

    promised: the share whose errors are both within what OK promised, None where nothing is; `kept` of `count` were;
    worst_m, worst_deg: largest errors.
    """

    state: str
    stage: str
    promised: float | None
    kept: int
    count: int
    worst_m: float
    worst_deg: float

    @property
    def seen(self) -> float:
        """The share that was within."""
        return self.kept / self.count

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "seen": self.seen}

    def cells(self, is_metric: bool = True) -> list[str]:
        """As texts, in the order of COLUMNS."""
        promised = "nothing" if self.promised is None else f"{100 * self.promised:.1f} %"
        worst = f"{length_text(self.worst_m, is_metric)}, {self.worst_deg:.1f} deg"
        return [self.state, self.stage, promised, f"{100 * self.seen:.1f} %", f"{self.kept} of {self.count}", worst]


COLUMNS = ("state", "stage", "promised", "seen", "of how many", "worst")


def reliability_rows(result: Result) -> list[ReliabilityRow]:
    """A row for each state and stage that occurs among the estimates with errors, and one of all that were OK."""
    rows = result.select(result.compared)
    errors = rows.errors()
    kept = within(errors, rows.info.ok_position_m, rows.info.ok_orientation_deg)

    def row(state: State, stage: str, chosen: np.ndarray) -> ReliabilityRow:
        worst = float(errors.position_m[chosen].max()), float(errors.orientation_deg[chosen].max())
        promised = CONFIDENCE if state is State.OK else None
        return ReliabilityRow(state.name, stage, promised, int(kept[chosen].sum()), int(chosen.sum()), *worst)

    found = []
    for state in STATES:
        of_state = rows.states == state
        stages = [stage for stage in np.unique(rows.stages[of_state]) if stage != NO_STAGE]
        found += [row(state, Stage(stage).name.lower(), of_state & (rows.stages == stage)) for stage in stages]
        if state is State.OK and len(stages) > 1:
            found.append(row(state, ALL_STAGES, of_state))
    return found


def reliability_title(result: Result) -> str:
    """What the table is about, in words."""
    info = result.info
    position = f"{info.ok_position_m:g} {length_unit(info.metric)}"
    return f"errors below {position} and {info.ok_orientation_deg:g} deg, which is what OK promises"


def reliability_table(result: Result) -> str:
    """The rows in plain text; "" where states say nothing."""
    cells = [list(COLUMNS), *(row.cells(result.info.metric) for row in reliability_rows(result))]
    if len(cells) == 1:
        return ""
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in cells]
    return "\n".join([reliability_title(result) + ":", *lines])
