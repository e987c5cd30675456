# SPDX-License-Identifier: BSD-3-Clause
"""What the names of recordings tell: whether they are videos, and what their sequences are called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Sequence

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".avi", ".webm")
ENDINGS = re.compile(rf"\.(active|bag|db3|mcap|{'|'.join(suffix[1:] for suffix in VIDEO_SUFFIXES)})\b", re.IGNORECASE)


def is_video(path: Path) -> bool:
    """Whether a path is that of a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def sequence_names(paths: Sequence[Path]) -> list[str]:
    """The recordings' names without their endings, numbered where some of several folders share one."""
    stems = [ENDINGS.sub("", path.name or path.resolve().name) for path in map(Path, paths)]
    return [stem if stems.count(stem) == 1 else f"{stem}_{number}" for number, stem in enumerate(stems, start=1)]
