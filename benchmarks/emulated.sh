#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A bundle on a processor that is not here, under QEMU's user-mode emulation: does it load, is its test vector right, are
# its poses those of this computer? Slow (minutes an image), needs the network and apt, changes nothing of the system.
#   benchmarks/emulated.sh aarch64 BUNDLE IMAGES [FOLDER]    Debian 12's Python and the pinned wheels for 64-bit ARM
#   benchmarks/emulated.sh haswell BUNDLE IMAGES [FOLDER]    this Python on an x86-64 with AVX2 but neither AVX-512 nor VNNI
# IMAGES is a folder of JPEGs of the bundle's camera; FOLDER (default out/emulated) keeps what was fetched.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=$1
bundle=$2
images=$3
folder=$(realpath -m "${4:-out/emulated}")
python=.venv/bin/python
mkdir -p "$folder"
# two of these may run side by side
here=$(mktemp "$folder/here-XXXXXX.json")
trap 'rm -f "$here"' EXIT

emulator() {
  if [ ! -d "$folder/qemu" ]; then
    (cd "$folder" && apt-get download --quiet=2 qemu-user-static && dpkg-deb -x qemu-user-static_*.deb qemu)
  fi
}

# Python and the libraries that the wheels ask for, of Debian 12 for arm64, unpacked and not installed
arm_system() {
  [ ! -d "$folder/arm64" ] || return 0
  mkdir -p "$folder"/apt/{lists/partial,cache/archives/partial,state}
  : >"$folder/apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main" \
    >"$folder/apt/sources.list"
  cat >"$folder/apt/apt.conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
Dir::State "$folder/apt/state";
Dir::State::lists "$folder/apt/lists";
Dir::State::status "$folder/apt/status";
Dir::Cache "$folder/apt/cache";
Dir::Etc::sourcelist "$folder/apt/sources.list";
Dir::Etc::sourceparts "-";
CONF
  apt-get -c "$folder/apt/apt.conf" --quiet=2 update
  apt-get -c "$folder/apt/apt.conf" --quiet=2 --yes --no-install-recommends --download-only install \
    python3.11-minimal libpython3.11-stdlib libstdc++6 libgcc-s1
  for package in "$folder"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$folder/arm64"; done
}

arm_wheels() {
  [ ! -d "$folder/site" ] || return 0
  local pins wheel
  mapfile -t pins < <(python3 setup/pins_for.py 3.11 requirements/onboard.txt requirements/runtime-cpu.txt requirements/opencv.txt)
  python3 -m pip --quiet --disable-pip-version-check download --no-deps --only-binary=:all: --dest "$folder/wheels" \
    --python-version 3.11 --platform manylinux2014_aarch64 --platform manylinux_2_27_aarch64 \
    --platform manylinux_2_28_aarch64 "${pins[@]}" flatbuffers protobuf packaging PyYAML
  for wheel in "$folder"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$folder/site"; done
}

export OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
emulator
PYTHONPATH=$PWD $python benchmarks/emulated.py keep "$bundle" "$images" "$here"
case "$kind" in
  aarch64)
    arm_system
    arm_wheels
    PYTHONPATH=$PWD:$folder/site "$folder/qemu/usr/bin/qemu-aarch64-static" -L "$folder/arm64" \
      "$folder/arm64/usr/bin/python3.11" benchmarks/emulated.py compare "$bundle" "$images" "$here"
    ;;
  haswell)
    # NumPy's own OpenBLAS may have been named for this computer's processor
    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE PYTHONPATH="$PWD" "$folder/qemu/usr/bin/qemu-x86_64-static" -cpu Haswell \
      "$python" benchmarks/emulated.py compare "$bundle" "$images" "$here"
    ;;
  *)
    echo "unknown processor $kind; expected aarch64 or haswell" >&2
    exit 1
    ;;
esac
