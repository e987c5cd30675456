# SPDX-License-Identifier: BSD-3-Clause
"""A page in a headless Chromium, by its DevTools protocol over a pipe: no driver and no port are needed."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
# without a sandbox, which root and containers do not have; the pages are our own
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe")
TIMEOUT_S = 60.0


class Browser:
    """`with Browser(folder) as browser: browser.open(path); browser.evaluate("1 + 1")`; `folder` is for its profile."""

    def __init__(self, folder: Path, width: int = 1300, height: int = 1000) -> None:
        self._command = [CHROMIUM, *OPTIONS, f"--user-data-dir={folder}", f"--window-size={width},{height}"]
        self._number, self._buffer, self._session = 0, b"", None
        self.events: list[dict] = []

    def __enter__(self) -> Browser:
        # Chromium reads commands from descriptor 3 and writes answers to 4, which Popen needs while it starts
        ours_in, self._commands = os.pipe()
        self._answers, ours_out = os.pipe()
        moved_in, moved_out = (os.dup2(fd, high) for fd, high in ((ours_in, 103), (ours_out, 104)))
        shell = ["bash", "-c", 'exec 3<&103 4>&104; exec "$@"', "chromium", *self._command]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(shell, pass_fds=(103, 104), start_new_session=True, **silent)
        for descriptor in (ours_in, ours_out, moved_in, moved_out):
            os.close(descriptor)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(TIMEOUT_S)
        # Chromium's other processes outlive its first for a while, and write into the profile that is removed next
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + TIMEOUT_S
        while _is_alive(self._process.pid):
            assert time.monotonic() < deadline, "the browser's processes go on"
            time.sleep(0.01)
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method: str, **parameters: object) -> dict:
        """The result of a command of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            answer = self._read(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def open(self, path: Path) -> None:
        """Load a file and wait until the page says that it is complete."""
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait_for(f"location.href === {json.dumps(path.resolve().as_uri())} && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> object:
        """The value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Until the expression is true."""
        deadline = time.monotonic() + TIMEOUT_S
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, f"never true: {expression}"
            time.sleep(0.05)

    def move_mouse(self, x: float, y: float) -> None:
        """To a place in the window, in pixels."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def complaints(self) -> list[str]:
        """Errors and warnings of scripts and of the browser, and all addresses that are not in the page itself."""
        self.evaluate("0")
        reported = []
        for event in self.events:
            name, values = event.get("method"), event.get("params", {})
            if name == "Runtime.exceptionThrown" or (name == "Log.entryAdded" and values["entry"]["level"] == "error"):
                reported.append(json.dumps(values))
            if name == "Runtime.consoleAPICalled" and values["type"] in ("error", "warning"):
                reported.append(json.dumps(values["args"]))
            if name == "Network.requestWillBeSent" and not values["request"]["url"].startswith(("data:", "file:")):
                reported.append(values["request"]["url"])
        return reported

    def screenshot(self, path: Path) -> None:
        """A PNG of the whole page."""
        png = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(png))

    def pdf(self) -> bytes:
        """The page as it prints."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def _read(self, deadline: float) -> dict:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(deadline - time.monotonic(), 0))
            assert ready, "the browser does not answer"
            chunk = os.read(self._answers, 1 << 20)
            assert chunk, "the browser has ended"
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


def _is_alive(group: int) -> bool:
    """Whether a process of the group is left; one that has ended and waits for its parent writes no more."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group, *_ = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(its_group) == group and state not in "ZX":
            return True
    return False
