# SPDX-License-Identifier: BSD-3-Clause
"""Seconds to sum up and report a result of many frames, inference apart: python benchmarks/report.py [--frames N].

Where there is a Chromium, also until it has loaded the page and shows another frame.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test" / "support"))
from browser import CHROMIUM, Browser
from helpers import fake_image_rgb
from made_result import made_result

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.evaluation.metrics import summarise
from camera_relocalization_ros.evaluation.result_files import load_result, write_result


def run() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=5000)
    count = parser.parse_args().frames
    with tempfile.TemporaryDirectory() as name:
        folder, page = Path(name) / "result", Path(name) / "report.html"
        (folder / "images").mkdir(parents=True)
        result = made_result(count, image_folder="images")
        for row in range(count):
            result.images[row] = f"{row:06d}.jpg"
            image = cv2.resize(fake_image_rgb(row), (640, 360)) + np.random.default_rng(row).integers(
                0, 12, (360, 640, 1)
            )
            cv2.imwrite(str(folder / "images" / result.images[row]), image)
        started = time.perf_counter()
        write_result(folder, result)
        written = time.perf_counter()
        summarise(load_result(folder))
        summed = time.perf_counter()
        main(["report", str(folder), "-o", str(page), "--box", "-0.5", "-0.5", "-0.2", "0.5", "0.5", "0.2"])
        reported = time.perf_counter()
        print(
            f"{count} frames of 640 x 360: written {written - started:.1f} s, summed up {summed - written:.1f} s, "
            f"reported {reported - summed:.1f} s, page {page.stat().st_size / 1e6:.1f} MB"
        )

        if CHROMIUM is None:
            print("no Chromium here: how fast the page opens is not measured")
        else:
            opened_s, shown_s = opening_seconds(page, Path(name) / "profile", count // 2)
            print(f"in Chromium loaded in {opened_s:.1f} s, another frame shown in {1e3 * shown_s:.0f} ms")


def opening_seconds(page: Path, profile: Path, row: int) -> tuple[float, float]:
    """Seconds until the page is loaded, and from choosing a frame to its picture."""
    with Browser(profile) as browser:
        started = time.perf_counter()
        browser.open(page)
        browser.wait_for("window.flightView !== undefined")
        opened = time.perf_counter()
        browser.evaluate(f"flightView.choose({row})")
        browser.wait_for(f"document.getElementById('frame-picture').dataset.row === '{row}'")
        return opened - started, time.perf_counter() - opened


if __name__ == "__main__":
    run()
