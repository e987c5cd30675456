# SPDX-License-Identifier: BSD-3-Clause
"""Heads: from pooled features of one frame, or of a window of frames, to poses (thesis 3.4).

A new one is a subclass of Head and one line in HEADS.
"""

from __future__ import annotations

import torch
from torch import nn

from camera_relocalization_ros.core.errors import ConfigError, unknown_name
from camera_relocalization_ros.training.config import HeadConfig

# the FC 2048 of the thesis becomes 64 x 32; other sizes keep 32 columns
MATRIX_COLUMNS = 32


class PoseBranches(nn.Module):
    """Two linear branches: position (..., 3) and unit quaternion (..., 4), in 32 bits whatever the rest is in."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.position = nn.Linear(features, 3)
        self.orientation = nn.Linear(features, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        # half precision has three digits, too few for centimetres
        with torch.autocast(x.device.type, enabled=False):
            position, quat = self.position(x.float()), self.orientation(x.float())
        return position, quat / quat.norm(dim=-1, keepdim=True).clamp_min(1e-9)


class GridProjection(nn.Module):
    """Pooled cells (b, rows * cols, c) -> FC features (b, hidden); each cell goes through the same projection."""

    def __init__(self, channels: int, config: HeadConfig) -> None:
        super().__init__()
        cells = config.grid_rows * config.grid_cols
        self.project = nn.Linear(channels, config.cell_channels) if config.cell_channels else None
        self.connect = nn.Linear((config.cell_channels or channels) * cells, config.hidden)

    def forward(self, cells_bnc: torch.Tensor) -> torch.Tensor:
        if self.project is not None:
            cells_bnc = torch.relu(self.project(cells_bnc))
        return torch.relu(self.connect(cells_bnc.flatten(1)))  # (b, hidden)


def _dropout(config: HeadConfig) -> nn.Module:
    # a dropout of nothing would still draw numbers, and so change what follows
    return nn.Dropout(config.dropout) if config.dropout else nn.Identity()


class Head(nn.Module):
    """What all heads have: two steps, and no state when they begin.

    `frame_features` sees one frame alone and so is computed once per image in flight; `poses` sees the frame features
    of a window of up to `window_length` frames. Positions leave a head in units of the training positions' spread;
    pose_network.PoseHead turns them into metres. Where it carries a state, it goes on where another window ended, see
    `continued`; such a head is tested offline and not flown.
    """

    carries_state = False
    state_size = 0

    def __init__(self, channels: int, config: HeadConfig, window_length: int = 1) -> None:
        super().__init__()
        self.window_length = window_length
        self.frame_features = GridProjection(channels, config)

    def poses(self, features_btf: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (b, t, 3) and unit quaternions (b, t, 4) of the frames of a window, oldest first."""
        raise NotImplementedError

    def continued(
        self, features_btf: torch.Tensor, state_bs: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What `poses` gives, after the frames that left the state (b, state_size), and the state left behind."""
        return (*self.poses(features_btf), state_bs)


class RegressorHead(Head):
    """FC + ReLU, then the branches (thesis 3.4.1, after PoseNet)."""

    def __init__(self, channels: int, config: HeadConfig) -> None:
        super().__init__(channels, config)
        self.dropout = _dropout(config)
        self.branches = PoseBranches(config.hidden)

    def poses(self, features_btf: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (b, t, 3) and quaternions (b, t, 4), frame by frame."""
        return self.branches(self.dropout(features_btf))


class SpatialLstmHead(Head):
    """The FC vector as a matrix that four LSTMs sweep up, down, left and right (thesis 3.4.2, after Walch et al.)."""

    def __init__(self, channels: int, config: HeadConfig) -> None:
        if config.hidden % MATRIX_COLUMNS:
            raise ConfigError(f"head.hidden is {config.hidden}; spatial_lstm needs a multiple of {MATRIX_COLUMNS}")
        super().__init__(channels, config)
        self.rows = config.hidden // MATRIX_COLUMNS
        columns_hidden = config.lstm_columns_hidden or config.lstm_hidden
        self.dropout = _dropout(config)
        # a bidirectional LSTM over the rows sweeps down and up, one over the columns right and left
        self.vertical = nn.LSTM(MATRIX_COLUMNS, config.lstm_hidden, batch_first=True, bidirectional=True)
        self.horizontal = nn.LSTM(self.rows, columns_hidden, batch_first=True, bidirectional=True)
        self.branches = PoseBranches(2 * config.lstm_hidden + 2 * columns_hidden)

    def poses(self, features_btf: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (b, t, 3) and quaternions (b, t, 4), frame by frame."""
        batch, time = features_btf.shape[:2]
        matrix_brc = self.dropout(features_btf).reshape(batch * time, self.rows, MATRIX_COLUMNS)
        _, (vertical_2bh, _) = self.vertical(matrix_brc)
        _, (horizontal_2bh, _) = self.horizontal(matrix_brc.transpose(1, 2))
        # (b, 2 * units) of each: down and up, right and left
        swept_bf = torch.cat([swept.transpose(0, 1).flatten(1) for swept in (vertical_2bh, horizontal_2bh)], dim=1)
        swept_btf = swept_bf.reshape(batch, time, -1)  # (b, t, 2 * lstm_hidden + 2 * lstm_columns_hidden)
        return self.branches(swept_btf)


class TemporalGruHead(Head):
    """Two bidirectional GRU layers over the FC features of consecutive frames, a pose per frame (thesis 3.4.3)."""

    def __init__(self, channels: int, config: HeadConfig) -> None:
        super().__init__(channels, config, config.window_length)
        self.gru = nn.GRU(config.hidden, config.gru_hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.dropout = _dropout(config)
        self.branches = PoseBranches(2 * config.gru_hidden)

    def poses(self, features_btf: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (b, t, 3) and quaternions (b, t, 4) of a window of t frames, oldest first; t may be 1."""
        hidden_btf, _ = self.gru(features_btf)
        return self.branches(self.dropout(hidden_btf))


class StatefulGruHead(Head):
    """One GRU layer forward in time, its state carried through a whole sequence; tested offline, not flown.

    In the thesis' code alone (top_models.py:85-97), see docs/thesis.md. A window is what the gradient goes back
    through, not what an estimate sees.
    """

    carries_state = True

    def __init__(self, channels: int, config: HeadConfig) -> None:
        if config.state_frames < config.window_length:
            raise ConfigError(
                f"head.state_frames is {config.state_frames}; "
                f"expected at least head.window_length, {config.window_length}"
            )
        super().__init__(channels, config, config.window_length)
        self.state_size = config.gru_hidden
        self.gru = nn.GRU(config.hidden, config.gru_hidden, batch_first=True)
        self.dropout = _dropout(config)
        self.branches = PoseBranches(config.gru_hidden)

    def poses(self, features_btf: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (b, t, 3) and quaternions (b, t, 4) of the first t frames of a sequence."""
        position_bt3, quat_bt4, _ = self.continued(
            features_btf, features_btf.new_zeros(len(features_btf), self.state_size)
        )
        return position_bt3, quat_bt4

    def continued(
        self, features_btf: torch.Tensor, state_bs: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        hidden_btf, state_1bs = self.gru(features_btf, state_bs[None].to(features_btf.dtype))
        return (*self.branches(self.dropout(hidden_btf)), state_1bs[0])


HEADS = {
    "regressor": RegressorHead,
    "spatial_lstm": SpatialLstmHead,
    "temporal_gru": TemporalGruHead,
    "stateful_gru": StatefulGruHead,
}


def build_head(channels: int, config: HeadConfig) -> Head:
    """The head for feature maps of `channels`; raises ConfigError that lists the known names."""
    if config.name not in HEADS:
        raise ConfigError(unknown_name("head", config.name, sorted(HEADS)))
    return HEADS[config.name](channels, config)
