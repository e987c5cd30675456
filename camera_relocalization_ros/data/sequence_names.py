# SPDX-License-Identifier: BSD-3-Clause
"""Names of sequences by the recordings that they come from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Sequence

ENDINGS = re.compile(r"\.(active|bag|db3|mcap|mp4|mov|mkv|avi)\b", re.IGNORECASE)


def sequence_names(paths: Sequence[Path]) -> list[str]:
    """The recordings' names without their endings, numbered where some of several folders share one."""
    stems = [ENDINGS.sub("", path.name or path.resolve().name) for path in map(Path, paths)]
    return [stem if stems.count(stem) == 1 else f"{stem}_{number}" for number, stem in enumerate(stems, start=1)]
