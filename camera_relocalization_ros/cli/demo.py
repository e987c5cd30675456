# SPDX-License-Identifier: BSD-3-Clause
"""reloc demo: simulate a flight the shipped model has never seen, fly the node on it, say how good it was."""

from __future__ import annotations

import argparse
from pathlib import Path

from camera_relocalization_ros.cli.replay import describe_answers

NAME = "demo"
HELP = "Simulate a flight, play it into the live node, and tell and draw how good the answers were."

PLACEMENT = 6
IMAGE_TOPIC, OBJECT_FRAME, CAMERA_FRAME = "/dji_sdk/image_raw/compressed", "wing/base_link", "M100/camera_optical_frame"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, help="bundle folder (default: the shipped models/airframe)")
    parser.add_argument("--duration", type=float, default=40.0, metavar="S", help="seconds of flight (default: 40)")
    parser.add_argument("--rate", type=float, default=10.0, metavar="HZ", help="images per second (default: 10)")
    parser.add_argument("--seed", type=int, default=1000, metavar="K", help="flight path and light (default: 1000)")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/demo"), metavar="DIR", help="folder to write")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.output_files import write_json, write_text
    from camera_relocalization_ros.core.shipped_files import shipped_file
    from camera_relocalization_ros.data.mesh_files import load_mesh
    from camera_relocalization_ros.evaluation.result_files import write_result
    from camera_relocalization_ros.evaluation.summary_text import errors_table, ok_summary
    from camera_relocalization_ros.report.figures.flight_plot import plot_flight
    from camera_relocalization_ros.report.pages.result_page import PageInput, result_page
    from camera_relocalization_ros.ros.bags.image_baselines import bag_baselines
    from camera_relocalization_ros.ros.bags.simulation_bag import write_simulated_bag
    from camera_relocalization_ros.ros.replay.bag_replay import replay
    from camera_relocalization_ros.ros.replay.live_result import store_images, with_baselines
    from camera_relocalization_ros.simulation.airframe import save_airframe_mesh
    from camera_relocalization_ros.simulation.airframe_shape import outline
    from camera_relocalization_ros.simulation.recording import FlightPlan, Recording

    bundle = arguments.bundle or shipped_file("models/airframe")
    bag, picture = arguments.output / "flight.bag", arguments.output / "demo.png"
    plan = FlightPlan(PLACEMENT, arguments.duration, arguments.rate, arguments.seed)
    # JPEG, because raw images would leave a gigabyte on the disk
    write_simulated_bag(Recording(plan), bag, compressed=True)
    result = replay(bundle, bag, IMAGE_TOPIC, OBJECT_FRAME, CAMERA_FRAME)
    baselines = bag_baselines(bundle, bag, IMAGE_TOPIC, result.truth)

    values = result.to_dict()
    values["baselines"] = {name: errors.summary() for name, errors in baselines.items()}
    write_json(arguments.output / "errors.json", values)
    title = f"A flight at placement {PLACEMENT}, which the model has never seen: live node against motion capture"
    plot_flight(picture, title, result.frames, outline())
    told, page = arguments.output / "result", arguments.output / "report.html"
    frames = store_images(with_baselines(result.frames, baselines), told, bag, result.topic)
    write_result(told, frames)
    mesh = arguments.output / "airframe.ply"
    save_airframe_mesh(mesh)
    write_text(page, result_page([PageInput.of(told, frames)], ("thesis",), load_mesh(mesh).edges()))
    print(f"\n{len(result.truth)} images of {bag}, flown at placement {PLACEMENT}, which the model has never seen:")
    print(ok_summary(values))
    print(errors_table({"live node": result.errors, **baselines}))
    print(describe_answers(values))
    print(f"errors: {arguments.output / 'errors.json'}, picture: {picture}, report: {page}")
    return 0
