# SPDX-License-Identifier: BSD-3-Clause
"""Which landmarks belong to the object: those seen where they should be with the object at several placements."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.split_kinds import placements_of
from camera_relocalization_ros.mapping.landmark_points import Landmarks
from camera_relocalization_ros.mapping.tracks import join_matches

# with two placements a wall may agree by chance; where there are three, three must
MOST_NEEDED = 3
# landmarks of two placements are one when they lie this close in the object's frame, it being some 3 m away, and look
# alike (cosine of codes)
SAME_PLACE_M, LEAST_SIMILARITY = 0.04, 0.7
# of an object of which images see fewer confirmed landmarks, in the median, what lies among these is the object's too:
# within so many metres of so many of them
FEW_OF_IMAGE, AMONG_M, AMONG_COUNT = 100, 0.3, 3


def placements(dataset: Dataset) -> np.ndarray:
    """Number (f,) of the object's placement in each frame; all 1 where no recording tells where the object stood."""
    if not any(sequence.info.get("T_world_parent") for sequence in dataset.sequences):
        return np.ones(dataset.frame_count, dtype=np.int64)
    numbers = placements_of(dataset)
    return np.repeat([numbers[s.name] for s in dataset.sequences], [len(s.frames) for s in dataset.sequences])


def needed_placements(placement: np.ndarray) -> int:
    """How many placements must agree on a landmark of a data set with these placements (f,)."""
    return min(len(np.unique(placement)), MOST_NEEDED)


def merged_tracks(landmarks: Landmarks, codes: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Track (f,) of every feature once landmarks in the same place that look alike are one; -1 for no landmark's.

    codes (l, k): descriptors of the landmarks, of unit length; image (f,) of every feature. Landmarks that one image
    sees apart stay apart.
    """
    _, first = np.unique(landmarks.seen.landmark, return_index=True)
    spokes = np.stack([landmarks.feature, landmarks.feature[first][landmarks.seen.landmark]], axis=1)
    pairs = cKDTree(landmarks.points).query_pairs(SAME_PLACE_M, output_type="ndarray")
    alike = np.einsum("pk,pk->p", codes[pairs[:, 0]], codes[pairs[:, 1]])
    pairs, alike = pairs[alike > LEAST_SIMILARITY], alike[alike > LEAST_SIMILARITY]
    # what is one landmark already is joined before all else
    strengths = np.concatenate([np.full(len(spokes), 2.0), alike])
    return join_matches(np.concatenate([spokes, landmarks.feature[first][pairs]]), strengths, image)


def of_the_object(landmarks: Landmarks, placement: np.ndarray, needed: int) -> np.ndarray:
    """Mask (l,): the confirmed landmarks; where images see few of these, the others among them, too.

    On a plain object hardly a landmark looks alike from three placements, most are edges before something else. But
    where it is says as much: the room's landmarks lie elsewhere.
    """
    is_confirmed = confirmed(landmarks, placement, needed)
    of_image = np.bincount(landmarks.seen.image[is_confirmed[landmarks.seen.landmark]], minlength=len(placement))
    if is_confirmed.sum() < AMONG_COUNT or np.median(of_image[of_image > 0]) >= FEW_OF_IMAGE:
        return is_confirmed
    distance_m, _ = cKDTree(landmarks.points[is_confirmed]).query(landmarks.points, AMONG_COUNT)
    is_own: np.ndarray = is_confirmed | (distance_m[:, -1] < AMONG_M)
    return is_own


def confirmed(landmarks: Landmarks, placement: np.ndarray, needed: int) -> np.ndarray:
    """Mask (l,): landmarks seen, where they should be, at `needed` placements; placement (n,) is of each image."""
    pairs = np.stack([landmarks.seen.landmark, placement[landmarks.seen.image]], axis=1)
    distinct = np.unique(pairs, axis=0)
    return np.bincount(distinct[:, 0], minlength=len(landmarks)) >= needed
