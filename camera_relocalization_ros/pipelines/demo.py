# SPDX-License-Identifier: BSD-3-Clause
"""A simulated flight through the live node to errors, a picture and a page."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from camera_relocalization_ros.core.output_files import write_json, write_text
from camera_relocalization_ros.core.progress import Progress, reporting
from camera_relocalization_ros.core.shipped_files import shipped_file
from camera_relocalization_ros.data.mesh_files import load_mesh
from camera_relocalization_ros.pipelines.replay import Replay, replay
from camera_relocalization_ros.report.figures.flight_plot import plot_flight
from camera_relocalization_ros.report.pages.result_page import PageInput, result_page
from camera_relocalization_ros.simulation.airframe import save_airframe_mesh
from camera_relocalization_ros.simulation.airframe_shape import outline
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording

PLACEMENT = 6
IMAGE_TOPIC, OBJECT_FRAME, CAMERA_FRAME = "/dji_sdk/image_raw/compressed", "wing/base_link", "M100/camera_optical_frame"


@dataclass(frozen=True)
class Demo:
    """A flight at PLACEMENT, which the shipped model has never seen, as it was played; and what was written of it."""

    replay: Replay
    errors: Path
    picture: Path
    page: Path


def demo(
    output: Path | str,
    *,
    bundle: Path | str | None = None,
    duration_s: float = 40.0,
    rate_hz: float = 10.0,
    seed: int = 1000,
    progress: Progress | None = None,
) -> Demo:
    """Simulate a flight of `duration_s` with `rate_hz` images a second, and play it into the live node.

    bundle: the shipped models/airframe where it is None. Raises as `replay` does, and ImportError without ROS.
    """
    # what is missing is said before minutes are spent
    import_module("camera_relocalization_ros.ros.replay.bag_replay")
    from camera_relocalization_ros.ros.bags.simulation_bag import write_simulated_bag

    output = Path(output)
    if bundle is None:
        bundle = shipped_file("models/airframe")
    bag = output / "flight.bag"
    with reporting(progress):
        # JPEG, because raw images would leave a gigabyte on the disk
        write_simulated_bag(Recording(FlightPlan(PLACEMENT, duration_s, rate_hz, seed)), bag, compressed=True)
        replayed = replay(bundle, bag, IMAGE_TOPIC, OBJECT_FRAME, CAMERA_FRAME)
    return _written(replayed, output)


def _written(replayed: Replay, output: Path) -> Demo:
    written = Demo(replayed, output / "errors.json", output / "demo.png", output / "report.html")
    write_json(written.errors, replayed.to_dict())
    title = f"A flight at placement {PLACEMENT}, which the model has never seen: live node against motion capture"
    plot_flight(written.picture, title, replayed.live.frames, outline())
    result = replayed.save(output / "result")
    mesh = output / "airframe.ply"
    save_airframe_mesh(mesh)
    page_input = PageInput.of(output / "result", result)
    write_text(written.page, result_page([page_input], (), load_mesh(mesh).edges()))
    return written
