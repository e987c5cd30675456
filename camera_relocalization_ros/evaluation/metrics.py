# SPDX-License-Identifier: BSD-3-Clause
"""Numbers that sum a result up: statistics, shares within limits, intervals, NEES and coverage, acceptance, times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import STATISTICS, length_unit, within
from camera_relocalization_ros.evaluation.consistency import coverage, normalized_squares
from camera_relocalization_ros.evaluation.reliability import reliability_rows
from camera_relocalization_ros.evaluation.results import NO_STATE, Result, compared_only

PERCENTILES = (25, 75, 90, 95, 99)
TIME_PERCENTILES = (50, 95, 99, 100)
# metres and degrees
LIMITS = ((0.05, 5.0), (0.10, 5.0), (0.25, 2.0), (0.50, 5.0))
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
RESAMPLES, CONFIDENCE = 1000, 0.95
# of fewer values not even all of them hold the median with CONFIDENCE: 2 / 2^n is more than 5 % up to five
LEAST_FOR_MEDIAN = 6
# values of resamples that are in memory together
AT_ONCE = 1_000_000


class Statistic(Protocol):
    """A number of values along an axis, such as `np.median`."""

    def __call__(self, values: np.ndarray, /, *, axis: int) -> np.ndarray:
        """That of values (..., n) along `axis`."""


@dataclass(frozen=True)
class Interval:
    """A number and where it may lie with CONFIDENCE, by block bootstrap over the frames that were measured."""

    value: float
    low: float
    high: float


def statistics(values: np.ndarray) -> dict[str, float]:
    """Those of the thesis' tables, and PERCENTILES as p25 and so on, of values (n,)."""
    found = {name: float(function(values)) for name, function in STATISTICS.items()}
    return {**found, **{f"p{p}": float(np.percentile(values, p)) for p in PERCENTILES}}


def within_promise(rows: Result) -> np.ndarray:
    """Rows (n,) bool with both errors below what OK promised; false where there is no error."""
    return within(rows.errors(), rows.info.ok_position_m, rows.info.ok_orientation_deg)


def limit_name(limit_m: float, limit_deg: float, is_metric: bool = True) -> str:
    """Such as "5 cm/5 deg", or "0.05 units/5 deg" of a scene of any scale."""
    length = f"{100 * limit_m:g} cm" if is_metric else f"{limit_m:g} {length_unit(is_metric)}"
    return f"{length}/{limit_deg:g} deg"


def correlation_length(values: np.ndarray, sequences: np.ndarray) -> int:
    """In how many frames errors (n,) forget themselves: the integrated autocorrelation time, at least 1.

    The sum of autocorrelations ends where the first one is not above zero (Geyer 1992's initial positive sequence,
    without his pairs), else it would be the noise of far lags that is added up.
    """
    centred = values - values.mean()
    variance = float(np.square(centred).mean())
    if variance == 0:
        return 1
    runs = [centred[sequences == name] for name in dict.fromkeys(sequences)]
    total = 1.0
    for lag in range(1, max(map(len, runs))):
        pairs = sum(len(run) - lag for run in runs if len(run) > lag)
        covariance = sum(float(run[lag:] @ run[:-lag]) for run in runs if len(run) > lag) / pairs
        if covariance <= 0:
            break
        total += 2 * covariance / variance
    return max(round(total), 1)


