# SPDX-License-Identifier: BSD-3-Clause
"""The engine that gives units of work to the workers of a Dask cluster; Dask's scheduler decides who does what.

Loaded only where a cluster is asked for: `distributed` is no dependency of anything else.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Iterator, List, Sequence, TypeVar

from distributed import Client, KilledWorker, LocalCluster, as_completed

from camera_relocalization_ros.core.errors import BagError, ConfigError, one_line
from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.core.shipped_files import NAME
from camera_relocalization_ros.fleet.engine import code_digest

T = TypeVar("T")
R = TypeVar("R")
LOCAL = "local"
CONNECT_S, FIRST_WORKER_S = 30, 60

logger = logging.getLogger(__name__)


@contextmanager
def dask_engine(address: str) -> Iterator[DaskEngine]:
    """The engine of the scheduler at an address, or with LOCAL of processes of this computer, one a core.

    Raises ConfigError where no scheduler answers, none of its workers comes, or versions differ.
    """
    try:
        client = Client(_local_cluster() if address == LOCAL else address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"no Dask scheduler answers at {address} ({one_line(error)})") from error
    try:
        _check_workers(client, address)
        logger.info("Dask: %d workers, dashboard %s", len(client.nthreads()), client.dashboard_link)
        yield DaskEngine(client)
    finally:
        cluster = client.cluster
        client.close()
        if cluster is not None:
            cluster.close()


def _local_cluster() -> LocalCluster:
    # rosbag is Python: threads of one process would wait for each other
    return LocalCluster(threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL)


def _check_workers(client: Client, address: str) -> None:
    """Raise ConfigError where no worker is there, or one runs other versions of Dask's packages or of ours."""
    try:
        client.wait_for_workers(1, timeout=FIRST_WORKER_S)
    except (TimeoutError, asyncio.TimeoutError):
        raise ConfigError(f"the Dask scheduler at {address} has no worker after {FIRST_WORKER_S} s") from None
    try:
        client.get_versions(check=True)
    except ValueError as error:
        raise ConfigError(f"the Dask workers at {address} have other versions: {one_line(error)}") from None
    own = code_digest()
    try:
        digests = client.run(code_digest)
    except ModuleNotFoundError as error:
        raise ConfigError(f"a Dask worker at {address} lacks {error.name}: install {NAME} there") from None
    others = sorted(worker for worker, digest in digests.items() if digest != own)
    if others:
        raise ConfigError(f"Dask workers run another version of {NAME} than this command: {', '.join(others)}")


@dataclass(frozen=True)
class _Outcome:
    """What a function returned on a worker, and what it logged there: (logger's name, level, text)."""

    value: Any
    records: List[tuple[str, int, str]]


class DaskEngine:
    """The Engine of a Dask client."""

    is_elsewhere = True

    def __init__(self, client: Client) -> None:
        self._client = client

    def completed(
        self, function: Callable[[T], R], items: Sequence[T], labels: Sequence[str]
    ) -> Iterator[tuple[int, R]]:
        """See Engine."""
        digest = code_digest()
        # impure: a job that is given again is done again; all at once: the scheduler sees how many there are
        futures = self._client.map(partial(_run, function, digest), list(items), pure=False)
        numbers = {future: number for number, future in enumerate(futures)}
        with self._client.as_current():
            done = as_completed(futures)
        with Task("bags", len(items), "bag") as progress:
            for future in done:
                number = numbers[future]
                try:
                    outcome = future.result()
                except KilledWorker:
                    text = "every worker that took it died; they may be out of memory"
                    raise BagError(f"{labels[number]}: {text}") from None
                for name, level, message in outcome.records:
                    logging.getLogger(name).log(level, "%s", message)
                yield number, outcome.value
                progress.advance()


class _Records(logging.Handler):
    """Keeps what one thread logs: a worker may do several units at a time."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._thread = threading.get_ident()
        self.records: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.records.append((record.name, record.levelno, record.getMessage()))


def _run(function: Callable[[T], R], digest: str, item: T) -> _Outcome:
    """On the worker: the function's value; raises ConfigError where this worker, which may be new, has other code."""
    if code_digest() != digest:
        raise ConfigError(f"a Dask worker came that runs another version of {NAME}")
    package = logging.getLogger(NAME)
    kept = _Records()
    package.addHandler(kept)
    package.setLevel(logging.INFO)
    try:
        return _Outcome(function(item), kept.records)
    finally:
        package.removeHandler(kept)
