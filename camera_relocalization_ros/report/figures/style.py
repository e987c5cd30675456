# SPDX-License-Identifier: BSD-3-Clause
"""One code of colours, lines and markers for all pictures of results; trajectory_view.js has the same.

Okabe and Ito's palette, for colour-blind people too; what colour tells, line, marker or hatching tells.
"""

from __future__ import annotations

from typing import Any, Dict, Tuple

from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.evaluation.results import NO_STATE

COLOURS = ("#D55E00", "#0072B2", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STYLES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)))


def look_of(number: int) -> Tuple[str, Any]:
    """Colour and line style of a picture's result of this number: 24 differ, neighbours in both."""
    turn, place = divmod(number, len(COLOURS))
    return COLOURS[place], STYLES[(place + turn) % len(STYLES)]


# baselines are thin and grey, and each has a marker of its own
BASELINES = (
    *(("#555555", ":", "o"), ("#777777", "--", "s"), ("#555555", "-.", "^")),
    *(("#777777", ":", "D"), ("#555555", "--", "v"), ("#777777", "-.", "x")),
)
# truth green and estimate red, as the thesis has them
TRUTH, ESTIMATE, OBJECT, LINK = "#009E73", "#D55E00", "#444444", "#bbbbbb"
AXES = {"x": "#D55E00", "y": "#009E73", "z": "#0072B2"}
GRID = "#dddddd"
# an estimate is a dot when OK, a hollow square when DEGRADED, a cross when LOST
_HOLLOW: Dict[str, Any] = {"marker": "s", "markersize": 5, "markerfacecolor": "none", "markeredgewidth": 0.9}
MARKERS: Dict[int, Dict[str, Any]] = {
    State.OK: {"marker": ".", "markersize": 5, "label": "estimate, OK"},
    State.DEGRADED: {**_HOLLOW, "label": "estimate, DEGRADED"},
    State.LOST: {"marker": "x", "markersize": 5, "markeredgewidth": 1.1, "label": "estimate, LOST"},
    NO_STATE: {"marker": ".", "markersize": 5, "label": "estimate"},
}
# colour, hatch and label of stretches of time in which the answers were not OK
BANDS = {
    State.DEGRADED: ("#F0E442", "///", "DEGRADED"),
    State.LOST: ("#999999", "xxx", "LOST"),
    NO_STATE: ("#ffffff", "...", "no answer"),
}
