# SPDX-License-Identifier: BSD-3-Clause
"""Maps made without some of the images, on which errors are measured that flight will have."""

from __future__ import annotations

import numpy as np

from camera_relocalization_ros.mapping.builder import Survey, landmarks_of
from camera_relocalization_ros.mapping.confirmation import needed_placements, of_the_object
from camera_relocalization_ros.mapping.landmark_points import Landmarks, consistent_landmarks
from camera_relocalization_ros.mapping.pair_matching import Matches

# images that follow one another are much alike: a scene is left out in blocks of so many, every eighth block at once.
# Of a map without more than that, errors are larger than those of the map that flies; few images make smaller blocks
BLOCK, LEAST_BLOCK, FOLDS = 20, 5, 8
# of many images left out, errors are measured on every fourth: neighbours tell little more
SAMPLED_EVERY, ENOUGH_SAMPLES = 4, 60


def folds(placement: np.ndarray) -> list[np.ndarray]:
    """Masks (n,) of images to leave out together, what flight is like; every image is in one of them.

    placement (n,) of each image: an object will stand elsewhere, so each placement is a fold; of a scene, blocks are.
    """
    numbers = np.unique(placement)
    if len(numbers) > 1:
        return [placement == number for number in numbers]
    size = np.clip(-(-len(placement) // FOLDS), LEAST_BLOCK, BLOCK)
    block = np.arange(len(placement)) // size
    return [block % FOLDS == fold for fold in range(min(FOLDS, block.max(initial=0) + 1))]


def sampled(left_out: np.ndarray) -> np.ndarray:
    """Indices of those images of a mask (n,) on which errors are measured; of few images, all of it."""
    every = np.clip(len(left_out) // ENOUGH_SAMPLES, 1, SAMPLED_EVERY)
    return np.flatnonzero(left_out)[::every]


def landmarks_without(
    landmarks: Landmarks, matches: Matches, view: Survey, left_out: np.ndarray, tolerance_px: float
) -> Landmarks:
    """The landmarks of `matches` as they are where the images of a mask (n,) were never seen.

    Tracks of a recording are not taken apart, there are many. Those of few photographs are joined anew: few see a
    landmark, and one that is left out often held together what the others see.
    """
    several = len(np.unique(view.placement)) > 1
    if view.is_few_photographs and not several:
        return landmarks_of(view, matches.without(left_out[view.image]), tolerance_px)
    track = np.full(sum(len(f) for f in view.features), -1)
    track[landmarks.feature] = landmarks.seen.landmark
    track[left_out[view.image]] = -1
    _, numbers = np.unique(track[track >= 0], return_inverse=True)
    track[track >= 0] = numbers
    tolerance = tolerance_px / view.focal_px
    remaining = consistent_landmarks(track, view.image, view.rays, view.T_parent_child, tolerance)
    if not several:
        return remaining
    needed = needed_placements(view.placement[~left_out])
    return remaining.take(of_the_object(remaining, view.placement, needed))
