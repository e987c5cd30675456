# SPDX-License-Identifier: BSD-3-Clause
"""Fits how far errors reach beyond their covariances, by stage, to poses made as in flight whose truth is known."""

from __future__ import annotations

import itertools
import logging
import math
from dataclasses import dataclass, replace
from typing import Iterator, Sequence

import numpy as np
from scipy.stats import genpareto, rankdata

from camera_relocalization_ros.bundle.error_calibration import MAX_EVIDENCE, ErrorCalibration
from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.bundle.stage_calibration import (
    CONFIDENCE,
    MOST_WIDENED,
    STAGES,
    StageCalibration,
    stage_of,
)
from camera_relocalization_ros.core.chi_square import chi_square_quantile, squared_distance
from camera_relocalization_ros.core.pose import Pose, Poses, pose_residual
from camera_relocalization_ros.core.progress import tracked
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.agreement import Prior
from camera_relocalization_ros.localization.landmarks.gate import GateSettings
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline
from camera_relocalization_ros.uncertainty.landmark_error_fit import LEVEL, OUTLIER_M, OUTLIER_RAD

logger = logging.getLogger(__name__)

# of fewer poses of a stage nothing is known of one in a thousand
LEAST_SAMPLES = 500
# of that, so many are enough where others tell of them, too
LEAST_SHARE = 0.2
# Of which of STAGES poses are added where those of one are too few: two searches agree on all of them. Those by few
# landmarks err furthest, so others are measured without them where that can be done.
SHARED: dict[str, tuple[tuple[str, ...], ...]] = {
    "regression": (),
    "refined": (),
    "confirmed": (("tracked",), ("tracked", "tracked_few")),
    "tracked": (("confirmed",), ("confirmed", "tracked_few")),
    "tracked_few": (("tracked",), ("tracked", "confirmed")),
}
# the share of the errors, the largest, that the tail is fitted to
TAIL_SHARE = 0.05
# of that tail's distribution: next to 0, where it is exponential
LEAST_SHAPE = 1e-3
# times the largest ratio seen, the reach at most
MOST = 2.0
# of errors to standard deviations; none of a part that never errs
SMALLEST_RATIO = 1e-6
# so many times the evidence of the wrong pose that had most
EVIDENCE_MARGIN = 1.5
# shares of the poses, those of least evidence, without which the others' reach is tried; and how many times as many of
# all must be OK then
LEFT_OUT_SHARES, WORTH = np.linspace(0.1, 0.7, 7), 1.1
# shares of the default limits of OK that are tried as the floor of deviations; and standard deviations, no accident
FLOORS, UNLIKELY = (0.0, 0.025, 0.05, 0.1, 0.15), 2.0
# what is found in one of this number of images is followed, as in flight, where a search takes longer than an image
FOLLOWED = 2
# so long after its image a search's finds arrive and are tracked, in turn: from an idle computer to a very busy one
LATE_S = (0.0, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Regressions:
    """The regressed poses of all frames of a data set, one for each."""

    dataset: Dataset
    estimates: list[Estimate]


def with_stages(bundle: Bundle, calibration: ErrorCalibration, regressions: Sequence[Regressions]) -> ErrorCalibration:
    """The calibration, with the evidence that poses by landmarks need, and how far errors of those that have it reach,
    of each stage of which the data have LEAST_SAMPLES at least.
    """
    pairs = [
        pair
        for number, one in enumerate(regressions)
        for pair in _published(bundle, one.dataset, _calibrated(bundle, calibration, one), f"stages {number + 1}")
    ]
    metre = 1.0 if bundle.landmark_map is None else bundle.landmark_map.metre
    alone, confirmed = (
        asked_evidence([pair for pair in pairs if pair[0].is_confirmed is is_confirmed], metre)
        for is_confirmed in (False, True)
    )
    calibration = replace(calibration, least_evidence=alone, confirmed_evidence=confirmed)
    by_stage: dict[str, list[tuple[Estimate, Pose]]] = {name: [] for name in STAGES}
    for pair in pairs:
        stage, landmarks, is_confirmed = pair[0].stage, pair[0].landmarks, pair[0].is_confirmed
        if stage is Stage.REGRESSION or calibration.is_enough(pair[0].evidence, is_confirmed):
            by_stage[stage_of(stage, landmarks, is_confirmed)].append(pair)
    searched = STAGES[0] if bundle.landmark_map is None else STAGES[1]
    _warn_of_few(searched, len(by_stage[searched]), sum(len(one.estimates) for one in regressions))
    stages = {name: _stage_calibration(name, pairs, metre) for name, pairs in _enough(by_stage).items()}
    return replace(calibration, stages=stages)


def _enough(by_stage: dict[str, list[tuple[Estimate, Pose]]]) -> dict[str, list[tuple[Estimate, Pose]]]:
    """Of each of STAGES LEAST_SAMPLES poses at least to measure it by: with others, where it has too few itself.

    None of a stage of which there are next to none, or which others, of which there are enough, do not tell of.
    """
    found = {}
    for name, pairs in by_stage.items():
        pools = [pairs]
        if len(pairs) >= LEAST_SHARE * LEAST_SAMPLES:
            pools += [pairs + [pair for other in others for pair in by_stage[other]] for others in SHARED[name]]
        enough = next((pool for pool in pools if len(pool) >= LEAST_SAMPLES), None)
        if enough is not None:
            found[name] = enough
    return found


def asked_evidence(pairs: Sequence[tuple[Estimate, Pose]], metre: float) -> float:
    """Orders of magnitude that poses by landmarks are asked for, by some with their true poses: the least, or more.

    Errors of poses with little evidence often reach further than those of others, whose promise suffers by them. More
    is asked for where that makes more poses OK by the default limits, and enough are left to measure the reach.
    """
    least, limits = least_evidence(pairs, metre), OkLimits().in_units(metre)
    needed = least or -math.inf
    found = [pair for pair in pairs if pair[0].stage is not Stage.REGRESSION and pair[0].evidence >= needed]
    if len(found) < LEAST_SAMPLES:
        return least
    evidence = np.clip([estimate.evidence for estimate, _ in found], -MAX_EVIDENCE, MAX_EVIDENCE)
    errors_n2, deviations_n2 = _sizes(found)

    def ok(asked: float) -> int:
        enough = evidence >= asked
        return fitted_promise(errors_n2[enough], deviations_n2[enough], limits).ok(deviations_n2[enough], limits)

    tried = [asked for asked in np.quantile(evidence, LEFT_OUT_SHARES) if np.sum(evidence >= asked) >= LEAST_SAMPLES]
    best = max((asked for asked in tried if asked > least), key=ok, default=-math.inf)
    return float(best) if ok(best) > WORTH * ok(-math.inf) else least


def least_evidence(pairs: Sequence[tuple[Estimate, Pose]], metre: float) -> float:
    """Orders of magnitude that poses by landmarks need, by some with their true poses; 0 where no search was wrong.

    Wrong, not inaccurate: of another side of something symmetric, or one of things that repeat. Chance does not make
    such poses, so what is said of it does not rule them out, and no covariance reaches as far. Where only what was
    followed slipped off, evidence, which is the search's, does not tell: the reach does.
    """
    wrong = [
        estimate.evidence
        for estimate, truth in pairs
        if estimate.stage is Stage.REFINED and _is_wrong(pose_residual(estimate.pose, truth), metre)
    ]
    # with less than the gate asks for the regression agreed, which is no better where it is wrong
    return float(np.clip(EVIDENCE_MARGIN * max(wrong), GateSettings.alone, MAX_EVIDENCE)) if wrong else 0.0


def _is_wrong(error_6: np.ndarray, metre: float) -> bool:
    return bool(np.linalg.norm(error_6[:3]) > OUTLIER_M * metre or np.linalg.norm(error_6[3:]) > OUTLIER_RAD)


def _warn_of_few(stage: str, poses: int, images: int) -> None:
    """Tell what to do where the poses of the stage that all others follow are too few to be measured."""
    if poses >= LEAST_SAMPLES:
        return
    needed = f"about {math.ceil(images * LEAST_SAMPLES / poses / 100) * 100} images" if poses else "other images"
    logger.warning(
        "%d images gave %d poses by %s that can be OK; how far errors reach is measured on %d, and until then fewer "
        "are: calibrate on %s",
        images,
        poses,
        "landmarks" if stage == "refined" else "regression",
        LEAST_SAMPLES,
        needed,
    )


def reach(ratios_n: np.ndarray) -> float:
    """What CONFIDENCE of such ratios stay below, of errors to standard deviations.

    What the largest TAIL_SHARE exceed the others by has a generalised Pareto distribution (Pickands 1975), fitted by
    maximum likelihood, but no lighter a tail than an exponential one, which few samples cannot tell from a bounded one.
    Its quantile, and one standard error of that more; never less than was seen of one in 1 / (1 - CONFIDENCE), and no
    more than MOST of the largest seen: fitted to a handful of gross errors the tail has no end.
    """
    ascending = np.sort(ratios_n)
    count = _tail_count(len(ascending))
    threshold = ascending[-count - 1]
    excesses = ascending[-count:] - threshold
    rarer = count / len(ascending) / (1 - CONFIDENCE)
    shape, _, scale = genpareto.fit(excesses, floc=0.0)
    if shape < LEAST_SHAPE:
        shape, scale = LEAST_SHAPE, float(excesses.mean())
    beyond = scale * (rarer**shape - 1) / shape
    # by the shape, and by the scale's logarithm (Smith 1987)
    slopes = np.array([scale * rarer**shape * np.log(rarer) / shape - beyond / shape, beyond])
    covariance = (1 + shape) / count * np.array([[1 + shape, -1.0], [-1.0, 2.0]])
    unsure = float(np.sqrt(slopes @ covariance @ slopes))
    return float(np.clip(threshold + beyond + unsure, np.quantile(ascending, CONFIDENCE), MOST * ascending[-1]))


def joint_reach(ratios_n2: np.ndarray) -> tuple[float, float]:
    """What both ratios, of position and of orientation, stay below in CONFIDENCE of the poses; 1 or more each.

    Both errors are large in the same poses, so each is measured in what 1 - TAIL_SHARE of it stay below, and the
    larger of the two is looked at: two limits of half the doubt each would be further off.
    """
    usual = _usual(ratios_n2)
    position, orientation = np.maximum(reach((ratios_n2 / usual).max(axis=1)) * usual, 1.0).tolist()
    return position, orientation


def _usual(ratios_n2: np.ndarray) -> np.ndarray:
    """(2,): what all but TAIL_SHARE of either ratio stay below."""
    usual: np.ndarray = np.maximum(np.quantile(ratios_n2, 1 - TAIL_SHARE, axis=0), SMALLEST_RATIO)
    return usual


def _tail_count(count: int) -> int:
    return max(int(TAIL_SHARE * count), 10)


@dataclass(frozen=True)
class Promise:
    """What CONFIDENCE of errors stay below: `reach` deviations, after `floor` was added to these in squares."""

    reach: tuple[float, float]
    floor: tuple[float, float]

    def ok(self, deviations_n2: np.ndarray, limits: OkLimits) -> int:
        """How many poses of such deviations promise the limits."""
        promised_n2 = np.array(self.reach) * np.hypot(deviations_n2, self.floor)
        return int(np.sum((promised_n2 <= (limits.position_m, limits.orientation_rad)).all(axis=1)))


def fitted_promise(errors_n2: np.ndarray, deviations_n2: np.ndarray, limits: OkLimits) -> Promise:
    """Of errors (n, 2) of position and orientation and their deviations (n, 2).

    What a map errs by alike in all landmarks of a view no covariance of a pose by many of them shows. So errors that
    reach furthest are often those of the smallest deviations, and one reach for all is too long for the others. As long
    as that is so larger ones of FLOORS are tried, and that counts by which most poses are OK. Even larger ones promise
    too much of large deviations: there the reach of the half that has these counts, too, where it is longer, and a
    tenth more have to be OK.
    """
    limits_2 = np.array([limits.position_m, limits.orientation_rad])
    has_large = deviations_n2[:, 0] >= np.median(deviations_n2[:, 0])
    usual: list[Promise] = []
    larger: list[Promise] = []
    for share in FLOORS:
        position, orientation = (share * limits_2).tolist()
        ratios_n2 = errors_n2 / np.hypot(deviations_n2, share * limits_2)
        reach_2 = joint_reach(ratios_n2)
        if not larger:
            usual.append(Promise(reach_2, (position, orientation)))
        else:
            of_large_2 = joint_reach(ratios_n2[has_large])
            longer_2 = max(reach_2[0], of_large_2[0]), max(reach_2[1], of_large_2[1])
            larger.append(Promise(longer_2, (position, orientation)))
        if not larger and _rank_of_furthest(ratios_n2, deviations_n2[:, 0]) > -UNLIKELY:
            if has_large.sum() <= _tail_count(int(has_large.sum())):
                # a handful has no tail
                break
            larger = usual[-1:]
    best, other = (max(some, key=lambda one: one.ok(deviations_n2, limits)) for some in (usual, larger or usual))
    return other if other.ok(deviations_n2, limits) > WORTH * best.ok(deviations_n2, limits) else best


def _rank_of_furthest(ratios_n2: np.ndarray, deviations_n: np.ndarray) -> float:
    """Whether the TAIL_SHARE of poses with the largest ratios are those of small deviations: the mean of their ranks
    among all, beside that of as many drawn blindly, in its standard deviations; below 0 they are smaller (Wilcoxon).
    """
    jointly = (ratios_n2 / _usual(ratios_n2)).max(axis=1)
    count = _tail_count(len(jointly))
    ranks = (rankdata(deviations_n) - 0.5) / len(deviations_n)
    furthest = np.argsort(-jointly, kind="stable")[:count]
    return float((ranks[furthest].mean() - 0.5) * math.sqrt(12 * count))


def _sizes(pairs: Sequence[tuple[Estimate, Pose]]) -> tuple[np.ndarray, np.ndarray]:
    """Errors (n, 2) of position and orientation, and deviations (n, 2) along the longest axis."""
    errors_n6, covariances = _errors(pairs)
    parts = slice(0, 3), slice(3, 6)
    deviations = np.sqrt(np.stack([np.linalg.eigvalsh(covariances[:, s, s])[:, -1] for s in parts], axis=1))
    sizes = np.stack([np.linalg.norm(errors_n6[:, s], axis=1) for s in parts], axis=1)
    return sizes, deviations


def _errors(pairs: Sequence[tuple[Estimate, Pose]]) -> tuple[np.ndarray, np.ndarray]:
    """(n, 6), and covariances (n, 6, 6)."""
    estimates, truth = zip(*pairs)
    errors_n6 = pose_residual(Poses.stack(estimate.pose for estimate in estimates), Poses.stack(truth))
    return errors_n6, np.array([estimate.covariance for estimate in estimates])


def _stage_calibration(name: str, pairs: Sequence[tuple[Estimate, Pose]], metre: float) -> StageCalibration:
    errors_n2, deviations_n2 = _sizes(pairs)
    if name == STAGES[0]:
        # regressed poses err by far more than any floor, and their ellipsoids were made to hold their share already
        return StageCalibration(len(pairs), joint_reach(errors_n2 / deviations_n2))
    promise = fitted_promise(errors_n2, deviations_n2, OkLimits().in_units(metre))
    return StageCalibration(len(pairs), promise.reach, promise.floor, fitting_ellipsoids(pairs))


def fitting_ellipsoids(pairs: Sequence[tuple[Estimate, Pose]]) -> tuple[float, float]:
    """Times their standard deviations of position and orientation ellipsoids hold LEVEL of the true poses.

    Covariances are fitted to single searches of images that a map was made without. A mean of several searches, one
    carried from image to image, or one with little evidence errs by more or less for what it claims.
    """
    errors_n6, covariances = _errors(pairs)
    squares = [squared_distance(errors_n6[:, s], covariances[:, s, s]) for s in (slice(0, 3), slice(3, 6))]
    times = np.sqrt([np.quantile(square, LEVEL) / chi_square_quantile(LEVEL, 3) for square in squares])
    position, orientation = np.clip(times, 1 / MOST_WIDENED, MOST_WIDENED).tolist()
    return position, orientation


def _calibrated(bundle: Bundle, calibration: ErrorCalibration, regressions: Regressions) -> list[Estimate]:
    """The regressions as the calibration makes them: with its covariance, OK where nothing but that could be wrong."""
    found = []
    for estimate in regressions.estimates:
        is_whole = estimate.window_length == bundle.sidecar.window_length
        is_usual = calibration.score(estimate.indicators) >= calibration.degraded_below
        covariance = calibration.covariance(estimate.indicators, estimate.quat_xyzw)
        state = State.OK if is_whole and is_usual else State.DEGRADED
        found.append(replace(estimate, covariance=covariance, state=state))
    return found


def _published(
    bundle: Bundle, dataset: Dataset, regressions: list[Estimate], task: str
) -> Iterator[tuple[Estimate, Pose]]:
    """Poses that could be OK, as in flight, with the true ones: of a bundle without a map the regressed ones.

    Raises DatasetError where the intrinsics of some frames are known, and of one are not.
    """
    camera = dataset.typical_camera
    if bundle.landmark_map is None or camera is None:
        yield from ((e, frame.pose) for e, frame in zip(regressions, dataset.frames) if e.state is State.OK)
        return
    # of which one sees every image as the first of a flight
    pipeline, first = (LandmarkPipeline(bundle.landmark_map, camera) for _ in range(2))
    rows, late_s = iter(regressions), itertools.cycle(LATE_S)
    for sequence in tracked(dataset.sequences, task, "sequence", len(dataset.sequences)):
        pipeline.reset()
        pending, arrives_ns = None, 0
        for number, frame in enumerate(sequence.frames):
            regression = next(rows)
            if sequence.is_photographs:
                pipeline.reset()
            first.reset()
            for each in (pipeline, first):
                each.use_camera(dataset.known_camera_of(frame))
            grey = pipeline.grey(load_image_rgb(frame.image_path))
            if pending is not None and frame.stamp_ns >= arrives_ns:
                pipeline.take(pending)
                pending = None
            best = pipeline.track(grey, regression)
            if best.state is State.OK:
                yield best, frame.pose
            alone, prior = first.refine(grey, regression, Prior(regression)), pipeline.prior(best)
            refined = alone if prior.followed is None else pipeline.refine(grey, regression, prior)
            for searched in [alone] if refined is alone else [alone, refined]:
                if searched.decision.is_accepted:
                    yield searched.fused, frame.pose
            is_told = refined.decision.is_accepted or refined.decision.contests
            if is_told and pending is None and number % FOLLOWED == 0 and not sequence.is_photographs:
                pending, arrives_ns = refined, frame.stamp_ns + int(next(late_s) * 1e9)
