# SPDX-License-Identifier: BSD-3-Clause
"""A pose made better by the landmarks of a map: what the image shows of them, matched and put through PnP."""

from __future__ import annotations

import copy
import math
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from typing import Callable, Iterator

import numpy as np

from camera_relocalization_ros.bundle.landmark_map import LandmarkMap
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.localization.landmarks.evidence import RIVAL, evidence, guided_evidence
from camera_relocalization_ros.localization.landmarks.landmark_matcher import LandmarkMatcher
from camera_relocalization_ros.localization.landmarks.landmark_spread import spreads_of_seldom_seen
from camera_relocalization_ros.localization.landmarks.nearest_images import NearestImages
from camera_relocalization_ros.localization.landmarks.refinement_settings import DEFAULT_SETTINGS, RefinementSettings
from camera_relocalization_ros.localization.refinement import Refinement, better, nothing_found
from camera_relocalization_ros.vision.camera_fit import fitted_cameras, gains_by_changes
from camera_relocalization_ros.vision.local_features import FeatureExtractor, LocalFeatures, densest_window
from camera_relocalization_ros.vision.pnp import (
    PerspectivePose,
    camera_changes,
    nearest_minimum,
    project,
    ransac_pose,
    refine_pose,
    reprojection_errors,
    truncated_error,
)

# times the evidence: of a symmetric object both a picture and its mirror image have much
MORE = 2.0
# what landmarks near each other err by alike, which no spread of theirs shows
ALIKE_PX = 0.3
# so many more points must agree with another camera, and half as many as with the likeliest: 4 of 244 right pictures
# have such a one that is certain enough to be believed
LEAST_GAIN = 1.0
# so many where the camera is known: none of 994 right pictures has such a one
SURE_GAIN = 3.0
# so many fewer rule another camera out: by the right one 99 of 106 pictures of other cameras lost less, and by wrong
# ones pictures as recorded did so in 13 of 468 trials
LEAST_LOSS = 1.0


