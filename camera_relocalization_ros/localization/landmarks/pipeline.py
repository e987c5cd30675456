# SPDX-License-Identifier: BSD-3-Clause
"""The stages behind the regression: landmarks found, tracked, and fused; one stream of images of one camera."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Callable

import numpy as np

from camera_relocalization_ros.bundle.landmark_map import LandmarkMap
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.agreement import (
    MOST_APART,
    Confirmation,
    Prior,
    apart,
    confirms,
    contest,
    has_a_say,
    is_near,
)
from camera_relocalization_ros.localization.landmarks.carried_regression import CarriedRegression
from camera_relocalization_ros.localization.landmarks.fusion import fuse, refined_alone, regression_alone
from camera_relocalization_ros.localization.landmarks.gate import GateDecision, GateSettings, RejectionReason, gate
from camera_relocalization_ros.localization.landmarks.intrinsics_watch import IntrinsicsWatch
from camera_relocalization_ros.localization.landmarks.jump_watch import JumpWatch
from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner
from camera_relocalization_ros.localization.landmarks.regression_errors import RegressionErrors
from camera_relocalization_ros.localization.landmarks.tracker import LandmarkTracker
from camera_relocalization_ros.localization.refinement import Refinement

NOT_YET = "no landmarks are followed"
# tracked landmarks whose pose tells where the others are in the image
LEAST_GUIDING = 8
# searches near what one search found alone, in a hurry, until the whole image is searched for what confirms it
MOST_GUIDED = 2
# of the processor's time of a search of a whole image: what a guided one takes, and what goes with the image's area
GUIDED_EFFORT, SCALED_EFFORT = 0.27, 0.5


@dataclass(frozen=True)
class RefinedImage:
    """A grey image, its regression, the pose that landmarks give, and whether the gate accepts it.

    is_addition: it is rejected as too little by itself, but was found where those landmarks let expect it that are
    tracked, and may join these. is_confirmed: what was tracked agrees with it. effort: what was searched, as a share of
    what a whole image in full size takes of the processor's time, about.
    clock_s, processor_s: seconds that it took, on the clock and of the processor's time of its thread; NaN where nobody
    measured them.
    """

    grey: np.ndarray
    regression: Estimate
    refinement: Refinement
    decision: GateDecision
    is_addition: bool = False
    is_confirmed: bool = False
    effort: float = 1.0
    clock_s: float = math.nan
    processor_s: float = math.nan

    @property
    def fused(self) -> Estimate:
        """The better of both poses."""
        return fuse(self.regression, self.refinement, self.decision, is_confirmed=self.is_confirmed)


@dataclass(frozen=True)
class StagedEstimate:
    """What each stage made of an image, what the gate decided, and what is published."""

    regression: Estimate
    refinement: Refinement
    decision: GateDecision
    fused: Estimate

    def at(self, stage: Stage) -> Estimate:
        """The estimate of REGRESSION, REFINED or FUSED by itself.

        REFINED has the pose that the gate refuses too, as DEGRADED; no numbers, and LOST, where landmarks gave none.
        """
        if stage is Stage.REFINED:
            return refined_alone(self.regression, self.refinement, self.decision)
        return {Stage.REGRESSION: self.regression, Stage.FUSED: self.fused}[stage]


def whole_image_effort(scale: float) -> float:
    """Of a search of a whole image of this scale, as a share of what one in full size takes of the processor's time."""
    return SCALED_EFFORT * scale**2 + 1 - SCALED_EFFORT


