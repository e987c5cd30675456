#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the feature cache is worth, what a big one takes, and how long a data set takes to become a bundle.

    python benchmarks/caching.py [--images 256] [--big 19000] [--bundle 1000] [--work DIR]

Speed: an epoch of head training on cached features beside the same epoch (images, batches, head, loss, optimiser)
with the frozen backbone in the loop, which reads, decodes and shrinks images in threads and runs the network once in
ONNX Runtime and once in eager PyTorch. Memory: `reloc train` for an epoch on a cache of --big images in all views,
whose features are noise and whose images are links to one; peak of its memory (PSS, sampled) and of its resident set,
pages of files included (as the kernel counts them). Processor seconds tell what other programs did to the clock's.
Bundle: `reloc train` by the recommended recipe on --bundle images with nothing cached, then `reloc export`.
Each of the three is left out where its number is 0; --images 0 --big 0 times the bundle alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Iterator

import cv2
import numpy as np
import torch
import yaml
from extraction import memory_mb

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.training.backbones import build_backbone
from camera_relocalization_ros.training.config import AugmentationConfig, TrainingConfig, config_from_dict
from camera_relocalization_ros.training.devices import trainer_precision
from camera_relocalization_ros.training.features.backgrounds import random_texture
from camera_relocalization_ros.training.features.feature_cache import FrozenPart, build_cache, onnx_session
from camera_relocalization_ros.training.features.feature_store import FeatureStore
from camera_relocalization_ros.training.losses import PoseLoss
from camera_relocalization_ros.training.optimisation import build_optimiser
from camera_relocalization_ros.training.pose_network import PooledBackbone, PoseHead
from camera_relocalization_ros.training.run_folder import read_summary
from camera_relocalization_ros.training.samples import Source, TrainingDraws, WindowSamples, windows_of

CAMERA = CameraIntrinsics(640, 480, 585.0, 585.0, 319.5, 239.5)
RECIPE = {"head": {"name": "regressor"}, "optimiser": {"epochs": 1}}
START_NS, PERIOD_NS = 1_500_000_000_000_000_000, 33_333_333
CACHED_EPOCHS = 9
MEMORY_PERIOD_S = 0.5
PROGRAM = "import sys; from camera_relocalization_ros.cli.main import main; sys.exit(main())"
Batches = Iterator["tuple[torch.Tensor, torch.Tensor, torch.Tensor]"]


def data_set(path: Path, count: int, linked: bool) -> Dataset:
    """`count` JPEG images of 640x480, each of its own or links to one, along a random walk."""
    rng = np.random.default_rng(0)
    positions = np.cumsum(rng.normal(0, 0.01, (count, 3)), axis=0)
    with DatasetWriter(path, "room", "camera", CAMERA) as writer, writer.sequence("walk", {}) as sequence:
        for row in range(count):
            name = f"{row:06d}.jpg"
            if linked and row:
                os.link(sequence.image_folder / "000000.jpg", sequence.image_folder / name)
            else:
                (sequence.image_folder / name).write_bytes(jpeg(rng))
            sequence.add_stored(START_NS + row * PERIOD_NS, positions[row], np.array([0.0, 0.0, 0.0, 1.0]), name, row)
    return Dataset.load(path)


def jpeg(rng: np.random.Generator) -> bytes:
    """A texture with noise, about as many bytes as a photograph."""
    image = random_texture(rng, CAMERA.width, CAMERA.height)
    image = cv2.add(image, rng.normal(0, 4, image.shape).astype(np.int16), dtype=cv2.CV_8U)
    return cv2.imencode(".jpg", image)[1].tobytes()


def frozen_part(config: TrainingConfig) -> FrozenPart:
    """The recipe's backbone at its input size."""
    backbone = build_backbone(config.backbone)
    size = Preprocessing.for_image(backbone.input_width, CAMERA.width, CAMERA.height)
    return FrozenPart(PooledBackbone(backbone, size.width, size.height, config.head), size, config)


def epoch_s(batches: Callable[[], Batches], channels: int, config: TrainingConfig) -> np.ndarray:
    """Seconds (2,) of an epoch of head training on what `batches` yields: on the clock, and of processor time."""
    torch.manual_seed(0)
    head, loss = PoseHead(channels, config.head), PoseLoss(config.loss)
    parameters = [*head.parameters(), *loss.parameters()]
    optimiser = build_optimiser(parameters, config.optimiser, steps=1000)["optimizer"]
    # as `reloc train` has it on this machine
    mixed = torch.autocast("cpu", torch.bfloat16, enabled=trainer_precision("auto") == "bf16-mixed")

    def step(cells_btcn: torch.Tensor, position_bt3: torch.Tensor, quat_bt4: torch.Tensor) -> None:
        with mixed:
            features_nf = head.frame_features(cells_btcn.flatten(0, 1))
            position_est, quat_est = head.poses(features_nf.unflatten(0, cells_btcn.shape[:2]))
            value = loss(*(value.flatten(0, 1) for value in (position_est, quat_est, position_bt3, quat_bt4)))
        optimiser.zero_grad()
        value.backward()
        optimiser.step()

    # the first step of a training makes the optimiser's state and more; an epoch is one of many
    step(*next(batches()))
    start = np.array([time.monotonic(), time.process_time()])
    for batch in batches():
        step(*batch)
    return np.array([time.monotonic(), time.process_time()]) - start


