# SPDX-License-Identifier: BSD-3-Clause
"""Training images to a map of landmarks in a bundle."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np

from camera_relocalization_ros.bundle.landmark_map import LandmarkMap
from camera_relocalization_ros.bundle.model_bundle import Bundle, check_extensible, load_bundle, replace_map
from camera_relocalization_ros.core.camera_correction import CameraCorrection
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.progress import Progress, reporting, tracked
from camera_relocalization_ros.data.dataset import Dataset, joined
from camera_relocalization_ros.data.provenance import check_frames
from camera_relocalization_ros.fleet.engine import engine_at
from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner
from camera_relocalization_ros.mapping.builder import (
    MapSettings,
    Survey,
    compressed,
    in_metres,
    landmarks_of,
    match_all,
    survey,
    usual_features,
    worth_storing,
)
from camera_relocalization_ros.mapping.cross_validation import folds, landmarks_without, sampled
from camera_relocalization_ros.mapping.feature_codes import FeatureCodes
from camera_relocalization_ros.mapping.landmark_points import Landmarks
from camera_relocalization_ros.mapping.map_report import map_report
from camera_relocalization_ros.mapping.pair_matching import Matches
from camera_relocalization_ros.pipelines.inputs import DataSpec, all_loaded
from camera_relocalization_ros.uncertainty.landmark_error_fit import Trial, trials_of, with_measured_deviation
from camera_relocalization_ros.vision.local_features import FeatureSettings

# fewer make no pose that can be confirmed; maps that refine most poses have thousands
LEAST_LANDMARKS, FEW_LANDMARKS = 20, 1000
# of images that were left out, fewer with a pose say that the map has gaps
FEW_FOUND = 0.5
# poses from landmarks that fit are good to a fraction of a degree; a median beyond is of poses that are wrong
WRONG_DEG = 3.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuiltMap:
    """A map of landmarks and how it was measured.

    errors: metres and radians (m, 2) of poses that were found for the `tried_images` of which the map knew nothing.
    report: all of it as lines of text.
    """

    bundle: Path
    landmarks: LandmarkMap
    images: int
    size_bytes: int
    errors: np.ndarray
    tried_images: int
    report: str

    @property
    def verdict(self) -> str:
        """Whether it will refine most poses, in a sentence."""
        found, tried, count = len(self.errors), self.tried_images, len(self.landmarks)
        if count < FEW_LANDMARKS:
            return f"BAD: {count} landmarks are few, and few poses will be refined: more images, from more places"
        if found < FEW_FOUND * tried:
            return f"BAD: {found} of {tried} images got a pose from those of the others: take images closer together"
        off_deg = float(np.degrees(np.median(self.errors[:, 1]))) if found else 0.0
        if off_deg > WRONG_DEG:
            return (
                f"BAD: half of the poses from landmarks are off by {off_deg:.1f} deg or more, in images that the map "
                "does not know: more images, from more places, and of an object that is moved more placements"
            )
        return f"good: {count} landmarks; {found} of {tried} images got a pose from landmarks of the others"


def build_map(
    bundle: Path | str,
    datasets: DataSpec | Sequence[DataSpec],
    *,
    width: int | None = None,
    features: int | None = None,
    flight_width: int | None = None,
    flight_features: int | None = None,
    correct_camera: bool = True,
    progress: Progress | None = None,
    dask: str = "",
) -> BuiltMap:
    """Add landmarks of the training images `datasets` to the bundle in the folder `bundle`; an older map is replaced.

    width, features: of training images, and of images in flight, when features are taken; by default 640 and 2,000, and
    480 and 800; of up to 200 photographs their own width, at most 1,280, and 4,000 of both. correct_camera: improve the
    intrinsics and the pose of the camera where that makes more landmarks. dask: the address of a Dask scheduler whose
    workers take features and match them, or "local" for processes of this computer; workers see the images under the
    same paths.
    Raises BundleError when the bundle cannot have a map or has other frames, DatasetError when the intrinsics are not
    known or no two images show the same place.
    """
    dataset = joined(all_loaded(datasets))
    # what does not fit is said before minutes are spent
    loaded = load_bundle(Path(bundle), with_map=False)
    check_extensible(loaded)
    check_frames(loaded, dataset)
    in_map, in_flight = usual_features(dataset)
    settings = MapSettings(_with_sizes(in_map, width, features), correct_camera=correct_camera)
    in_flight = _with_sizes(in_flight, flight_width, flight_features)
    with reporting(progress):
        with engine_at(dask) as engine:
            raw = in_metres(survey(dataset, settings.features, engine), settings)
            matches, correction = match_all(raw, settings)
        return _build(loaded, dataset, settings, in_flight, raw, matches, correction)


def _with_sizes(usual: FeatureSettings, width: int | None, features: int | None) -> FeatureSettings:
    """The usual settings with what was asked for in their place."""
    return replace(
        usual,
        width=usual.width if width is None else width,
        limit=usual.limit if features is None else features,
    )


def _build(
    bundle: Bundle,
    dataset: Dataset,
    settings: MapSettings,
    in_flight: FeatureSettings,
    raw: Survey,
    matches: Matches,
    correction: CameraCorrection,
) -> BuiltMap:
    view = raw.corrected(correction)
    landmarks = landmarks_of(view, matches, settings.tolerance_px)
    _check_count(len(landmarks), dataset)
    codes = FeatureCodes.of(view.features, matches.features)

    def as_flown(some: Landmarks) -> LandmarkMap:
        return compressed(some, view, codes, correction, in_flight)

    left_out = folds(view.placement)
    own = trials_of(dataset)
    tried_of = [[own[image] for image in sampled(images)] for images in left_out]
    camera = dataset.typical_camera
    assert camera is not None, "survey has refused it"

    def trials() -> Iterator[tuple[PoseRefiner, list[Trial]]]:
        # one after the other: the maps of all folds would not fit into memory together
        for images, tried in tracked(list(zip(left_out, tried_of)), "errors", "part", len(tried_of)):
            remaining = landmarks_without(landmarks, matches, view, images, settings.tolerance_px)
            if len(remaining) >= LEAST_LANDMARKS:
                yield PoseRefiner(as_flown(remaining), camera), tried

    landmark_map, errors = with_measured_deviation(as_flown(landmarks), trials())
    tried_images = sum(map(len, tried_of))
    return BuiltMap(
        bundle=bundle.path,
        landmarks=landmark_map,
        images=dataset.frame_count,
        size_bytes=replace_map(bundle, landmark_map),
        errors=errors,
        tried_images=tried_images,
        report=map_report(worth_storing(landmarks, view), view, errors, tried_images),
    )


def _check_count(landmarks: int, dataset: Dataset) -> None:
    """Raise DatasetError for landmarks that no pose can hang on; warn of few."""
    found = f"{dataset.path}: {landmarks} landmarks of {dataset.frame_count} images"
    if landmarks < LEAST_LANDMARKS:
        raise DatasetError(f"{found}; expected at least {LEAST_LANDMARKS}: more images, from more places")
    if landmarks < FEW_LANDMARKS:
        logger.warning("%s are few, and few poses will be refined; more images, from more places, give more", found)
