# SPDX-License-Identifier: BSD-3-Clause
"""Files of ours and of others, changed at random byte by byte and value by value, into every reader."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any, Callable

import numpy as np
import yaml
from colour_bundle import COLOUR_BUNDLE
from forked import TRACEBACK, in_fork
from helpers import CAMERA, encoded, fake_image_rgb, fake_trajectory, write_fake_dataset
from made_result import made_result

from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.core.errors import RelocalizationError
from camera_relocalization_ros.core.plain_values import to_plain
from camera_relocalization_ros.core.trajectory import read_stamps, read_tum, write_tum
from camera_relocalization_ros.data.camera_files import load_camera
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.data.layouts.colmap import import_colmap
from camera_relocalization_ros.data.layouts.extract_and_sync import export_extract_and_sync, import_extract_and_sync
from camera_relocalization_ros.data.layouts.seven_scenes import export_seven_scenes, import_seven_scenes
from camera_relocalization_ros.data.layouts.transforms_json import import_transforms_json
from camera_relocalization_ros.data.layouts.tum import export_tum, import_tum
from camera_relocalization_ros.data.splits import save_split
from camera_relocalization_ros.evaluation.result_files import load_result, write_result

# inputs that one process reads before another takes over
BATCH = 50
SLOW_S, MUCH_BYTES = 5.0, 2**30
TOKENS = (b"null", b"[[[[", b"{{", b"-1", b"1e999", b"nan", b"9" * 30, b"\xff\xfe", b"\0", b"../", b"\n", b": ", b"- ")
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, 2**200, 1e300, float("nan"), float("inf"), "", "x" * 300, "../..", "\0", "\x1b[31m"),
    *([], {}, [[]], [None], {"a": None}, [0] * 50, "1e-4", "null"),
)
Reader = Callable[[Path], Any]


def write_samples(folder: Path) -> dict[str, tuple[list[str], Reader]]:
    """By what is read: the files of it that are changed, below `folder`/NAME, and the reader of that folder."""
    dataset = write_fake_dataset(folder / "dataset", counts=(4,))
    save_split(dataset.path, "s", {"train": {"flight0": [[0, 3]]}}, "torture")
    frames = "sequences/flight0/frames.csv"
    shutil.copytree(COLOUR_BUNDLE, folder / "bundle")
    write_result(folder / "result", made_result(8))
    for name, export in (("tum", export_tum), ("source", export_extract_and_sync), ("7scenes", export_seven_scenes)):
        export(dataset, folder / name)
    (folder / "plain").mkdir()
    (folder / "plain" / "camera.yaml").write_text(yaml.safe_dump(to_plain(CAMERA)))
    write_tum(folder / "plain" / "poses.txt", fake_trajectory(4))
    for suffix in (".png", ".jpg"):
        (folder / "plain" / f"image{suffix}").write_bytes(encoded(fake_image_rgb(1), suffix))
    _write_transforms(folder / "transforms")
    _write_colmap(folder / "colmap")

    def imported(read: Callable[[Path, Path], Any]) -> Reader:
        return lambda path: read(path, path / "imported")

    return {
        "dataset": (["dataset.yaml", frames], Dataset.load),
        "split": (["splits/s.yaml"], lambda path: Dataset.load(f"{path}@s.train")),
        "bundle": (["bundle.yaml", "network.onnx", "training.npz", "test_vector.npz"], load_bundle),
        "result": (["result.yaml", "frames.csv"], load_result),
        "tum": (["rgb.txt", "groundtruth.txt"], imported(import_tum)),
        "source": (["labels/pos_00001.txt"], imported(import_extract_and_sync)),
        "7scenes": (["seq-01/frame-000001.pose.txt", "seq-01/frame-000001.color.png"], imported(import_seven_scenes)),
        "transforms": (["transforms.json"], imported(import_transforms_json)),
        "colmap": (["cameras.txt", "images.txt"], imported(import_colmap)),
        "camera": (["camera.yaml"], lambda path: load_camera(path / "camera.yaml")),
        "poses": (["poses.txt"], lambda path: (read_tum(path / "poses.txt"), read_stamps(path / "poses.txt"))),
        "image": (["image.png"], lambda path: load_image_rgb(path / "image.png")),
        "jpeg": (["image.jpg"], lambda path: load_image_rgb(path / "image.jpg")),
    }


FOLDERS = {"split": "dataset", "camera": "plain", "poses": "plain", "image": "plain", "jpeg": "plain"}


def read_mutated(folder: Path, seed: int, counts: Counter[str], faults: list[str], over: Callable[[], bool]) -> None:
    """Changed inputs into every reader, until it is over."""
    samples = write_samples(folder / "samples")
    while not over():
        for name in samples:
            work = folder / "mutated"
            ended = in_fork(lambda name=name, seed=seed, work=work: _batch(folder, samples, name, seed, work), 120)
            counts["inputs"] += BATCH
            if ended.code < 0:
                faults.append(f"process crashes: {name}, seed {seed}: signal {-ended.code}")
            elif ended.code == TRACEBACK:
                faults.append(f"tracebacks: {name}, seed {seed}: {ended.said[-1500:]}")
            if ended.memory > MUCH_BYTES:
                faults.append(f"memory over 1 GB: {name}, seed {seed}: {ended.memory}")
            faults += [line for line in ended.said.splitlines() if line.startswith("hangs over 5 s")]
            seed += 1
            if over():
                return


def _batch(folder: Path, samples: dict[str, tuple[list[str], Reader]], name: str, seed: int, work: Path) -> None:
    rng = random.Random(seed)
    files, read = samples[name]
    source = folder / "samples" / FOLDERS.get(name, name)
    for number in range(BATCH):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(source, work)
        path = work / rng.choice(files)
        path.write_bytes(mutated(path.read_bytes(), path.suffix, rng))
        started = time.monotonic()
        try:
            read(work)
        except RelocalizationError as error:
            if "\n" in str(error):
                raise AssertionError(f"{number}: an error of several lines: {error}") from error
        if time.monotonic() - started > SLOW_S:
            raise AssertionError(f"hangs over 5 s: {name}, seed {seed}, input {number}")


def mutated(content: bytes, suffix: str, rng: random.Random) -> bytes:
    """The content with one to four changes; every other YAML or JSON file has a value exchanged."""
    if suffix in (".yaml", ".json") and rng.random() < 0.5:
        values = json.loads(content) if suffix == ".json" else yaml.safe_load(content)
        values = _with_strange_value(values, rng)
        return (json.dumps(values) if suffix == ".json" else yaml.safe_dump(values)).encode()
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed) + 1)
        end = min(at + rng.choice((1, 4, 40, len(changed))), len(changed))
        kind = rng.randrange(4)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del changed[at:end]
        elif kind == 2:
            changed[at:at] = rng.choice(TOKENS) * rng.choice((1, 1, 1, 50))
        else:
            changed[at:at] = changed[at:end]
    return bytes(changed)


def _with_strange_value(values: Any, rng: random.Random) -> Any:
    """The same with one value, anywhere in it, exchanged or left out."""
    if not values or not isinstance(values, (dict, list)) or rng.random() < 0.15:
        return rng.choice(VALUES)
    keys = list(values) if isinstance(values, dict) else list(range(len(values)))
    key = rng.choice(keys)
    copy = values.copy()
    if isinstance(copy, dict) and rng.random() < 0.15:
        del copy[key]
        return copy
    copy[key] = _with_strange_value(values[key], rng)
    return copy


def _write_transforms(folder: Path) -> None:
    folder.mkdir()
    frames = []
    for number in range(3):
        (folder / f"{number}.png").write_bytes(encoded(fake_image_rgb(number)))
        frames.append({"file_path": f"{number}.png", "transform_matrix": np.eye(4).tolist()})
    values = {"w": 64, "h": 48, "fl_x": 60.0, "fl_y": 60.0, "cx": 32.0, "cy": 24.0, "k1": 0.0, "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(values))


def _write_colmap(folder: Path) -> None:
    (folder / "images").mkdir(parents=True)
    lines = []
    for number in range(1, 4):
        (folder / "images" / f"{number}.png").write_bytes(encoded(fake_image_rgb(number)))
        lines += [f"{number} 1 0 0 0 0.1 0.2 {number} 1 {number}.png", ""]
    (folder / "cameras.txt").write_text("# cameras\n1 OPENCV 64 48 60 60 32 24 0.1 0 0 0\n")
    (folder / "images.txt").write_text("\n".join(["# images", *lines]) + "\n")
