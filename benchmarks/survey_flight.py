# SPDX-License-Identifier: BSD-3-Clause
"""How exact `reloc survey` is beside motion capture: a simulated flight over a floor with printed tags, surveyed from
its bag alone.

    PYTHONPATH=. python benchmarks/survey_flight.py [--duration 30] [--features 1200] [--work DIR]

Needs ROS. Prints the errors of the survey's poses beside what it says of itself. With --work the bag and the data sets
`mocap` and `surveyed` stay, for `reloc train` and `reloc map`.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.pipelines.extract import extract
from camera_relocalization_ros.pipelines.survey import Tags, survey
from camera_relocalization_ros.ros.bags.simulation_bag import OPTICAL_FRAME, write_simulated_bag
from camera_relocalization_ros.simulation.arena import build_arena
from camera_relocalization_ros.simulation.halls.hall import Hall
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording
from camera_relocalization_ros.simulation.surface import Part, quad_surface
from camera_relocalization_ros.simulation.world import ARENA

DICTIONARY, TAG_M, MARGIN_M, PIXELS_PER_M = "DICT_4X4_50", 0.6, 0.1, 500
# around the airframe, in the floor's plane; the paper is that much above the floor
RING_M, TAGS, PAPER_M = 1.6, 6, 0.004
TOPIC = "/dji_sdk/image_raw/compressed"


def tag_centres(T_map_airframe: np.ndarray) -> np.ndarray:
    """Middles (n, 3) of the tags in map."""
    angles = 2 * np.pi * np.arange(TAGS) / TAGS
    ring = RING_M * np.column_stack([np.cos(angles), np.sin(angles)])
    return np.column_stack([T_map_airframe[:2, 3] + ring, np.full(TAGS, PAPER_M)])


def printed_tags(centres: np.ndarray) -> list[Part]:
    """Sheets of paper on the floor whose x is east and y north in map."""
    tags = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, DICTIONARY))
    draw = getattr(cv2.aruco, "generateImageMarker", None) or cv2.aruco.drawMarker
    side, margin, half = round(TAG_M * PIXELS_PER_M), round(MARGIN_M * PIXELS_PER_M), TAG_M / 2 + MARGIN_M
    corners = half * np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    parts = []
    for number, centre in enumerate(centres):
        sheet = cv2.copyMakeBorder(draw(tags, number, side), *(margin,) * 4, cv2.BORDER_CONSTANT, value=255)
        image = cv2.cvtColor(sheet, cv2.COLOR_GRAY2RGB)
        parts.append(Part(quad_surface(centre + corners, centre - [0.0, 0.0, 1.0]), image))
    return parts


def flight(duration_s: float, rate_hz: float, seed: int) -> tuple[Recording, np.ndarray]:
    """A flight in the arena with tags on its floor, and the middle of tag 0 in map."""
    plain = Recording(FlightPlan(1, duration_s, rate_hz, seed))
    centres = tag_centres(plain.T_map_airframe)
    hall = Hall(lambda arena_seed: [*build_arena(arena_seed), *printed_tags(centres)], ARENA.hall.light)
    return Recording(replace(plain.plan, world=replace(ARENA, hall=hall))), centres[0]


def compared(surveyed: Dataset, truth: Dataset, shift: np.ndarray) -> dict[str, float]:
    """Errors of the surveyed poses, moved by `shift`, at the stamps that both have."""
    poses_by_stamp = {frame.stamp_ns: frame for frame in truth.frames}
    pairs = [(frame, poses_by_stamp[frame.stamp_ns]) for frame in surveyed.frames if frame.stamp_ns in poses_by_stamp]
    found = np.array([frame.position for frame, _ in pairs]) + shift
    true = np.array([frame.position for _, frame in pairs])
    turns = angular_distance(*(np.array([pair[side].quat_xyzw for pair in pairs]) for side in (0, 1)))
    errors = np.linalg.norm(found - true, axis=1)
    spread = [np.linalg.norm(points - points.mean(axis=0)) for points in (found, true)]
    return {
        "frames": len(pairs),
        "of": len(truth.frames),
        "median_cm": 100 * float(np.median(errors)),
        "worst_cm": 100 * float(errors.max()),
        "median_deg": float(np.degrees(np.median(turns))),
        "worst_deg": float(np.degrees(turns.max())),
        "scale_off_percent": 100 * float(spread[0] / spread[1] - 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=2.0)
    parser.add_argument("--every", type=float, default=0.9, help="seconds from a surveyed picture to the next")
    parser.add_argument("--features", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    with TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        recording, tag_0 = flight(arguments.duration, arguments.rate, arguments.seed)
        bag = work / "flight.bag"
        if not bag.exists():
            write_simulated_bag(recording, bag, compressed=True)
        truth = extract([bag], work / "mocap", image_topic=TOPIC, parent="map", child=OPTICAL_FRAME).dataset
        started = time.monotonic()
        found = survey(
            bag,
            work / "surveyed",
            tags=Tags(DICTIONARY, TAG_M),
            image_topic=TOPIC,
            period_s=arguments.every,
            features=arguments.features,
        )
        print(f"survey took {time.monotonic() - started:.0f} s")
        print(json.dumps(compared(found, truth, tag_0), indent=1))
        print(f"the survey says of itself: {found.sequences[0].info['survey']}")


if __name__ == "__main__":
    main()
