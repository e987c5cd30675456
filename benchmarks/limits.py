#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the jobs of bench.py cannot do without, and nothing else: programs to be timed beside them.

python benchmarks/limits.py render COUNT WIDTH HEIGHT
python benchmarks/limits.py encode BAG TOPIC
python benchmarks/limits.py backbone DATASET
python benchmarks/limits.py localize BUNDLE DATASET
python benchmarks/limits.py match DATASET NEIGHBOURS
python benchmarks/limits.py decode DATASET
"""

from __future__ import annotations

from camera_relocalization_ros.core.program import prepare_process

# before NumPy, as the commands do
prepare_process()

# isort: split
import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Iterable, TypeVar

import cv2
import numpy as np

FEATURES, SIDE = 1000, 640
T = TypeVar("T")


def on_all_cores(function: Callable[[T], object], items: Iterable[T]) -> None:
    """Call a function that lets go of Python's lock with each item."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(function, items):
            pass


def render(count: int, width: int, height: int) -> None:
    """Pictures of an arena along a flight, which nobody keeps."""
    from camera_relocalization_ros.aircraft.placements import T_map_airframe
    from camera_relocalization_ros.simulation.camera_kind import X3_CAMERA
    from camera_relocalization_ros.simulation.flight import Flight
    from camera_relocalization_ros.simulation.renderer import Renderer

    placement = T_map_airframe(1)
    renderer = Renderer(X3_CAMERA.scaled(width, height), placement)
    for pose in Flight.random(placement, 0).T_map_camera(np.linspace(0.0, 0.1 * count, count)):
        renderer.render(pose)
    renderer.close()


def encode(bag: Path, topic: str) -> None:
    """A bag's raw images as JPEG in memory, in all cores."""
    import rosbag

    from camera_relocalization_ros.ros.bags.image_encoding import ENCODER_OPTIONS
    from camera_relocalization_ros.ros.conversions import message_to_rgb

    with rosbag.Bag(str(bag)) as opened:
        images = (message_to_rgb(message) for _, message, _ in opened.read_messages([topic]))
        on_all_cores(lambda image: cv2.imencode(".jpg", image, ENCODER_OPTIONS["jpg"]), images)


def backbone(folder: Path) -> None:
    """The default recipe's frozen network on as many inputs as its cache has views of a data set, in ONNX Runtime."""
    from camera_relocalization_ros.core.preprocessing import Preprocessing
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.training.backbones import build_backbone
    from camera_relocalization_ros.training.config import AugmentationConfig, config_from_dict
    from camera_relocalization_ros.training.features.feature_cache import FrozenPart, onnx_session
    from camera_relocalization_ros.training.pose_network import PooledBackbone

    dataset, config = Dataset.load(folder), config_from_dict({}, "benchmark")
    network, camera = build_backbone(config.backbone), dataset.camera
    assert camera is not None
    size = Preprocessing.for_image(network.input_width, camera.width, camera.height)
    frozen = FrozenPart(PooledBackbone(network, size.width, size.height, config.head), size, config)
    session = onnx_session(frozen)
    noise = np.random.default_rng(0).integers(0, 255, (1, size.height, size.width, 3), np.uint8)
    views = len(dataset.frames) * (AugmentationConfig().views + 1)
    on_all_cores(lambda _: session.run(None, {"image": noise}), range(views))


def localize(bundle: Path, folder: Path) -> None:
    """What each image of a data set must go through: decoding, a bundle's network, and the features for its landmarks.

    The network takes all cores by itself, and features are taken of the image before in the meantime.
    """
    from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
    from camera_relocalization_ros.localization.relocalizer import Relocalizer
    from camera_relocalization_ros.vision.local_features import FeatureExtractor

    relocalizer, dataset = Relocalizer.from_bundle(bundle), Dataset.load(folder)
    landmark_map, camera = relocalizer.bundle.landmark_map, dataset.typical_camera
    assert landmark_map is not None and camera is not None
    extractor = FeatureExtractor(camera, landmark_map.feature_settings)
    with ThreadPoolExecutor(1) as pool:
        jobs = []
        for frame in dataset.frames:
            image = load_image_rgb(frame.image_path)
            jobs.append(pool.submit(lambda image: len(extractor.extract(extractor.grey(image))), image))
            relocalizer.estimate(image, frame.stamp_ns)
        for job in jobs:
            job.result()


def match(folder: Path, neighbours: int) -> None:
    """SIFT of all images and the best of each one's with those of the images after it, as one matrix product."""
    images = sorted(folder.glob("sequences/*/images/*"))
    descriptors: list[np.ndarray] = [np.empty((0, 128), np.float32)] * len(images)

    def describe(row: int) -> None:
        grey = cv2.imread(str(images[row]), cv2.IMREAD_GRAYSCALE)
        scale = min(1.0, SIDE / grey.shape[1])
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, found = cv2.SIFT_create(FEATURES).detectAndCompute(small, None)
        if found is not None:
            descriptors[row] = found / np.linalg.norm(found, axis=1, keepdims=True)

    on_all_cores(describe, range(len(images)))
    for row, own in enumerate(descriptors):
        for other in descriptors[row + 1 : row + 1 + neighbours]:
            if len(own) and len(other):
                (own @ other.T).argmax(axis=1)


def decode(folder: Path) -> None:
    """Images of a data set, decoded once, in all cores."""
    on_all_cores(lambda path: cv2.imread(str(path)), sorted(folder.glob("sequences/*/images/*")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    limits = parser.add_subparsers(dest="limit", required=True)
    for function, arguments in (
        (render, {"count": int, "width": int, "height": int}),
        (encode, {"bag": Path, "topic": str}),
        (backbone, {"folder": Path}),
        (localize, {"bundle": Path, "folder": Path}),
        (match, {"folder": Path, "neighbours": int}),
        (decode, {"folder": Path}),
    ):
        limit = limits.add_parser(function.__name__, help=function.__doc__)
        limit.set_defaults(function=function)
        for name, kind in arguments.items():
            limit.add_argument(name, type=kind)
    given = vars(parser.parse_args())
    del given["limit"]
    given.pop("function")(**given)


if __name__ == "__main__":
    main()
