# SPDX-License-Identifier: BSD-3-Clause
"""How time and memory grow with the number of images, of what does not look at pixels: python benchmarks/growth.py

    . ./env.sh
    python benchmarks/growth.py [--counts 1000 10000 100000] [--plot FILE.png]

Poses, features, landmarks and estimates are made up, seeded. Each part of each size is a process of its own: seconds of
the processor, and how much more memory it had at its peak than before it began. `store` writes features of one view of
1024 numbers, opens them as training does, which reads all to check them, and reads 20 batches of 64 rows; `training` is
an epoch of the recommended head on features of one view, which lie there already; `doctor` is all of its checks but
those of pictures; `summary` is what `evaluate` and `report` make of the estimates; `landmarks`
and `retrieval` are one look-up, the mean of 20.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

import numpy as np
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test" / "support"))

LOOK_UPS, BATCHES, BATCH_ROWS, FEATURES = 20, 20, 64, 1024
# of a view by the recommended recipe: channels of both maps, and cells
TRAINED_SHAPE = 1472, 20
# of a landmark map of a room: what an image sees, and how many landmarks there are for each image up to a full room
SEEN, PER_IMAGE, MOST_LANDMARKS = 500, 50, 200_000
DESCRIPTOR, CODE = 128, 64
Work = Callable[[], object]


def poses(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 3) and quaternions (n, 4) of cameras in a room."""
    rng = np.random.default_rng(0)
    return rng.uniform((-4, -4, 0.5), (4, 4, 2.5), (count, 3)), Rotation.random(count, random_state=0).as_quat()


def store(count: int, folder: Path) -> Work:
    from camera_relocalization_ros.training.features.sharded_store import ShardedStore

    whole = ShardedStore(folder / "store", (count, 1, FEATURES, 1))
    row, pose = np.random.default_rng(0).normal(size=(1, FEATURES, 1)), np.zeros((1, 7))

    def work() -> None:
        for shard in whole.shards:
            shard.store.folder.mkdir(parents=True, exist_ok=True)
            shard.store.append(((row, pose) for _ in range(shard.store.shape[0])), 0)
        assert not whole.missing()
        cells, rng = whole.cells(), np.random.default_rng(1)
        for _ in range(BATCHES):
            cells[rng.integers(0, count, BATCH_ROWS), 0]

    return work


def training(count: int, folder: Path) -> Work:
    from torch import nn

    from camera_relocalization_ros.training.config import config_from_dict
    from camera_relocalization_ros.training.features.feature_cache import FeatureCache
    from camera_relocalization_ros.training.features.sharded_store import ShardedStore
    from camera_relocalization_ros.training.fitting import fit
    from camera_relocalization_ros.training.job import Job
    from camera_relocalization_ros.training.pose_network import PoseHead, PoseNetwork
    from camera_relocalization_ros.training.pose_training import PoseTraining
    from camera_relocalization_ros.training.samples import Source, WindowSamples

    config = config_from_dict({"optimiser": {"epochs": 1}}, "growth")
    store, places = ShardedStore(folder / "store", (count, 1, *TRAINED_SHAPE)), np.column_stack(poses(count))
    rows = np.random.default_rng(0).random((BATCH_ROWS, 1, *TRAINED_SHAPE), np.float32)
    for shard in store.shards:
        shard.store.folder.mkdir(parents=True, exist_ok=True)
        shard.store.append(((rows[k % BATCH_ROWS], places[k, None]) for k in range(count)[shard.rows]), 0)
    cache = FeatureCache(store.cells(), store.poses(), TRAINED_SHAPE[0])
    head = PoseHead(TRAINED_SHAPE[0], config.head)
    head.fit_positions(places[:, :3])
    module = PoseTraining(PoseNetwork(nn.Identity(), head), config.loss, config.optimiser)
    samples = WindowSamples([Source(cache, np.arange(count)[:, None])])
    job = Job({}, "", [], [])
    return lambda: fit(module, samples, None, config.optimiser, config.precision, 0, folder / "run", job)


def doctor(count: int, folder: Path) -> Work:
    from camera_relocalization_ros.core.camera import CameraIntrinsics
    from camera_relocalization_ros.data.dataset import Dataset, Frame, Sequence
    from camera_relocalization_ros.data.doctor.axes import check_up_axis
    from camera_relocalization_ros.data.doctor.coverage import check_coverage, measure_coverage
    from camera_relocalization_ros.data.doctor.recording_checks import (
        check_gaps,
        check_quaternions,
        check_scale,
        check_stream,
    )

    positions, quats = poses(count)
    frames = tuple(Frame(k, k * 10**8, folder / f"{k}.jpg", p, q) for k, (p, q) in enumerate(zip(positions, quats)))
    camera = CameraIntrinsics(640, 360, 500.0, 500.0, 319.5, 179.5)
    dataset = Dataset(folder, "map", "camera", camera, (Sequence("flight", frames, {"skipped": {}}),))

    def work() -> None:
        for check in (check_up_axis, check_quaternions, check_stream, check_scale, check_gaps):
            check(dataset)
        check_coverage(measure_coverage(dataset.poses))

    return work


