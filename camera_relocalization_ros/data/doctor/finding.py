# SPDX-License-Identifier: BSD-3-Clause
"""What a check of a data set says; knows nothing of the checks themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterable

OK, LOOK, BAD = "OK", "LOOK", "BAD"
LEVELS = (OK, LOOK, BAD)


@dataclass(frozen=True)
class Finding:
    """The result of one check: level OK, LOOK or BAD, a sentence that says what to do, and plain values."""

    check: str
    level: str
    sentence: str
    values: dict[str, Any] = field(default_factory=dict)


def level_of(share: float, look: float, bad: float) -> str:
    """BAD above `bad`, LOOK above `look`, else OK."""
    return BAD if share > bad else LOOK if share > look else OK


def worst_level(findings: Iterable[Finding]) -> str:
    """The worst level of all; OK of none."""
    return max((finding.level for finding in findings), key=LEVELS.index, default=OK)


def findings_text(findings: Iterable[Finding]) -> str:
    """One line per finding, level first."""
    return "\n".join(f"{finding.level:<6}{finding.check + ':':<20}{finding.sentence}" for finding in findings)
