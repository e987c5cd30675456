# SPDX-License-Identifier: BSD-3-Clause
"""From a data set to a landmark map: features, the camera's correction, matches, tracks, landmarks, confirmation."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Callable, Sequence

import numpy as np

from camera_relocalization_ros.bundle.landmark_map import CODE_LEVELS, LandmarkMap
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.camera_correction import CameraCorrection
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import position_quat
from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.fleet.engine import Engine, Here, counted, uncounted
from camera_relocalization_ros.mapping.confirmation import (
    confirmed,
    merged_tracks,
    needed_placements,
    of_the_object,
    placements,
)
from camera_relocalization_ros.mapping.feature_codes import FeatureCodes
from camera_relocalization_ros.mapping.landmark_points import Landmarks, consistent_landmarks
from camera_relocalization_ros.mapping.pair_matching import Matches, matches_of
from camera_relocalization_ros.mapping.pairs import OF_PHOTOGRAPHS, OF_RECORDING, image_pairs, looked_at
from camera_relocalization_ros.mapping.self_calibration import calibrate
from camera_relocalization_ros.mapping.tracks import join_matches
from camera_relocalization_ros.mapping.triangulation import Observations
from camera_relocalization_ros.vision.local_features import (
    FeatureExtractor,
    FeatureSettings,
    LocalFeatures,
    unit_descriptors,
)

logger = logging.getLogger(__name__)

# the camera is corrected when that makes this share more landmarks of the same images; less is noise of the poses
WORTHWHILE = 0.05
# matching tolerances of the rounds of self-calibration: a wrong focal length moves points by this many pixels
CALIBRATION_ROUNDS_PX = (12.0, 8.0, 6.0, 6.0)
# of each image, the strongest: ten numbers of a camera and a depth need no more, and matching takes their square
CALIBRATION_FEATURES = 1000
# a round that moves no ray by more pixels is the last: the next would match the same features
SETTLED_PX = 0.5
# how many rays say whether a correction moves them
RAYS_SAMPLE = 2000
# photographs of which each has few neighbours, so that all of these are matched; of more the map is large enough
FEW_PHOTOGRAPHS = 200
# features of training images and of images in flight: a search is paid for in every second of a flight, and a recording
# has many images that see a landmark. Of an object fewer landmarks are in sight than of a room: small ones are needed.
# Few photographs are searched like their map, in full size up to a limit: what there is has to do
OF_RECORDING_FEATURES = FeatureSettings(640, 2000), FeatureSettings(480, 800)
OF_OBJECT_FEATURES = FeatureSettings(640, 2000), FeatureSettings(640, 1000)
OF_PHOTOGRAPHS_FEATURES = FeatureSettings(1280, 4000)
# how far away the objects and rooms were on which limits in metres were measured
USUAL_DEPTH_M = 3.0
# of how many pairs of images the landmarks tell how far away things usually are
DEPTH_PAIRS = 100
# of which another process takes the features at once
BLOCK_IMAGES = 50
# a landmark that only so many images saw is left out where each of them sees enough others: it is found in hardly any
# other image, and four in ten are such
SEEN_BY_FEW, ENOUGH_OTHERS = 2, 300


@dataclass(frozen=True)
class MapSettings:
    """features: as they are taken of the training images. partners: images each image is matched with in a scene, and
    with an object at several placements. tolerance_px: how far from where it should be a landmark may be seen.
    """

    features: FeatureSettings = FeatureSettings(limit=2000)
    partners: int = 8
    partners_object: int = 3
    tolerance_px: float = 3.0
    calibration_pairs: int = 250
    correct_camera: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Survey:
    """What the builder sees of a data set: features, poses T_parent_child (n, 4, 4) and placement (n,) of n images.

    Positions are from `origin` (3,) on; is_metric: in metres, else in units of `metre` of the scene's, see `in_metres`.
    is_photographs: taken one by one, so that two that follow one another are no more alike than others. engine: who
    matches them.
    """

    features: list[LocalFeatures]
    T_parent_child: np.ndarray
    placement: np.ndarray
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))
    is_metric: bool = True
    metre: float = 1.0
    is_photographs: bool = False
    engine: Engine = field(default_factory=Here)

    @property
    def image(self) -> np.ndarray:
        """Index (f,) of the image of each feature, features numbered image after image."""
        return np.repeat(np.arange(len(self.features)), [len(f) for f in self.features])

    @property
    def focal_px(self) -> float:
        """The usual focal length of the grey images: what a pixel is on z = 1 follows from it."""
        return float(np.median([f.focal_px for f in self.features]))

    @property
    def rays(self) -> np.ndarray:
        """(f, 2) by the given intrinsics."""
        return np.concatenate([f.rays for f in self.features])

    def corrected(self, correction: CameraCorrection) -> Survey:
        """The same with true rays and the poses of the lens."""
        features = [replace(f, rays=correction.apply(f.rays)) for f in self.features]
        return replace(self, features=features, T_parent_child=self.T_parent_child @ correction.T_child_lens)

    def strongest(self, count: int) -> Survey:
        """The same with the `count` strongest features of each image."""
        return replace(self, features=[f.strongest(count) for f in self.features])

    @property
    def is_few_photographs(self) -> bool:
        """Whether what little there is has to do."""
        return self.is_photographs and len(self.T_parent_child) <= FEW_PHOTOGRAPHS

    def pairs(self, depth_m: np.ndarray, partners: int) -> np.ndarray:
        """Pairs (p, 2) of images to match, about `partners` of each; depth_m (n,): how far away is what it shows."""
        wanted = OF_PHOTOGRAPHS if self.is_few_photographs else OF_RECORDING
        return image_pairs(self.T_parent_child, depth_m, self.placement, partners, wanted)

    def in_units_of(self, metre: float) -> Survey:
        """The same with positions in units of so many of the present ones."""
        T_parent_child = self.T_parent_child.copy()
        T_parent_child[:, :3, 3] /= metre
        return replace(self, T_parent_child=T_parent_child, metre=self.metre * metre)


def usual_features(dataset: Dataset) -> tuple[FeatureSettings, FeatureSettings]:
    """How features of the training images are taken, and those of images in flight."""
    if is_photographs(dataset) and dataset.frame_count <= FEW_PHOTOGRAPHS:
        camera, settings = dataset.typical_camera, OF_PHOTOGRAPHS_FEATURES
        width = settings.width if camera is None else min(camera.width, settings.width)
        return (replace(settings, width=width),) * 2
    return OF_OBJECT_FEATURES if len(np.unique(placements(dataset))) > 1 else OF_RECORDING_FEATURES


def is_photographs(dataset: Dataset) -> bool:
    """Whether all images were taken one by one."""
    return all(sequence.is_photographs for sequence in dataset.sequences)


def survey(dataset: Dataset, settings: FeatureSettings, engine: Engine | None = None) -> Survey:
    """Take the features of all images; raises DatasetError when the intrinsics are not known.

    engine: does this and the matching, this process where there is none; the images lie where all its workers see them.
    """
    engine = engine or Here()
    if dataset.typical_camera is None:
        raise DatasetError(f"{dataset.path}: the camera's intrinsics are not known; landmarks cannot be placed")
    frames = (dataset.absolute() if engine.is_elsewhere else dataset).frames
    images = [(frame.image_path, dataset.known_camera_of(frame)) for frame in frames]
    size = BLOCK_IMAGES if engine.is_elsewhere else len(images)
    blocks = [images[first : first + size] for first in range(0, len(images), size)]
    labels = [f"features of {block[0][0]} and {len(block) - 1} images after it" for block in blocks]
    with Task("features", len(images), "image") as progress:
        found = counted(engine, partial(_features, settings=settings), blocks, labels, list(map(len, blocks)), progress)
    origin, T_parent_child = dataset.position_origin, dataset.poses.shifted(-dataset.position_origin).matrices
    return Survey(
        [features for block in found for features in block],
        T_parent_child,
        placements(dataset),
        origin,
        dataset.is_metric,
        is_photographs=is_photographs(dataset),
        engine=engine,
    )


def _features(
    images: Sequence[tuple[Path, CameraIntrinsics]],
    settings: FeatureSettings,
    advance: Callable[[], object] = uncounted,
) -> list[LocalFeatures]:
    """Those of image files, each with its camera; raises DatasetError when one cannot be read."""
    extractor, features = FeatureExtractor(images[0][1], settings), []
    for path, camera in images:
        extractor = extractor.for_camera(camera)
        features.append(extractor.extract(extractor.grey(load_image_rgb(path))))
        advance()
    return features


def match(view: Survey, pairs: np.ndarray, tolerance_px: float, label: str) -> Matches:
    """What the pairs (p, 2) of images have in common."""
    return matches_of(pairs, view.features, view.T_parent_child, tolerance_px, view.engine, label)


def located(view: Survey, matches: Matches, tolerance_px: float) -> Landmarks:
    """Landmarks of what images have in common."""
    track = join_matches(matches.features, matches.cosines, view.image)
    tolerance = tolerance_px / view.focal_px
    return consistent_landmarks(track, view.image, view.rays, view.T_parent_child, tolerance)


def locate(view: Survey, pairs: np.ndarray, tolerance_px: float, label: str) -> Landmarks:
    """Match the pairs of images and make landmarks of what they have in common."""
    return located(view, match(view, pairs, tolerance_px, label), tolerance_px)


def in_metres(raw: Survey, settings: MapSettings) -> Survey:
    """A survey of a scene of any scale in units that let what images show lie USUAL_DEPTH_M away, by a few landmarks.

    All limits in metres were measured there, so that the same scene has the same map at every scale. Raises
    DatasetError when no two images show the same place.
    """
    if raw.is_metric:
        return raw
    # by how far apart the cameras are first: what tells the depth is limited in metres, too
    raw = raw.in_units_of(_apart(raw) / USUAL_DEPTH_M or 1.0)
    return raw.in_units_of(float(np.median(_depths(raw, settings))) / USUAL_DEPTH_M)


def build_landmarks(raw: Survey, settings: MapSettings) -> tuple[Landmarks, CameraCorrection]:
    """Landmarks of a survey in metres, those of the object alone where it stood at several placements."""
    matches, correction = match_all(raw, settings)
    return landmarks_of(raw.corrected(correction), matches, settings.tolerance_px), correction


def match_all(raw: Survey, settings: MapSettings) -> tuple[Matches, CameraCorrection]:
    """What the images of a survey in metres have in common, and the correction of the camera by which it was found."""
    several, depth_m = len(np.unique(raw.placement)) > 1, _depths(raw, settings)
    strongest = raw.strongest(CALIBRATION_FEATURES)
    correction = self_calibrated(strongest, depth_m, settings) if settings.correct_camera else CameraCorrection()
    view = raw.corrected(correction)
    pairs = view.pairs(depth_m, settings.partners_object if several else settings.partners)
    return match(view, pairs, settings.tolerance_px, "landmarks"), correction


def landmarks_of(view: Survey, matches: Matches, tolerance_px: float) -> Landmarks:
    """Landmarks of what images have in common, those of the object alone where it stood at several placements."""
    landmarks = located(view, matches, tolerance_px)
    return of_object(landmarks, view, tolerance_px) if len(np.unique(view.placement)) > 1 else landmarks


def worth_storing(landmarks: Landmarks, view: Survey) -> Landmarks:
    """Those of a map: of few photographs all, else without those of SEEN_BY_FEW images that all see enough others."""
    if view.is_few_photographs or not len(landmarks):
        return landmarks
    is_seen_by_few = np.bincount(landmarks.seen.landmark, minlength=len(landmarks)) <= SEEN_BY_FEW
    of_few = is_seen_by_few[landmarks.seen.landmark]
    others = np.bincount(landmarks.seen.image[~of_few], minlength=len(view.features))
    keep = ~is_seen_by_few
    keep[landmarks.seen.landmark[of_few & (others[landmarks.seen.image] < ENOUGH_OTHERS)]] = True
    return landmarks.take(keep)


def of_object(landmarks: Landmarks, view: Survey, tolerance_px: float) -> Landmarks:
    """Landmarks of single placements made one where they agree; those that too few placements share are dropped."""
    needed = needed_placements(view.placement)
    codes = unit_descriptors(FeatureCodes.of(view.features, landmarks.feature).summed(landmarks))
    track = merged_tracks(landmarks, codes, view.image)
    tolerance = tolerance_px / view.focal_px
    joined = consistent_landmarks(track, view.image, view.rays, view.T_parent_child, tolerance)
    keep = of_the_object(joined, view.placement, needed)
    sure = confirmed(joined, view.placement, needed).sum()
    logger.info("%d landmarks of single placements; %d are confirmed by %d", len(landmarks), sure, needed)
    if keep.sum() > sure:
        logger.info("images see few of these: %d more landmarks are the object's by where they are", keep.sum() - sure)
    return joined.take(keep)


def self_calibrated(raw: Survey, depth_m: np.ndarray, settings: MapSettings) -> CameraCorrection:
    """The camera's correction from a sample of pairs of images of one placement; none when it gains too little."""
    correction = CameraCorrection()
    pairs = _sample(raw.pairs(depth_m, settings.partners), settings)
    for number, tolerance_px in enumerate(CALIBRATION_ROUNDS_PX):
        landmarks = locate(raw.corrected(correction), pairs, tolerance_px, f"camera, round {number + 1}")
        seen = Observations(landmarks.seen.image, landmarks.seen.landmark, raw.rays[landmarks.feature])
        before, correction = correction, calibrate(seen, raw.T_parent_child, len(landmarks), correction)
        if _moved_px(before, correction, raw, float(np.median(depth_m))) < SETTLED_PX:
            break
    landmarks = locate(raw.corrected(correction), pairs, settings.tolerance_px, "camera, corrected")
    uncorrected = locate(raw, pairs, settings.tolerance_px, "camera, as it was")
    is_worthwhile = len(landmarks) > (1 + WORTHWHILE) * len(uncorrected)
    outcome = "corrected" if is_worthwhile else "left as it was"
    logger.info("%d landmarks with a corrected camera, %d without: %s", len(landmarks), len(uncorrected), outcome)
    return correction if is_worthwhile else CameraCorrection()