class LandmarkPipeline:
    """`track` is quick, for every image; `refine` takes longer, for every image or now and then.

    Both may run in threads of their own: but for the watch over intrinsics `refine` touches nothing that `track` uses.
    Who refined an image in which landmarks were found calls `take` with it, in the thread of `track`. between_steps:
    see PoseRefiner. tells_confirmed: whether more is promised of poses that two searches agree on, see Bundle;
    in a hurry no image is searched for it where not.
    """

    def __init__(
        self,
        landmark_map: LandmarkMap,
        camera: CameraIntrinsics,
        between_steps: Callable[[], None] | None = None,
        tells_confirmed: bool = True,
    ) -> None:
        self.refiner = PoseRefiner(landmark_map, camera, between_steps=between_steps)
        self._tells_confirmed = tells_confirmed
        self._tracker = LandmarkTracker(self.refiner)
        self._tracked: Refinement | None = None
        self._limits = GateSettings().in_units(landmark_map.metre)
        self._errors = RegressionErrors()
        self._carried = CarriedRegression()
        self._intrinsics_watch = IntrinsicsWatch(landmark_map.camera_reach)
        self._jumps = JumpWatch(landmark_map.metre)
        self._confirmation = Confirmation()
        # how many searches since the last one of a whole image, in the thread that searches
        self._guided_in_a_row = 0
        self._why_none = NOT_YET
        # of the search that found what is tracked
        self._evidence = 0.0

    def use_camera(self, camera: CameraIntrinsics) -> None:
        """The next images are of this camera; what was tracked with another one is forgotten."""
        refiner = self.refiner.for_camera(camera)
        if refiner is not self.refiner:
            self.refiner = refiner
            self._tracker = LandmarkTracker(refiner)
            self._forget_landmarks()

    def grey(self, image: np.ndarray) -> np.ndarray:
        """What the other methods take of an image (H, W, 3) or (H, W); raises FrameError for another camera's."""
        return self.refiner.extractor.grey(image)

    @property
    def is_tracking(self) -> bool:
        """Whether landmarks may be found again in the next image, and the network may not be needed there."""
        return self._tracker.is_tracking

    @property
    def landmarks_age_s(self) -> float:
        """How long before the newest tracked image its landmarks were found; NaN when none are tracked."""
        return self._tracker.age_s

    def reset(self) -> None:
        """Forget earlier images."""
        self._tracker.reset()
        self._errors.reset()
        self._guided_in_a_row = 0
        self._forget_landmarks()

    def _forget_landmarks(self) -> None:
        self._tracked, self._why_none = None, NOT_YET
        for watch in (self._carried, self._intrinsics_watch, self._jumps, self._confirmation):
            watch.reset()

    def miss(self, decode_grey: Callable[[], np.ndarray], stamp_ns: int) -> None:
        """Remember an image (H, W) that nobody has time for, in the order of stamps; decoded only if that helps."""
        self._tracker.miss(lambda: self.grey(decode_grey()), stamp_ns)

    def follow(self, grey: np.ndarray, stamp_ns: int) -> tuple[Estimate, Estimate] | None:
        """Track the landmarks of images before into this one; its regression and its best pose without the network.

        None where the network must look at it: then `judge` has its best pose.
        """
        tracked = self._follow(grey, stamp_ns)
        carried = self._carried.at(stamp_ns, tracked.pose) if tracked is not None and tracked.found else None
        if tracked is None or carried is None:
            return None
        best = self._fused(carried, tracked)
        return (carried, best) if best.stage is Stage.TRACKED else None

    def is_look_due(self, stamp_ns: int) -> bool:
        """Whether the network should look at an image whose pose is by landmarks, for those after it."""
        return self._carried.is_due(stamp_ns)

    def looked(self, regression: Estimate, tracked: Pose) -> None:
        """The network looked at an image whose pose by landmarks was `tracked`, maybe while others came."""
        self._carried.remember(regression, tracked)

    def judge(self, regression: Estimate) -> Estimate:
        """The best pose of the image that was followed last, by its regression."""
        tracked = self._tracked
        if tracked is None:
            return self._errors.applied(regression_alone(regression, self._why_none))
        best = self._with_errors_of_flight(regression, self._fused(regression, tracked))
        if best.stage is Stage.TRACKED:
            self.looked(regression, tracked.pose)
        return best

    def track(self, grey: np.ndarray, regression: Estimate) -> Estimate:
        """The best pose of an image by its regression and the landmarks of images before it."""
        self._follow(grey, regression.stamp_ns)
        return self.judge(regression)

    def _follow(self, grey: np.ndarray, stamp_ns: int) -> Refinement | None:
        tracked = self._tracker.track(grey, stamp_ns)
        if self._confirmation.gave_way(self._tracker.is_catching_up):
            self._jumps.reset()
        self._tracked = None if tracked is None else replace(tracked, evidence=self._evidence)
        if tracked is not None and tracked.found:
            jump = self._jumps.jump(stamp_ns, tracked)
            if jump:
                self._stop_tracking(jump)
        return self._tracked

    def _stop_tracking(self, reason: str) -> None:
        self._tracker.reset()
        self._jumps.reset()
        self._confirmation.reset()
        self._tracked, self._why_none = None, reason

    def _fused(self, regression: Estimate, tracked: Refinement) -> Estimate:
        decision = gate(regression, tracked, Stage.TRACKED, self._limits)
        if decision.is_accepted:
            decision = self._denied(tracked) or decision
        confirmation = self._confirmation
        fused = fuse(regression, tracked, decision, Stage.TRACKED, confirmation.is_confirmed)
        return _doubted(fused, confirmation.doubt) if confirmation.doubt else fused

    def _with_errors_of_flight(self, regression: Estimate, best: Estimate) -> Estimate:
        """The best pose; a regressed one with the covariance that poses by landmarks showed to be right."""
        if best.stage is Stage.REGRESSION:
            return self._errors.applied(best)
        self._errors.add(regression, best.pose)
        return best

    def prior(self, best: Estimate) -> Prior:
        """What is known of the image tracked last, of which `best` is the best pose."""
        tracked = self._tracked
        is_guiding = tracked is not None and tracked.found and len(tracked.landmarks) >= LEAST_GUIDING
        return Prior(best, tracked if is_guiding else None)

    @property
    def is_catching_up(self) -> bool:
        """Whether what was found in an earlier image is still on its way to the newest one."""
        return self._tracker.is_catching_up

    def refine(
        self,
        grey: np.ndarray,
        regression: Estimate,
        prior: Prior,
        scale: float = 1.0,
        is_hurried: bool = False,
    ) -> RefinedImage:
        """What the landmarks of an image with its regression say, searched for near `prior`.

        Where landmarks are tracked that two searches agree on, they are looked for where their pose expects them. All
        are searched for, near the regressed pose and in the image brought to a scale, where none are, or where that
        finds too few or does not confirm them; these will do where that of all finds nothing. is_hurried: there is no
        time for it where anything is tracked, but once in three searches until two agree, where that counts.
        """
        effort, instead = 0.0, None
        is_in_doubt = bool(self._confirmation.doubt) or self._intrinsics_watch.is_alarmed
        is_certain = prior.followed is not None and self._limits.is_certain(prior.followed.best.covariance)
        is_time_to_confirm = self._tells_confirmed and is_certain and self._guided_in_a_row >= MOST_GUIDED
        is_trusted = self._confirmation.is_confirmed or (is_hurried and not is_time_to_confirm)
        self._guided_in_a_row += 1
        if prior.followed is not None and is_trusted and not is_in_doubt:
            guided = self._guided(grey, regression, prior.followed)
            effort, instead = GUIDED_EFFORT, self._instead(guided, prior)
            is_enough = guided.decision.is_accepted and (guided.is_confirmed or is_hurried)
            if is_enough or (instead is not None and is_hurried):
                return instead or guided
        self._guided_in_a_row = 0
        effort += whole_image_effort(scale)
        found = self.refiner.refine_grey(grey, regression.pose, scale)
        refined = self._gated(grey, regression, found, effort, has_a_say(prior.followed))
        if refined.decision.is_accepted:
            return self._compared(refined, prior.followed)
        if instead is None or refined.decision.denies_camera:
            return refined
        return replace(instead, effort=effort)

    def _guided(self, grey: np.ndarray, regression: Estimate, followed: Refinement) -> RefinedImage:
        guided = self._gated(grey, regression, self.refiner.refine_guided(grey, followed.pose), GUIDED_EFFORT)
        if not guided.decision.is_accepted:
            return guided
        is_confirmed = self._confirms(guided.refinement, followed)
        return replace(guided, refinement=_averaged(guided.refinement, followed), is_confirmed=is_confirmed)

    def _confirms(self, guided: Refinement, followed: Refinement) -> bool:
        # near what one search found alone another proves nothing
        return self._confirmation.is_confirmed and confirms(guided, followed, self._limits)

    def _instead(self, guided: RefinedImage, prior: Prior) -> RefinedImage | None:
        """What a guided search found that will do where one of the whole image finds nothing; None where it is no use.

        What is near a certain pose stands by itself. Too little joins what is tracked, or does so, too, where it
        confirms that, or that has no pose to publish, if chance is ruled out by what landmarks look like, and nothing
        speaks against the camera.
        """
        by_looks, followed = guided.refinement.by_looks, prior.followed
        if guided.decision.is_accepted:
            return guided if followed and is_near(guided.refinement, followed, self._limits) else None
        if not guided.is_addition or by_looks is None or followed is None:
            return guided if guided.is_addition else None
        decision = gate(guided.regression, by_looks, settings=self._limits)
        is_confirmed = self._confirms(by_looks, followed)
        is_needed = is_confirmed or prior.best.stage is not Stage.TRACKED
        changes = self.refiner.camera_changes(by_looks)
        if not (decision.is_accepted and is_needed) or self._intrinsics_watch.is_in_doubt(*changes):
            return guided
        found = _averaged(by_looks, followed) if is_confirmed else by_looks
        return replace(guided, refinement=found, decision=decision, is_addition=False, is_confirmed=is_confirmed)

    def _compared(self, refined: RefinedImage, followed: Refinement | None) -> RefinedImage:
        """A search of the whole image that the gate accepted, beside what followed landmarks say of that image.

        One that these contradict is refused, and they are in doubt. A second one goes before them.
        """
        if followed is None or not has_a_say(followed):
            return refined
        if apart(refined.refinement, followed) <= MOST_APART:
            is_confirmed = confirms(refined.refinement, followed, self._limits)
            return replace(refined, refinement=_averaged(refined.refinement, followed), is_confirmed=is_confirmed)
        if self._confirmation.doubt:
            return refined
        said = contest(refined.refinement, followed, self._limits.unit)
        return replace(refined, decision=GateDecision(RejectionReason.DISAGREES, said, contests=True))

    def _gated(
        self, grey: np.ndarray, regression: Estimate, found: Refinement, effort: float, is_followed: bool = True
    ) -> RefinedImage:
        decision = gate(regression, found, settings=self._limits)
        if decision.is_accepted:
            decision = self._denied(found, is_followed) or decision
        is_weak = decision.reason in (RejectionReason.FEW, RejectionReason.UNCERTAIN)
        is_addition = found.is_guided and found.found and is_weak
        return RefinedImage(grey, regression, found, decision, is_addition, effort=effort)

    def _denied(self, found: Refinement, is_followed: bool = True) -> GateDecision | None:
        """Why a pose that the gate accepted is refused: its landmarks say that the picture is another camera's.

        is_followed: other landmarks were followed into the picture, and would have told where a camera became another.
        """
        watch = self._intrinsics_watch
        if not is_followed:
            watch.lost_sight()
        denied = partial(self.refiner.denied_changes, found) if len(found.around) else None
        complaint = watch.complaint(*self.refiner.camera_changes(found, watch.is_settled), denied)
        return GateDecision(RejectionReason.DISAGREES, complaint, denies_camera=True) if complaint else None

    def take(self, refined: RefinedImage) -> None:
        """Track the landmarks of a refined image from now on, beside others where it is an addition.

        Where its picture is not one by the camera's intrinsics, what is tracked is not believed either until one is.
        """
        if refined.decision.is_accepted:
            self.start_tracking(refined)
        elif refined.is_addition:
            self._tracker.add(refined.grey, refined.regression.stamp_ns, refined.refinement)
        elif refined.decision.contests:
            self._confirmation.doubt = refined.decision.description

    def start_tracking(self, refined: RefinedImage) -> None:
        """Track the landmarks of a refined image that the gate accepted from now on."""
        self._confirmation.found(refined.is_confirmed)
        self._why_none = NOT_YET
        self._evidence = refined.refinement.evidence
        self._tracker.start(refined.grey, refined.regression.stamp_ns, refined.refinement)

    def estimate(self, image: np.ndarray, regression: Estimate) -> StagedEstimate:
        """All stages of an image (H, W, 3) or (H, W) uint8, one after the other; raises FrameError.

        Landmarks that are found are tracked from this image on.
        """
        grey = self.grey(image)
        tracked = self.track(grey, regression)
        # what was tracked is nearer to the truth than what was regressed
        refined = self.refine(grey, regression, self.prior(tracked))
        self.take(refined)
        is_tracked = tracked.stage is Stage.TRACKED and not refined.decision.denies_camera
        if not refined.decision.is_accepted and is_tracked:
            fused = _doubted(tracked, refined.decision.description) if refined.decision.contests else tracked
        else:
            # of an image whose landmarks were tracked the regression was looked at already
            fused = refined.fused if is_tracked else self._with_errors_of_flight(regression, refined.fused)
        return StagedEstimate(regression, refined.refinement, refined.decision, fused)


def _averaged(found: Refinement, followed: Refinement) -> Refinement:
    """A search's find with the mean of this search and of those that found what is followed, where they agree."""
    if apart(found, followed) > MOST_APART:
        return found
    return replace(found, mean=followed.best.with_search(found.pose, found.covariance))


def _doubted(best: Estimate, doubt: str) -> Estimate:
    """A pose by tracked landmarks that a search contests; any other as it is."""
    return replace(best, state=State.DEGRADED, reason=doubt) if best.stage is Stage.TRACKED else best
