# SPDX-License-Identifier: BSD-3-Clause
"""How exact `reloc survey` is beside motion capture: a simulated flight over a floor with printed tags, surveyed from
its bag alone.

    PYTHONPATH=. python benchmarks/survey_flight.py [--seed 0] [--duration 30] [--features 1200] [--work DIR]
    PYTHONPATH=. python benchmarks/survey_flight.py --maps --duration 60 --every 0.4 --work DIR
    PYTHONPATH=. python benchmarks/survey_flight.py --models --width 640 --duration 60 --every 0.4 --work DIR

Needs ROS. Prints the errors of the survey's poses beside what it says of itself, and what is left of them when the
survey's axes are turned and moved onto those of motion capture. With --models two bundles are trained and mapped, of
the surveyed poses and of those of motion capture, and flown over another flight, whose truth is by motion capture. With
--maps only maps are made, and the other flight's true poses, moved by about what a regressor errs, are improved with
them: minutes instead of an hour. What is in the folder --work is not made again.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import rosbag
from scipy.spatial.transform import Rotation
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import angular_distance
from camera_relocalization_ros.core.output_files import replaced_folder
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.data.dataset import MANIFEST, Dataset, load_image_rgb
from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner
from camera_relocalization_ros.mapping.builder import MapSettings, build_landmarks, compressed
from camera_relocalization_ros.mapping.builder import survey as survey_for_map
from camera_relocalization_ros.mapping.feature_codes import FeatureCodes
from camera_relocalization_ros.mapping.survey.alignment import robust_similarity, similarity_between
from camera_relocalization_ros.pipelines.build_map import build_map
from camera_relocalization_ros.pipelines.evaluate_bundle import evaluate_bundle
from camera_relocalization_ros.pipelines.export_bundle import export_bundle
from camera_relocalization_ros.pipelines.extract import extract
from camera_relocalization_ros.pipelines.survey import Tags, survey
from camera_relocalization_ros.pipelines.train_model import train_model
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.bags.simulation_bag import OPTICAL_FRAME, write_simulated_bag
from camera_relocalization_ros.simulation.arena import build_arena
from camera_relocalization_ros.simulation.halls.hall import Hall
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording
from camera_relocalization_ros.simulation.surface import Part, quad_surface
from camera_relocalization_ros.simulation.world import ARENA

DICTIONARY, TAG_M, MARGIN_M, PIXELS_PER_M = "DICT_4X4_50", 0.6, 0.1, 500
# around the airframe, in the floor's plane; the paper is that much above the floor
RING_M, TAGS, PAPER_M = 1.6, 6, 0.004
TAG_FRAME = "tag_0"
# the test flight's, beside the other's
TEST_SEED = 100
# of the priors of --maps, of each axis: about what the regressors of --models err
PRIOR_SD_M, PRIOR_SD_RAD = 0.7, 0.2
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


def flight(duration_s: float, rate_hz: float, seed: int, width: int = 1280) -> tuple[Recording, np.ndarray]:
    """A flight in the arena with tags on its floor, and the middle of tag 0 in map."""
    plain = Recording(FlightPlan(1, duration_s, rate_hz, seed, width=width))
    centres = tag_centres(plain.T_map_airframe)
    hall = Hall(lambda arena_seed: [*build_arena(arena_seed), *printed_tags(centres)], ARENA.hall.light)
    return Recording(replace(plain.plan, world=replace(ARENA, hall=hall))), centres[0]


def recorded(bag: Path, recording: Recording, tag_0: np.ndarray) -> Path:
    """The flight's bag, which says where motion capture sees tag 0."""
    if not bag.exists():
        partial = bag.with_suffix(".partial.bag")
        write_simulated_bag(recording, partial, compressed=True)
        T_map_tag = np.eye(4)
        T_map_tag[:3, 3] = tag_0
        stamp_ns = recording.plan.start_ns
        with rosbag.Bag(str(partial), "a") as appended:
            transform = conversions.matrix_to_transform(T_map_tag, stamp_ns, "map", TAG_FRAME)
            appended.write("/tf_static", TFMessage([transform]), conversions.stamp_from_ns(stamp_ns))
        partial.rename(bag)
    return bag


