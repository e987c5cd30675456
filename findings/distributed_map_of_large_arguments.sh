#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Dask's Client.map fails when it is called twice with a keyword argument of over 100 kB of the same name.
#
# Guess beforehand: each call of map is about its own arguments, however large they are.
# Seen (distributed 2026.8.0): an argument of over 100 kB becomes a task of the graph, whose key is the argument's bare
# name ("big"). The second call's task has the key of the first's, and gathering ends with
# "AssertionError(<TaskState 'big' processing>)". With 50 kB all is well.
# So camera_relocalization_ros gives what is large to Client.submit, which makes a key of its own, and map the future.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check distributed==2026.8.0
cat >"$folder/program.py" <<'PYTHON'
from distributed import Client


def first(_, big):
    return big[:1]


if __name__ == "__main__":
    with Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as client:
        for size in (50_000, 200_000):
            one, other = (client.map(first, [0, 1], big=letter * size, pure=False) for letter in (b"a", b"b"))
            try:
                print(size, client.gather(one), client.gather(other))
            except Exception as error:
                print(size, error)
PYTHON
seen=$("$folder/venv/bin/python" "$folder/program.py" 2>/dev/null)
echo "$seen"
grep -q "^50000 \[b'a', b'a'\] \[b'b', b'b'\]$" <<<"$seen"
grep -q "^200000 AssertionError(<TaskState 'big' processing>)$" <<<"$seen"
echo "still so: two calls of Client.map with a large argument of the same name get in each other's way"
