# SPDX-License-Identifier: BSD-3-Clause
"""Hyper-parameter search with Optuna: runs the trials of a study, which several machines may share."""

from __future__ import annotations

import fcntl
import json
import logging
import math
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, ContextManager, Iterator

import lightning
import numpy as np
import optuna
import torch
from lightning.pytorch.trainer.states import TrainerFn
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from camera_relocalization_ros.core.errors import ConfigError, DatasetError, RelocalizationError, unknown_name
from camera_relocalization_ros.core.output_files import writing
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.data.dataset import Dataset, check_same_frames
from camera_relocalization_ros.evaluation.baselines import constant_pose_errors
from camera_relocalization_ros.training.config import TrainingConfig
from camera_relocalization_ros.training.epoch_progress import EpochProgress
from camera_relocalization_ros.training.features.feature_cache import files_of_views
from camera_relocalization_ros.training.log_levels import log_level
from camera_relocalization_ros.training.search.search_space import SearchSpace, suggested_config
from camera_relocalization_ros.training.search.study_results import ended_trials, interrupted_count, write_results
from camera_relocalization_ros.training.train import train

SAMPLERS = {"random": optuna.samplers.RandomSampler, "tpe": optuna.samplers.TPESampler}
# nothing is judged hopeless before the median of this many trials is known
TRIALS_BEFORE_PRUNING = 5
# what a recipe can bring about: it cannot be, its network gives numbers that are no pose, it needs too much
HOPELESS = (RelocalizationError, ValueError, ArithmeticError, torch.cuda.OutOfMemoryError)
STORAGE_FAULTS = (SQLAlchemyError, optuna.exceptions.StorageInternalError)
TRIAL_FOLDER, TRIAL_LOCK = "trial_", "lock"
INTERRUPTED = "%d trials were interrupted: what is tried and which recipe is best may differ from an undisturbed study"
OPENING_ATTEMPTS, OPENING_PAUSE_S = 5, 0.5
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """Median errors of the estimate that needs no image: always the training data's constant pose."""

    position_m: float
    orientation_deg: float


# what a search makes small, from the median errors (m, deg) on held-out data
OBJECTIVES: dict[str, Callable[[float, float, Reference], float]] = {
    "relative": lambda position, orientation, constant: (
        0.5 * (position / constant.position_m + orientation / constant.orientation_deg)
    ),
    "position": lambda position, orientation, constant: position,
    "orientation": lambda position, orientation, constant: orientation,
}


@dataclass(frozen=True)
class Search:
    """What every trial of a study has in common.

    `objective` is one of OBJECTIVES: the median position error in metres, the median orientation error in degrees, or
    the mean of both, each divided by what a constant pose reaches on the same frames: 1 knows nothing, 0 is perfect.
    """

    datasets: list[Dataset]
    val_datasets: list[Dataset]
    recipe: TrainingConfig
    space: SearchSpace
    cache_folder: Path
    objective: str = "relative"

    def reference(self) -> Reference:
        """Raises DatasetError when the held-out frames cannot tell good from bad."""
        check_same_frames(self.datasets + self.val_datasets)
        known, held_out = _poses(self.datasets), _poses(self.val_datasets)
        errors: PoseErrors = constant_pose_errors(known, held_out)
        reference = Reference(float(np.median(errors.position_m)), float(np.median(errors.orientation_deg)))
        if min(reference.position_m, reference.orientation_deg) <= 0:
            names = ", ".join(str(dataset.path) for dataset in self.val_datasets)
            raise DatasetError(f"{names}: held-out frames that a constant pose answers; expected a camera that moves")
        return reference

    def identity(self, reference: Reference) -> dict[str, Any]:
        """What must be the same for scores to be compared, as plain values; folders may differ between machines."""
        values = {
            "objective": self.objective,
            "recipe": self.recipe.without_paths(),
            "space": {path: repr(dimension) for path, dimension in self.space.items()},
            "data": {
                "frames": sum(dataset.frame_count for dataset in self.datasets),
                "held_out_frames": sum(dataset.frame_count for dataset in self.val_datasets),
                "constant_pose": [round(reference.position_m, 6), round(reference.orientation_deg, 6)],
            },
        }
        files = files_of_views(self.recipe.augmentation)
        if files:
            values["files"] = files
        # as a storage gives them back: a tuple is a list there
        return json.loads(json.dumps(values))


