# SPDX-License-Identifier: BSD-3-Clause
"""The thesis' grid of experiments: which combinations of data set, backbone, head and loss, and their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

import numpy as np

from camera_relocalization_ros.core.pose_errors import STATISTICS

SEVEN_SCENES, AIRFRAME = "7scenes", "airframe"
# data sets by the names that the thesis' tables have
DATA_SETS = {
    SEVEN_SCENES: ("chess", "fire", "heads", "office", "pumpkin", "redkitchen", "stairs"),
    AIRFRAME: ("airframe-mixed", "airframe-ind"),
}
# images that train and that test (tables 4.1 and 4.4)
SIZES = {
    "chess": (4000, 2000),
    "fire": (2000, 2000),
    "heads": (1000, 1000),
    "office": (6000, 4000),
    "pumpkin": (4000, 2000),
    "redkitchen": (7000, 5000),
    "stairs": (2000, 1000),
    "airframe-mixed": (13399, 5497),
    "airframe-ind": (13476, 5420),
}
# head and loss of tables 4.5-4.8 and 4.11-4.14; the last is PoseNet, which the thesis quotes in table 4.9
METHODS = (
    ("spatial_lstm", "qeh"),
    ("spatial_lstm", "nh"),
    ("regressor", "qeh"),
    ("regressor", "nh"),
    ("regressor", "beta"),
)
# table 4.17, on the harder data set alone
TEMPORAL_METHODS, TEMPORAL_DATA_SET = (("temporal_gru", "qeh"), ("temporal_gru", "nh")), "airframe-ind"
THESIS_BACKBONES = ("googlenet_imagenet", "googlenet_places365", "inception_resnet_v2_imagenet", "vgg16_hybrid1365")
QUANTITIES = ("position_m", "orientation_deg")


@dataclass(frozen=True)
class Combination:
    """What a cell of the grid trains and tests."""

    data_set: str
    backbone: str
    head: str
    loss: str

    def __str__(self) -> str:
        return f"{self.data_set}, {self.backbone}, {self.head}, {self.loss}"


@dataclass(frozen=True)
class Spread:
    """Mean of a number over seeds, and its sample standard deviation; of one seed that is 0."""

    mean: float
    sd: float


def methods_for(
    data_set: str, heads: Sequence[str] | None = None, losses: Sequence[str] | None = None
) -> list[tuple[str, str]]:
    """Pairs of head and loss: those of the thesis, or all of the given heads times the given losses.

    Where only one of both is given, the other is the thesis': with losses alone, Temporal-GRU too where table 4.17 is.
    """
    thesis = [*METHODS, *(TEMPORAL_METHODS if data_set == TEMPORAL_DATA_SET else ())]
    if not heads and not losses:
        return thesis
    return [
        (head, loss)
        for head in heads or dict.fromkeys(head for head, _ in thesis)
        for loss in losses or dict.fromkeys(loss for _, loss in METHODS)
    ]


def over_seeds(summaries: list[dict[str, Any]]) -> dict[str, dict[str, Spread]]:
    """Quantity -> statistic -> its spread, from one `PoseErrors.summary()` for each seed."""
    return {
        quantity: {
            statistic: _spread([summary[quantity][statistic] for summary in summaries]) for statistic in STATISTICS
        }
        for quantity in QUANTITIES
    }


def _spread(values: list[float]) -> Spread:
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0)
