# SPDX-License-Identifier: BSD-3-Clause
"""Names of coordinate frames: which two a pose is between, and what is said when two poses are between others."""

from __future__ import annotations

from dataclasses import dataclass


def bare_frame(name: str) -> str:
    """A frame's name as tf2 has it: without the leading slash that the older tf put before it."""
    return name.lstrip("/")


@dataclass(frozen=True)
class FramePair:
    """What poses T_parent_child are between. Names are bare, so pairs compare as tf2 would have it."""

    parent: str
    child: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "parent", bare_frame(self.parent))
        object.__setattr__(self, "child", bare_frame(self.child))

    @property
    def are_two(self) -> bool:
        """Whether both have a name, and not the same."""
        return bool(self.parent and self.child) and self.parent != self.child

    def __str__(self) -> str:
        return f"{self.child!r} in {self.parent!r}"

    def mismatch(self, expected: FramePair, introduction: str) -> str:
        """What to say where other frames were expected, "" when they are these.

        `introduction` leads to the expected ones, such as "the truth has".
        """
        return "" if self == expected else f"poses of {self}; {introduction} {expected}"
