# SPDX-License-Identifier: BSD-3-Clause
"""Where a picture was taken, between the satellites' fixes before and after it."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np

from camera_relocalization_ros.aircraft.local_frame import Geodetic

# the longest stretch between two fixes that a picture may lie in
MAX_GAP_NS = 1_500_000_000


def places_between(
    fixes_ns: np.ndarray, fixes: Sequence[Geodetic], stamps_ns: Mapping[str, int]
) -> dict[str, Geodetic]:
    """The places of the pictures, by their names, that lie between two near fixes.

    fixes_ns (N,) int64 ascend; stamps_ns: of the pictures, in the same clock.
    """
    table = np.array([(p.latitude_deg, p.longitude_deg, p.height_m) for p in fixes]).reshape(-1, 3)
    found = {}
    for name, stamp_ns in stamps_ns.items():
        after = max(int(np.searchsorted(fixes_ns, stamp_ns)), 1)
        if after >= len(fixes_ns) or stamp_ns < fixes_ns[0] or fixes_ns[after] - fixes_ns[after - 1] > MAX_GAP_NS:
            continue
        share = (stamp_ns - fixes_ns[after - 1]) / (fixes_ns[after] - fixes_ns[after - 1])
        found[name] = Geodetic(*(table[after - 1] + share * (table[after] - table[after - 1])).tolist())
    return found
