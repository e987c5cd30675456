# SPDX-License-Identifier: BSD-3-Clause
"""How sure the size of tags is where pictures that follow one another err alike: what it is without some of them."""

from __future__ import annotations

from typing import Any, Collection, Mapping, Sequence

import numpy as np

from camera_relocalization_ros.data.layouts.natural_order import natural_key
from camera_relocalization_ros.mapping.survey.corner_adjustment import adjusted_without
from camera_relocalization_ros.mapping.survey.scene_points import FEWEST_VIEWS, ScenePoint, intersection
from camera_relocalization_ros.mapping.survey.tag_sizes import tag_sizes

# pictures are left out in so many parts, each of pictures that follow one another
STRETCHES = 8


def stretches_error(
    reconstruction: Any,
    tags: Mapping[int, Sequence[ScenePoint]],
    axes_m: np.ndarray,
    weight: int,
    cameras_are_known: bool,
) -> float:
    """Standard deviation of the logarithm of the scale, by the delete-a-group jackknife (Kott 2001).

    Without each stretch of the pictures that show tags the reconstruction is adjusted anew, with a lens that is not
    known. tags: corners by the tag's number; weight: of a corner in the adjustment. 0 where too few pictures show tags
    to leave out any.
    """
    shown = {image.image_id: image.name for corners in tags.values() for image, _ in corners[0].views}
    in_order = sorted(shown, key=lambda number: natural_key(shown[number]))
    logs = []
    for left_out in np.array_split(in_order, min(STRETCHES, len(in_order))):
        log = _log_scale(reconstruction, set(left_out.tolist()), tags, axes_m, weight, cameras_are_known)
        if log is None:
            return 0.0
        logs.append(log)
    return float(np.sqrt((len(logs) - 1) * np.var(logs)))


def _log_scale(
    reconstruction: Any,
    left_out: Collection[int],
    tags: Mapping[int, Sequence[ScenePoint]],
    axes_m: np.ndarray,
    weight: int,
    cameras_are_known: bool,
) -> float | None:
    """The logarithm of the units for a metre of the reconstruction, as the other images have it; None without a tag."""
    corners = [corner for own in tags.values() for corner in own]
    without = adjusted_without(reconstruction, left_out, corners, weight, cameras_are_known)
    seen = []
    for own in tags.values():
        views = [
            [(without.images[image.image_id], px) for image, px in corner.views if image.image_id not in left_out]
            for corner in own
        ]
        if len(views[0]) >= FEWEST_VIEWS:
            seen.append([intersection(of_corner) for of_corner in views])
    if not seen:
        return None
    # an adjustment may change the scale of all that it leaves
    extents = [
        np.linalg.norm(centres - centres.mean(axis=0))
        for centres in (
            np.array([one.images[number].projection_center() for number in without.images])
            for one in (reconstruction, without)
        )
    ]
    return tag_sizes(seen, axes_m).log_units_per_m + float(np.log(extents[0] / extents[1]))