def summary(count: int, folder: Path) -> Work:
    from made_result import made_result

    from camera_relocalization_ros.evaluation.metrics import summarise

    result = made_result(count)
    return lambda: summarise(result)


def landmarks(count: int, folder: Path) -> Work:
    from camera_relocalization_ros.bundle.landmark_map import LandmarkMap
    from camera_relocalization_ros.core.camera import CameraIntrinsics
    from camera_relocalization_ros.core.camera_correction import CameraCorrection
    from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner

    rng, total = np.random.default_rng(0), min(PER_IMAGE * count, MOST_LANDMARKS)
    positions, quats = poses(count)
    landmark_map = LandmarkMap(
        rng.uniform(-4, 4, (total, 3)),
        rng.integers(-127, 127, (total, CODE), np.int8),
        np.zeros(DESCRIPTOR),
        np.zeros((DESCRIPTOR, CODE)),
        np.arange(count + 1) * SEEN,
        rng.integers(0, total, count * SEEN, np.int32),
        positions,
        quats,
        CameraCorrection().vector,
        np.array([480.0, 800.0, 0.02]),
        np.ones(4),
    )
    refiner = PoseRefiner(landmark_map, CameraIntrinsics(640, 360, 500.0, 500.0, 319.5, 179.5))
    priors = [np.linalg.inv(pose) for pose in landmark_map.lens_poses().matrices[:LOOK_UPS]]
    return lambda: [refiner._near(prior, 3000) for prior in priors]


def retrieval(count: int, folder: Path) -> Work:
    from camera_relocalization_ros.bundle.retrieval import RetrievalIndex

    rng = np.random.default_rng(0)
    descriptors = rng.normal(size=(count, DESCRIPTOR)).astype(np.float32)
    mean, axes = np.zeros(FEATURES, np.float32), rng.normal(size=(FEATURES, DESCRIPTOR)).astype(np.float32)
    index = RetrievalIndex(mean, axes, descriptors, *poses(count))
    looks = rng.normal(size=(LOOK_UPS, 1, FEATURES)).astype(np.float32)
    return lambda: [index.k_nearest(look, 4) for look in looks]


PARTS = {
    "store": store,
    "training": training,
    "doctor": doctor,
    "summary": summary,
    "landmarks": landmarks,
    "retrieval": retrieval,
}
LABELS = {
    "store": "store of features",
    "training": "an epoch of training",
    "doctor": "doctor, no pictures",
    "summary": "summary of results",
    "landmarks": "look-up of landmarks",
    "retrieval": "look-up of an image",
}
# how often a part's work does what is reported
TIMES = {"landmarks": LOOK_UPS, "retrieval": LOOK_UPS}


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(part: str, count: int) -> dict[str, float]:
    """Seconds and megabytes of a part's work in this process."""
    with tempfile.TemporaryDirectory() as name:
        work, before = PARTS[part](count, Path(name)), peak_mb()
        started, used = time.perf_counter(), time.process_time()
        work()
        times = TIMES.get(part, 1)
        clock_s, processor_s = (time.perf_counter() - started) / times, (time.process_time() - used) / times
    return {"clock_s": clock_s, "processor_s": processor_s, "more_mb": peak_mb() - before}


def measured(part: str, count: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--part", part, "--counts", str(count)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def plot(found: dict[tuple[str, int], dict[str, float]], counts: list[int], path: Path) -> None:
    """Seconds over images, both logarithmic, each beside a dotted line of what would grow linearly from its first."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for part, label in LABELS.items():
        seconds = np.array([found[part, count]["processor_s"] for count in counts])
        (line,) = axes.loglog(counts, seconds, "o-", label=label)
        axes.loglog(counts, seconds[0] * np.array(counts) / counts[0], ":", color=line.get_color(), linewidth=1)
        at_end = {"xytext": (8, 0), "textcoords": "offset points", "va": "center", "color": line.get_color()}
        axes.annotate(label, (counts[-1], seconds[-1]), **at_end)
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    axes.set(xlabel="images", ylabel="seconds of the processor", title="Dotted: what would grow linearly")
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000, 100_000], metavar="N")
    parser.add_argument("--part", choices=PARTS, help="only this one, in this process, as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(measure(arguments.part, arguments.counts[0])))
        return
    found = {}
    print("| part | " + " | ".join(f"{count:,}" for count in arguments.counts) + " |")
    print("| --- |" + " --- |" * len(arguments.counts))
    for part in PARTS:
        cells = []
        for count in arguments.counts:
            found[part, count] = one = measured(part, count)
            cells.append(f"{one['processor_s']:.4f} s, {one['more_mb']:.0f} MB")
        print(f"| {part} | " + " | ".join(cells) + " |", flush=True)
    if arguments.plot:
        plot(found, arguments.counts, arguments.plot)


if __name__ == "__main__":
    main()
