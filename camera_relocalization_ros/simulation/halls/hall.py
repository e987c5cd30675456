# SPDX-License-Identifier: BSD-3-Clause
"""A place to fly in, as data: what stands there, who comes and goes, and its light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import numpy as np

from camera_relocalization_ros.simulation.surface import Light, Part


def nobody(_rng: np.random.Generator) -> list[Part]:
    """No visitors."""
    return []


@dataclass(frozen=True)
class Hall:
    """`fixed` is built from the arena's seed and stays; visitors and light are another in each flight.

    reach_m: nothing is further from the camera.
    """

    fixed: Callable[[int], list[Part]]
    light: Callable[[np.random.Generator], Light]
    visitors: Callable[[np.random.Generator], list[Part]] = nobody
    reach_m: float = 30.0
