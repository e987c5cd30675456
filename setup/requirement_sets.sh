#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Prints which files of requirements/ a set-up (full, test or onboard) needs on this computer, in one line.
#   RUNTIME        of ONNX Runtime: cpu, gpu (as GPU=1), or system, which needs no file
#   SYSTEM_PYTHON  the Python whose packages the virtual environment shares
set -euo pipefail

case "${1:-full}" in
  full | test) sets="onboard training reports simulation recordings survey cluster test" ;;
  onboard) sets="onboard" ;;
  *)
    echo "unknown set ${1}; expected full, test or onboard" >&2
    exit 1
    ;;
esac
runtime=${RUNTIME:-cpu}
if [ "${GPU:-0}" = 1 ]; then runtime=gpu; fi
case "$runtime" in
  cpu | gpu) sets="$sets runtime-$runtime" ;;
  system) ;;
  *)
    echo "unknown RUNTIME ${runtime}; expected cpu, gpu or system" >&2
    exit 1
    ;;
esac
# landmarks need SIFT and USAC, which OpenCV has since 4.5.1
"${SYSTEM_PYTHON:-/usr/bin/python3}" -c 'import cv2; cv2.SIFT_create, cv2.UsacParams' 2>/dev/null || sets="$sets opencv"
echo "$sets"
