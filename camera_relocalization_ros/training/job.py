# SPDX-License-Identifier: BSD-3-Clause
"""What is left of an interrupted training in its folder, and whether it may be taken up again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pickle
import shutil
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Sequence

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from camera_relocalization_ros.core.errors import ConfigError, one_line
from camera_relocalization_ros.core.output_files import new_file, write_text, writing
from camera_relocalization_ros.core.plain_values import READ_FAULTS
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.training.config import ORIGINALS_ONLY, TrainingConfig
from camera_relocalization_ros.training.features.feature_cache import FrozenPart
from camera_relocalization_ros.training.run_folder import SUMMARY, Run

CHECKPOINTS, JOB = "checkpoints", "job.json"
BEFORE, DAMAGED = ".before", ".damaged"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What must be the same for an interrupted training to be taken up again.

    The recipe without its paths, as what lies there is part of the fingerprints; the digest of the weights that
    fine-tuning starts from ("": it does not); the fingerprints of the features of training and held-out data.
    """

    recipe: dict[str, Any]
    start: str
    data: list[str]
    held_out: list[str]

    @classmethod
    def of(
        cls,
        config: TrainingConfig,
        start: Run | None,
        frozen: FrozenPart,
        datasets: Sequence[Dataset],
        val_datasets: Sequence[Dataset],
    ) -> Job:
        """That of a training by `config`; the images are looked at, not read."""
        return cls(
            recipe=config.without_paths(),
            start=start.weights_digest() if start else "",
            data=[frozen.fingerprint(dataset, config.augmentation) for dataset in datasets],
            held_out=[frozen.fingerprint(dataset, ORIGINALS_ONLY) for dataset in val_datasets],
        )

    def digest(self) -> str:
        """Hex SHA-256."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def check(self, run_folder: Path) -> None:
        """Raises ConfigError when `run_folder` holds an interrupted training of another job."""
        folder = run_folder / CHECKPOINTS
        path = folder / JOB
        if path.is_file() and path.read_text(encoding="utf-8", errors="replace") != self.digest():
            raise ConfigError(
                f"{run_folder}: holds an interrupted training of another recipe or other data; "
                f"repeat that one to finish it, delete {folder}, or choose another folder"
            )

    def begin(self, run_folder: Path) -> None:
        """Say in `run_folder` that this job is under way; raises ConfigError where `check` does or writing fails."""
        self.check(run_folder)
        folder = run_folder / CHECKPOINTS
        with writing(run_folder, ConfigError):
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / JOB, self.digest(), ConfigError)
            # what was finished here before is no longer: its files are about to be replaced
            (run_folder / SUMMARY).unlink(missing_ok=True)


def remove_checkpoints(run_folder: Path) -> None:
    """A finished training needs none."""
    shutil.rmtree(run_folder / CHECKPOINTS, ignore_errors=True)


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are there whole or not at all; the one before stays beside, as NAME.before."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Raises ConfigError where it cannot be written."""
        content = BytesIO()
        torch.save(checkpoint, content)
        with new_file(path, ConfigError) as partial:
            partial.write_bytes(content.getbuffer())
            if Path(path).exists():
                os.replace(path, _before(Path(path)))


def sound_checkpoint(path: Path, module: torch.nn.Module, sets_aside: bool = True) -> Path | None:
    """The checkpoint to go on from: at `path`, or the one before it; None where there is none.

    One that is damaged, or of another network, is said, and set aside as NAME.damaged. Raises ConfigError where that
    leaves none: the next run then starts anew.
    """
    faults = []
    for candidate in (path, _before(path)):
        if not candidate.exists():
            continue
        try:
            _check_checkpoint(candidate, module)
            return candidate
        except (*READ_FAULTS, EOFError, RuntimeError, pickle.UnpicklingError) as error:
            aside = candidate.with_name(candidate.name + DAMAGED)
            reason = one_line(error)[:200]
            faults.append(f"{candidate}: a damaged checkpoint ({reason}), set aside as {aside.name}")
            logger.warning(faults[-1])
            if sets_aside:
                os.replace(candidate, aside)
    if faults:
        raise ConfigError(f"{faults[-1]}; there is no other: the same command now starts anew")
    return None


def _before(path: Path) -> Path:
    return path.with_name(path.name + BEFORE)


def _check_checkpoint(path: Path, module: torch.nn.Module) -> None:
    """Raise ValueError, or what torch raises, unless `module` can go on from a checkpoint; no code in it is run."""
    values = torch.load(path, map_location="cpu", weights_only=True)
    missing = {"state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks", "epoch"} - set(values)
    if missing:
        raise ValueError(f"no {sorted(missing)[0]} in it")
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    if {name: tuple(tensor.shape) for name, tensor in values["state_dict"].items()} != expected:
        raise ValueError("of another network")
