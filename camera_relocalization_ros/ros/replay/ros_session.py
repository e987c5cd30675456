# SPDX-License-Identifier: BSD-3-Clause
"""A private ROS master and child processes on it, which all end when the block does, however it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Sequence
from xmlrpc.client import Error as XmlRpcError

import rosgraph

from camera_relocalization_ros.core.errors import ReplayError

START_TIMEOUT_S, MASTER_TRIES = 60.0, 3
# how long a child may take to obey each of these; roslaunch itself gives its nodes 15 s
STOP_SIGNALS = ((signal.SIGINT, 20.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
POLL_S = 0.05
COLOUR_CODES = re.compile(r"\x1b\[[0-9;]*m")


class RosSession:
    """`with RosSession() as session: session.start("player", [...])`; raises ReplayError.

    Inside the block this process's environment names the private master, so rospy and children find it.
    """

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="reloc_ros_")
        self._saved_environment: dict[str, str] = {}
        self._saved_handler: Any = None
        self._is_terminated = False

    def __enter__(self) -> RosSession:
        self._saved_environment = dict(os.environ)
        # a plain kill unwinds the block too
        self._saved_handler = signal.signal(signal.SIGTERM, self._end)
        try:
            self._start_master()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        interrupt_handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave orphans
        try:
            for child in reversed(list(self._children.values())):
                _stop(child)
        finally:
            signal.signal(signal.SIGINT, interrupt_handler)
            signal.signal(signal.SIGTERM, self._saved_handler)
            os.environ.clear()
            os.environ.update(self._saved_environment)
            self._folder.cleanup()

    def _end(self, *_: object) -> None:
        self._is_terminated = True
        sys.exit(128 + signal.SIGTERM)

    @property
    def folder(self) -> Path:
        """A temporary one, which is gone after the block."""
        return Path(self._folder.name)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a child; what it prints is kept for the error message."""
        with open(self._log(name), "wb") as log:
            try:
                self._children[name] = subprocess.Popen(
                    list(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            except OSError as error:
                raise ReplayError(f"{command[0]}: cannot be started ({error.strerror}); is ROS set up?") from error

    def wait_until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Poll a condition; raises ReplayError when the time is over, or a child ends meanwhile."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            self.check_children()
            if time.monotonic() > deadline:
                raise ReplayError(f"{what}: not within {timeout_s:.0f} s")
            time.sleep(POLL_S)

    def check_children(self) -> None:
        """Raise ReplayError with the reason when a child has ended, SystemExit when this process was told to."""
        if self._is_terminated:
            # Python drops what is raised where it just collects garbage
            self._end()
        for name, child in self._children.items():
            if child.poll() is not None:
                reason = log_reason(self._log(name).read_text(encoding="utf-8", errors="replace"))
                raise ReplayError(f"{name} ended with code {child.returncode}: {reason}")

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _start_master(self) -> None:
        for _ in range(MASTER_TRIES - 1):
            try:
                self._start_master_on(_free_port())
                return
            except ReplayError:
                roscore = self._children.get("roscore")
                if roscore is None or roscore.poll() is None:
                    raise
                # it ended by itself: somebody may have taken the port between its being found and its being used
                del self._children["roscore"]
        self._start_master_on(_free_port())

    def _start_master_on(self, port: int) -> None:
        for key in ("ROS_HOSTNAME", "ROS_NAMESPACE"):
            os.environ.pop(key, None)
        os.environ.update(
            ROS_MASTER_URI=f"http://127.0.0.1:{port}",
            ROS_IP="127.0.0.1",
            ROS_HOME=self._folder.name,
            ROS_LOG_DIR=self._folder.name,
            TMPDIR=self._folder.name,
            PYTHONUNBUFFERED="1",
        )
        self.start("roscore", ["roscore", "-p", str(port)])
        self.wait_until(_rosout_is_up, START_TIMEOUT_S, "roscore answers")


def log_reason(text: str) -> str:
    """The line of a ROS program's output that says why it ended."""
    lines = [COLOUR_CODES.sub("", line).strip() for line in text.splitlines()]
    for mark in ("[FATAL]", "RLException", "ERROR", "Error"):
        marked = [line for line in lines if mark in line]
        if marked:
            return re.sub(r"^\[\w+\] \[[^\]]*\]:? *", "", marked[-1])
    spoken = [line for line in lines if line]
    return spoken[-1] if spoken else "it printed nothing"


def _rosout_is_up() -> bool:
    try:
        return bool(rosgraph.Master("/reloc").lookupNode("/rosout"))
    except (OSError, rosgraph.MasterException, XmlRpcError):
        # the last: who answers on this port is no master
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _stop(child: subprocess.Popen) -> None:
    """End a child and what it started: ask, insist, kill."""
    for number, patience_s in STOP_SIGNALS:
        if child.poll() is not None:
            return
        try:
            # roslaunch and rosbag pass an interrupt on by themselves; a kill has to reach all of the group
            os.kill(child.pid, number) if number == signal.SIGINT else os.killpg(child.pid, number)
            child.wait(patience_s)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
