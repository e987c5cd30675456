# SPDX-License-Identifier: BSD-3-Clause
"""The order in which a recording's files were numbered, with or without leading zeros."""

from __future__ import annotations

import re
from typing import Any


def natural_key(name: str) -> Any:
    """A key that puts frame2 before frame10, and seq2/frame1 before seq10/frame1; unlike names have unlike keys."""
    parts = [(text, len(digits), digits) for text, digits in _parts(name)]
    return parts, name


def _parts(name: str) -> list[tuple[str, str]]:
    """Each text with the number after it, without its leading zeros."""
    return [(text, digits.lstrip("0")) for text, digits in re.findall(r"([^0-9]*)([0-9]*)", name)]