def speed(work: Path, count: int) -> dict[str, float]:
    """Seconds of caching and of epochs, with the ratio to the faster way with the backbone in the loop."""
    config = config_from_dict(RECIPE, "benchmark")
    frozen, dataset = frozen_part(config), data_set(work / "small", count, linked=False)
    start = time.monotonic()
    build_cache(dataset, frozen, AugmentationConfig(), work / "cache")
    views = count * (AugmentationConfig().views + 1)
    result = {"caching_ms_per_view": 1000 * (time.monotonic() - start) / views}
    cache = build_cache(dataset, frozen, AugmentationConfig(views=0), work / "cache")
    samples = WindowSamples([Source(cache, windows_of(dataset, 1, 1.0))])
    draws = list(TrainingDraws(samples, config.optimiser.batch_size, seed=0))
    frames, session = dataset.frames, onnx_session(frozen)

    def input_of(row: int) -> np.ndarray:
        return frozen.preprocessing.apply(load_image_rgb(frames[row].image_path))

    def in_onnx(rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(
            np.concatenate(list(pool.map(lambda row: session.run(None, {"image": input_of(row)[None]})[0], rows)))
        )

    @torch.no_grad()
    def in_torch(rows: np.ndarray) -> torch.Tensor:
        return frozen.network(torch.from_numpy(np.stack(list(pool.map(input_of, rows)))))

    def in_loop(cells_of: Callable[[np.ndarray], torch.Tensor]) -> Batches:
        for draw in draws:
            poses = torch.from_numpy(cache.poses[draw.windows, 0]).float()[:, None]
            yield cells_of(draw.windows)[:, None], poses[..., :3], poses[..., 3:]

    channels = frozen.network.stored_shape[0]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        onnx_s = epoch_s(lambda: in_loop(in_onnx), channels, config)
        torch_s = epoch_s(lambda: in_loop(in_torch), channels, config)
    cached = [epoch_s(lambda: (samples[draw] for draw in draws), channels, config) for _ in range(CACHED_EPOCHS)]
    cached_s = np.median(cached, axis=0)
    for name, seconds in (("onnx_in_loop", onnx_s), ("torch_in_loop", torch_s), ("cached", cached_s)):
        result[f"epoch_{name}_s"], result[f"epoch_{name}_processor_s"] = map(float, seconds)
    result["times_faster_cached"] = float(min(onnx_s[0], torch_s[0]) / cached_s[0])
    return result


def memory(work: Path, count: int) -> dict[str, float]:
    """Peaks of `reloc train` on a cache of `count` images in the recipe's views, for one epoch."""
    config = config_from_dict(RECIPE, "benchmark")
    frozen, dataset = frozen_part(config), data_set(work / "big", count, linked=True)
    views = config.augmentation.views + 1
    shape = (count, views, *frozen.network.stored_shape)
    store = FeatureStore(work / "cache" / frozen.fingerprint(dataset, config.augmentation), shape)
    noise = np.random.default_rng(0).random((64, *shape[1:]), dtype=np.float32).astype(np.float16)
    poses = dataset.poses.rows[:, None].repeat(views, axis=1)
    with store.locked():
        store.append(((noise[row % 64], poses[row]) for row in range(count)), 0)
    recipe = work / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE), encoding="utf-8")
    start, peak_mb, peak_rss_mb = time.monotonic(), 0.0, 0.0
    process = reloc("train", dataset.path, "--config", recipe, "--cache", work / "cache", "-o", work / "run")
    while process.poll() is None:
        peak_mb = max(peak_mb, memory_mb(process.pid))
        peak_rss_mb = max(peak_rss_mb, resident_peak_mb(process.pid))
        time.sleep(MEMORY_PERIOD_S)
    if process.returncode:
        raise SystemExit("reloc train failed")
    return {
        "cache_mb": sum(path.stat().st_size for path in store.folder.iterdir()) / 1e6,
        "train_s": time.monotonic() - start,
        "peak_pss_mb": peak_mb,
        "peak_rss_mb": peak_rss_mb,
    }


def bundle(work: Path, count: int) -> dict[str, float]:
    """Seconds of `reloc train` and `reloc export` by the recommended recipe, and what the training took of its own."""
    dataset, run = data_set(work / "walk", count, linked=False), work / "walk_run"
    seconds = []
    for arguments in (
        ("train", dataset.path, "--cache", work / "walk_cache", "-o", run),
        ("export", run, "-o", work / "walk_bundle"),
    ):
        start = time.monotonic()
        if reloc(*arguments).wait():
            raise SystemExit(f"reloc {arguments[0]} failed")
        seconds.append(time.monotonic() - start)
    reported = read_summary(run)["results"]
    return {
        "train_s": seconds[0],
        "of_it_caching_s": reported["caching_s"],
        "of_it_training_s": reported["training_s"],
        "export_s": seconds[1],
        "data_set_to_bundle_s": sum(seconds),
    }


def reloc(*arguments: object) -> subprocess.Popen:
    """The reloc program, begun; what it says is dropped."""
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def resident_peak_mb(pid: int) -> float:
    """The most that was ever resident of a running process; 0 when it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration):
        return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=256, help="of the comparison of speed; 0: leave it out")
    parser.add_argument("--big", type=int, default=19_000, help="images of the big cache; 0: leave it out")
    parser.add_argument("--bundle", type=int, default=1000, help="images that become a bundle; 0: leave it out")
    parser.add_argument("--work", type=Path, help="where data go; the big cache takes 16 GB (default: temporary)")
    arguments = parser.parse_args()
    result = {"cores": len(os.sched_getaffinity(0))}
    if arguments.work:
        arguments.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.work) as name:
        if arguments.images:
            result["speed"] = {"images": arguments.images, **speed(Path(name), arguments.images)}
        if arguments.big:
            result["memory"] = {"images": arguments.big, **memory(Path(name), arguments.big)}
        if arguments.bundle:
            result["bundle"] = {"images": arguments.bundle, **bundle(Path(name), arguments.bundle)}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
