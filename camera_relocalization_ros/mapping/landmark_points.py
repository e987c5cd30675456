# SPDX-License-Identifier: BSD-3-Clause
"""Tracks of features made into points in space; what contradicts itself is dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camera_relocalization_ros.mapping.triangulation import (
    Observations,
    parallax_angles,
    reprojection_errors,
    triangulate,
)

LEAST_PARALLAX = np.radians(2.0)
ROUNDS = 3


@dataclass(frozen=True)
class Landmarks:
    """points (l, 3) in the parent frame, their o observations, feature (o,) and error (o,) on z = 1 of each."""

    points: np.ndarray
    seen: Observations
    feature: np.ndarray
    errors: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def take(self, keep: np.ndarray) -> Landmarks:
        """Those of a mask (l,)."""
        of_kept = keep[self.seen.landmark]
        return Landmarks(self.points[keep], self.seen.renumbered(keep), self.feature[of_kept], self.errors[of_kept])

    def in_order_of_images(self) -> Landmarks:
        """The same, numbered by the first image that saw them, then by the last: what an image sees lies together."""
        first, last = np.full(len(self), np.iinfo(np.int64).max), np.zeros(len(self), np.int64)
        np.minimum.at(first, self.seen.landmark, self.seen.image)
        np.maximum.at(last, self.seen.landmark, self.seen.image)
        order = np.lexsort((last, first))
        number = np.empty_like(order)
        number[order] = np.arange(len(order))
        seen = Observations(self.seen.image, number[self.seen.landmark], self.seen.rays)
        return Landmarks(self.points[order], seen, self.feature, self.errors)


def consistent_landmarks(
    track: np.ndarray, image: np.ndarray, rays: np.ndarray, T_parent_lens: np.ndarray, tolerance: float
) -> Landmarks:
    """Points of tracks; observations further than `tolerance` on z = 1 from where they should be are dropped.

    track (f,) of every feature, -1 for none; image (f,) it is of; rays (f, 2). Landmarks need two images that see them
    from directions LEAST_PARALLAX apart.
    """
    feature = np.flatnonzero(track >= 0)
    seen = Observations(image[feature], track[feature], rays[feature])
    count = int(track.max()) + 1 if len(track) else 0
    # wrong observations pull at the point: the first round forgives more
    for allowed in [3 * tolerance] + [tolerance] * (ROUNDS - 1):
        points = triangulate(seen, T_parent_lens, count)
        errors = reprojection_errors(points, seen, T_parent_lens)
        best = _best_of_image(seen, errors, count) & (errors < allowed)
        seen, feature = seen.take(best), feature[best]
        keep = np.bincount(seen.landmark, minlength=count) >= 2
        keep &= parallax_angles(np.nan_to_num(points), seen, T_parent_lens) > LEAST_PARALLAX
        feature, seen, count = feature[keep[seen.landmark]], seen.renumbered(keep), int(keep.sum())
    points = triangulate(seen, T_parent_lens, count)
    errors = reprojection_errors(points, seen, T_parent_lens)
    worst = np.zeros(count)
    np.maximum.at(worst, seen.landmark, np.nan_to_num(errors, nan=np.inf))
    return Landmarks(points, seen, feature, errors).take(worst < 2 * tolerance)


def _best_of_image(seen: Observations, errors: np.ndarray, count: int) -> np.ndarray:
    """Mask (o,): of several observations of a landmark in one image only the one of least error."""
    order = np.lexsort((errors, seen.image.astype(np.int64) * count + seen.landmark))
    key = (seen.image.astype(np.int64) * count + seen.landmark)[order]
    mask = np.zeros(len(seen), dtype=bool)
    mask[order[np.diff(key, prepend=-1) != 0]] = True
    return mask
