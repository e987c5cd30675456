# SPDX-License-Identifier: BSD-3-Clause
"""How a backbone's published weights are found, checked and read; nothing in a file is run."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.backbones.caffe_weights import caffe_state_dict

if TYPE_CHECKING:
    from camera_relocalization_ros.training.backbones.contract import Backbone

SUFFIXES = (".pth", ".safetensors", ".caffemodel")


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights inside an installed Python package."""

    module: str
    file: str
    sha256: str
    licence: str
    install: str

    def path(self) -> Path:
        """Where the file lies; raises ConfigError when the package is not installed."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.origin:
            raise ConfigError(f"weights package {self.module} is not installed; {self.how()}")
        return Path(spec.origin).parent / self.file

    def checksum(self) -> str:
        """The digest to expect, as ALGORITHM:HEX."""
        return f"sha256:{self.sha256}"

    def how(self) -> str:
        """What a user without the file shall do."""
        return f"run: {self.install}"


@dataclass(frozen=True)
class LocalWeights:
    """A file that the user puts into the weights folder, under its published name or as `name` with a suffix.

    `published` gives the digest, ALGORITHM:HEX, by published file name; it may be the first digits alone, and is
    empty where nobody published one. NAME.sha256 beside a file goes before it.
    """

    name: str
    licence: str
    install: str
    published: dict[str, str] = field(default_factory=dict)

    @property
    def variable(self) -> str:
        """The environment variable that names a file elsewhere."""
        return f"RELOC_WEIGHTS_{self.name.upper()}"

    def is_given(self) -> bool:
        """Whether a file was named, or lies where it is looked for."""
        return bool(os.environ.get(self.variable)) or self.path().is_file()

    def path(self) -> Path:
        """The first of the files looked for that is there; where there is none, the one that conversion writes."""
        if os.environ.get(self.variable):
            return Path(os.environ[self.variable])
        names = [f"{self.name}{suffix}" for suffix in SUFFIXES] + list(self.published)
        paths = [weights_folder() / name for name in names]
        return next((path for path in paths if path.is_file()), self.converted_path())

    def converted_path(self) -> Path:
        """Where converted weights are written, and looked for first."""
        return weights_folder() / f"{self.name}{SUFFIXES[0]}"

    def checksum(self) -> str:
        """The digest to expect, as ALGORITHM:HEX; empty when nobody said what to expect."""
        beside = Path(f"{self.path()}.sha256")
        words = beside.read_text(encoding="utf-8").split() if beside.is_file() else []
        return f"sha256:{words[0].lower()}" if words else self.published.get(self.path().name, "")

    def how(self) -> str:
        """What a user without the file shall do."""
        return f"{self.install} into {weights_folder()}, or name the file in {self.variable}"


@dataclass(frozen=True)
class LocalOrPackagedWeights:
    """The user's file where there is one, else that of an installed package."""

    local: LocalWeights
    packaged: WeightsFile

    @property
    def licence(self) -> str:
        """That of the published weights."""
        return self.packaged.licence

    def path(self) -> Path:
        """Raises ConfigError when there is no file and the package is not installed."""
        return self._chosen().path()

    def checksum(self) -> str:
        """The digest to expect of the file that counts, as ALGORITHM:HEX."""
        return self._chosen().checksum()

    def how(self) -> str:
        """What a user without either shall do."""
        return f"{self.packaged.how()}, or {self.local.how()}"

    def _chosen(self) -> LocalWeights | WeightsFile:
        return self.local if self.local.is_given() else self.packaged


@dataclass(frozen=True)
class DrawnWeights:
    """No file: weights drawn at random, always the same, for comparisons and tests."""

    licence: str = "BSD-3-Clause"


FileWeights = Union[WeightsFile, LocalWeights, LocalOrPackagedWeights]


def weights_folder() -> Path:
    """RELOC_WEIGHTS, else ~/.cache/camera_relocalization_ros/weights."""
    return Path(os.environ.get("RELOC_WEIGHTS") or Path.home() / ".cache/camera_relocalization_ros/weights")


def present_file(weights: FileWeights) -> Path:
    """The file of weights; raises ConfigError that says what to do when it, or its prototxt, is not there."""
    path = weights.path()
    if not path.is_file():
        raise ConfigError(f"{path}: weights file is missing; {weights.how()}")
    if not path.stat().st_size:
        raise ConfigError(f"{path}: weights file is empty; {weights.how()}")
    if path.suffix == ".caffemodel":
        _prototxt(path)
    return path


def read_state_dict(weights: FileWeights, backbone: Backbone) -> dict[str, torch.Tensor]:
    """The tensors in the file of a backbone's weights by the names in it, after its checksum was compared.

    Raises ConfigError that says what to do when the file is missing, is another one, or cannot be read.
    """
    path = present_file(weights)
    _compare_checksum(path, weights)
    if path.suffix == ".caffemodel":
        return caffe_state_dict(path, _prototxt(path), backbone)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, SafetensorError) as error:
        raise ConfigError(f"{path}: not a file of weights; {weights.how()}") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ConfigError(f"{path}: holds {type(state).__name__}; expected named tensors")
    return state


def tensors_digest(state: dict[str, torch.Tensor]) -> Any:
    """SHA-256 object, to be read or gone on with, of named tensors in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode() + state[name].numpy().tobytes())
    return digest


def load_into(backbone: Backbone, state: dict[str, torch.Tensor], source: Path) -> None:
    """Give the backbone its weights, but for those of its `dropped` parts (classifier, auxiliary heads).

    Raises ConfigError that names `source` and the keys or shapes that do not fit.
    """
    state = {key: value for key, value in state.items() if not key.startswith(backbone.dropped)}
    try:
        backbone.load_state_dict(state)
    except RuntimeError as error:
        details = "; ".join(line.strip() for line in str(error).splitlines()[1:])[:400]
        raise ConfigError(f"{source}: weights do not fit {backbone.name}: {details}") from error


def _compare_checksum(path: Path, weights: FileWeights) -> None:
    algorithm, _, expected = weights.checksum().partition(":")
    if not expected:
        return
    found = hashlib.new(algorithm, path.read_bytes()).hexdigest()
    if not found.startswith(expected):
        raise ConfigError(f"{path}: {algorithm} {found}; expected {expected}; {weights.how()}")


def _prototxt(caffemodel: Path) -> Path:
    names = (f"{caffemodel.stem}.prototxt", f"deploy_{caffemodel.stem}.prototxt", "deploy.prototxt")
    paths = [caffemodel.with_name(name) for name in names]
    for path in paths:
        if path.is_file():
            return path
    raise ConfigError(f"{caffemodel}: its prototxt is missing; expected {', '.join(names)} beside it")
