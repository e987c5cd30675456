# SPDX-License-Identifier: BSD-3-Clause
"""reloc replay called as a user does, and looked after: what it prints, and no process left behind."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from colour_bundle import COLOUR_BUNDLE
from helpers import CHILD_FRAME, PARENT_FRAME
from live import wait_for

COUNT = 20
FRAMES = ("--parent", PARENT_FRAME, "--child", CHILD_FRAME)
RAW, COMPRESSED = "/camera/image_raw", "/camera/image_raw/compressed"


class ReplayCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "tmp").mkdir()
        # the children's temporary folder marks them, wherever they end up in the process tree
        self.environment = {**os.environ, "TMPDIR": str(self.folder / "tmp")}
        self.environment.pop("ROS_MASTER_URI", None)

    def start(self, bag, *options, bundle=COLOUR_BUNDLE):
        command = ["reloc", "replay", str(bundle), str(bag), *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=self.environment, cwd=str(self.folder), **pipes)

    def replay(self, bag, *options, **changes):
        process = self.start(bag, *options, **changes)
        output, errors = process.communicate(timeout=120)
        self.assert_nothing_left()
        return process.returncode, output, errors

    def children(self):
        """Command lines of living processes that were started by the replay."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if f"TMPDIR={self.folder}".encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue  # it ended meanwhile, or is not ours
        return found

    def assert_nothing_left(self):
        wait_for(lambda: not self.children(), "all processes of the replay have ended")
        assert list((self.folder / "tmp").iterdir()) == []

    def assert_fails(self, says, bag, *options, also="", **changes):
        code, _, errors = self.replay(bag, *options, **changes)
        assert code == 1, errors
        lines = [line for line in errors.splitlines() if line.startswith("reloc replay: ")]
        assert len(lines) == 1, errors
        assert "Traceback" not in errors
        assert says in lines[0] and also in lines[0]
