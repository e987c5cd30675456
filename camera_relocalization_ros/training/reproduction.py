# SPDX-License-Identifier: BSD-3-Clause
"""Cells of a grid of experiments: trains one combination, tests it on stored features, and keeps what is finished."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from camera_relocalization_ros.core.array_files import save_arrays
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.output_files import new_file, write_json
from camera_relocalization_ros.core.plain_values import READ_FAULTS, read_json_mapping
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors, pose_errors
from camera_relocalization_ros.data.dataset import Dataset, Sequence
from camera_relocalization_ros.data.provenance import frames_digest
from camera_relocalization_ros.evaluation.baselines import baseline_errors
from camera_relocalization_ros.evaluation.thesis_grid import Combination
from camera_relocalization_ros.training.backbones import build_backbone
from camera_relocalization_ros.training.config import ORIGINALS_ONLY, TrainingConfig, without_later_keys
from camera_relocalization_ros.training.epoch_progress import EpochProgress
from camera_relocalization_ros.training.features.feature_cache import FeatureCache, FrozenPart, build_cache
from camera_relocalization_ros.training.optimisation import PLATEAU
from camera_relocalization_ros.training.pose_network import PooledBackbone, PoseHead, mean_pose
from camera_relocalization_ros.training.run_folder import Run, load_run
from camera_relocalization_ros.training.samples import stretches_of
from camera_relocalization_ros.training.train import train

CELL, ERRORS, BASELINES, HEAD_FOLDER = "cell.json", "errors.npz", "baselines.json", "head"
ESTIMATES = "estimates.npz"
# the last tenth of every stretch of about so many frames is held out where there is nothing else to stop by; few and
# long ones would show too little of the volume
HELD_OUT_CYCLE, HELD_OUT_SHARE, HELD_OUT_FEWEST = 50, 0.1, 2
FRAMES_AT_ONCE = 1024
# the row of PoseNet has its Euclidean norms (Kendall et al. 2015, eq. 2), whatever the others have
POSENET_LOSS, POSENET_P = "beta", 2


@dataclass(frozen=True)
class GridData:
    """A data set of the grid: what trains, what is watched while training (may be None) and what tests."""

    name: str
    train: Dataset
    val: Dataset | None
    test: Dataset

    def for_recipe(self, config: TrainingConfig, finetune: bool = False) -> GridData:
        """The same with a part of the training data held out, if the recipe must watch some and none is given."""
        steps = (config.optimiser, config.finetune) if finetune else (config.optimiser,)
        if self.val or not any(step.patience or step.schedule == PLATEAU for step in steps):
            return self
        kept, held_out = hold_out(self.train)
        return replace(self, train=kept, val=held_out)


@dataclass(frozen=True)
class Cell:
    """One training of the grid, with its folder."""

    combination: Combination
    seed: int
    folder: Path

    @classmethod
    def below(cls, folder: Path, combination: Combination, seed: int) -> Cell:
        """The cell in its place below the folder of the grid."""
        name = f"{combination.head}-{combination.loss}-seed{seed}"
        return cls(combination, seed, folder / combination.data_set / combination.backbone / name)


def hold_out(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """The data set in two: what is kept, and the last tenth of every stretch of about 50 frames of each sequence.

    They adjoin, so the second says when to stop, not how good a model is.
    """
    parts: tuple[list[Sequence], list[Sequence]] = ([], [])
    for sequence in dataset.sequences:
        count = len(sequence.frames)
        edges = np.linspace(0, count, max(round(count / HELD_OUT_CYCLE), 1) + 1).round().astype(int)
        held_out = np.zeros(count, dtype=bool)
        for first, end in zip(edges[:-1], edges[1:]):
            # a window of two frames must find room
            held_out[end - max(round((end - first) * HELD_OUT_SHARE), HELD_OUT_FEWEST) : end] = True
        for part, chosen in zip(parts, (~held_out, held_out)):
            part.append(replace(sequence, frames=tuple(f for f, is_in in zip(sequence.frames, chosen) if is_in)))
    kept, held_out_part = (replace(dataset, sequences=tuple(part)) for part in parts)
    return kept, held_out_part


def missing_weights(backbone: str) -> str:
    """Why a backbone cannot be used here: an unknown name, no weights; empty when it can."""
    try:
        build_backbone(backbone)
    except ConfigError as error:
        return str(error)
    return ""


def run_cell(
    cell: Cell, data: GridData, recipe: TrainingConfig, cache_folder: Path, finetune: bool = False
) -> dict[str, Any]:
    """The summary of the test errors of a cell, from its folder where it is finished, else trained now.

    With `finetune` the backbone's tail is trained after the head, as in the thesis.
    Raises ConfigError when the folder holds a cell of another recipe or other data.
    """
    config = _config(cell, recipe)
    data = data.for_recipe(config, finetune)
    digest = _digest(config, data, finetune)
    finished = _finished(cell.folder, digest)
    if finished is not None:
        return finished
    started = time.monotonic()
    held_out = [data.val] if data.val else []

    def trained(folder: Path, start: Run | None = None) -> Run:
        return train(
            [data.train],
            config,
            folder,
            val_datasets=held_out,
            cache_folder=cache_folder,
            start=start,
            # in place of Lightning's bars, which stand among the tables where they are written to a file
            callbacks=[EpochProgress()],
        )

    if finetune:
        head_folder = cell.folder / HEAD_FOLDER
        # a head that was finished before a kill is not trained again
        if _finished(head_folder, digest) is not None:
            start = load_run(head_folder)
        else:
            start = trained(head_folder)
            _finish(head_folder, digest, started, {})
        run = trained(cell.folder, start)
    else:
        run = trained(cell.folder)
    estimates = estimate_poses(run, data.test, cache_folder)
    errors = pose_errors(estimates, data.test.poses)
    for name, arrays in (
        (ESTIMATES, {"positions": estimates.positions, "quats_xyzw": estimates.quats_xyzw}),
        (ERRORS, vars(errors)),
    ):
        with new_file(cell.folder / name) as path, open(path, "wb") as file:
            save_arrays(file, arrays)
    summary = errors.summary()
    _finish(cell.folder, digest, started, summary)
    return summary


def load_errors(cell: Cell) -> PoseErrors:
    """The error of every test frame of a finished cell."""
    with np.load(cell.folder / ERRORS, allow_pickle=False) as arrays:
        return PoseErrors(arrays["position_m"], arrays["orientation_deg"])


def load_estimates(cell: Cell) -> Poses | None:
    """The pose that a finished cell estimates for every test frame; None for one from before they were kept."""
    if not (cell.folder / ESTIMATES).is_file():
        return None
    with np.load(cell.folder / ESTIMATES, allow_pickle=False) as arrays:
        return Poses(arrays["positions"], arrays["quats_xyzw"])


def run_baselines(cell: Cell, data: GridData, cache_folder: Path) -> dict[str, dict[str, Any]]:
    """Name -> summary of the baselines on the test data, with the training images and backbone of a finished cell."""
    path = cell.folder.parent / BASELINES
    if path.is_file():
        try:
            return read_json_mapping(path)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{path}: not the errors of baselines ({error}); delete it, they are made again"
            ) from error
    # retrieval has the published network's features, also where a tail was trained
    head_folder = cell.folder / HEAD_FOLDER
    run = load_run(head_folder if head_folder.is_dir() else cell.folder)
    descriptors = _features(run, data.test, cache_folder).descriptors
    errors = baseline_errors(run.index, descriptors, data.test.poses)
    summaries = {name: found.summary() for name, found in errors.items()}
    write_json(path, summaries)
    return summaries


def estimate_poses(run: Run, dataset: Dataset, cache_folder: Path) -> Poses:
    """Poses of all frames as flown, but from stored features.

    The window holds as many frames before the newest as there are without a gap, up to the head's length; a head that
    carries its state knows of all of them.
    """
    cache, head = _features(run, dataset, cache_folder), run.pose_head.eval()
    with torch.inference_mode():
        rows = range(0, dataset.frame_count, FRAMES_AT_ONCE)
        cells = (torch.from_numpy(cache.cells[row : row + FRAMES_AT_ONCE, 0]).float() for row in rows)
        features_nf = torch.cat([head.frame_features(cells_bcn) for cells_bcn in cells])
        poses = Poses(np.empty((dataset.frame_count, 3)), np.empty((dataset.frame_count, 4)))
        if head.carries_state:
            for stretch in stretches_of(dataset, run.config.head.max_gap_s):
                _estimate_stretch(head, features_nf, stretch, poses)
            return poses.shifted(run.position_origin)
        history = _history(dataset, run.pose_head.window_length, run.config.head.max_gap_s)
        for length in np.unique(history):
            newest = np.flatnonzero(history == length)
            _estimate_windows(head, features_nf, newest, int(length), poses)
    return poses.shifted(run.position_origin)


def _estimate_windows(head: PoseHead, features_nf: torch.Tensor, newest: np.ndarray, length: int, poses: Poses) -> None:
    for some in np.array_split(newest, len(newest) // FRAMES_AT_ONCE + 1):
        windows_bt = some[:, None] + np.arange(1 - length, 1)
        position_bt3, quat_bt4 = head.poses(features_nf[torch.from_numpy(windows_bt)])
        poses.positions[some], poses.quats_xyzw[some] = position_bt3[:, -1].numpy(), quat_bt4[:, -1].numpy()


def _estimate_stretch(head: PoseHead, features_nf: torch.Tensor, stretch: np.ndarray, poses: Poses) -> None:
    position_1nm3, quat_1nm4, _ = head.continued(features_nf[torch.from_numpy(stretch)][None])
    position_1n3, quat_1n4 = mean_pose(position_1nm3, quat_1nm4)
    poses.positions[stretch], poses.quats_xyzw[stretch] = position_1n3[0].numpy(), quat_1n4[0].numpy()


def _history(dataset: Dataset, length: int, max_gap_s: float) -> np.ndarray:
    """Frames (N,) in the window that ends with each frame, 1 to `length`."""
    counts: list[int] = []
    for sequence in dataset.sequences:
        before = None
        for frame in sequence.frames:
            joined = before is not None and frame.stamp_ns - before <= round(max_gap_s * 1e9)
            counts.append(min(counts[-1] + 1, length) if joined else 1)
            before = frame.stamp_ns
    return np.array(counts)


def _features(run: Run, dataset: Dataset, cache_folder: Path) -> FeatureCache:
    size = run.preprocessing
    network = PooledBackbone(run.backbone(), size.width, size.height, run.config.head)
    return build_cache(dataset, FrozenPart(network, size, run.config), ORIGINALS_ONLY, cache_folder)


def _config(cell: Cell, recipe: TrainingConfig) -> TrainingConfig:
    loss = cell.combination.loss
    return replace(
        recipe,
        backbone=cell.combination.backbone,
        seed=cell.seed,
        head=replace(recipe.head, name=cell.combination.head),
        loss=replace(
            recipe.loss,
            name=loss,
            p=POSENET_P if loss == POSENET_LOSS else recipe.loss.p,
            distance="",
            weighting="",
        ),
    )


def _digest(config: TrainingConfig, data: GridData, finetune: bool) -> str:
    frames = [frames_digest(part) for part in (data.train, data.val, data.test) if part]
    recipe = without_later_keys(config.to_dict())
    return hashlib.sha256(json.dumps([recipe, frames, finetune], sort_keys=True).encode()).hexdigest()


def _finish(folder: Path, digest: str, started: float, summary: dict[str, Any]) -> None:
    """Say that what `folder` holds is finished: last, whole or not at all."""
    seconds = round(time.monotonic() - started, 1)
    write_json(folder / CELL, {"digest": digest, "seconds": seconds, "summary": summary})


def _finished(folder: Path, digest: str) -> dict[str, Any] | None:
    path = folder / CELL
    if not path.is_file():
        return None
    try:
        values = read_json_mapping(path)
        found, summary = values["digest"], values["summary"]
    except READ_FAULTS as error:
        raise ConfigError(f"{path}: not a finished cell ({error}); delete {folder} to train it again") from error
    if found != digest:
        raise ConfigError(
            f"{folder}: trained by another recipe or on other data; expected the same, or another folder to write"
        )
    return dict(summary)
