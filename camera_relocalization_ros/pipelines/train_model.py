# SPDX-License-Identifier: BSD-3-Clause
"""Data sets to a trained run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Sequence

from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.progress import Progress, reporting
from camera_relocalization_ros.data.still_pictures import refuse_still_pictures
from camera_relocalization_ros.pipelines.inputs import DataSpec, all_loaded
from camera_relocalization_ros.report.figures.canvas import save_figure
from camera_relocalization_ros.report.figures.epoch_figure import draw_epoch
from camera_relocalization_ros.training.config import TrainingConfig, load_config
from camera_relocalization_ros.training.devices import process
from camera_relocalization_ros.training.epoch_progress import EpochPictures, EpochProgress
from camera_relocalization_ros.training.run_folder import Run, load_run, new_run
from camera_relocalization_ros.training.train import CACHE_FOLDER, train

EPOCH_PICTURES = "epochs"


@dataclass(frozen=True)
class TrainedModel:
    """A finished training and the folder that it was written to."""

    folder: Path
    run: Run

    @property
    def results(self) -> dict[str, Any]:
        """What was measured: frames, seconds, losses, and errors of held-out data."""
        return self.run.results


def train_model(
    datasets: DataSpec | Sequence[DataSpec],
    folder: Path | str,
    val_datasets: DataSpec | Sequence[DataSpec] = (),
    *,
    recipe: TrainingConfig | Path | str | None = None,
    backbone: str | None = None,
    head: str | None = None,
    loss: str | None = None,
    seed: int | None = None,
    object_mesh: Path | str | None = None,
    finetune: Path | str | None = None,
    cache: Path | str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    lightning_bars: bool = False,
    force: bool = False,
    dask: str = "",
) -> TrainedModel:
    """Train a head on cached features of a frozen backbone and write the run `folder`.

    recipe: the recipe, or a YAML file of changes to the recommended one; the arguments after it win over it.
    finetune: the folder of a run whose head goes on, together with the backbone's tail. `val_datasets` are watched
    while training. Features go to, or come from, `cache` (default: feature_cache beside `folder`).
    lightning_bars: Lightning draws its own bars on the terminal, with the losses, in place of progress by epochs.
    force: train also on data whose picture stands still while the poses move. dask: the address of a Dask scheduler
    whose workers compute the features, or "local" for processes of this computer; workers see data sets and cache under
    the same paths.
    An interrupted training goes on where it was. Where `folder` holds a finished run that is refused, or with
    `overwrite` replaced in the end. Raises ConfigError or DatasetError.
    """
    folder = Path(folder)
    start = load_run(Path(finetune)) if finetune is not None else None
    base = recipe if isinstance(recipe, TrainingConfig) else start.config if start else None
    file = None if recipe is None or isinstance(recipe, TrainingConfig) else Path(recipe)
    mesh = None if object_mesh is None else Path(object_mesh)
    config = load_config(file, base=base, backbone=backbone, head=head, loss=loss, seed=seed, object_mesh=mesh)
    training, held_out = all_loaded(datasets), all_loaded(val_datasets)
    if not force:
        refuse_still_pictures([*training, *held_out])
    is_metric = all(dataset.is_metric for dataset in held_out)
    cache = folder.parent / CACHE_FOLDER if cache is None else Path(cache)
    with reporting(progress), new_run(folder, overwrite, process().rank == 0) as target:
        run = train(
            training,
            config,
            target,
            val_datasets=held_out,
            cache_folder=cache,
            start=start,
            dask=dask,
            callbacks=(
                EpochPictures(partial(_draw_epoch, target, is_metric)),
                *(() if lightning_bars else (EpochProgress(),)),
            ),
        )
    return TrainedModel(folder, run)


def _draw_epoch(folder: Path, is_metric: bool, name: str, estimates: Poses, truth: Poses) -> object:
    """The figure of an epoch's estimates of held-out data, after it was written below the run's folder."""
    figure = draw_epoch(estimates, truth, f"{folder.name}, {name.replace('_', ' ')}, held-out data", is_metric)
    save_figure(figure, folder / EPOCH_PICTURES / f"{name}.png")
    return figure
