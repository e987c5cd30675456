#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Brings ONNX Runtime into the virtual environment, and proves it.
#   setup/runtime.sh cpu | gpu   the package onnxruntime or onnxruntime-gpu of PyPI; they are one Python module
#   setup/runtime.sh system      the one of the system's Python, such as JetPack's
#   setup/runtime.sh prove       only whether there is one that loads and computes
# The one that is there goes only when the new one is at hand, and comes back where the new one does not work.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
before=.setup/runtime-before

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

works() {
  # the import alone says little: a bundle's test vector is computed
  PYTHONPATH=$PWD "$python" -c '
from camera_relocalization_ros.localization.relocalizer import Relocalizer
Relocalizer.from_bundle("test/data/colour_bundle")' >.setup/runtime.log 2>&1
}

site_packages() {
  "$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
}

# the name of the package in the virtual environment, "" where there is none there
installed() {
  local name
  for name in onnxruntime onnxruntime_gpu; do
    if compgen -G "$(site_packages)/$name-*.dist-info" >/dev/null; then echo "${name//_/-}"; fi
  done
}

set_aside() {
  rm -rf "$before"
  mkdir -p "$before"
  # links: half a gigabyte is not copied
  cp -al "$(site_packages)"/onnxruntime* "$before" 2>/dev/null || true
}

bring_back() {
  rm -rf "$(site_packages)"/onnxruntime*
  cp -al "$before"/. "$(site_packages)" 2>/dev/null || true
  fail "$1; the ONNX Runtime that was there before is there again"
}

pip_quietly() {
  "$python" -m pip --quiet --disable-pip-version-check "$@" </dev/null
}

use_system() {
  local system=${SYSTEM_PYTHON:-/usr/bin/python3}
  "$system" -c 'import onnxruntime' 2>/dev/null ||
    fail "RUNTIME=system: $system has no onnxruntime; install the one of this computer for it first (docs/computers.md)"
  set_aside
  pip_quietly uninstall --yes onnxruntime onnxruntime-gpu 2>/dev/null || true
  works || bring_back "RUNTIME=system: the system's onnxruntime does not compute a bundle: $(tail -n 1 .setup/runtime.log)"
}

use_package() {
  local name=$1 file=$2
  if [ "$(installed)" = "$name" ] && pip_quietly install --no-deps --no-index --requirement "$file" 2>/dev/null && works; then
    return 0
  fi
  rm -rf .setup/runtime
  pip_quietly download --no-deps --dest .setup/runtime --requirement "$file" ||
    fail "pip could not download $name; the ONNX Runtime that is there stays"
  set_aside
  pip_quietly uninstall --yes onnxruntime onnxruntime-gpu 2>/dev/null || true
  pip_quietly install --find-links .setup/runtime --requirement "$file" || bring_back "pip could not install $name"
  works || bring_back "$name does not compute a bundle: $(tail -n 1 .setup/runtime.log)"
  rm -rf .setup/runtime
}

mkdir -p .setup
case "${1:-prove}" in
  cpu) use_package onnxruntime requirements/runtime-cpu.txt ;;
  gpu) use_package onnxruntime-gpu requirements/runtime-gpu.txt ;;
  system) use_system ;;
  prove) works ;;
  *) fail "unknown runtime $1; expected cpu, gpu or system" ;;
esac
rm -rf "$before"
