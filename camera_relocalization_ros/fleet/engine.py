# SPDX-License-Identifier: BSD-3-Clause
"""What a job asks of whatever does its units of work (a bag each) elsewhere; knows no engine by name."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, Protocol, Sequence, TypeVar

from camera_relocalization_ros.core.shipped_files import NAME

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Does units of work: here, or on other processes or machines, which see the same files under the same paths."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether other processes do the units, side by side, each on one core; one that dies is replaced."""
        ...

    def completed(
        self, function: Callable[[T], R], items: Sequence[T], labels: Sequence[str]
    ) -> Iterator[tuple[int, R]]:
        """The number of each item with what the function made of it, in the order in which they are done.

        A unit whose worker dies is done again by another, from its beginning. labels: what messages call the items.
        What the function logs is logged here. Raises what the function raises, and BagError for a unit that kills
        its workers.
        """
        ...


class Here:
    """The Engine that does one unit after the other in this process."""

    is_elsewhere = False

    def completed(
        self, function: Callable[[T], R], items: Sequence[T], labels: Sequence[str]
    ) -> Iterator[tuple[int, R]]:
        """See Engine."""
        return ((number, function(item)) for number, item in enumerate(items))


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
    """Hex SHA-256 of the package's own modules: machines with the same one do the same to a bag."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(NAME.encode())
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