def block_rows(sequences: np.ndarray, length: int, rng: np.random.Generator, draws: int = 1) -> np.ndarray:
    """Rows (draws, n) in runs of `length` neighbours; a run that meets its sequence's end goes on at its start."""
    count = len(sequences)
    starts, sizes = _runs(sequences)
    drawn = rng.integers(0, count, (draws, -(-count // length)))
    run = np.searchsorted(starts, drawn, side="right") - 1
    offset = (drawn - starts[run])[..., None] + np.arange(length)
    return (starts[run][..., None] + offset % sizes[run][..., None]).reshape(draws, -1)[:, :count]


def block_bootstrap(
    values: np.ndarray,
    sequences: np.ndarray,
    statistic: Statistic,
    length: int | None = None,
    seed: int = 0,
) -> Interval:
    """`statistic(values, axis=-1)` with an interval that knows that neighbouring frames err alike.

    Circular block bootstrap (Politis & Romano 1992): whole runs of neighbours are drawn, three correlation lengths
    long unless `length` says otherwise, but no longer than a third of the frames. It knows nothing of what another
    flight, light or place would do. values (n,), sequences (n,): which rows are neighbours.
    """
    length = length or 3 * correlation_length(values, sequences)
    length = int(np.clip(length, 1, max(len(values) // 3, 1)))
    rng = np.random.default_rng(seed)
    step = max(AT_ONCE // len(values), 1)
    found = [
        statistic(values[block_rows(sequences, length, rng, min(step, RESAMPLES - first))], axis=-1)
        for first in range(0, RESAMPLES, step)
    ]
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(found), [outside, 1 - outside])
    return Interval(float(statistic(values, axis=-1)), float(low), float(high))


def share_interval(values: np.ndarray, sequences: np.ndarray, forgets: int) -> Interval:
    """The share of ones among values (n,) of zeros and ones, by `block_bootstrap`.

    Where all are alike every draw is, and knows nothing of what is rare: then by Clopper & Pearson 1934, as of one
    value in each `forgets` (the correlation length, in frames, of what was compared with a limit).
    """
    share = float(values.mean())
    if 0 < share < 1:
        return block_bootstrap(values, sequences, np.mean)
    # of n values that are all alike, the other kind's share is at most 1 - (alpha / 2)^(1 / n)
    most = 1 - ((1 - CONFIDENCE) / 2) ** (1 / max(len(values) / forgets, 1.0))
    return Interval(share, *((0.0, most) if share == 0 else (1 - most, 1.0)))


def result_squares(result: Result) -> dict[str, np.ndarray]:
    """`normalized_squares` of the rows that have errors and a covariance: PARTS -> (m,)."""
    known = result.select(result.compared & np.isfinite(result.covariances).all(axis=(1, 2)))
    return normalized_squares(known.covariances, Poses.from_rows(known.estimate), Poses.from_rows(known.truth))


def acceptance(result: Result) -> dict[str, float]:
    """How well states tell good estimates, within what OK promised, from bad ones, as shares.

    accepted: OK estimates of all images with a true pose that were looked at, also those that gave no pose;
    false_accepts: bad ones of the accepted; false_rejects: rejected ones of the good.
    """
    looked_at = np.isfinite(result.truth).all(axis=1) & (result.states != NO_STATE)
    rows = result.select(result.compared)
    good = within_promise(rows)
    return {
        "accepted": _share(result.accepted & looked_at, looked_at),
        "false_accepts": _share(~good & rows.accepted, rows.accepted),
        "false_rejects": _share(good & ~rows.accepted, good),
    }


def state_summary(result: Result) -> dict[str, Any]:
    """`acceptance`, and under `accepted` the errors of OK estimates; empty where states say nothing."""
    if not result.has_states:
        return {}
    accepted = result.select(result.compared & result.accepted)
    errors = {"accepted": error_summary(accepted, intervals=False)} if len(accepted) else {}
    reliability = [row.to_dict() for row in reliability_rows(result)]
    return {"acceptance": acceptance(result), "reliability": reliability, **errors}


def summarise(result: Result, intervals: bool = True) -> dict[str, Any]:
    """Everything about one result as plain numbers; raises ResultError when nothing can be compared.

    Errors are those of all estimates whatever their state, and under `accepted` those of the OK ones.
    """
    rows = compared_only(result)
    summary = {**error_summary(rows, intervals), "counts": _counts(result)}
    summary.update(state_summary(result))
    if not result.info.metric:
        summary["metric"] = False
    if rows.has_covariance:
        squares = result_squares(rows)
        summary["nees"] = {part: float(values.mean()) for part, values in squares.items()}
        shares = coverage(squares, LEVELS)
        summary["coverage"] = {part: dict(zip(map(str, LEVELS), of.tolist())) for part, of in shares.items()}
    for name in ("inference_s", "latency_s", "age_s"):
        times = getattr(result, name)
        if np.isfinite(times).any():
            summary[name] = {f"p{p}": float(np.nanpercentile(times, p)) for p in TIME_PERCENTILES}
    return summary


def error_summary(rows: Result, intervals: bool = True) -> dict[str, Any]:
    """Statistics, shares and, if wanted, intervals of the median and of the shares, of rows that can be compared."""
    errors = rows.errors()
    shares = {limit_name(*limit): within(errors, *limit).astype(float) for limit in LIMITS}
    summary: dict[str, Any] = {
        "frames": len(rows),
        "position_m": statistics(errors.position_m),
        "orientation_deg": statistics(errors.orientation_deg),
        "within": {name: float(values.mean()) for name, values in shares.items()},
    }
    if intervals:
        medians = {"position_m": errors.position_m, "orientation_deg": errors.orientation_deg}
        found: dict[str, Interval] = {}
        if len(rows) >= LEAST_FOR_MEDIAN:
            found = {name: block_bootstrap(values, rows.sequences, np.median) for name, values in medians.items()}
        forgets = max(correlation_length(values, rows.sequences) for values in medians.values())
        found.update((name, share_interval(values, rows.sequences, forgets)) for name, values in shares.items())
        summary["intervals"] = {name: [interval.low, interval.high] for name, interval in found.items()}
    return summary


def by_group(result: Result, group: str) -> dict[str, Result]:
    """The rows of each sequence or placement ("sequences", "placements") that has errors, in order; "" is left out."""
    names = getattr(result, group)
    return {str(name): result.select(names == name) for name in dict.fromkeys(names[result.compared]) if name}


def _counts(result: Result) -> dict[str, Any]:
    info = result.info
    return {
        "images": info.images,
        "answered": info.localized,
        "lost": info.lost,
        "dropped": info.dropped,
        "rejected": dict(info.rejected),
        "compared": int(result.compared.sum()),
    }


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return float(part.sum() / whole.sum()) if whole.any() else 0.0


def _runs(sequences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First row and length of each run of equal names."""
    changes = np.flatnonzero(sequences[1:] != sequences[:-1]) + 1
    starts = np.concatenate([[0], changes])
    return starts, np.diff(np.concatenate([starts, [len(sequences)]]))