def _moved_px(before: CameraCorrection, after: CameraCorrection, raw: Survey, depth_m: float) -> float:
    """How far one of two corrections moves what the rays see at a depth against the other, at most, in pixels."""
    rays = raw.rays[:: max(1, len(raw.rays) // RAYS_SAMPLE)]
    offsets = []
    for correction in (before, after):
        points = depth_m * np.column_stack([correction.apply(rays), np.ones(len(rays))])
        in_child = points @ correction.T_child_lens[:3, :3].T + correction.T_child_lens[:3, 3]
        offsets.append(in_child[:, :2] / in_child[:, 2:])
    return float(np.linalg.norm(offsets[1] - offsets[0], axis=1).max() * raw.focal_px)


def compressed(
    landmarks: Landmarks,
    view: Survey,
    features: FeatureCodes,
    correction: CameraCorrection,
    query: FeatureSettings,
) -> LandmarkMap:
    """The map of landmarks worth storing: of each the mean descriptor, along the mean and axes of the codes."""
    landmarks = worth_storing(landmarks, view).in_order_of_images()
    codes = features.summed(landmarks)
    codes *= CODE_LEVELS / np.maximum(np.abs(codes).max(axis=1, keepdims=True), 1e-9)
    # of each image in ascending order, whose differences are small
    order = np.lexsort((landmarks.seen.landmark, landmarks.seen.image))
    T_parent_lens = view.T_parent_child
    positions, quats_xyzw = position_quat(T_parent_lens)
    return LandmarkMap(
        landmarks.points,
        np.round(codes).astype(np.int8),
        features.mean,
        features.axes,
        np.searchsorted(landmarks.seen.image[order], np.arange(len(T_parent_lens) + 1)),
        landmarks.seen.landmark[order],
        positions,
        quats_xyzw,
        correction.vector,
        np.array([query.width, query.limit, query.contrast]),
        np.array([1.0, 0.0, 1.0, 0.0]),
        view.origin,
        view.metre,
    )


def _depths(raw: Survey, settings: MapSettings) -> np.ndarray:
    """How far away is what each image (n,) looks at."""
    several = len(np.unique(raw.placement)) > 1
    return _depths_of_object(raw) if several else _depth_of_scene(raw, settings)


def _depths_of_object(raw: Survey) -> np.ndarray:
    """Distance (n,) of each image from what all of them look at."""
    target = looked_at(raw.T_parent_child)
    return np.linalg.norm(raw.T_parent_child[:, :3, 3] - target, axis=1)


def _depth_of_scene(raw: Survey, settings: MapSettings) -> np.ndarray:
    """How far away things usually are (n,), the same for all images: of a few landmarks at a guessed depth."""
    positions = raw.T_parent_child[:, :3, 3]
    guess = np.full(len(positions), _apart(raw))
    pairs = _sample(raw.pairs(guess, settings.partners), settings)[:DEPTH_PAIRS]
    landmarks = locate(raw.strongest(CALIBRATION_FEATURES), pairs, CALIBRATION_ROUNDS_PX[0], "depth")
    if not len(landmarks):
        raise DatasetError("no two images show the same place from a little apart; nothing can be triangulated")
    offsets = landmarks.points[landmarks.seen.landmark] - positions[landmarks.seen.image]
    return np.full(len(positions), np.median(np.linalg.norm(offsets, axis=1)))


def _apart(raw: Survey) -> float:
    """How far apart the cameras are: twice the usual distance from their middle."""
    positions = raw.T_parent_child[:, :3, 3]
    return 2 * float(np.median(np.linalg.norm(positions - positions.mean(axis=0), axis=1)))


def _sample(pairs: np.ndarray, settings: MapSettings) -> np.ndarray:
    order = np.random.default_rng(settings.seed).permutation(len(pairs))
    return pairs[order[: settings.calibration_pairs]]
