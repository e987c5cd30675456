# SPDX-License-Identifier: BSD-3-Clause
"""How fast and how big extraction is, beside the limits of the same machine in the same minute.

    python benchmarks/extraction.py [--seconds 60] [--folder DIR]

Writes bags of `seconds` at 30 images a second, 1280x720, with 120 Hz TF; then measures the bare encoding of JPEG and
PNG in as many threads as there are cores, and `reloc extract` in a process of its own: images a second, start
included, and peak memory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import rosbag
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.aircraft.placements import T_map_airframe
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.bags.image_encoding import ENCODER_OPTIONS
from camera_relocalization_ros.simulation.camera_kind import X3_CAMERA
from camera_relocalization_ros.simulation.flight import Flight
from camera_relocalization_ros.simulation.renderer import Renderer

START_NS, IMAGE_HZ, TF_HZ = 1_500_000_000_000_000_000, 30, 120
PICTURES = 12
TRANSPORT_QUALITY = 80  # the default of compressed_image_transport
MEMORY_PERIOD_S = 0.5  # to look takes the kernel some milliseconds
SOURCE_SYSTEM_HZ = 30  # it plays the bag at rate 1


def pictures(camera: CameraIntrinsics) -> list[np.ndarray]:
    """Rendered views with sensor noise, because flat images encode faster than real ones."""
    T = T_map_airframe(1)
    renderer, flight = Renderer(camera, T), Flight.random(T, 0)
    rng = np.random.default_rng(0)
    poses = flight.T_map_camera(np.linspace(0, 30, PICTURES))
    noise = rng.normal(0, 3, (camera.height, camera.width, 3)).astype(np.int16)
    images = [cv2.add(renderer.render(pose), noise, dtype=cv2.CV_8U) for pose in poses]
    renderer.close()
    return images


def write_bag(path: Path, images: list[np.ndarray], seconds: float, raw: bool) -> int:
    """A bag of the images over and over, each with a mark of its own, and TF along a flight."""
    flight = Flight.random(T_map_airframe(1), 0)
    count = int(seconds * IMAGE_HZ)
    options = [cv2.IMWRITE_JPEG_QUALITY, TRANSPORT_QUALITY]
    jpegs = [cv2.imencode(".jpg", image[..., ::-1], options)[1].tobytes() for image in images]
    with rosbag.Bag(str(path), "w") as bag:
        for tick in range(int(seconds * TF_HZ) + TF_HZ):
            stamp_ns = START_NS + tick * 10**9 // TF_HZ
            T = flight.T_map_camera(np.array([tick / TF_HZ]))[0]
            message = TFMessage([conversions.matrix_to_transform(T, stamp_ns, "map", "camera")])
            bag.write("/tf", message, conversions.stamp_from_ns(stamp_ns))
            number, rest = divmod(tick * IMAGE_HZ, TF_HZ)
            if rest == 0 and number < count:
                write_image(bag, images[number % PICTURES], jpegs[number % PICTURES], number, stamp_ns, raw)
    return count


def write_image(bag: rosbag.Bag, image: np.ndarray, jpeg: bytes, number: int, stamp_ns: int, raw: bool) -> None:
    """One image; a counter in its pixels, or behind its JPEG data, makes it unlike the others."""
    if raw:
        marked = image.copy()
        marked[-1, -1], marked[-1, -2] = number % 256, number // 256
        message = conversions.rgb_to_image(marked, stamp_ns, "camera")
    else:
        message = conversions.encoded_to_compressed(jpeg + number.to_bytes(4, "big"), ".jpg", stamp_ns, "camera")
    bag.write("/camera/image_raw", message, conversions.stamp_from_ns(stamp_ns))


def bare_encoding_rate(images: list[np.ndarray], suffix: str, seconds: float = 4.0) -> float:
    """Images a second that cv2.imencode makes in all cores, with nothing else to do."""
    workers = os.cpu_count() or 1
    options = ENCODER_OPTIONS[suffix[1:]]
    end = time.monotonic() + seconds

    def work(worker: int) -> int:
        done = 0
        while time.monotonic() < end:
            cv2.imencode(suffix, images[(done + worker) % len(images)], options)
            done += 1
        return done

    start = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        total = sum(pool.map(work, range(workers)))
    return total / (time.monotonic() - start)


def measured_extraction(bag: Path, output: Path) -> dict[str, float]:
    """Seconds and peak megabytes of one `reloc extract`, start of the program included."""
    program = "import sys; from camera_relocalization_ros.cli.main import main; sys.exit(main())"
    options = ["--image-topic", "/camera/image_raw", "--parent", "map", "--child", "camera", "-o", str(output)]
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", program, "extract", str(bag), *options], stderr=subprocess.DEVNULL
    )
    peak_mb = 0.0
    while process.returncode is None:
        peak_mb = max(peak_mb, memory_mb(process.pid))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(MEMORY_PERIOD_S)
    if process.returncode:
        raise SystemExit(f"reloc extract {bag} failed")
    return {"seconds": time.monotonic() - start, "peak_mb": peak_mb}


def memory_mb(pid: int) -> float:
    """Memory of a running process and its children, shared pages divided among them; 0 when it has just ended."""
    total_kb = 0
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        for one in (str(pid), *children):
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii")
            total_kb += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0.0
    return total_kb / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the raw bag (default: 60)")
    parser.add_argument("--jpeg-seconds", type=float, default=600.0, help="length of the JPEG bag (default: 600)")
    parser.add_argument("--folder", type=Path, help="where the bags go; a raw minute takes 5 GB")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        images = pictures(X3_CAMERA)
        write_bag(folder / "one.bag", images, 1 / IMAGE_HZ, raw=False)
        start_s = measured_extraction(folder / "one.bag", folder / "one")["seconds"]
        result = {"cores": os.cpu_count(), "start_s": start_s}
        for kind, seconds in (("raw", arguments.seconds), ("jpeg", arguments.jpeg_seconds)):
            bag = folder / f"{kind}.bag"
            count = write_bag(bag, images, seconds, kind == "raw")
            subprocess.run(["cp", str(bag), "/dev/null"], check=True)  # the disk is not what is measured
            limits = {suffix[1:]: bare_encoding_rate(images, suffix) for suffix in (".jpg", ".png")}
            run = measured_extraction(bag, folder / kind)
            bag.unlink()
            subprocess.run(["rm", "-rf", str(folder / kind)], check=True)
            rate = count / (run["seconds"] - start_s)
            result[kind] = {
                "images": count,
                **run,
                "images_per_s": rate,
                "images_per_s_with_start": count / run["seconds"],
                "bare_encoding_per_s": limits,
                "share_of_bare_jpeg": rate / limits["jpg"],
                "times_source_system": rate / min(SOURCE_SYSTEM_HZ, limits["png"]),
            }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
