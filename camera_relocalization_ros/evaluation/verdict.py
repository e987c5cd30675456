# SPDX-License-Identifier: BSD-3-Clause
"""What a result means, in sentences: did the model learn more than to look things up, did the computer keep up?"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors, length_text
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.evaluation.common_motion import CommonMotion, common_motion
from camera_relocalization_ros.evaluation.metrics import within_promise
from camera_relocalization_ros.evaluation.results import LIVE, Result

# baselines that look things up among the training images, as a user would without a network
LOOKED_UP = ("feature retrieval", "retrieval, best k")
# what always gives the same pose has not looked at the image
UNSEEING = "constant pose"
# 999 of 1000 OK poses keep the promise
PROMISED_WRONG = 0.001
# more images than this share that are never looked at, and the computer is too slow for the camera's rate
MANY_DROPPED = 0.05
# fewer poses from landmarks than this, of a bundle that has them, and flight stays at what the network can do
FEW_REFINED = 0.5
# with fewer images OK than this share, why others are not is told, if so many of these say the same
FEW_OK, MANY_ALIKE = 0.5, 0.3
# with none of fewer OK poses off, as many as one in ten of others may be (rule of three, Hanley & Lippman-Hand 1983)
LEAST_TELLING = 30
NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Verdict:
    """A sentence, and whether it is good news."""

    is_good: bool
    text: str


def verdicts(result: Result, summary: dict[str, Any]) -> list[Verdict]:
    """What to conclude from a result and its `metrics.summarise`, what matters most first."""
    # against poses of another frame neither errors nor what would cure them mean anything
    elsewhere = same_frames(result)
    of_errors = [elsewhere] if elsewhere else [against_retrieval(result), promise_kept(result, summary)]
    found = [*of_errors, computer_kept_up(result), refined_enough(result)]
    return [verdict for verdict in found if verdict is not None]


def verdict_lines(result: Result, summary: dict[str, Any]) -> list[str]:
    """The same as lines of text."""
    return [f"{'good' if verdict.is_good else 'BAD'}: {verdict.text}" for verdict in verdicts(result, summary)]


def same_frames(result: Result) -> Verdict | None:
    """That estimates and truth are of different frames of one name; None where nothing says so."""
    rows, info = result.compared, result.info
    estimates, truth = Poses.from_rows(result.estimate[rows]), Poses.from_rows(result.truth[rows])
    found = common_motion(estimates, truth, info.ok_position_m, info.ok_orientation_deg)
    if found is None:
        return None
    frame = info.parent_frame if found.is_parent else info.child_frame
    return Verdict(False, other_frame_text(found, frame, info.metric))


def other_frame_text(found: CommonMotion, frame: str, is_metric: bool) -> str:
    """What to say of a motion that poses have in common."""
    why = (
        "was its body or map made anew, or does the model know the surroundings of an object that was moved?"
        if found.is_parent
        else "was the camera mounted anew, or are the poses of something else than the camera's optical frame?"
    )
    before, left = (_pair_text(pair, is_metric) for pair in (found.before, found.left))
    return (
        f"the data's {frame!r} is not the bundle's, though it has the name: one motion of it ({found.text(is_metric)}) "
        f"explains the errors, {before} in the median, all but {left}; {why}"
    )


def against_retrieval(result: Result) -> Verdict | None:
    """Whether the model beats looking up the training image that looks most alike; None where that was not tried."""
    rows = result.compared
    tried = {name: _medians(result.baselines[name], rows) for name in LOOKED_UP if name in result.baselines}
    if not tried or not rows.any():
        return None
    own, name = _medians(result.errors(), rows), min(tried, key=lambda each: tried[each][0])
    is_metric = result.info.metric
    both = f"{_pair_text(own, is_metric)} against {_pair_text(tried[name], is_metric)} of {name}, medians"
    lost = _lost(own, tried[name])
    if not lost:
        return _against_constant(result, own) or Verdict(
            True, f"it beats looking up the most similar training image: {both}"
        )
    return Verdict(
        False,
        f"it loses against looking up the most similar training image in {lost}: {both}; "
        "train on more images from more places, or add landmarks (reloc map)",
    )


def _against_constant(result: Result, own: tuple[float, float]) -> Verdict | None:
    """That its medians `own` are no better than those of one pose for all images; None where they are."""
    if UNSEEING not in result.baselines:
        return None
    constant = _medians(result.baselines[UNSEEING], result.compared)
    lost = _lost(own, constant)
    if not lost:
        return None
    both = f"{_pair_text(own, result.info.metric)} against {_pair_text(constant, result.info.metric)}, medians"
    return Verdict(
        False,
        f"it is no better in {lost} than one pose for all images: {both}; "
        "is the camera where the training images were taken from? train on more images from more places",
    )


def _lost(own: tuple[float, float], others: tuple[float, float]) -> str:
    """In which of position and orientation the medians `own` are no better, in words."""
    names = ("position", "orientation")
    return " and ".join(what for what, ours, theirs in zip(names, own, others) if ours >= theirs)


def promise_kept(result: Result, summary: dict[str, Any]) -> Verdict | None:
    """What share of images may be flown on, and how many of these broke the promise; None where states say nothing."""
    if "acceptance" not in summary:
        return None
    shares, info = summary["acceptance"], result.info
    limits = f"{length_text(info.ok_position_m, info.metric)} and {info.ok_orientation_deg:g} deg"
    if not shares["accepted"] > 0:
        why = info.never_ok or commonest_reason(result) or "no pose was certain enough"
        return Verdict(False, f"no pose is OK, so none may be flown on: {why}")
    accepted, count = (
        f"{100 * shares['accepted']:.0f} % of images are OK and may be flown on",
        int(result.accepted.sum()),
    )
    if count < LEAST_TELLING:
        accepted = f"{count} of {len(result)} images OK, too few to tell whether such may be flown on"
    reason = commonest_reason(result) if shares["accepted"] < FEW_OK else ""
    others = f"; others are not: {reason}" if reason else ""
    wrong = int(np.sum(result.compared & result.accepted & ~within_promise(result)))
    if wrong <= PROMISED_WRONG * count:
        return Verdict(True, f"{accepted}; {wrong} of these are beyond {limits}{others}")
    cure = "calibrate on more data (reloc calibrate)"
    return Verdict(False, f"{accepted}, but {wrong} of them are beyond {limits}: {cure}{others}")


def commonest_reason(result: Result) -> str:
    """What most images say whose pose is not OK, one in its own words and how many say so but for their numbers.

    "" where fewer than MANY_ALIKE of them say the same.
    """
    said = [str(reason) for reason in result.reasons[~result.accepted] if reason]
    kinds = [NUMBER.sub("#", reason) for reason in said]
    if not said:
        return ""
    kind, count = Counter(kinds).most_common(1)[0]
    if count < MANY_ALIKE * np.sum(~result.accepted):
        return ""
    return f"{said[kinds.index(kind)]} ({count} of {len(result)} images say so)"


def computer_kept_up(result: Result) -> Verdict | None:
    """Whether the live node looked at every image, or this computer was too slow for the camera."""
    info = result.info
    if info.kind != LIVE or not info.images:
        return None
    times = result.latency_s[np.isfinite(result.latency_s)]
    took = f"95 of 100 poses took up to {1e3 * np.percentile(times, 95):.0f} ms" if len(times) else "no pose came"
    if info.dropped <= MANY_DROPPED * info.images:
        return Verdict(True, f"this computer kept up with the camera: {info.dropped} of {info.images} images dropped")
    return Verdict(
        False,
        f"this computer was too slow, or busy with something else: {info.dropped} of {info.images} images dropped, "
        f"{took}; reloc benchmark says which camera rate it can do",
    )


def refined_enough(result: Result) -> Verdict | None:
    """Whether landmarks gave most poses of a live flight; None where the bundle has none, or for offline results."""
    refined = np.isin(result.stages, (Stage.REFINED, Stage.TRACKED))
    answered = result.compared
    if result.info.kind != LIVE or not refined.any() or np.mean(refined[answered]) >= FEW_REFINED:
        return None
    share = 100 * np.mean(refined[answered])
    return Verdict(
        False,
        f"landmarks gave only {share:.0f} % of the poses: this computer searches too slowly, "
        "or the map does not know the place well",
    )


def _medians(errors: PoseErrors, rows: np.ndarray) -> tuple[float, float]:
    return float(np.nanmedian(errors.position_m[rows])), float(np.nanmedian(errors.orientation_deg[rows]))


def _pair_text(pair: tuple[float, float], is_metric: bool) -> str:
    return f"{length_text(pair[0], is_metric)} and {pair[1]:.{2 if pair[1] < 1 else 1}f} deg"
