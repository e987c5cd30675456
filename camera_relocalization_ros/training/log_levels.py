# SPDX-License-Identifier: BSD-3-Clause
"""Another library's log, kept down while it works for this one and no longer."""

from __future__ import annotations

import contextlib
import logging
from typing import Iterator


@contextlib.contextmanager
def log_level(name: str | None, level: int) -> Iterator[None]:
    """Within it, the logger `name` (None: the root) lets through only what is of `level` or above."""
    chosen = logging.getLogger(name)
    before = chosen.level
    chosen.setLevel(level)
    try:
        yield
    finally:
        chosen.setLevel(before)
