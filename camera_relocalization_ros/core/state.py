# SPDX-License-Identifier: BSD-3-Clause
"""What the relocalizer says of itself; the numbers are those of msg/RelocalizerStatus.msg."""

from __future__ import annotations

import enum


class State(enum.IntEnum):
    """An image's answer is OK, DEGRADED or LOST; WARMING_UP and STALE say that no image came (yet, any more)."""

    WARMING_UP = 0
    OK = 1
    DEGRADED = 2
    LOST = 3
    STALE = 4
