# SPDX-License-Identifier: BSD-3-Clause
"""The engine that gives units of work to the workers of a Dask cluster; Dask's scheduler decides who does what.

Loaded only where a cluster is asked for: `distributed` is no dependency of anything else.
"""

from __future__ import annotations

import asyncio
import logging
import platform
import threading
import traceback
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Callable, Iterator, List, NoReturn, Sequence, TypeVar

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed
from distributed.protocol.pickle import dumps, loads

from camera_relocalization_ros.core import errors
from camera_relocalization_ros.core.errors import ConfigError, RelocalizationError, one_line
from camera_relocalization_ros.core.program import memory_message
from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.core.shipped_files import NAME
from camera_relocalization_ros.fleet.engine import code_digest

T = TypeVar("T")
R = TypeVar("R")
LOCAL = "local"
FEW_BYTES = 50_000
CONNECT_S, FIRST_WORKER_S = 30, 60

logger = logging.getLogger(__name__)


@contextmanager
def dask_engine(address: str) -> Iterator[DaskEngine]:
    """The engine of the scheduler at an address, or with LOCAL of processes of this computer, one a core.

    Raises ConfigError where no scheduler answers, none of its workers comes, or versions differ.
    """
    # its scheduler tells all that it does where a program's own messages go
    own, before = logging.getLogger("distributed"), logging.getLogger("distributed").level
    own.setLevel(logging.WARNING)
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
        own.setLevel(before)


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
        text = f"Dask workers run another version of {NAME}, or of what it computes with, than this command"
        raise ConfigError(f"{text}: {', '.join(others)}")


@dataclass(frozen=True)
class _Failure:
    """An error as text: the class of the user's errors that it is of, or "" for what a user cannot cause.

    Errors themselves do not cross: one that does not pickle, or is nested too deeply to, leaves Dask's client waiting.
    """

    kind: str
    text: str

    @classmethod
    def of(cls, error: Exception) -> _Failure:
        """That of an error which is being handled."""
        for kind in type(error).__mro__:
            if issubclass(kind, RelocalizationError) and getattr(errors, kind.__name__, None) is kind:
                return cls(kind.__name__, str(error))
        if isinstance(error, ModuleNotFoundError):
            return cls(ConfigError.__name__, f"a Dask worker lacks the Python package {error.name}")
        if (text := memory_message(error)) is not None:
            return cls(RelocalizationError.__name__, f"{platform.node()}: {text}")
        if isinstance(error, OSError):
            where = "" if error.filename is None else f"{error.filename}: "
            return cls(RelocalizationError.__name__, f"{where}{error.strerror or error} (on {platform.node()})")
        return cls("", traceback.format_exc())

    def raise_as(self, label: str) -> NoReturn:
        """Raise it here; what a user cannot cause as RuntimeError with the worker's traceback."""
        if self.kind:
            raise getattr(errors, self.kind)(self.text)
        raise RuntimeError(f"{label}, on a Dask worker:\n{self.text}")


@dataclass(frozen=True)
class _Outcome:
    """What a function returned on a worker, or how it failed, and what it logged: (logger's name, level, text)."""

    value: Any
    failure: _Failure | None
    records: List[tuple[str, int, str]]


class DaskEngine:
    """The Engine of a Dask client."""

    is_elsewhere = True

    def __init__(self, client: Client) -> None:
        self._client = client

    def completed(
        self, function: Callable[[T], R], items: Sequence[T], labels: Sequence[str], unit: str = ""
    ) -> Iterator[tuple[int, R]]:
        """See Engine."""
        futures = self._given(function, items)
        numbers = {future: number for number, future in enumerate(futures)}
        with self._client.as_current():
            done = as_completed(futures)
        with Task(f"{unit}s", len(items), unit) if unit else nullcontext() as progress:
            for future in done:
                number = numbers[future]
                try:
                    outcome = future.result()
                except KilledWorker:
                    text = "every worker that took it died; they may be out of memory"
                    raise RelocalizationError(f"{labels[number]}: {text}") from None
                for name, level, message in outcome.records:
                    logging.getLogger(name).log(level, "%s", message)
                if outcome.failure is not None:
                    outcome.failure.raise_as(labels[number])
                yield number, outcome.value
                if progress is not None:
                    progress.advance()

    def _given(self, function: Callable[[T], R], items: Sequence[T]) -> list[Future]:
        """The units given to the scheduler, all at once: it sees how many there are.

        The function crosses as bytes, which `_run` reads: what is wrong with it there is an error of the unit. Many
        bytes are a task of their own, whose result goes to each worker once; few are not, for units are given first to
        the workers that have it. Impure: a unit that is given again is done again.
        """
        content: Any = dumps(function)
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"}):
            if len(content) > FEW_BYTES:
                # not left to `map`, which names what is large as its argument, whoever else does so on the scheduler
                content = self._client.submit(bytes, content, pure=False)
            return self._client.map(_run, list(items), content=content, digest=code_digest(), pure=False)


class _Records(logging.Handler):
    """Keeps what one thread logs: a worker may do several units at a time."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._thread = threading.get_ident()
        self.records: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.records.append((record.name, record.levelno, record.getMessage()))


def _run(item: Any, content: bytes, digest: str) -> _Outcome:
    """On the worker: what a function makes of an item; fails where this worker, which may be new, has other code."""
    package = logging.getLogger(NAME)
    kept = _Records()
    package.addHandler(kept)
    package.setLevel(logging.INFO)
    try:
        if code_digest() != digest:
            raise ConfigError(f"a Dask worker came that runs another version of {NAME}")
        return _Outcome(loads(content)(item), None, kept.records)
    except Exception as error:
        return _Outcome(None, _Failure.of(error), kept.records)
    finally:
        package.removeHandler(kept)
