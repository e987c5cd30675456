# SPDX-License-Identifier: BSD-3-Clause
"""What can be said of a command's inputs at once: before PyTorch is loaded, a flight flown, features computed."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Iterable

from camera_relocalization_ros.core.errors import BagError, ConfigError, unknown_name

logger = logging.getLogger(__name__)


def check_data(*specs: str | Path | None) -> None:
    """Raise DatasetError unless each DATASET or DATASET@SPLIT.PART can be read; None is one that was not asked for."""
    from camera_relocalization_ros.data.dataset import Dataset

    for spec in specs:
        if spec is not None:
            Dataset.load(spec)


def warn_of_forgotten_parts(specs: Iterable[str]) -> None:
    """Warn where a whole data set is trained on although it has splits: then nothing of it is left to test with."""
    from camera_relocalization_ros.data.splits import split_names

    for spec in specs:
        names = split_names(Path(spec)) if "@" not in Path(spec).name else []
        if names:
            text = "%s has splits (%s) and is trained on whole, so nothing is left to test with; %s@%s.PART is a part"
            logger.warning(text, spec, ", ".join(names), spec, names[0])


def check_bundle(path: Path | None) -> None:
    """Raise BundleError unless there is a bundle; None is the shipped one."""
    from camera_relocalization_ros.bundle.model_bundle import load_bundle

    if path is not None:
        load_bundle(path, with_map=False)


def check_bags(paths: Iterable[Path]) -> None:
    """Raise BagError where a bag is missing."""
    for path in paths:
        if not path.exists():
            raise BagError(f"{path}: no such file")


def check_recipe(
    path: Path | None, backbone: str | None = None, head: str | None = None, loss: str | None = None
) -> None:
    """Raise ConfigError for a recipe with keys, types or names that none has; None is what the recommended one has."""
    from camera_relocalization_ros.training.config import load_config

    recipe = load_config(path, backbone=backbone, head=head, loss=loss)
    check_names("head", [recipe.head.name])
    check_names("loss", [recipe.loss.name] if recipe.loss.name else [])
    check_names("backbone", [recipe.backbone])


def check_names(what: str, names: Iterable[str] | None) -> None:
    """Raise ConfigError for a name that no head, loss or backbone has; None is for those that were not asked for."""
    from camera_relocalization_ros.training.config import KNOWN_NAMES

    # a program that has loaded them may have added its own, and they are asked when they are used
    if "camera_relocalization_ros.training.backbones" in sys.modules:
        return
    for name in names or ():
        if name not in KNOWN_NAMES[what]:
            raise ConfigError(unknown_name(what, name, KNOWN_NAMES[what]))


def check_run_folder(path: Path | None) -> None:
    """Raise ConfigError unless a training has finished in the folder; None is no folder."""
    from camera_relocalization_ros.core.output_files import found_folder

    if path is not None and not (found_folder(path) / "run.yaml").is_file():
        raise ConfigError(f"{path}: no run.yaml in it; expected the folder of a finished reloc train")
