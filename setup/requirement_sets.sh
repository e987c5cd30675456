#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Prints which files of requirements/ a set-up (full, test or onboard) needs on this computer, in one line.
#   GPU=1          onnxruntime-gpu
#   SYSTEM_PYTHON  the Python whose packages the virtual environment shares
set -euo pipefail

case "${1:-full}" in
  full | test) sets="onboard training reports simulation test" ;;
  onboard) sets="onboard" ;;
  *)
    echo "unknown set ${1}; expected full, test or onboard" >&2
    exit 1
    ;;
esac
if [ "${GPU:-0}" = 1 ]; then sets="$sets runtime-gpu"; else sets="$sets runtime-cpu"; fi
# landmarks need SIFT, which OpenCV has since 4.4
"${SYSTEM_PYTHON:-/usr/bin/python3}" -c 'import cv2; cv2.SIFT_create' 2>/dev/null || sets="$sets opencv"
echo "$sets"
