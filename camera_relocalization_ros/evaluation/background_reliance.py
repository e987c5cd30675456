# SPDX-License-Identifier: BSD-3-Clause
"""How much of a model's pose comes from the background, by what it estimates when that or the object is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict

import numpy as np

from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors, length_unit, pose_errors
from camera_relocalization_ros.evaluation.metrics import Interval, block_bootstrap, correlation_length
from camera_relocalization_ros.evaluation.part_changes import BACKGROUND, CHANGES, PARTS, SWAPPED

ORIGINAL = "original"
QUANTITIES = ("position_m", "orientation_deg")


def variant(part: str, change: str) -> str:
    """The name of the images with `change` done to `part`, such as "background swapped"."""
    return f"{part} {change}"


VARIANTS = (ORIGINAL, *(variant(part, change) for part in PARTS for change in CHANGES))


@dataclass(frozen=True)
class Reliance:
    """Poses (n, 7) estimated for the same n frames as they are and changed: name of VARIANTS -> poses.

    truth (n, 7); sequences (n,): which rows are neighbours; `left_out`: frames that are not among them, because
    too little was seen of the object or of the background. is_metric: in metres, not in units of a scene.
    """

    truth: np.ndarray
    sequences: np.ndarray
    estimates: Dict[str, np.ndarray]
    left_out: int
    is_metric: bool = True

    def errors(self, name: str) -> PoseErrors:
        """Against the truth."""
        return _differences(self.estimates[name], self.truth)

    def moved(self, name: str) -> PoseErrors:
        """How far the change moved the estimates."""
        return _differences(self.estimates[name], self.estimates[ORIGINAL])

    def share(self, change: str, quantity: str) -> Interval:
        """Background reliance, 0 to 1, by `change` and one of QUANTITIES.

        b / (b + o), with b the median by which estimates move when the background is changed, and o when the object is:
        0 reads the object alone, 1 the background alone. NaN where estimates move with neither. Errors take no
        part: at a place that a model does not know its background is wrong already, and no change makes it worse.
        """
        background, of_object = (getattr(self.moved(variant(part, change)), quantity) for part in PARTS)
        return self._interval(background, of_object, lambda b, o: _ratio(b, b + o))

    def growth(self, name: str, quantity: str) -> Interval:
        """The median error of changed images in units of that of the same images as they are."""
        changed, original = (getattr(self.errors(each), quantity) for each in (name, ORIGINAL))
        return self._interval(changed, original, _ratio)

    def median(self, name: str, quantity: str) -> Interval:
        """Of the errors."""
        return block_bootstrap(getattr(self.errors(name), quantity), self.sequences, np.median)

    def typical_row(self) -> int:
        """The row whose estimate moves by nearest to the median when the background is swapped."""
        moved = self.moved(variant(BACKGROUND, SWAPPED)).position_m
        return int(np.argmin(np.abs(moved - np.median(moved))))

    def summary(self) -> dict[str, Any]:
        """Everything as plain numbers; of intervals value, low and high."""
        return {
            "frames": len(self.truth),
            "left_out": self.left_out,
            "background_reliance": {
                change: {quantity: _numbers(self.share(change, quantity)) for quantity in QUANTITIES}
                for change in CHANGES
            },
            "images": {name: self._summary_of(name) for name in VARIANTS},
        }

    def _interval(
        self, first: np.ndarray, second: np.ndarray, combine: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> Interval:
        """`combine` of the medians of two values (n,) of each frame, which are drawn together."""
        length = 3 * max(correlation_length(values, self.sequences) for values in (first, second))
        return block_bootstrap(
            np.arange(len(first)),
            self.sequences,
            lambda rows, /, *, axis: combine(np.median(first[rows], axis=axis), np.median(second[rows], axis=axis)),
            length,
        )

    def _summary_of(self, name: str) -> dict[str, Any]:
        medians: dict[str, Any] = {quantity: _numbers(self.median(name, quantity)) for quantity in QUANTITIES}
        if name != ORIGINAL:
            medians["growth"] = {quantity: _numbers(self.growth(name, quantity)) for quantity in QUANTITIES}
            moved = self.moved(name)
            medians["moved"] = {quantity: float(np.median(getattr(moved, quantity))) for quantity in QUANTITIES}
        return medians


def reliance_table(found: Reliance) -> str:
    """What a terminal shows: errors and moves of each kind of images, then the shares."""
    lines = [f"{'images':<20}{'median error':>22}{'times the original':>26}{'estimates move by':>22}"]
    unit = length_unit(found.is_metric)
    for name in VARIANTS:
        errors = [found.median(name, quantity).value for quantity in QUANTITIES]
        line = f"{name:<20}{errors[0]:>10.3f} {unit} {errors[1]:>6.2f} deg"
        if name != ORIGINAL:
            growths = [found.growth(name, quantity).value for quantity in QUANTITIES]
            moved = found.moved(name)
            line += f"{growths[0]:>18.1f} {growths[1]:>7.1f}"
            line += f"{np.median(moved.position_m):>10.3f} {unit} {np.median(moved.orientation_deg):>6.2f} deg"
        lines.append(line)
    lines.append("background reliance (0: reads the object alone, 1: the background alone)")
    for change in CHANGES:
        shares = [found.share(change, quantity) for quantity in QUANTITIES]
        position, orientation = (f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f})" for share in shares)
        lines.append(f"  {change:<10} position {position}   orientation {orientation}")
    return "\n".join(lines)


def _differences(poses: np.ndarray, others: np.ndarray) -> PoseErrors:
    return pose_errors(Poses.from_rows(poses), Poses.from_rows(others))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """NaN where the whole is zero."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def _numbers(interval: Interval) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in (interval.value, interval.low, interval.high)]
