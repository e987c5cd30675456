# SPDX-License-Identifier: BSD-3-Clause
"""The training recipe as frozen dataclasses: defaults live here, YAML files may change them, nothing else does."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Tuple  # read from YAML: evaluated at run time

from camera_relocalization_ros.bundle.reference_outputs import MAX_MEMBERS
from camera_relocalization_ros.bundle.sidecar import MAX_GAP_S, MAX_WINDOW
from camera_relocalization_ros.core.errors import ConfigError, unknown_name
from camera_relocalization_ros.core.plain_values import dataclass_from_dict, load_yaml_mapping

# of a layer; a slip of the pen shall not ask for more memory than there is
MAX_SIZE = 65536
# NumPy's generators take no larger one
MAX_SEED = 2**32 - 1
# of the registries, which need PyTorch: a slip of the pen is answered before it is loaded
KNOWN_NAMES = {
    "head": ("regressor", "spatial_lstm", "temporal_gru", "stateful_gru"),
    "loss": ("beta", "nh", "qeh", "nh_canonical", "geodesic", "only_position", "only_quaternion"),
    "backbone": (
        "efficientnet_lite0",
        "googlenet_imagenet",
        "googlenet_places365",
        "googlenet_random",
        "inception_resnet_v2_imagenet",
        "inception_resnet_v2_random",
        "vgg16_hybrid1365",
        "vgg16_imagenet",
        "vgg16_random",
    ),
}

WHOLE, SQUARE = CROPS = ("none", "square")
PUBLISHED, OF_THE_DATA = CHANNEL_MEANS = ("published", "data")


@dataclass(frozen=True)
class ImageConfig:
    """What the backbone gets to see of an image; a bundle carries it, so flight sees the same.

    `crop`: none, the whole image at the backbone's input width; square, the shorter side at that width and the middle
    of the longer one (thesis 3.4.1). `channel_mean`: what a backbone that subtracts a mean takes, the published one of
    its weights, or data, that of the training images (thesis 4.2); three numbers R G B in `channel_mean_rgb`, as
    `reloc stats` writes, take the place of both. A backbone that scales instead (Inception ResNet V2, EfficientNet)
    does so whatever is said.
    """

    crop: str = WHOLE
    channel_mean: str = PUBLISHED
    channel_mean_rgb: Tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, known in (("crop", CROPS), ("channel_mean", CHANNEL_MEANS)):
            if getattr(self, name) not in known:
                raise ConfigError(unknown_name(f"image.{name}", getattr(self, name), known))
        if self.channel_mean_rgb and not (
            len(self.channel_mean_rgb) == 3 and all(0 <= value <= 255 for value in self.channel_mean_rgb)
        ):
            raise ConfigError(
                f"image.channel_mean_rgb is {list(self.channel_mean_rgb)}; expected R G B, 0 to 255, or none"
            )

    @property
    def is_square(self) -> bool:
        """Whether the middle of the image is cut out."""
        return self.crop == SQUARE

    @property
    def wants_data_mean(self) -> bool:
        """Whether the mean of the training images is wanted and not known yet."""
        return self.channel_mean == OF_THE_DATA and not self.channel_mean_rgb


@dataclass(frozen=True)
class HeadConfig:
    """Sizes of the part that turns a feature map into a pose.

    The map is averaged over a grid of grid_rows x grid_cols cells; each cell is projected to cell_channels
    (0: not at all). One cell without projection is the global average pooling of the thesis. With `trunk_map` the
    output of the backbone's cut layer is averaged and read beside its last map. So many `members` are trained side by
    side, each of these sizes, and their mean is the estimate. Of Spatial-LSTM's sweeps those along rows have
    `lstm_hidden` units and those along columns `lstm_columns_hidden` (0: as many). `dropout` is the share of the FC
    layer's features, of the GRUs' after the recurrent layers, that a training step leaves out. The state of the
    Stateful-GRU goes on from window to window, in training for at most `state_frames` frames.
    """

    name: str = "regressor"
    members: int = 3
    grid_rows: int = 4
    grid_cols: int = 5
    trunk_map: bool = True
    cell_channels: int = 64
    hidden: int = 512
    lstm_hidden: int = 128
    lstm_columns_hidden: int = 0
    gru_hidden: int = 128
    window_length: int = 2
    max_gap_s: float = 0.5
    dropout: float = 0.0
    state_frames: int = 72

    def __post_init__(self) -> None:
        # what a bundle cannot hold is no use in a head
        most = {"members": MAX_MEMBERS, "window_length": MAX_WINDOW}
        for name, value in asdict(self).items():
            if isinstance(value, int) and not isinstance(value, bool):
                low, high = 0 if name in ("cell_channels", "lstm_columns_hidden") else 1, most.get(name, MAX_SIZE)
                if not low <= value <= high:
                    raise ConfigError(f"head.{name} is {value}; expected {low} to {high}")
        if not 0 < self.max_gap_s <= MAX_GAP_S:
            raise ConfigError(f"head.max_gap_s is {self.max_gap_s}; expected more than 0, at most {MAX_GAP_S} s")
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(f"head.dropout is {self.dropout}; expected 0 <= dropout < 1")


# what was trained before there was this key is known by a recipe without it
LATER_KEY = ("state_frames", HeadConfig.state_frames)


@dataclass(frozen=True)
class LossConfig:
    """`name` is one of losses.LOSSES; p is the norm, 1 or 2; the s are log-variances at the start (thesis 3.3.2).

    Where name is "", distance and weighting are given apart: keys of losses.DISTANCES and losses.WEIGHTINGS.
    """

    name: str = "qeh"
    p: int = 1
    beta: float = 50.0
    s_position: float = 0.0
    s_orientation: float = -3.0
    distance: str = ""
    weighting: str = ""


@dataclass(frozen=True)
class AugmentationConfig:
    """Views stored per image beside the original; 0 switches a change off.

    Normal with the given spread: the camera's turns about its right and down axes (rotation_sd_deg) and about its
    optical axis (in_plane_sd_deg), exposure (0.2: a fifth), blur (pixels of the network's input). noise is the most
    that the grey levels' spread can be. Of the views, occlusion_share get things in the way, and background_share
    another background outside the silhouette of object_mesh (PLY, STL or OBJ in the parent frame, metres), widened
    by object_margin_px of the network's input: a picture of the folder `backgrounds`, or where that is "" another
    training image without the object, or a texture.
    """

    views: int = 15
    rotation_sd_deg: float = 4.5
    in_plane_sd_deg: float = 4.5
    exposure: float = 0.2
    blur_px: float = 0.0
    noise: float = 0.0
    occlusion_share: float = 0.0
    background_share: float = 0.5
    object_mesh: str = ""
    object_margin_px: int = 2
    backgrounds: str = ""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            most = 1.0 if name.endswith("_share") else float("inf")
            if not isinstance(value, str) and not 0 <= value <= most:
                raise ConfigError(f"augmentation.{name} is {value}; expected a number from 0 to {most}")

    @property
    def replaces_backgrounds(self) -> bool:
        """Whether some views get another background."""
        return bool(self.object_mesh and self.background_share)

    @property
    def needs_camera(self) -> bool:
        """Whether a view cannot be made without the camera's intrinsics."""
        return bool(self.views and (self.rotation_sd_deg or self.in_plane_sd_deg or self.replaces_backgrounds))


# what is measured, or watched while training, is seen as it was taken
ORIGINALS_ONLY = AugmentationConfig(views=0)


@dataclass(frozen=True)
class OptimiserConfig:
    """How the weights are found; an epoch sees every stored view once.

    `name` is a key of optimisation.OPTIMISERS; epsilon is that of Adam and AdamW, momentum and nesterov are those of
    SGD. weight_decay pulls weights to zero, of AdamW beside the gradient, of the others in it, which is L2
    regularisation by half of it. `schedule` is one of optimisation.SCHEDULES: one_cycle warms up and falls as a cosine
    over all epochs, plateau falls by plateau_factor, to min_learning_rate at the least, after plateau_patience epochs
    in which the held-out loss did not and not again for plateau_cooldown epochs, step falls by decay_factor every
    decay_epochs epochs, exponential as far but evenly, constant stays. On a plateau the loss does not fall by
    plateau_min_delta (0: by a ten-thousandth of itself). After `patience` epochs without a fall training stops and the
    best epoch's weights are kept (0: it never does, and the last are). With ema_decay the weights that count are
    averages over steps; after n steps the average keeps the smaller of ema_decay and (1 + n) / (10 + n) of itself.
    Each batch has as many views of each of `parts` stretches of the data: processes that share a training, at most as
    many, read only their own stretches, and find the weights that one process finds with as many parts.
    """

    name: str = "adamw"
    schedule: str = "one_cycle"
    epochs: int = 24
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    patience: int = 0
    plateau_patience: int = 3
    plateau_factor: float = 0.5
    ema_decay: float = 0.995
    epsilon: float = 1e-8
    momentum: float = 0.9
    nesterov: bool = False
    plateau_cooldown: int = 0
    plateau_min_delta: float = 0.0
    min_learning_rate: float = 0.0
    decay_epochs: int = 5
    decay_factor: float = 0.6
    parts: int = 1


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a training gives, apart from the data.

    `precision` is one of devices.PRECISIONS; auto is mixed on a GPU and 32 bits elsewhere. `finetune` takes the place
    of `optimiser` when the backbone's tail is trained too.
    """

    backbone: str = "efficientnet_lite0"
    seed: int = 0
    precision: str = "auto"
    image: ImageConfig = field(default_factory=ImageConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    finetune: OptimiserConfig = field(default_factory=lambda: OptimiserConfig(epochs=4, learning_rate=1e-4))

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= MAX_SEED:
            raise ConfigError(f"seed is {self.seed}; expected 0 to {MAX_SEED}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for YAML."""
        return asdict(self)

    def without_paths(self) -> dict[str, Any]:
        """Plain values but for the paths of mesh and backgrounds, which may be others on other machines."""
        augmentation = replace(self.augmentation, object_mesh="", backgrounds="")
        values = replace(self, augmentation=augmentation).to_dict()
        for section in ("optimiser", "finetune"):
            # so that a training that was interrupted before there were parts goes on
            if values[section]["parts"] == 1:
                del values[section]["parts"]
        return without_later_keys(values)


def without_later_keys(values: dict[str, Any]) -> dict[str, Any]:
    """A recipe's plain values without a key of the head that came later, where it says what was done before."""
    head = {name: value for name, value in values["head"].items() if (name, value) != LATER_KEY}
    return {**values, "head": head}


def config_from_dict(values: dict[str, Any], source: str) -> TrainingConfig:
    """The recipe with the given keys changed; raises ConfigError that names `source` and the key."""
    return dataclass_from_dict(TrainingConfig, values, source)


def load_config(
    path: Path | None,
    base: TrainingConfig | None = None,
    backbone: str | None = None,
    head: str | None = None,
    loss: str | None = None,
    seed: int | None = None,
    object_mesh: Path | None = None,
) -> TrainingConfig:
    """The recipe `base`, else the recommended one, changed by a YAML file, and that by what else is given.

    The file's by_backbone and by_head name what differs with one of these, which is laid over the rest of the file.
    A loss by its name takes the place of distance and weighting.
    """
    values = (base or TrainingConfig()).to_dict()
    changes, source = load_yaml_mapping(path) if path is not None else {}, str(path or "recipe")
    by_backbone, by_head = (_variants(changes, key, source) for key in ("by_backbone", "by_head"))
    _lay_over(values, changes)
    chosen_head = head or (values["head"].get("name", "") if isinstance(values["head"], dict) else "")
    _lay_over(values, by_backbone.get(backbone or values["backbone"], {}))
    _lay_over(values, by_head.get(chosen_head, {}))
    values.update({key: value for key, value in (("backbone", backbone), ("seed", seed)) if value is not None})
    mesh = str(object_mesh) if object_mesh is not None else None
    for section, key, value in (("head", "name", head), ("loss", "name", loss), ("augmentation", "object_mesh", mesh)):
        if value is not None:
            values[section] = {**(values.get(section) or {}), key: value}
    if loss is not None:
        values["loss"] = {**values["loss"], "distance": "", "weighting": ""}
    return config_from_dict(values, source)


def _lay_over(values: dict[str, Any], changes: dict[str, Any]) -> None:
    """Into `values`: of a section only the keys that are named."""
    for key, value in changes.items():
        is_section = isinstance(value, dict) and isinstance(values.get(key), dict)
        values[key] = {**values[key], **value} if is_section else value


def _variants(changes: dict[str, Any], key: str, source: str) -> dict[str, dict[str, Any]]:
    """Taken out of the file's mapping: name -> changes; raises ConfigError for anything else."""
    found = changes.pop(key, {})
    if not isinstance(found, dict) or not all(isinstance(part, dict) for part in found.values()):
        raise ConfigError(f"{source}: {key} is no mapping of names to changes")
    for name, part in found.items():
        # also those that are not chosen: a slip of the pen shall not wait for its turn
        values = TrainingConfig().to_dict()
        _lay_over(values, part)
        config_from_dict(values, f"{source}: {key}.{name}")
    return found
