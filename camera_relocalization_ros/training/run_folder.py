# SPDX-License-Identifier: BSD-3-Clause
"""The folder of a training: recipe, frames, trained head, training descriptors. Written last, whole or not at all."""

from __future__ import annotations

import hashlib
import pickle
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import torch

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex, load_index, save_index
from camera_relocalization_ros.bundle.training_set import TrainingSet
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.frames import FramePair
from camera_relocalization_ros.core.output_files import SUCCESSOR, found_folder, replaced_folder, write_yaml, writing
from camera_relocalization_ros.core.plain_values import (
    READ_FAULTS,
    from_plain,
    read_bounded,
    read_yaml_mapping,
    to_plain,
)
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.training.backbones import BACKBONES, build_backbone
from camera_relocalization_ros.training.backbones.contract import Backbone
from camera_relocalization_ros.training.backbones.weights import tensors_digest
from camera_relocalization_ros.training.config import TrainingConfig, config_from_dict
from camera_relocalization_ros.training.pose_network import PoseHead, pooled_channels

SUMMARY, HEAD, TAIL, TRAINING = "run.yaml", "head.pt", "tail.pt", "training.npz"
FILES = (HEAD, TAIL, TRAINING)
# weights of a head, or of a backbone's tail
MAX_WEIGHTS_BYTES = 2**31
READ_ERRORS = (*READ_FAULTS, EOFError, RuntimeError, pickle.UnpicklingError)


@dataclass(frozen=True)
class Run:
    """A finished training; `results` holds what was measured (frames, seconds, errors), as plain values.

    `training_data` says which frames it saw; empty when nobody wrote that down. `tail` holds the weights of the
    backbone's tail where that was fine-tuned; without, they are the published ones, whose hex SHA-256 is
    `backbone_sha256` ("" where nobody wrote that down).
    """

    config: TrainingConfig
    parent_frame: str
    child_frame: str
    camera: CameraIntrinsics | None
    preprocessing: Preprocessing
    pose_head: PoseHead
    index: RetrievalIndex
    results: dict[str, Any]
    training_data: tuple[TrainingSet, ...] = ()
    tail: dict[str, torch.Tensor] = field(default_factory=dict)
    backbone_sha256: str = ""

    @property
    def frame_pair(self) -> FramePair:
        """What the poses are between."""
        return FramePair(self.parent_frame, self.child_frame)

    @property
    def position_origin(self) -> np.ndarray:
        """From where on (3,) in the parent frame the network's positions are; the index has it too."""
        return self.index.origin

    def backbone(self) -> Backbone:
        """The backbone with the weights it was trained with.

        Raises ConfigError when the published ones are missing, or are other ones than those of the training.
        """
        backbone = build_backbone(self.config.backbone, mean_rgb=self.config.image.channel_mean_rgb)
        found = tensors_digest(backbone.state_dict()).hexdigest()
        if self.backbone_sha256 not in ("", found):
            raise ConfigError(
                f"weights of backbone {self.config.backbone} have SHA-256 {found[:12]}; expected "
                f"{self.backbone_sha256[:12]} as in training: put those back, or train again"
            )
        backbone.load_state_dict({**backbone.state_dict(), **self.tail})
        return backbone

    def weights_digest(self) -> str:
        """Hex SHA-256 of the trained weights."""
        return tensors_digest({**self.pose_head.state_dict(), **self.tail}).hexdigest()

    def save(self, folder: Path) -> None:
        """Write the run; run.yaml comes last, and without it a folder is no run."""
        with writing(folder, ConfigError):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / SUMMARY).unlink(missing_ok=True)
            for name, tensors in ((HEAD, self.pose_head.state_dict()), (TAIL, self.tail)):
                (folder / name).write_bytes(_torch_bytes(tensors))
            save_index(folder / TRAINING, self.index)
            sums = {name: _sha256((folder / name).read_bytes()) for name in FILES}
        summary = {
            "config": self.config.to_dict(),
            "parent_frame": self.parent_frame,
            "child_frame": self.child_frame,
            "camera": to_plain(self.camera),
            "preprocessing": self.preprocessing.to_dict(),
            "results": self.results,
            "training_data": to_plain(self.training_data),
            "backbone_sha256": self.backbone_sha256,
            "sha256": sums,
            "position_origin": self.position_origin.tolist(),
        }
        write_yaml(folder / SUMMARY, summary, ConfigError)


