# SPDX-License-Identifier: BSD-3-Clause
"""The reduced airframe's measures in wing/base_link (x to the nose, y to the left wing, z up; metres).

Plain numbers, so that plots can draw it and tests can aim at it without a renderer.
"""

from __future__ import annotations

import numpy as np

FUSELAGE_STATIONS = np.array(  # x, radius, height of the centre line
    [
        [1.30, 0.005, -0.03],
        [1.26, 0.06, -0.02],
        [1.15, 0.115, -0.01],
        [0.98, 0.16, 0.0],
        [0.75, 0.18, 0.0],
        [-0.45, 0.18, 0.0],
        [-0.80, 0.145, 0.03],
        [-1.10, 0.09, 0.07],
        [-1.30, 0.03, 0.10],
    ]
)
# a wing or fin: leading and trailing edge at the root and at the tip, as x, span, rise
WING = {"root": (0.38, -0.28, 0.10, -0.06), "tip": (-0.12, -0.36, 1.25, 0.06)}
TAILPLANE = {"root": (-0.92, -1.22, 0.04, 0.08), "tip": (-1.12, -1.30, 0.45, 0.11)}
FIN = {"root": (-0.85, -1.24, 0.12), "tip": (-1.15, -1.34, 0.60)}
ENGINES = ((0.22, 0.45, -0.16), (0.22, -0.45, -0.16))
ENGINE_LENGTH, ENGINE_RADIUS = 0.36, 0.085

LANDMARKS = {
    "nose": (1.30, 0.0, -0.03),
    "left wing tip": (-0.12, 1.25, 0.06),
    "right wing tip": (-0.12, -1.25, 0.06),
    "fin tip": (-1.15, 0.0, 0.60),
    "left tailplane tip": (-1.12, 0.45, 0.11),
    "right tailplane tip": (-1.12, -0.45, 0.11),
}


def outline() -> np.ndarray:
    """The airframe from above as a closed line (N, 2) of x, y."""
    left = [
        (1.30, 0.0),
        (1.15, 0.115),
        (0.75, 0.18),
        (WING["root"][0], 0.18),
        (WING["tip"][0], WING["tip"][2]),
        (WING["tip"][1], WING["tip"][2]),
        (WING["root"][1], 0.18),
        (-0.80, 0.145),
        (TAILPLANE["root"][0], 0.1),
        (TAILPLANE["tip"][0], TAILPLANE["tip"][2]),
        (TAILPLANE["tip"][1], TAILPLANE["tip"][2]),
        (-1.30, 0.03),
    ]
    right = [(x, -y) for x, y in reversed(left)]
    return np.array(left + right)
