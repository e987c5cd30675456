#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Importing pycolmap takes SIGTERM away from Python.
#
# Guess beforehand: a handler that a program set with signal.signal before it imports a library is still called after it.
# Seen (pycolmap 4.2.1): the import has glog install its handlers of failures, and glog counts SIGTERM among these. The
# program's handler is not called; a stack trace is printed and the process ends, so temporary files stay and a batch
# system sees a crash. signal.getsignal still returns the handler, for Python does not know. Setting the same handler
# once more after the import arms it again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pycolmap==4.2.1
cat >"$folder/program.py" <<'PYTHON'
import os
import signal
import sys


def handler(number, frame):
    print("the program's handler is called", flush=True)


signal.signal(signal.SIGTERM, handler)
import pycolmap

assert signal.getsignal(signal.SIGTERM) is handler
if "again" in sys.argv:
    signal.signal(signal.SIGTERM, handler)
os.kill(os.getpid(), signal.SIGTERM)
print("goes on with pycolmap", pycolmap.__version__)
PYTHON
code=0
"$folder/venv/bin/python" "$folder/program.py" >"$folder/once.txt" 2>"$folder/trace.txt" || code=$?
head -n 1 "$folder/trace.txt"
[ "$code" -eq 143 ]
[ ! -s "$folder/once.txt" ]
grep -q SIGTERM "$folder/trace.txt"
"$folder/venv/bin/python" "$folder/program.py" again | tee "$folder/again.txt"
grep -q "handler is called" "$folder/again.txt"
grep -q "goes on" "$folder/again.txt"
echo "still so: after the import SIGTERM ends the process past the program's handler, until that is set again"
