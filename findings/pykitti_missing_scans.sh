#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pykitti gives an image the laser scan of another moment in each drive of KITTI that lacks scans.
#
# Guess beforehand: of a raw drive get_velo(i), get_cam0(i), oxts[i] and timestamps[i] are of one moment, also where a scan is missing in the drive, for
# "_sync" in its name says so and a file's number says which moment it is of. Where the scan is missing it raises.
# Seen (pykitti 0.3.1): files are counted, and their numbers are not read. Of a drive of eight frames that lacks scans 3 and 4, frame 3 has scan 5,
# frame 4 scan 6, and so on to the end. KITTI's own 2011_09_26_drive_0009 lacks scans 177 to 180 (an issue of 2018 about monodepth), so that at
# 10 Hz each scan after is 0.4 s late there; at 10 m/s that is 4 m. frames=[4, 5, 6] is worse: where one of these is beyond the last of
# the scans, the choice is left out for the scans alone ("except: pass"), so that image 4 gets scan 0. Only the last frames of the drive
# raise IndexError, as many as scans are missing; nothing is said. Images, poses and stamps are right.
# Consequence for whoever takes depth, or landmarks, for KITTI's images from its scans: pair them by their files' names.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
  pykitti==0.3.1 opencv-python-headless==4.14.0.94 pillow==13.0.0 matplotlib==3.11.2 pandas==3.1.1 numpy==2.2.6
cat >"$folder/program.py" <<'PYTHON'
import sys
from pathlib import Path

import numpy as np
import pykitti
from PIL import Image

base, DATE, DRIVE = Path(sys.argv[1]), "2011_09_26", "0009"
sync = base / DATE / f"{DATE}_drive_{DRIVE}_sync"
FRAMES = 8


def write_drive(missing):
    """Frame k has images of grey 10 k, a scan whose one point is at x = k, and a latitude of 49 + k / 100000 degrees."""
    for name in ("image_00", "image_01", "image_02", "image_03", "oxts", "velodyne_points"):
        (sync / name / "data").mkdir(parents=True, exist_ok=True)
    for k in range(FRAMES):
        number = f"{k:010d}"
        for camera in range(4):
            shape = (4, 6) if camera < 2 else (4, 6, 3)
            Image.fromarray(np.full(shape, 10 * k, np.uint8)).save(sync / f"image_0{camera}" / "data" / f"{number}.png")
        scan = sync / "velodyne_points" / "data" / f"{number}.bin"
        if k in missing:
            scan.unlink(missing_ok=True)
        else:
            np.array([[k, 0, 0, 1]], np.float32).tofile(scan)
        packet = [49 + k / 1e5, 8.4, 110, 0, 0, 0] + [0] * 19 + [4, 6, 4, 4, 4]
        (sync / "oxts" / "data" / f"{number}.txt").write_text(" ".join(map(str, packet)))
    stamps = [f"2011-09-26 13:02:25.{k}00000000" for k in range(FRAMES)]
    for name in ("image_00", "oxts"):
        (sync / name / "timestamps.txt").write_text("\n".join(stamps) + "\n")
    (sync / "velodyne_points" / "timestamps.txt").write_text("\n".join("" if k in missing else stamps[k] for k in range(FRAMES)) + "\n")
    rigid = "calib_time: 1\nR: 1 0 0 0 1 0 0 0 1\nT: 0 0 0\n"
    for name in ("imu_to_velo", "velo_to_cam"):
        (base / DATE / f"calib_{name}.txt").write_text(rigid)
    cameras = [f"P_rect_0{k}: 500 0 3 0 0 500 2 0 0 0 1 0\nR_rect_0{k}: 1 0 0 0 1 0 0 0 1\n" for k in range(4)]
    (base / DATE / "calib_cam_to_cam.txt").write_text("calib_time: 1\n" + "".join(cameras))


def moments(drive):
    """Of each frame the numbers of its image, pose, stamp and scan."""
    rows = []
    for k in range(len(drive)):
        image = int(np.asarray(drive.get_cam0(k))[0, 0]) // 10
        pose = round((drive.oxts[k].packet.lat - 49) * 1e5)
        try:
            scan = int(drive.get_velo(k)[0, 0])
        except IndexError:
            scan = None
        rows.append((image, pose, drive.timestamps[k].microsecond // 100000, scan))
    return rows


write_drive(missing=())
assert moments(pykitti.raw(str(base), DATE, DRIVE)) == [(k, k, k, k) for k in range(FRAMES)]
assert moments(pykitti.raw(str(base), DATE, DRIVE, frames=[4, 5, 6])) == [(k, k, k, k) for k in (4, 5, 6)]

write_drive(missing=(3, 4))
whole = moments(pykitti.raw(str(base), DATE, DRIVE))
print("scans 3 and 4 missing; image, pose, stamp and scan:", whole)
assert whole == [(k, k, k, k if k < 3 else k + 2 if k < 6 else None) for k in range(FRAMES)]
chosen = moments(pykitti.raw(str(base), DATE, DRIVE, frames=[4, 5, 6]))
print("frames=[4, 5, 6]:", chosen)
assert chosen == [(4, 4, 4, 0), (5, 5, 5, 1), (6, 6, 6, 2)]
PYTHON
HOME="$folder" MPLBACKEND=agg OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py" "$folder/kitti"
echo "still so: scans are counted"
