#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The tutorial in a bare Debian 12, from `git clone` to a bundle that flies: what has been committed here, and nothing else
# of this computer. The system's packages are those of the Dockerfile.
#   test/bare_system.sh FOLDER    an empty or new folder for the system: 10 GB; the flights are the tests' short ones
# Needs root, debootstrap and the network; the tutorial and the flight run without one. `make test` leaves it out.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
[ $# = 1 ] || {
  sed -n 's/^# \{0,1\}//; 3,6p' "$0" >&2
  exit 2
}
[ "$(id -u)" = 0 ] || {
  echo "bare_system: only root may make a system" >&2
  exit 1
}
command -v debootstrap >/dev/null || {
  echo "bare_system: there is no debootstrap; apt-get install debootstrap" >&2
  exit 1
}
mkdir -p "$1"
system=$(cd "$1" && pwd)
if [ -n "$(ls -A "$system")" ]; then
  echo "bare_system: $system is not empty" >&2
  exit 1
fi
started=$SECONDS

step() {
  echo "== $((SECONDS - started)) s: $*"
}

# inside COMMAND: typed by root of the bare system, who has nothing of this shell; mounts end with the command
# $offline is --net where it has no network but its own localhost
inside() {
  # shellcheck disable=SC2016  # the inner shell's own
  unshare --mount --pid --fork --kill-child ${offline:+"$offline"} sh -c '
    ip link set lo up 2>/dev/null
    mount -t proc proc "$1/proc" && mkdir -p "$1/dev/shm" && mount -t tmpfs shm "$1/dev/shm" &&
      exec env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        PIP_CERT=/etc/ssl/certs/ca-certificates.crt ${OMP_NUM_THREADS:+OMP_NUM_THREADS=$OMP_NUM_THREADS} \
        chroot "$1" bash -eo pipefail -c "cd /root; $2"' _ "$system" "$1"
}

needed=$(sed -n 's/.*apt-get install --yes --no-install-recommends \(.*\) \\$/\1/p' Dockerfile)
step "debootstrap, with ${needed}"
debootstrap --variant=minbase --include="${needed// /,}" bookworm "$system" >"$system.log" 2>&1
# the network's names and certificates are this computer's
cp -L /etc/resolv.conf /etc/hosts "$system/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$system/etc/ssl/certs/ca-certificates.crt"

step "git clone"
git -C "$repository" bundle create --quiet "$system/root/repository.bundle" HEAD
inside 'git clone --quiet repository.bundle camera_relocalization_ros 2>/dev/null'

step "make setup"
inside 'cd camera_relocalization_ros; make setup'

step "the tutorial, typed without a network"
offline=--net inside 'cd camera_relocalization_ros; . ./env.sh; pytest -q -o faulthandler_timeout=3600 test/tutorial --basetemp=/root/typed'

step "the flight, as typed at the page's end"
offline=--net inside '. camera_relocalization_ros/env.sh; camera_relocalization_ros/test/tutorial/fly.sh /root/typed/*0/'

step "a workspace of one's own, by the lines of docs/install.md as they stand"
# shellcheck disable=SC2016  # the inner shell's own
inside 'mkdir -p workspace/src; cd workspace; git clone --quiet ../repository.bundle src/camera_relocalization_ros 2>/dev/null
lines=$(awk "/workspace of your own/ { near = 1 } near && /^\`\`\`sh$/ { inside = 1; next } inside && /^\`\`\`$/ { exit } inside" \
  src/camera_relocalization_ros/docs/install.md)
eval "$lines" >/root/workspace.log 2>&1 || { tail -n 20 /root/workspace.log; exit 1; }
cd /; command -v reloc; reloc info /root/typed/*0/out/bundle | head -n 2'
step "done"
