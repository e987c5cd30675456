# SPDX-License-Identifier: BSD-3-Clause
"""The hall's measures: what the walls, the clutter and the flights must agree on. Metres in the map frame."""

from __future__ import annotations

# the flown volume of the thesis was 6.7 x 5.1 x 5 m; six placements, and circles around them, fit in this
ROOM_MIN = (-4.2, -5.6, 0.0)
ROOM_MAX = (6.2, 6.6, 5.0)
# clutter stays within this distance of a wall, aircraft stay outside it
CLUTTER_DEPTH = 1.2
FLIGHT_MIN = (ROOM_MIN[0] + 1.6, ROOM_MIN[1] + 1.6)
FLIGHT_MAX = (ROOM_MAX[0] - 1.6, ROOM_MAX[1] - 1.6)