def open_study(storage: str, name: str, prune_after: int | None) -> optuna.Study:
    """The study `name` in a storage, made when it is not there.

    `storage` is a URL that Optuna knows (sqlite:///FILE, postgresql://...), else the path of a journal file, which
    several machines may write on a shared folder. Trials that are worse than the median of the others are given up
    after `prune_after` epochs (None: never). Raises ConfigError when the storage cannot be reached.
    """
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if prune_after is not None:
        pruner = optuna.pruners.MedianPruner(TRIALS_BEFORE_PRUNING, prune_after)
    with _quiet_optuna(), _storage_errors(storage, (optuna.exceptions.OptunaError, ImportError, ValueError, OSError)):
        for _ in range(OPENING_ATTEMPTS - 1):
            # two that make the tables of a new database at the same moment hinder each other, once
            with suppress(*STORAGE_FAULTS):
                return _created_or_loaded(storage, name, pruner)
            time.sleep(OPENING_PAUSE_S)
        return _created_or_loaded(storage, name, pruner)


def search(
    study: optuna.Study,
    task: Search,
    folder: Path,
    trials: int,
    sampler: str = "tpe",
    seed: int = 0,
    timeout_s: float | None = None,
) -> None:
    """Run trials until the study, whoever works on it, holds `trials` that ended, or `timeout_s` is over.

    A trial whose recipe cannot be trained is kept as failed. After each, best.yaml and trials.csv are written. What a
    trial draws depends on `seed` and its number in the study (and with tpe on those before), not on who runs it.
    Raises ConfigError for an unknown sampler or objective, and when the study was begun with something else.
    """
    for what, chosen, known in (("sampler", sampler, SAMPLERS), ("objective", task.objective, OBJECTIVES)):
        if chosen not in known:
            raise ConfigError(unknown_name(what, chosen, known))
    reference = task.reference()
    deadline = time.monotonic() + (math.inf if timeout_s is None else timeout_s)
    with _quiet_optuna(), _storage_errors():
        _same_task(study, task.identity(reference))
        if count := interrupted_count(study):
            logger.warning(INTERRUPTED, count)
        while len(ended_trials(study)) < trials and time.monotonic() < deadline:
            trial = study.ask()
            study.sampler = SAMPLERS[sampler](seed=seed + trial.number)
            _run_trial(study, trial, task, reference, folder)
            write_results(study, task.recipe, task.space, folder)


