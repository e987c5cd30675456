# SPDX-License-Identifier: BSD-3-Clause
"""What an answer is worth, and where it came from; the numbers are those of msg/RelocalizerStatus.msg."""

from __future__ import annotations

import enum


class State(enum.IntEnum):
    """An image's answer is OK, DEGRADED or LOST; WARMING_UP and STALE say that no image came (yet, any more)."""

    WARMING_UP = 0
    OK = 1
    DEGRADED = 2
    LOST = 3
    STALE = 4


class Stage(enum.IntEnum):
    """A pose is the network's, or that of landmarks found in the image, or of landmarks tracked from one before.

    FUSED is asked for, the best of these, and no estimate or message carries it. Texts are the names in lower case.
    """

    REGRESSION = 0
    REFINED = 1
    TRACKED = 2
    FUSED = 3