def motion_capture(bag: Path, output: Path) -> Dataset:
    """The data set of a bag by its motion capture, in the frame of tag 0."""
    if (output / MANIFEST).exists():
        return Dataset.load(output)
    return extract([bag], output, image_topic=TOPIC, parent=TAG_FRAME, child=OPTICAL_FRAME).dataset


def surveyed(bag: Path, output: Path, period_s: float, features: int) -> Dataset:
    """The data set of a bag by its pictures alone."""
    if (output / MANIFEST).exists():
        return Dataset.load(output)
    started = time.monotonic()
    with replaced_folder(output, (MANIFEST,), False, DatasetError) as target:
        survey(
            bag,
            target,
            tags=Tags(DICTIONARY, TAG_M),
            image_topic=TOPIC,
            period_s=period_s,
            features=features,
            parent_frame=TAG_FRAME,
            child_frame=OPTICAL_FRAME,
        )
    print(f"survey took {time.monotonic() - started:.0f} s")
    return Dataset.load(output)


@dataclass(frozen=True)
class Estimates:
    """Positions (n, 3) and quaternions (n, 4) that were found, beside the true ones."""

    positions: np.ndarray
    quats_xyzw: np.ndarray
    true_positions: np.ndarray
    true_quats_xyzw: np.ndarray

    def rigidly_aligned(self) -> Estimates:
        """The same with the axes of what was found turned and moved onto the true ones; the scale stays.

        Outliers have no say: a wrong pose would turn all others.
        """
        _, usual = robust_similarity(self.positions, self.true_positions)
        moved = similarity_between(self.positions[usual], self.true_positions[usual], 1.0)
        quats_xyzw = (moved.rotation * Rotation.from_quat(self.quats_xyzw)).as_quat()
        return replace(self, positions=moved.apply(self.positions), quats_xyzw=quats_xyzw)

    def scale_off(self) -> float:
        """The relative error of the scale, by how far positions lie from their middle."""
        spread = [np.linalg.norm(points - points.mean(axis=0)) for points in (self.positions, self.true_positions)]
        return float(spread[0] / spread[1] - 1)

    def summary(self) -> dict[str, float]:
        """Errors of positions in cm and of orientations in degrees."""
        errors = np.linalg.norm(self.positions - self.true_positions, axis=1)
        turns = np.degrees(angular_distance(self.quats_xyzw, self.true_quats_xyzw))
        return {
            "median_cm": 100 * float(np.median(errors)),
            "worst_cm": 100 * float(errors.max()),
            "median_deg": float(np.median(turns)),
            "worst_deg": float(turns.max()),
        }

    def report(self) -> dict[str, object]:
        """Errors as they are, and what is left of them after a rigid alignment."""
        off_percent = 100 * self.scale_off()
        return {**self.summary(), "scale_off_percent": off_percent, "aligned": self.rigidly_aligned().summary()}


def compared(surveyed: Dataset, truth: Dataset) -> dict[str, object]:
    """Errors of the surveyed poses at the stamps that both have."""
    poses_by_stamp = {frame.stamp_ns: frame for frame in truth.frames}
    pairs = [(frame, poses_by_stamp[frame.stamp_ns]) for frame in surveyed.frames if frame.stamp_ns in poses_by_stamp]
    positions = [np.array([pair[side].position for pair in pairs]) for side in (0, 1)]
    quats_xyzw = [np.array([pair[side].quat_xyzw for pair in pairs]) for side in (0, 1)]
    estimates = Estimates(positions[0], quats_xyzw[0], positions[1], quats_xyzw[1])
    return {"frames": len(pairs), "of": len(truth.frames), **estimates.report()}