class Stopwatch:
    """What stages take, each time: seconds in `laps`."""

    def __init__(self) -> None:
        self.laps: defaultdict[str, list[float]] = defaultdict(list)

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Take the seconds until the block ends."""
        started = time.perf_counter()
        yield
        self.laps[stage].append(time.perf_counter() - started)


class PoseRefiner:
    """Refines poses of images of one camera with one map; keeps nothing between images.

    Inside, and in its `points`, positions are from the map's origin on, in its metres; poses that come and go are in
    the parent frame and its units, covariances too.

    between_steps is called where a refinement can give way to something else, and may wait.
    Raises ConfigError when OpenCV is too old.
    """

    def __init__(
        self,
        landmark_map: LandmarkMap,
        camera: CameraIntrinsics,
        settings: RefinementSettings = DEFAULT_SETTINGS,
        between_steps: Callable[[], None] | None = None,
    ) -> None:
        self.landmark_map = landmark_map
        self.extractor = FeatureExtractor(camera, landmark_map.feature_settings)
        self.points = landmark_map.points.astype(np.float64)
        self._settings = settings.for_features(landmark_map.feature_settings.limit)
        self._between_steps = between_steps
        self._matcher = LandmarkMatcher(self.points, landmark_map.decoded(), self._settings)
        self._spreads = spreads_of_seldom_seen(landmark_map)
        # an image without landmarks is none to be near to
        self._images = np.flatnonzero(np.diff(landmark_map.seen_first))
        self._anywhere = landmark_map.most_seen(settings.landmarks_anywhere)
        self._nearest = NearestImages(landmark_map.lens_poses()[self._images])
        self._correction = landmark_map.camera_correction
        self._T_child_lens = self._correction.T_child_lens

    def for_camera(self, camera: CameraIntrinsics) -> PoseRefiner:
        """The same for images of another camera, with the same map in memory; itself where it is the same."""
        extractor = self.extractor.for_camera(camera)
        if extractor is self.extractor:
            return self
        other = copy.copy(self)
        other.extractor = extractor
        return other

    def refine(self, image_rgb: np.ndarray, prior: Pose) -> Refinement:
        """The pose of an image (H, W, 3) near the prior; raises FrameError when the image is of another camera."""
        return self.refine_grey(self.extractor.grey(image_rgb), prior)

    def refine_grey(self, grey: np.ndarray, prior: Pose, scale: float = 1.0) -> Refinement:
        """As `refine`, of an image of the extractor's `grey`, brought to a scale first: a smaller one costs less."""
        started = time.perf_counter()
        features = self.extractor.extract(grey, scale=scale)
        extracted = time.perf_counter()
        refinement = self.refine_features(features, prior)
        refinement.seconds["features"] = extracted - started
        return refinement

    def refine_guided(self, grey: np.ndarray, prior: Pose) -> Refinement:
        """As `refine_grey`, where the prior is known to some pixels: each landmark is looked for where it expects it.

        Only the part of the image is looked at that should show most of them. It costs about a third, and finds nothing
        where the prior is wrong.
        """
        started = time.perf_counter()
        T_parent_lens, pixel = self.lens_pose(prior), 1.0 / self.extractor.focal_px
        near = self._near(T_parent_lens, self._settings.landmarks_again)
        expected = self._expected_pixels(near, T_parent_lens)
        size = np.array(self.extractor.size)
        window = densest_window(expected, size, self._settings.guided_share, self._settings.guided_margin_px)
        if window is None:
            return nothing_found(0)
        features = self.extractor.extract_near(grey, window, expected, self._settings.search_px)
        extracted = time.perf_counter()
        self._give_way()
        refinement = nothing_found(0)
        if len(features):
            rays, codes = self.true_rays(features.rays), self.landmark_map.encode(features.descriptors)
            pose, matched, landmarks = self._precise_pose(codes, rays, near, T_parent_lens, pixel)
            refinement = self._judged(pose, features, rays, near, matched, landmarks)
            if pose is not None and refinement.evidence < self._settings.convincing:
                by_looks = self._judged_by_looks(refinement, pose, codes, rays, near, matched)
                refinement = replace(refinement, by_looks=by_looks)
        stages = {"features": extracted - started, "again": time.perf_counter() - extracted}
        return replace(refinement, is_guided=True, seconds=stages)

    def _expected_pixels(self, near: np.ndarray, T_parent_lens: np.ndarray) -> np.ndarray:
        """Pixels (m, 2) of those of the landmarks `near` that should be in the image."""
        expected, depth = project(self.points[near], T_parent_lens)
        pixels = self.extractor.pixels(expected[depth > 0])
        inside: np.ndarray = pixels[((pixels >= 0) & (pixels < np.array(self.extractor.size))).all(axis=1)]
        return inside

    def refine_features(self, features: LocalFeatures, prior: Pose) -> Refinement:
        """As `refine_grey`, of the features of an image."""
        rays, codes = self.true_rays(features.rays), self.landmark_map.encode(features.descriptors)
        best, stopwatch = nothing_found(0), Stopwatch()
        near = self._near(self.lens_pose(prior), self._settings.landmarks)
        places = [near, self._anywhere] if len(near) < len(self._anywhere) else [near]
        for landmarks in places:
            if best.evidence < self._settings.convincing:
                best = better(best, self._refined(features, rays, codes, landmarks, stopwatch))
        if len(stopwatch.laps["matching"]) > 1 and best.evidence > 0:
            # near a pose more landmarks are matched than among all, where others look alike
            near = self._near(self.lens_pose(best.pose), self._settings.landmarks)
            best = better(best, self._refined(features, rays, codes, near, stopwatch))
        if best.found and best.support > 0 and best.evidence < self._settings.unmistakable:
            best = replace(best, is_mirrored=self._is_mirrored(features, best, stopwatch))
        if best.found:
            with stopwatch.of("around"):
                T_parent_lens, radius = self.lens_pose(best.pose), self._settings.around_px / features.focal_px
                near = self._near(T_parent_lens, self._settings.landmarks_again)
                matched, around = self._matcher.match_near(codes, rays, near, T_parent_lens, radius)
            best = replace(best, around=around, around_pixels=features.pixels[matched])
        return replace(best, seconds={stage: sum(laps) for stage, laps in stopwatch.laps.items()})

    def _is_mirrored(self, features: LocalFeatures, found: Refinement, stopwatch: Stopwatch) -> bool:
        """Whether a picture is one in a mirror rather than what a pose was found by.

        Most objects are symmetric, or nearly: by what looks alike on both sides the mirror image of one is found to
        millimetres, on its other side.
        """
        mirrored = features.mirrored()
        rays, codes = self.true_rays(mirrored.rays), self.landmark_map.encode(mirrored.descriptors)
        landmarks = self._anywhere[: self._settings.landmarks]
        other = self._refined(mirrored, rays, codes, landmarks, stopwatch)
        return other.found and other.support > max(MORE * found.support, RIVAL)

    def _refined(
        self, features: LocalFeatures, rays: np.ndarray, codes: np.ndarray, landmarks: np.ndarray, stopwatch: Stopwatch
    ) -> Refinement:
        """The pose by those of some landmarks that the features (n,) match, whatever it is worth."""
        self._give_way()
        with stopwatch.of("matching"):
            matched, landmarks = self._matcher.match(codes, landmarks)
        self._give_way()
        pixel = 1.0 / features.focal_px
        tolerance = self._settings.tolerance_px * pixel
        with stopwatch.of("ransac"):
            rough = ransac_pose(self.points[landmarks], rays[matched], tolerance, self._settings.ransac_iterations)
        self._give_way()
        if rough is None:
            return nothing_found(len(landmarks))
        with stopwatch.of("again"):
            near = self._near(rough[0], self._settings.landmarks_again)
            pose, seen, found = self._precise_pose(codes, rays, near, rough[0], pixel)
            refinement = self._judged(pose, features, rays, near, seen, found)
        if pose is not None:
            with stopwatch.of("evidence"):
                said = evidence(self.points[landmarks], rays[matched], pose.T_parent_camera, tolerance)
            support = max(refinement.support, said)
            refinement = replace(refinement, support=support, evidence=support + min(said, 0.0))
        return refinement

    def _judged(
        self,
        pose: PerspectivePose | None,
        features: LocalFeatures,
        rays: np.ndarray,
        near: np.ndarray,
        seen: np.ndarray,
        found: np.ndarray,
    ) -> Refinement:
        """The refinement by a pose of features `seen` that were looked for where it expects the landmarks `near`."""
        refinement = self.refinement_from(pose, found, features.pixels[seen])
        if pose is None:
            return refinement
        by_chance = self._matcher.by_chance(near, rays, pose) / features.share
        said = guided_evidence(rays, rays[seen[pose.inliers]], by_chance)
        return replace(refinement, by_chance=by_chance, evidence=said, support=said)

    def _judged_by_looks(
        self,
        refinement: Refinement,
        pose: PerspectivePose,
        codes: np.ndarray,
        rays: np.ndarray,
        near: np.ndarray,
        seen: np.ndarray,
    ) -> Refinement:
        """A refinement of a guided search as `_judged` has it, with chance counted by `LandmarkMatcher.by_looks`."""
        agreeing = rays[seen[pose.inliers]]
        errors = reprojection_errors(self.points[refinement.landmarks], agreeing, pose.T_parent_camera)
        by_chance = self._matcher.by_looks(codes, rays, near, pose.T_parent_camera, float(errors.max()))
        said = guided_evidence(rays, agreeing, by_chance)
        return replace(refinement, by_chance=by_chance, evidence=said, support=said, is_guided=True)

    def camera_changes(self, refinement: Refinement, is_known: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """What the landmarks of a refinement that found a pose say of the intrinsics, see `pnp.camera_changes`.

        Of changes that make more of the landmarks around agree than agree with the pose, what these say; of many more
        where the camera is known from other pictures.
        """
        T_parent_lens, pixel = self.lens_pose(refinement.pose), 1.0 / self.extractor.focal_px
        tolerance, least_noise = self._settings.tolerance_px * pixel, ALIKE_PX * pixel
        points, rays, spreads = self._seen(refinement.landmarks, refinement.pixels)
        changes, deviations = camera_changes(points, rays, T_parent_lens, tolerance, spreads, least_noise)
        deviations *= math.hypot(1.0, refinement.drift_px / max(refinement.noise_px, ALIKE_PX))
        points, rays, spreads = self._seen(refinement.around, refinement.around_pixels)
        precise = self._settings.precise_px * pixel
        fits = fitted_cameras(points, rays, T_parent_lens, tolerance, precise, spreads, least_noise)
        is_likelier = fits.gains > max(SURE_GAIN if is_known else LEAST_GAIN, fits.gains.max() / 2)
        return np.where(is_likelier, fits.changes, changes), np.where(is_likelier, fits.deviations, deviations)

    def denied_changes(self, refinement: Refinement, changes_5: np.ndarray) -> np.ndarray:
        """Which changes of the camera, one of each `pnp.CameraPart`, the landmarks around rule out: (5,) bool."""
        pixel = 1.0 / self.extractor.focal_px
        tolerance, precise = self._settings.tolerance_px * pixel, self._settings.precise_px * pixel
        points, rays, spreads = self._seen(refinement.around, refinement.around_pixels)
        T_parent_lens = self.lens_pose(refinement.pose)
        gains = gains_by_changes(points, rays, T_parent_lens, changes_5, tolerance, precise, spreads)
        denied: np.ndarray = gains < -LEAST_LOSS
        return denied

    def _seen(self, landmarks: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Points (n, 3) of landmarks (n,), rays (n, 2) of the pixels (n, 2), and spreads (n, 3, 3) where known."""
        spreads = None if self._spreads is None else self._spreads[landmarks]
        return self.points[landmarks], self.true_rays(self.extractor.rays(pixels)), spreads

    def true_rays(self, rays: np.ndarray) -> np.ndarray:
        """Rays (n, 2) that fit the map, from those by the camera's intrinsics."""
        return self._correction.apply(rays)

    def lens_pose(self, T_parent_child: Pose) -> np.ndarray:
        """T_parent_lens (4, 4), from the map's origin on and in its metres, of a pose of the child frame."""
        from_origin = T_parent_child.shifted(-self.landmark_map.origin).scaled(1 / self.landmark_map.metre)
        T_parent_lens: np.ndarray = from_origin.matrix @ self._T_child_lens
        return T_parent_lens

    def child_pose(self, T_parent_lens: np.ndarray) -> Pose:
        """The inverse of `lens_pose`."""
        from_origin = Pose.from_matrix(T_parent_lens @ invert(self._T_child_lens))
        return from_origin.scaled(self.landmark_map.metre).shifted(self.landmark_map.origin)

    def child_covariance(self, covariance: np.ndarray) -> np.ndarray:
        """(6, 6) of a pose of the child frame, by that of the lens, millimetres away from it, in the map's metres."""
        units = np.repeat([self.landmark_map.metre, 1.0], 3)
        in_units: np.ndarray = np.outer(units, units) * covariance
        return in_units

    def refinement_from(self, pose: PerspectivePose | None, landmarks: np.ndarray, pixels: np.ndarray) -> Refinement:
        """From a pose of the lens; pose.inliers index the landmarks (m,) and pixels (m, 2) that were matched."""
        if pose is None:
            return nothing_found(len(landmarks))
        return Refinement(
            found=True,
            pose=self.child_pose(pose.T_parent_camera),
            covariance=self.child_covariance(
                self.landmark_map.calibrated_covariance(pose.covariance, len(pose.inliers))
            ),
            landmarks=landmarks[pose.inliers],
            pixels=pixels[pose.inliers],
            matches=len(landmarks),
            noise_px=pose.noise * self.extractor.focal_px,
        )

    def _give_way(self) -> None:
        if self._between_steps is not None:
            self._between_steps()

    def _near(self, T_parent_lens: np.ndarray, count: int) -> np.ndarray:
        """`count` landmarks that the images nearest to a pose saw."""
        nearest = self._nearest(Pose.from_matrix(T_parent_lens), self._settings.images)
        return self.landmark_map.seen_from(self._images[nearest], count)

    def _precise_pose(
        self, codes: np.ndarray, rays: np.ndarray, near: np.ndarray, T_parent_lens: np.ndarray, pixel: float
    ) -> tuple[PerspectivePose | None, np.ndarray, np.ndarray]:
        """The pose near a rough one (None when too few landmarks agree), the features (m,) and landmarks (m,) matched.

        A pixel is so large on z = 1. The landmarks `near` are searched for where the rough pose expects them, and
        again, closer by, where the pose expects them that these give.
        """
        tolerance = self._settings.tolerance_px * pixel
        radius, last_radius = self._settings.search_px * pixel, self._settings.last_search_px * pixel
        matched, landmarks = self._matcher.match_near(codes, rays, near, T_parent_lens, radius)
        T_parent_lens = self._best_start(self.points[landmarks], rays[matched], T_parent_lens, pixel)
        matched, landmarks = self._matcher.match_near(codes, rays, near, T_parent_lens, last_radius)
        spreads = None if self._spreads is None else self._spreads[landmarks]
        pose = refine_pose(self.points[landmarks], rays[matched], T_parent_lens, tolerance, spreads)
        is_enough = pose is not None and len(pose.inliers) >= self._settings.least_inliers
        return pose if is_enough else None, matched, landmarks

    def _best_start(self, points: np.ndarray, rays: np.ndarray, T_parent_lens: np.ndarray, pixel: float) -> np.ndarray:
        """Where to refine from: what a rough pose leads to may be a local minimum far from the truth.

        Of the minima near it and near what few exact matches say, that which fits more of the matches better.
        """
        tolerance, precise = self._settings.tolerance_px * pixel, self._settings.precise_px * pixel
        near = nearest_minimum(points, rays, T_parent_lens, tolerance)
        if near is not None and np.mean(reprojection_errors(points, rays, near) < precise) > 0.5:
            # no other minimum has most of the matches to itself
            return near
        exact = ransac_pose(points, rays, precise, self._settings.ransac_iterations)
        other = None if exact is None else nearest_minimum(points, rays, exact[0], tolerance)
        minima = [minimum for minimum in (near, other) if minimum is not None] or [T_parent_lens]
        return minima[int(np.argmin([truncated_error(points, rays, minimum, precise) for minimum in minima]))]
