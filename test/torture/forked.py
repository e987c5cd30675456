# SPDX-License-Identifier: BSD-3-Clause
"""Runs a function in a forked process and says how it ended: nothing that it breaks is broken here."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
import traceback
from dataclasses import dataclass
from typing import Callable

from camera_relocalization_ros.core.errors import RelocalizationError

DONE, REFUSED, TRACEBACK = 0, 1, 2


@dataclass(frozen=True)
class Ending:
    """How a forked process ended: its exit code, or minus the signal; what it said; its largest memory in bytes."""

    code: int
    said: str
    memory: int


def in_fork(work: Callable[[], None], timeout_s: int = 60) -> Ending:
    """Run `work`: DONE, REFUSED with a RelocalizationError's text, TRACEBACK with it, or the signal that ended it."""
    read, write = os.pipe()
    process = os.fork()
    if not process:
        os.close(read)
        _work(work, write, timeout_s)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        said = answer.read().decode("utf-8", "replace")
    _, status, usage = os.wait4(process, 0)
    code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    return Ending(code, said, usage.ru_maxrss * 1024)


def _work(work: Callable[[], None], write: int, timeout_s: int) -> None:
    faulthandler.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(timeout_s)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    code, said = DONE, ""
    try:
        work()
    except RelocalizationError as error:
        code, said = REFUSED, str(error)
    except BaseException:
        code, said = TRACEBACK, "".join(traceback.format_exception(*sys.exc_info()))
    os.write(write, said.encode("utf-8", "replace")[-4000:])
    os._exit(code)