class Reporting(lightning.Callback):
    """Tells the study each epoch's score, and gives the trial up when it is hopeless."""

    def __init__(self, trial: optuna.Trial, score: Callable[[float, float], float]) -> None:
        self._trial, self._score = trial, score

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Raises TrialPruned; the evaluation of the best epoch after training is no epoch."""
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        metrics = trainer.callback_metrics
        score = self._score(float(metrics["val_position_m"]), float(metrics["val_orientation_deg"]))
        self._trial.report(score, trainer.current_epoch)
        if self._trial.should_prune():
            raise optuna.TrialPruned


def _created_or_loaded(storage: str, name: str, pruner: optuna.pruners.BasePruner) -> optuna.Study:
    if "://" in storage:
        where: Any = storage
    else:
        Path(storage).parent.mkdir(parents=True, exist_ok=True)
        where = optuna.storages.JournalStorage(JournalFileBackend(storage))
    return optuna.create_study(storage=where, study_name=name, pruner=pruner, load_if_exists=True)


def _run_trial(study: optuna.Study, trial: optuna.Trial, task: Search, reference: Reference, folder: Path) -> None:
    """Train once and tell the study how it ended; an interruption is passed on."""
    started = time.monotonic()

    def score(position_m: float, orientation_deg: float) -> float:
        return OBJECTIVES[task.objective](position_m, orientation_deg, reference)

    try:
        position_m, orientation_deg = _train(task, trial, Reporting(trial, score), folder)
    except optuna.TrialPruned:
        logger.info("trial %d: given up after epoch %d", trial.number, len(_epochs(study, trial)))
        study.tell(trial, state=TrialState.PRUNED)
    except HOPELESS as error:
        logger.warning("trial %d: failed: %s", trial.number, error)
        trial.set_user_attr("problem", str(error))
        study.tell(trial, state=TrialState.FAIL)
    except SystemExit as error:
        # what Lightning makes of Ctrl-C
        study.tell(trial, state=TrialState.FAIL)
        raise KeyboardInterrupt from error
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)
        raise
    else:
        seconds = round(time.monotonic() - started, 1)
        measured = {"position_m": position_m, "orientation_deg": orientation_deg, "seconds": seconds}
        for name, value in measured.items():
            trial.set_user_attr(name, value)
        study.tell(trial, score(position_m, orientation_deg))
        logger.info(
            "trial %d: score %.4f (%.3f m, %.2f deg) in %.0f s; best %.4f of trial %d",
            *(trial.number, score(position_m, orientation_deg), position_m, orientation_deg, seconds),
            *(study.best_value, study.best_trial.number),
        )


def _train(task: Search, trial: optuna.Trial, reporting: Reporting, folder: Path) -> tuple[float, float]:
    config = suggested_config(task.recipe, task.space, trial)
    # the study keeps what is worth keeping of a trial; its weights are not
    with _trial_folder(folder, trial.number) as run_folder:
        run = train(
            task.datasets,
            config,
            run_folder,
            val_datasets=task.val_datasets,
            cache_folder=task.cache_folder,
            callbacks=[reporting, EpochProgress()],
        )
    errors = run.results["val_position_m"], run.results["val_orientation_deg"]
    if not all(map(math.isfinite, errors)):
        raise ConfigError(f"trial {trial.number}: training diverged; errors are {errors}")
    return errors


@contextmanager
def _trial_folder(folder: Path, number: int) -> Iterator[Path]:
    """A folder for one trial; those of killed trials, whose locks fell, are removed. Raises ConfigError."""
    with writing(folder, ConfigError):
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{TRIAL_FOLDER}*"):
            with suppress(OSError), open(left / TRIAL_LOCK, "ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        path = Path(tempfile.mkdtemp(prefix=f"{TRIAL_FOLDER}{number}_", dir=folder))
    try:
        with open(path / TRIAL_LOCK, "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _epochs(study: optuna.Study, trial: optuna.Trial) -> dict[int, float]:
    return study.get_trials(deepcopy=False)[trial.number].intermediate_values


def _same_task(study: optuna.Study, identity: dict[str, Any]) -> None:
    begun = study.user_attrs.get("task")
    if begun is None:
        study.set_user_attr("task", identity)
        return
    for name, value in identity.items():
        if begun.get(name) != value:
            raise ConfigError(
                f"study {study.study_name!r} was begun with {name} {begun.get(name)}, now it is {value}; "
                "scores would not compare: use another --study"
            )


def _poses(datasets: list[Dataset]) -> Poses:
    return Poses.stack(frame.pose for dataset in datasets for frame in dataset.frames)


@contextmanager
def _storage_errors(storage: str = "of the study", also: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Whatever a storage raises as one ConfigError; a password in its URL stays out of it."""
    faults: tuple[type[Exception], ...] = (*STORAGE_FAULTS, *also)
    try:
        yield
    except faults as error:
        shown = _without_password(storage)
        reason = (str(error).splitlines() or [""])[0].replace(storage, shown)
        raise ConfigError(
            f"storage {shown} cannot be used ({type(error).__name__}: {reason}); "
            "expected a URL such as sqlite:///FILE, or the path of a journal file"
        ) from error


def _quiet_optuna() -> ContextManager[None]:
    """Optuna reports each trial in its own words beside ours."""
    return log_level("optuna", logging.WARNING)


def _without_password(storage: str) -> str:
    try:
        return make_url(storage).render_as_string(hide_password=True)
    except ArgumentError:
        return storage
