#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# PyYAML 6.0.4 merges mappings otherwise than 6.0.3, and by how long a key is.
#
# Guess beforehand: what `<<` adds is settled by YAML's merge key type: a mapping's own values win, and of a list of
# mappings the first that has a key. A release of the last digit changes nothing of it.
# Seen (Python's implementation of the constructor, which libyaml's loader shares): 6.0.3 does that. With 6.0.4 a
# mapping that merges a, overrides a value and is merged itself brings a's value back if the key is one letter (x, y, z
# of a pose, fx is right), and of a list of mappings the last wins instead of the first if the key is longer. Nothing
# is said. 6.0.4 leaves a pair out where the key's text is the same object as one before, which is so of strings of one
# letter, and it keeps the first of them, but no longer reverses the list for those it keeps.
# Consequence for configurations that build on each other: do not chain merges, or read them by another parser.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/read.py" <<'PYTHON'
import sys

import yaml

FILE = """
base: &base {KEY: 1.0}
moved: &moved {<<: *base, KEY: 3.0}
further: {<<: *moved, seconds: 4.0}
of_both: {<<: [*base, *moved], seconds: 4.0}
"""
print(yaml.__version__)
for key, further, of_both in (("x", 1.0, 1.0), ("height", 3.0, 3.0)):
    read = yaml.safe_load(FILE.replace("KEY", key))
    seen = read["further"][key], read["of_both"][key]
    print(f"{key}: merged further {seen[0]} (3.0 is right), of both {seen[1]} (1.0 is right)")
    assert seen == ((3.0, 1.0) if sys.argv[1] == "right" else (further, of_both)), seen
PYTHON
for version in 6.0.3 6.0.4; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "PyYAML==$version"
done
"$folder/6.0.3/bin/python" "$folder/read.py" right
"$folder/6.0.4/bin/python" "$folder/read.py" strange
echo "still so"
