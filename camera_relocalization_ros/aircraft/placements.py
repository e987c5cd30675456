# SPDX-License-Identifier: BSD-3-Clause
"""Where the airframe stood in the thesis (table 4.3): wing/base_link in map, metres and xyzw."""

from __future__ import annotations

import re
from typing import Any, Mapping

import numpy as np

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.pose import Pose

PLACEMENTS = {
    1: ((-0.405, 2.355, 1.621), (0.013, -0.012, -0.707, 0.707)),
    2: ((0.616, 2.980, 1.623), (-0.010, 0.014, 0.870, -0.493)),
    3: ((1.799, 1.165, 1.625), (-0.007, 0.022, 0.983, -0.182)),
    4: ((0.801, -1.214, 1.625), (0.005, 0.017, 0.769, 0.639)),
    5: ((0.798, -1.796, 1.628), (0.003, 0.018, 0.788, 0.615)),
    6: ((2.262, -0.985, 1.629), (-0.005, 0.011, 0.972, 0.234)),
}


def T_map_airframe(placement: int) -> np.ndarray:
    """The airframe (4, 4) in the map at a placement 1 to 6; raises ConfigError."""
    if placement not in PLACEMENTS:
        raise ConfigError(f"placement {placement}; expected one of {sorted(PLACEMENTS)}")
    position, quat_xyzw = PLACEMENTS[placement]
    return Pose(np.array(position), np.array(quat_xyzw)).canonical.matrix


def placement_name(sequence: str, info: Mapping[str, Any]) -> str:
    """The placement that a sequence's information or name tells ("placement6_seed1" is of 6), "" when neither does."""
    placement = info.get("placement")
    named = re.search(r"placement[ _-]?(\d+)", sequence)
    return str(placement) if placement is not None else named.group(1) if named else ""
