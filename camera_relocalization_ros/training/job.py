# SPDX-License-Identifier: BSD-3-Clause
"""What is left of an interrupted training in its folder, and whether it may be taken up again."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Sequence

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.output_files import write_text, writing
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.training.config import ORIGINALS_ONLY, TrainingConfig
from camera_relocalization_ros.training.features.feature_cache import FrozenPart
from camera_relocalization_ros.training.run_folder import SUMMARY, Run

CHECKPOINTS, JOB = "checkpoints", "job.json"


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
        if path.is_file() and path.read_text(encoding="utf-8") != self.digest():
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
