# SPDX-License-Identifier: BSD-3-Clause
"""Backbone + pooling + head = network, and the one-frame step that is flown."""

from __future__ import annotations

from typing import Sequence, cast

import numpy as np
import torch
from torch import nn

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.backbones.contract import Backbone
from camera_relocalization_ros.training.config import HeadConfig
from camera_relocalization_ros.training.heads import Head, build_head


def pooled_channels(backbone: Backbone | type[Backbone], head: HeadConfig) -> int:
    """Channels of what a head reads: the last map's, and after them the cut layer's where it is read too."""
    return backbone.feature_channels + (backbone.cut_channels if head.trunk_map else 0)


class PooledBackbone(nn.Module):
    """Images (b, h, w, 3) -> feature maps averaged over grid cells (b, c, rows * cols): frozen while a head trains."""

    cells_from_map: torch.Tensor
    cells_from_trunk: torch.Tensor

    def __init__(self, backbone: Backbone, width: int, height: int, head: HeadConfig) -> None:
        super().__init__()
        self.backbone = backbone
        with torch.no_grad():
            trunk_map = backbone.trunk(torch.zeros(1, height, width, 3))
            last_map = backbone.tail(trunk_map)
        self.register_buffer("cells_from_map", _cells_from(last_map, head), persistent=False)
        self._reads_trunk = head.trunk_map and backbone.cut_channels > 0
        if self._reads_trunk:
            self.register_buffer("cells_from_trunk", _cells_from(trunk_map, head), persistent=False)
        self.stored_shape = (pooled_channels(backbone, head), self.cells_from_map.shape[1])

    def forward(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        return self.after_trunk(self.backbone.trunk(image_bhw3))

    def after_trunk(self, trunk_bchw: torch.Tensor) -> torch.Tensor:
        """Cells (b, c, rows * cols) from the cut layer's output."""
        cells_bcn = self.backbone.tail(trunk_bchw).flatten(2) @ self.cells_from_map
        if not self._reads_trunk:
            return cells_bcn
        return torch.cat([cells_bcn, trunk_bchw.flatten(2) @ self.cells_from_trunk], dim=1)

    def descriptor(self, cells_bcn: torch.Tensor) -> torch.Tensor:
        """Global average (b, feature_channels) of the last map: cells are of equal size, so their mean is it."""
        return cells_bcn[:, : self.backbone.feature_channels].mean(dim=2)


class Trunk(nn.Module):
    """Images (b, h, w, 3) -> output of the cut layer (b, c, h' * w'): frozen while the tail is fine-tuned."""

    def __init__(self, backbone: Backbone, width: int, height: int) -> None:
        super().__init__()
        self.backbone = backbone
        with torch.no_grad():
            channels, *self.map_size = backbone.trunk(torch.zeros(1, height, width, 3)).shape[1:]
        self.stored_shape = (channels, self.map_size[0] * self.map_size[1])

    def forward(self, image_bhw3: torch.Tensor) -> torch.Tensor:
        return self.backbone.trunk(image_bhw3).flatten(2)


class PoseHead(nn.Module):
    """Pooled features of a window -> poses in metres; the trained part.

    Its members are alike but for their random first weights. Each learns by itself, and the estimate is their mean: it
    is off by less than a member (Lakshminarayanan et al. 2017).
    """

    position_mean: torch.Tensor
    position_scale: torch.Tensor

    def __init__(self, channels: int, config: HeadConfig) -> None:
        super().__init__()
        heads = nn.ModuleList(build_head(channels, config) for _ in range(config.members))
        self.members = cast(Sequence[Head], heads)
        self.window_length = self.members[0].window_length
        self.feature_size = config.members * config.hidden
        self.carries_state = self.members[0].carries_state
        self.register_buffer("position_mean", torch.zeros(3))
        self.register_buffer("position_scale", torch.ones(()))

    def fit_positions(self, positions: np.ndarray) -> None:
        """Take the centre and spread of the training positions (N, 3), so that outputs near 1 span the volume."""
        self.position_mean.copy_(torch.from_numpy(positions.mean(axis=0)))
        self.position_scale.fill_(max(float(positions.std(axis=0).max()), 1e-3))

    def frame_features(self, cells_bcn: torch.Tensor) -> torch.Tensor:
        """FC features (b, feature_size) of single frames, the members' one after the other."""
        # turned over once for all members: copying is a third of their work
        cells_bnc = cells_bcn.transpose(1, 2).contiguous()
        return torch.cat([member.frame_features(cells_bnc) for member in self.members], dim=1)

    def member_poses(self, features_btf: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (b, t, m, 3) in metres and unit quaternions (b, t, m, 4) of each member, from frame features."""
        parts = features_btf.chunk(len(self.members), dim=2)
        estimates = [member.poses(part) for member, part in zip(self.members, parts)]
        position_btm3, quat_btm4 = (torch.stack(values, dim=2) for values in zip(*estimates))
        return position_btm3 * self.position_scale + self.position_mean, quat_btm4

    def continued(
        self, features_btf: torch.Tensor, state_bms: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What `member_poses` gives, after the frames that left the members' states (b, m, s), and those left behind.

        None: no frames came before. s is 0 for heads that know of no frames but those of the window.
        """
        if state_bms is None:
            state_bms = features_btf.new_zeros(len(features_btf), len(self.members), self.members[0].state_size)
        parts = zip(self.members, features_btf.chunk(len(self.members), dim=2), state_bms.unbind(1))
        answers = [member.continued(part, state_bs) for member, part, state_bs in parts]
        positions, quats, states = zip(*answers)
        position_btm3 = torch.stack(positions, dim=2) * self.position_scale + self.position_mean
        return position_btm3, torch.stack(quats, dim=2), torch.stack(states, dim=1)

    def poses(self, features_btf: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (b, t, 3) in metres and unit quaternions (b, t, 4): the members' mean."""
        return mean_pose(*self.member_poses(features_btf))


def mean_pose(position_btm3: torch.Tensor, quat_btm4: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions (b, t, 3) and unit quaternions (b, t, 4): the mean over members, q and -q being one."""
    dot_btm1 = (quat_btm4 * quat_btm4[:, :, :1]).sum(dim=3, keepdim=True)
    quat_bt4 = (torch.where(dot_btm1 < 0, -1.0, 1.0) * quat_btm4).sum(dim=2)
    return position_btm3.mean(dim=2), quat_bt4 / quat_bt4.norm(dim=2, keepdim=True).clamp_min(1e-9)


class Tail(nn.Module):
    """The trunk's output (b, c', h' * w') -> pooled cells (b, c, n): the part of the backbone that is fine-tuned."""

    def __init__(self, pooled_backbone: PooledBackbone, trunk: Trunk) -> None:
        super().__init__()
        self.pooled_backbone = pooled_backbone
        self._map_size = trunk.map_size
        pooled_backbone.backbone.unfreeze_tail()

    def forward(self, stored_bcm: torch.Tensor) -> torch.Tensor:
        return self.pooled_backbone.after_trunk(stored_bcm.unflatten(2, self._map_size))

    def weights(self) -> dict[str, torch.Tensor]:
        """By their names in the backbone."""
        backbone = self.pooled_backbone.backbone
        state = backbone.state_dict()
        return {name: state[name] for name in state if name.split(".")[0] in backbone.tail_layers}


class PoseNetwork(nn.Module):
    """What is trained: stored features of windows (b, t, c, n) -> poses.

    `tail` makes pooled cells of what is stored; nn.Identity where they are stored, because the backbone is frozen.
    """

    def __init__(self, tail: nn.Module, pose_head: PoseHead) -> None:
        super().__init__()
        self.tail = tail
        self.pose_head = pose_head

    def frame_features(self, stored_btcn: torch.Tensor) -> torch.Tensor:
        """Frame features (b, t, f) of the frames of windows."""
        features_nf = self.pose_head.frame_features(self.tail(stored_btcn.flatten(0, 1)))
        return features_nf.unflatten(0, stored_btcn.shape[:2])

    def member_poses(self, stored_btcn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (b, t, m, 3) in metres and unit quaternions (b, t, m, 4) of each member of the head."""
        return self.pose_head.member_poses(self.frame_features(stored_btcn))

    def continued(
        self, stored_btcn: torch.Tensor, state_bms: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """As PoseHead.continued."""
        return self.pose_head.continued(self.frame_features(stored_btcn), state_bms)

    def forward(self, stored_btcn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (b, t, 3) in metres and unit quaternions (b, t, 4)."""
        return self.pose_head.poses(self.frame_features(stored_btcn))


class FlightStep(nn.Module):
    """One image in, one pose out: the network that is exported.

    image (1, h, w, 3) uint8, and for windows the frame features (1, t, f) of the t images before it, t >= 0 ->
    position (1, 3), quat_xyzw (1, 4), descriptor (1, c), the members' positions (1, m, 3) and quaternions (1, m, 4),
    and for windows the frame features (1, 1, f) of this image. Raises ConfigError for a head that carries a state.
    """

    def __init__(self, pooled_backbone: PooledBackbone, pose_head: PoseHead) -> None:
        if pose_head.carries_state:
            raise ConfigError(
                "this head carries its state through a whole sequence; what is exported or explained sees one window: "
                "test it offline (reloc train --val, reloc reproduce), or train temporal_gru to fly"
            )
        super().__init__()
        self.pooled_backbone = pooled_backbone
        self.pose_head = pose_head

    def forward(self, image_1hw3: torch.Tensor, previous_1tf: torch.Tensor | None = None) -> tuple[torch.Tensor, ...]:
        cells_1cn = self.pooled_backbone(image_1hw3)
        features_11f = self.pose_head.frame_features(cells_1cn)[:, None]
        window_1tf = features_11f if previous_1tf is None else torch.cat([previous_1tf, features_11f], dim=1)
        position_1tm3, quat_1tm4 = self.pose_head.member_poses(window_1tf)
        position_1t3, quat_1t4 = mean_pose(position_1tm3, quat_1tm4)
        descriptor_1c = self.pooled_backbone.descriptor(cells_1cn)
        outputs = position_1t3[:, -1], quat_1t4[:, -1], descriptor_1c, position_1tm3[:, -1], quat_1tm4[:, -1]
        return outputs if previous_1tf is None else (*outputs, features_11f)


def _cells_from(map_bchw: torch.Tensor, head: HeadConfig) -> torch.Tensor:
    """(h * w, rows * cols); a matrix, because ONNX has no average pooling into cells of fractional size."""
    height, width = map_bchw.shape[2:]
    cells = np.kron(overlap(head.grid_rows, height), overlap(head.grid_cols, width))
    return torch.from_numpy(cells.T.copy()).float()


def overlap(cells: int, pixels: int) -> np.ndarray:
    """Share (cells, pixels) of each pixel in each of `cells` equal stretches; rows sum to 1."""
    edges = np.linspace(0, pixels, cells + 1)
    left = np.maximum(edges[:-1, None], np.arange(pixels)[None])
    right = np.minimum(edges[1:, None], np.arange(pixels)[None] + 1)
    return np.maximum(right - left, 0.0) * cells / pixels
