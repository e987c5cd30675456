# SPDX-License-Identifier: BSD-3-Clause
"""What a job asks of whatever does its units of work (a bag, a sequence, ...) elsewhere; knows no engine by name."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Callable, Iterator, Protocol, Sequence, TypeVar

from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.core.shipped_files import NAME

T = TypeVar("T")
R = TypeVar("R")
# what decodes and computes; another version may give other bytes
LIBRARIES = ("numpy", "scipy", "opencv-python", "opencv-python-headless", "onnxruntime", "onnxruntime-gpu")


class Engine(Protocol):
    """Does units of work: here, or on other processes or machines, which see the same files under the same paths."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether other processes do the units, side by side, each on one core; one that dies is replaced."""
        ...

    def completed(
        self, function: Callable[[T], R], items: Sequence[T], labels: Sequence[str], unit: str = ""
    ) -> Iterator[tuple[int, R]]:
        """The number of each item with what the function made of it, in the order in which they are done.

        A unit whose worker dies is done again by another, from its beginning. labels: what messages call the items.
        unit: what is counted as progress where other processes do it ("bag"); "" where the caller counts.
        What the function logs is logged here. Raises what the function raises, from elsewhere the errors of users as
        their kind with their text and any other as RuntimeError; RelocalizationError for a unit that kills its workers.
        """
        ...


class Here:
    """The Engine that does one unit after the other in this process."""

    is_elsewhere = False

    def completed(
        self, function: Callable[[T], R], items: Sequence[T], labels: Sequence[str], unit: str = ""
    ) -> Iterator[tuple[int, R]]:
        """See Engine."""
        return ((number, function(item)) for number, item in enumerate(items))


def uncounted(count: int = 1) -> None:
    """The `advance` of those who do not count."""


def counted(
    engine: Engine,
    function: Callable[..., R],
    items: Sequence[T],
    labels: Sequence[str],
    sizes: Sequence[int],
    progress: Task,
) -> list[R]:
    """What function(item, advance=...) makes of each item, in their order; raises as `Engine.completed`.

    An item counts as so many units of `progress`: one by one where this process does it, which calls `advance`, else
    when it is done.
    """
    work = function if engine.is_elsewhere else partial(function, advance=progress.advance)
    found: dict[int, R] = {}
    for number, value in engine.completed(work, items, labels):
        found[number] = value
        if engine.is_elsewhere:
            progress.advance(sizes[number])
    return [found[number] for number in range(len(items))]


@contextmanager
def engine_at(dask: str) -> Iterator[Engine]:
    """The engine of a Dask scheduler's address, or of "local" processes; for "" this process.

    Raises ConfigError, see dask_cluster; ModuleNotFoundError where Dask is not installed.
    """
    if not dask:
        yield Here()
        return
    from camera_relocalization_ros.fleet.dask_cluster import dask_engine

    with dask_engine(dask) as engine:
        yield engine


def code_digest() -> str:
    """Hex SHA-256 of our modules and the versions of LIBRARIES: machines with the same one do the same work."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(f"{NAME} {[_version(library) for library in LIBRARIES]}".encode())
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _version(library: str) -> str:
    from importlib import metadata  # which takes milliseconds, and is of use to fleets alone

    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""