@contextmanager
def new_run(folder: Path, overwrite: bool, swaps: bool = True) -> Iterator[Path]:
    """The folder for a block to train in: `folder`, or NAME.new where a finished run is to be replaced in the end.

    swaps: False for processes that train with the one that replaces it. Raises ConfigError where `folder` holds a
    finished run and is not to be overwritten.
    """
    if not (found_folder(folder) / SUMMARY).is_file():
        # empty, or of an interrupted training, which goes on
        yield folder
        return
    if not swaps:
        yield folder.with_name(folder.name + SUCCESSOR)
        return
    with replaced_folder(folder, (SUMMARY,), overwrite, ConfigError) as target:
        yield target


def read_summary(folder: Path) -> dict[str, Any]:
    """What run.yaml says; raises ConfigError when the folder holds no finished training."""
    path = found_folder(Path(folder)) / SUMMARY
    if not path.is_file():
        raise ConfigError(f"{folder}: no {SUMMARY} in it; expected the folder of a finished reloc train")
    try:
        return read_yaml_mapping(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not the summary of a run ({error})") from error


def _torch_bytes(tensors: dict[str, torch.Tensor]) -> bytes:
    """As torch.save has them, which on a full disk has no OSError of its own."""
    buffer = BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checked_files(folder: Path, sums: dict[str, str]) -> dict[str, bytes]:
    """The bytes of the run's files; raises ValueError for one that is not what was written. Old runs have no sums."""
    contents = {}
    for name in FILES:
        if (folder / name).exists() or name in sums:
            contents[name] = read_bounded(folder / name, MAX_WEIGHTS_BYTES)
            if sums.get(name, found := _sha256(contents[name])) != found:
                raise ValueError(f"{name} has SHA-256 {found[:12]}; expected {str(sums[name])[:12]} as in {SUMMARY}")
    return contents


def _tensors(content: bytes) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    return tensors


def load_run(folder: Path) -> Run:
    """The inverse of `Run.save`; raises ConfigError that names the file."""
    folder = found_folder(Path(folder))
    summary = read_summary(folder)
    try:
        recipe = summary["config"]
        # before there was a choice, the last map alone was read
        recipe["head"] = {"trunk_map": False, **recipe["head"]}
        config = config_from_dict(recipe, str(folder / SUMMARY))
        pose_head = PoseHead(pooled_channels(BACKBONES[config.backbone], config.head), config.head)
        contents = _checked_files(folder, summary.get("sha256") or {})
        pose_head.load_state_dict(_tensors(contents[HEAD]))
        return Run(
            config=config,
            parent_frame=summary["parent_frame"],
            child_frame=summary["child_frame"],
            camera=from_plain(CameraIntrinsics, summary["camera"], "camera") if summary["camera"] else None,
            preprocessing=from_plain(Preprocessing, summary["preprocessing"], "preprocessing"),
            pose_head=pose_head.eval(),
            index=replace(load_index(folder / TRAINING), origin=_origin(summary)),
            results=summary["results"],
            training_data=tuple(from_plain(TrainingSet, values) for values in summary.get("training_data", [])),
            tail=_tensors(contents[TAIL]) if TAIL in contents else {},
            backbone_sha256=summary.get("backbone_sha256", ""),
        )
    except READ_ERRORS as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> ConfigError:
    reason = (str(error).splitlines() or [""])[0]
    return ConfigError(f"{folder}: a damaged run ({type(error).__name__}: {reason})")


def _origin(summary: dict[str, Any]) -> np.ndarray:
    """That of the network's positions (3,); zero in runs of before there was one."""
    origin = np.array(summary.get("position_origin", (0.0, 0.0, 0.0)), dtype=np.float64)
    if origin.shape != (3,) or not np.isfinite(origin).all():
        raise ValueError(f"position_origin {origin.tolist()}; expected three finite numbers")
    return origin
