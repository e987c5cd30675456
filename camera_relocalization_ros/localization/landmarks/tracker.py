# SPDX-License-Identifier: BSD-3-Clause
"""Landmarks of searched images tracked through the next ones (Lucas & Kanade 1981), and the poses that they give.

A search ends some images after the one it looked at. What it found is then tracked through all images that came
meanwhile, for a single step over all of them is long: too long for the flow, and for the pose to start from.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import Callable

import numpy as np

from camera_relocalization_ros.bundle.stage_calibration import FEW_LANDMARKS
from camera_relocalization_ros.core.errors import FrameError
from camera_relocalization_ros.core.geometry import invert, part_of_motion
from camera_relocalization_ros.localization.landmarks.agreement import MOST_APART
from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner
from camera_relocalization_ros.localization.mean_pose import MeanPose
from camera_relocalization_ros.localization.refinement import Refinement, nothing_found
from camera_relocalization_ros.vision.flow import Flow
from camera_relocalization_ros.vision.pnp import PerspectivePose, approach_pose, project, refine_pose

# Of many landmarks that several searches found, each too few to stand by itself, the pose may be surer than the mean of
# searches that is carried on. As often as it is taken for that it is less sure than it says: by so much in variance.
ALONE = 2.0
# By so much of itself the variance of the way from the search on is more for each second since: what slid to one place
# looks right there, and is followed on. Likeliest are 0 to 3, by world; docs/refinement.md.
SLIDES_PER_S = 1.0


@dataclass(frozen=True)
class TrackingSettings:
    """flow, to where landmarks are when nothing tells where to expect them, and guided_flow, when something does, with
    good_share of which nothing else is tried; drift_px of where landmarks seem to be a second after they were found;
    tolerance_px of what agrees with a pose.

    A landmark is tracked for longest_s after the image in which it was found, over no gap above longest_gap_s. Images
    are kept for searches that end later, step_s apart or more, missed ones missed_step_s; of these a find goes through
    catch_up for each new one. Gaps above long_step_s are crossed by way of missed images.
    Where a find has fewer landmarks than `enough`, those join it that were tracked before, if one pose agrees with more
    than least_joined of each; else both are not of one truth.
    """

    flow: Flow = Flow(window_px=9, levels=4, return_px=1.0)
    guided_flow: Flow = Flow(window_px=9, levels=1, return_px=1.0)
    good_share: float = 0.7
    drift_px: float = 0.214
    tolerance_px: float = 5.0
    longest_s: float = 5.0
    longest_gap_s: float = 0.5
    step_s: float = 0.08
    missed_step_s: float = 0.25
    long_step_s: float = 0.3
    catch_up: int = 10
    enough: int = 60
    least_joined: float = 0.7


@dataclass(frozen=True)
class LensMotion:
    """How the lens moved in so many seconds: T_before_after (4, 4)."""

    T_before_after: np.ndarray
    seconds: float

    def carried(self, T_parent_lens: np.ndarray, seconds: float) -> np.ndarray:
        """T_parent_lens (4, 4) so many seconds later, if it moves on as it did."""
        T_parent_after: np.ndarray = T_parent_lens @ part_of_motion(self.T_before_after, seconds / self.seconds)
        return T_parent_after


@dataclass(frozen=True)
class Shown:
    """A grey image, its stamp, and how the lens moved to it, where that is known."""

    grey: np.ndarray
    stamp_ns: int
    motion: LensMotion | None = None


@dataclass(frozen=True)
class Missed:
    """An image that nobody had time for, to be decoded where it is needed, which may raise FrameError; its stamp."""

    decode: Callable[[], np.ndarray]
    stamp_ns: int


@dataclass(frozen=True)
class Track:
    """Landmarks (n,) at pixels (n, 2) of an image by the lens at T_parent_lens.

    found_ns (n,): stamps of the images in which they were found. mean: the pose by all searches in a row, the last of
    them at searched_ns. is_addition: they may only join others, being too few to be tracked by themselves.
    """

    image: Shown
    landmarks: np.ndarray
    pixels: np.ndarray
    T_parent_lens: np.ndarray
    found_ns: np.ndarray
    mean: MeanPose
    searched_ns: int
    is_addition: bool = False

    def select(self, rows: np.ndarray) -> Track:
        """The landmarks at a mask or at indices."""
        return replace(self, **{name: getattr(self, name)[rows] for name in ("landmarks", "pixels", "found_ns")})

    def with_others(self, other: Track) -> Track:
        """With the landmarks of another track of the same image that this one lacks."""
        others = other.select(~np.isin(other.landmarks, self.landmarks))
        names = ("landmarks", "pixels", "found_ns")
        return replace(self, **{name: np.concatenate([getattr(self, name), getattr(others, name)]) for name in names})


@dataclass(frozen=True)
class Followed:
    """Landmarks of a track in a later image: the rows (m,) of those that the flow found, their pixels (m, 2), and the
    pose of the lens that these give; `share` of those that it expects in the image agree with it.
    """

    rows: np.ndarray
    pixels: np.ndarray
    pose: PerspectivePose | None
    share: float

    @property
    def agreeing(self) -> int:
        """How many agree with the pose."""
        return 0 if self.pose is None else len(self.pose.inliers)


class LandmarkTracker:
    """Tracks what searches found of one stream's images; these may be skipped, but not go back in time."""

    def __init__(self, refiner: PoseRefiner, settings: TrackingSettings = TrackingSettings()) -> None:
        self._refiner = refiner
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """Track nothing, and forget earlier images."""
        self._track: Track | None = None
        # what was found in an earlier image, on its way to the newest one
        self._late: Track | None = None
        self._newest: Shown | None = None
        self._kept: deque[Shown | Missed] = deque()

    @property
    def age_s(self) -> float:
        """How long before the newest image its landmarks were found, the median of them; NaN when it has none."""
        if self._track is None or not len(self._track.landmarks):
            return math.nan
        return float(self._track.image.stamp_ns - np.median(self._track.found_ns)) * 1e-9

    @property
    def is_tracking(self) -> bool:
        """Whether there is something to be found again in the next image."""
        return self._track is not None

    @property
    def is_catching_up(self) -> bool:
        """Whether what was found in an earlier image is still on its way to the newest one."""
        return self._late is not None

    def start(self, grey: np.ndarray, stamp_ns: int, refinement: Refinement) -> None:
        """Track the landmarks that were found in an image, the newest one or one before."""
        self._start(grey, stamp_ns, refinement, is_addition=False)

    def add(self, grey: np.ndarray, stamp_ns: int, refinement: Refinement) -> None:
        """As `start`, of landmarks that join those that are tracked, or are dropped where these are gone."""
        self._start(grey, stamp_ns, refinement, is_addition=True)

    def _start(self, grey: np.ndarray, stamp_ns: int, refinement: Refinement, is_addition: bool) -> None:
        count = len(refinement.landmarks)
        self._late = Track(
            image=self._known(stamp_ns) or Shown(grey, stamp_ns),
            landmarks=refinement.landmarks,
            pixels=refinement.pixels,
            T_parent_lens=self._refiner.lens_pose(refinement.pose),
            found_ns=np.full(count, stamp_ns),
            mean=refinement.best,
            searched_ns=stamp_ns,
            is_addition=is_addition,
        )
        if self._newest is None or not self._ahead():
            self._newest = self._late.image
            self._take_over()

    def track(self, grey: np.ndarray, stamp_ns: int) -> Refinement | None:
        """The pose by the landmarks that are found again in the next image; None when none are tracked."""
        if self._newest is not None and stamp_ns <= self._newest.stamp_ns:
            self.reset()
        self._catch_up()
        refinement = None
        self._cross_gap(stamp_ns)
        self._newest = Shown(grey, stamp_ns)
        if self._track is not None:
            self._track, refinement = self._step(self._track, self._newest)
        if self._track is not None:
            self._newest = self._track.image
        self._keep(self._newest, self._settings.step_s)
        return refinement

    def miss(self, decode: Callable[[], np.ndarray], stamp_ns: int) -> None:
        """Keep an image that is not tracked into, in the order of stamps, for what a search may yet find before it."""
        if self._newest is not None and stamp_ns > self._newest.stamp_ns:
            self._keep(Missed(decode, stamp_ns), self._settings.missed_step_s)

    def _known(self, stamp_ns: int) -> Shown | None:
        """The image of a stamp, where it is remembered, with how the lens moved to it."""
        images = [image for image in (self._newest, *self._kept) if isinstance(image, Shown)]
        return next((image for image in images if image.stamp_ns == stamp_ns), None)

    def _keep(self, image: Shown | Missed, step_s: float) -> None:
        if not self._kept or image.stamp_ns - self._kept[-1].stamp_ns >= step_s * 1e9:
            self._kept.append(image)
        while self._kept and image.stamp_ns - self._kept[0].stamp_ns > self._settings.longest_s * 1e9:
            self._kept.popleft()

    def _catch_up(self) -> None:
        """Bring what was found later nearer to the newest image, which costs as much as tracking through some."""
        for image in self._ahead()[: self._settings.catch_up]:
            self._late = self._moved(self._late, image)
        if not self._ahead():
            self._take_over()

    def _cross_gap(self, stamp_ns: int) -> None:
        """Bring what is tracked nearer to an image that comes long after the one before, by way of missed ones."""
        if self._newest is None or stamp_ns - self._newest.stamp_ns <= self._settings.long_step_s * 1e9:
            return
        for image in [image for image in self._kept if self._newest.stamp_ns < image.stamp_ns < stamp_ns]:
            self._track = self._moved(self._track, image)

    def _moved(self, track: Track | None, image: Shown | Missed) -> Track | None:
        """A track in a later image; where it is if that does not decode."""
        if isinstance(image, Missed):
            try:
                image = Shown(image.decode(), image.stamp_ns)
            except FrameError:
                return track
        return track and self._step(track, image)[0]

    def _ahead(self) -> list[Shown | Missed]:
        """The images, oldest first, that what was found later has yet to be tracked through, the newest one last."""
        if self._late is None or self._newest is None:
            return []
        after_ns, until_ns = self._late.image.stamp_ns, self._newest.stamp_ns
        kept = [image for image in self._kept if after_ns < image.stamp_ns < until_ns]
        return [*kept, self._newest] if after_ns < until_ns else kept

    def _take_over(self) -> None:
        """Where what was found later has reached the newest image it joins what is tracked, or takes its place."""
        if self._late is None:
            return
        late, self._late = self._late, None
        is_few = late.is_addition or len(late.landmarks) < self._settings.enough
        both = self._joined(self._track, late) if is_few and self._track is not None else None
        if both is not None:
            self._track = both
        elif not late.is_addition:
            self._track = late

    def _joined(self, track: Track, late: Track) -> Track | None:
        """What was found later and a track that this has reached, where one pose has most of each; else None."""
        if track.image.stamp_ns != late.image.stamp_ns:
            return None
        # what replaces a track was compared with it where it was found, an addition was not
        mean = track.mean.with_search(late.mean.pose, late.mean.covariance) if late.is_addition else late.mean
        searched_ns = track.image.stamp_ns if late.is_addition else late.searched_ns
        both = replace(late.with_others(track), mean=mean, searched_ns=searched_ns, is_addition=False)
        extractor = self._refiner.extractor
        points, rays = self._refiner.points[both.landmarks], self._refiner.true_rays(extractor.rays(both.pixels))
        pose = refine_pose(points, rays, track.T_parent_lens, self._settings.tolerance_px / extractor.focal_px)
        if pose is None:
            return None
        agrees = np.isin(np.arange(len(points)), pose.inliers)
        parts = agrees[: len(late.landmarks)], agrees[len(late.landmarks) :]
        is_one = all(np.mean(part) > self._settings.least_joined for part in parts if len(part))
        return replace(both.select(agrees), T_parent_lens=pose.T_parent_camera) if is_one else None

    def _step(self, track: Track, image: Shown) -> tuple[Track | None, Refinement | None]:
        """A track in a later image, and the pose there; without one where that gives none."""
        gap_s = (image.stamp_ns - track.image.stamp_ns) * 1e-9
        track = track.select(image.stamp_ns - track.found_ns <= self._settings.longest_s * 1e9)
        if not len(track.landmarks) or not 0 < gap_s <= self._settings.longest_gap_s:
            return None, None
        followed = self._followed(track, image, gap_s)
        pose = followed.pose
        if pose is None:
            return None, nothing_found(len(followed.rows))
        seen = track.select(followed.rows)
        before, T_before_after = seen.select(pose.inliers), invert(track.T_parent_lens) @ pose.T_parent_camera
        found = replace(
            before,
            image=replace(image, motion=LensMotion(T_before_after, gap_s)),
            pixels=followed.pixels[pose.inliers],
            T_parent_lens=pose.T_parent_camera,
        )
        drift_px = self._drift_px(float(np.mean(image.stamp_ns - found.found_ns)) * 1e-9)
        focal_px = self._refiner.extractor.focal_px
        of_pixel = pose.covariance / (focal_px * max(pose.noise, 1e-6)) ** 2
        pose = replace(pose, covariance=pose.covariance + drift_px**2 * of_pixel)
        refinement = self._refiner.refinement_from(pose, seen.landmarks, followed.pixels)
        alone, mean = (
            MeanPose.of(refinement.pose, ALONE * refinement.covariance),
            self._carried(before, found, of_pixel),
        )
        is_many = len(found.landmarks) >= FEW_LANDMARKS
        if mean is None or _is_contradicted(mean, refinement) or (is_many and alone.is_surer_than(mean)):
            found, mean = replace(found, searched_ns=image.stamp_ns), alone
        return replace(found, mean=mean), replace(refinement, share=followed.share, drift_px=drift_px, mean=mean)

    def _drift_px(self, age_s: float) -> float:
        """How far landmarks may have slipped, all alike, so long after they were found.

        Independent of the noise that the residuals show, it grows with time, through few images or many: what a
        landmark looks like changes with the view, most of it soon.
        """
        return float(age_s**0.25 * self._settings.drift_px)

    def _carried(self, before: Track, now: Track, of_pixel: np.ndarray) -> MeanPose | None:
        """The mean of searches in a later image, by how the same landmarks moved from one to the other; None where that
        does not tell.

        Each is taken to lie on the ray along which it was seen before, for what the map errs by is the same in both.
        of_pixel (6, 6): covariance of a pose by landmarks that are a pixel off.
        """
        extractor, points = self._refiner.extractor, self._refiner.points[before.landmarks]
        rays_before, rays_now = (self._refiner.true_rays(extractor.rays(t.pixels)) for t in (before, now))
        T_before, depth = self._refiner.lens_pose(before.mean.pose), project(points, before.T_parent_lens)[1]
        seen = np.column_stack([rays_before, np.ones(len(depth))]) * depth[:, None]
        seen = seen @ T_before[:3, :3].T + T_before[:3, 3]
        start = T_before @ invert(before.T_parent_lens) @ now.T_parent_lens
        motion = refine_pose(seen, rays_now, start, self._settings.tolerance_px / extractor.focal_px)
        if motion is None:
            return None
        passed_s, since_s = (1e-9 * (now.image.stamp_ns - then) for then in (before.image.stamp_ns, before.searched_ns))
        # landmarks do not drift independently of one another, either
        scale = self._drift_px(since_s) * np.repeat(self._refiner.landmark_map.deviation[[0, 2]], 3)
        slip = self._refiner.child_covariance(motion.covariance + scale[:, None] * of_pixel * scale)
        slip *= 1 + SLIDES_PER_S * since_s
        return before.mean.moved(self._refiner.child_pose(motion.T_parent_camera), slip, passed_s)

    def _followed(self, track: Track, image: Shown, gap_s: float) -> Followed:
        """The landmarks of a track in a later image: where the lens' motion lets expect them, if it is known.

        Where that has too few of them, where they were; and then where the pose expects them that these give.
        """
        flow, guided = self._settings.flow, self._settings.guided_flow
        motion, best = image.motion or track.image.motion, None
        if motion is not None:
            best = self._flowed(track, image, guided, motion.carried(track.T_parent_lens, gap_s))
            if best.share >= self._settings.good_share:
                return best
        best = _more(best, self._flowed(track, image, flow, track.T_parent_lens))
        return best if best.pose is None else _more(best, self._flowed(track, image, guided, best.pose.T_parent_camera))

    def _flowed(self, track: Track, image: Shown, flow: Flow, T_parent_lens: np.ndarray) -> Followed:
        """The landmarks of a track in a later image, looked for where a pose of the lens there lets expect them."""
        extractor, points = self._refiner.extractor, self._refiner.points[track.landmarks]
        moved = self._pixels(points, T_parent_lens)[0] - self._pixels(points, track.T_parent_lens)[0]
        expected = track.pixels + np.where(np.isfinite(moved), moved, 0.0)
        pixels, is_found = flow.follow(track.image.grey, image.grey, track.pixels, expected)
        rays = extractor.rays(pixels)
        is_found &= np.isfinite(rays).all(axis=1)
        rows, tolerance = np.flatnonzero(is_found), self._settings.tolerance_px / extractor.focal_px
        rays = self._refiner.true_rays(rays[rows])
        start = approach_pose(points[rows], rays, T_parent_lens, tolerance)
        pose = refine_pose(points[rows], rays, start, tolerance) if len(rows) else None
        share = 0.0 if pose is None else len(pose.inliers) / max(self._expected(points, pose.T_parent_camera), 1)
        return Followed(rows, pixels[rows], pose, share)

    def _pixels(self, points: np.ndarray, T_parent_lens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where points (n, 3) appear in the image (n, 2), and their depth (n,)."""
        rays, depth = project(points, T_parent_lens)
        return self._refiner.extractor.pixels(rays), depth

    def _expected(self, points: np.ndarray, T_parent_lens: np.ndarray) -> int:
        """How many of the points (n, 3) a pose of the lens expects in the image."""
        pixels, depth = self._pixels(points, T_parent_lens)
        margin = self._settings.flow.window_px / 2
        inside = (pixels > margin) & (pixels < np.array(self._refiner.extractor.size) - margin)
        return int(((depth > 0) & inside.all(axis=1)).sum())


def _more(one: Followed | None, other: Followed) -> Followed:
    """Of two ways to follow the same landmarks, that by which more agree with a pose."""
    return one if one is not None and one.agreeing > other.agreeing else other


def _is_contradicted(mean: MeanPose, refinement: Refinement) -> bool:
    """Whether what is followed now says another pose than the mean of searches, so that one of these was wrong."""
    return mean.apart(refinement.pose, refinement.covariance) > MOST_APART
