# SPDX-License-Identifier: BSD-3-Clause
"""How far long work has come: whoever asked for it hears of it by a callback, and where nobody asked all is silent.

The callback is not handed through every function in between: as the logging and the numeric settings of the standard
library are, it is part of the context of what runs (contextvars).
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Callable, Iterable, Iterator, Sized, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """`done` of `total` units ("image", "pair", ...) of a task; `note` says what else is worth showing.

    The first step of a task has nothing done. The last one has `is_over`, also when the task broke off.
    """

    task: str
    done: int
    total: int
    unit: str
    note: str = ""
    is_over: bool = False


Progress = Callable[[Step], None]


def silent(step: Step) -> None:
    """The callback of those who do not ask."""


_listener: ContextVar[Progress] = ContextVar("listener", default=silent)


@contextmanager
def reporting(progress: Progress | None) -> Iterator[None]:
    """What runs in the block reports to `progress`; with None, to whom it did before."""
    if progress is None:
        yield
        return
    token = _listener.set(progress)
    try:
        yield
    finally:
        _listener.reset(token)


class Task:
    """Work of `total` units, as a context manager; it is over where the block ends."""

    def __init__(self, name: str, total: int, unit: str) -> None:
        self._step = Step(name, 0, total, unit)
        self._progress = _listener.get()

    def __enter__(self) -> Task:
        self._progress(self._step)
        return self

    def __exit__(self, *error: object) -> None:
        self._progress(replace(self._step, is_over=True))

    def advance(self, count: int = 1) -> None:
        """So many more units are done."""
        self.reach(self._step.done + count)

    def reach(self, done: int, note: str = "") -> None:
        """So many units are done by now."""
        self._step = replace(self._step, done=done, note=note)
        self._progress(self._step)


def tracked(items: Iterable[T], name: str, unit: str, total: int | None = None) -> Iterator[T]:
    """The items, each of which is done when the next is asked for; `total` where the items do not know their number."""
    count = total if total is not None else len(items) if isinstance(items, Sized) else 0
    with Task(name, count, unit) as task:
        for item in items:
            yield item
            task.advance()