def found_by_landmarks(dataset: Dataset, test: Dataset) -> dict[str, object]:
    """Errors of what a map of one data set, made as `reloc map` does, finds in the images of another.

    The priors are the test's poses, moved at random by about what a regressor errs.
    """
    settings, generator = MapSettings(), np.random.default_rng(0)
    raw = survey_for_map(dataset, settings.features)
    landmarks, correction = build_landmarks(raw, settings)
    view = raw.corrected(correction)
    in_flight = replace(settings.features, width=480, limit=800)
    landmark_map = compressed(landmarks, view, FeatureCodes.of(view.features, landmarks.feature), correction, in_flight)
    refiner, frames, poses = PoseRefiner(landmark_map, test.camera), [], []
    for frame in test.frames:
        turn = Rotation.from_rotvec(generator.normal(0, PRIOR_SD_RAD, 3))
        prior = Pose(
            frame.position + generator.normal(0, PRIOR_SD_M, 3), (turn * Rotation.from_quat(frame.quat_xyzw)).as_quat()
        )
        refined = refiner.refine(load_image_rgb(frame.image_path), prior)
        if refined.found:
            frames.append(frame)
            poses.append(refined.pose)
    estimates = Estimates(
        np.array([pose.position for pose in poses]),
        np.array([pose.quat_xyzw for pose in poses]),
        np.array([frame.position for frame in frames]),
        np.array([frame.quat_xyzw for frame in frames]),
    )
    return {"landmarks": len(landmark_map), "found": len(frames), "of": len(test.frames), **estimates.report()}


def errors_of_model(dataset: Dataset, test: Dataset, work: Path, seed: int) -> dict[str, dict[str, float]]:
    """Median errors, by stage, of a bundle that is trained and mapped on a data set and flown over another."""
    bundle = work / "bundle"
    if not bundle.exists():
        train_model(dataset.path, work / "run", seed=seed, overwrite=True)
        partial = work / "partial"
        export_bundle(work / "run", partial)
        build_map(partial, dataset.path)
        partial.rename(bundle)
    stages = evaluate_bundle(bundle, test.path, stages="regression,refined,fused").stages
    return {
        name: {
            "frames": int(np.isfinite(stage.evaluation.errors.position_m).sum()),
            "median_cm": 100 * float(np.nanmedian(stage.evaluation.errors.position_m)),
            "median_deg": float(np.nanmedian(stage.evaluation.errors.orientation_deg)),
        }
        for name, stage in stages.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=2.0)
    parser.add_argument("--every", type=float, default=0.9, help="seconds from a surveyed picture to the next")
    parser.add_argument("--features", type=int, default=1200)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--models", action="store_true", help="also compare models of the two data sets")
    parser.add_argument("--maps", action="store_true", help="also compare maps of the two data sets")
    arguments = parser.parse_args()
    with TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        recording = flight(arguments.duration, arguments.rate, arguments.seed, arguments.width)
        bag = recorded(work / "flight.bag", *recording)
        truth = motion_capture(bag, work / "mocap")
        found = surveyed(bag, work / "surveyed", arguments.every, arguments.features)
        print(json.dumps(compared(found, truth), indent=1))
        print(f"the survey says of itself: {found.sequences[0].info['survey']}")
        if arguments.models or arguments.maps:
            other = flight(arguments.duration / 2, arguments.rate, arguments.seed + TEST_SEED, arguments.width)
            test = motion_capture(recorded(work / "test.bag", *other), work / "test")
        for name, dataset in (("mocap", truth), ("surveyed", found)):
            if arguments.maps:
                print(name, json.dumps(found_by_landmarks(dataset, test), indent=1))
            if arguments.models:
                errors = errors_of_model(dataset, test, work / f"model_{name}", arguments.seed)
                print(name, json.dumps(errors, indent=1))


if __name__ == "__main__":
    main()
