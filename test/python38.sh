#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Unit tests of what flies and of what needs no more libraries, on ROS Noetic's Python 3.8 with what flies, where this machine has such a Python.
#   test/python38.sh RESULT.xml
set -euo pipefail
cd "$(dirname "$0")/.."
environment=.setup/python38

works() {
  "$1" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 8))' 2>/dev/null
}

interpreter=""
# a shim of pyenv may be on the path and not work
for candidate in "$(command -v python3.8 || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.8*/bin/python3.8; do
  if [ -x "$candidate" ] && works "$candidate"; then interpreter=$candidate; fi
done
if [ -z "$interpreter" ]; then
  echo "skipped: no python3.8 on the path or among pyenv's versions"
  exit 0
fi

files=(requirements/onboard.txt requirements/runtime-cpu.txt requirements/python38.txt)
stamp=$environment/.installed-$(cat "${files[@]}" | sha256sum | cut -c1-16)
if [ ! -f "$stamp" ]; then
  "$interpreter" -m venv --clear "$environment"
  arguments=(--quiet --disable-pip-version-check)
  for file in "${files[@]}"; do arguments+=(--requirement "$file"); done
  "$environment/bin/pip" install "${arguments[@]}" </dev/null
  touch "$stamp"
fi
"$environment/bin/python" -m pytest test/unit/{core,vision,aircraft,bundle,localization,data,evaluation,uncertainty} --quiet -p no:cacheprovider --junit-xml="$1"
