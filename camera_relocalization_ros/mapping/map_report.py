# SPDX-License-Identifier: BSD-3-Clause
"""What a user wants to know of a map that was just made, as lines of text."""

from __future__ import annotations

import numpy as np

from camera_relocalization_ros.mapping.builder import Survey
from camera_relocalization_ros.mapping.landmark_points import Landmarks

# an image that sees fewer landmarks is one of a place that the map hardly knows
WELL_COVERED = 30


def map_report(landmarks: Landmarks, view: Survey, errors_n2: np.ndarray, images: int) -> str:
    """Landmarks, their reprojection error, the coverage of the images, and errors of poses of images left out.

    errors_n2: metres and radians of the poses that were found for `images` images of which the map knew nothing.
    """
    errors_px = landmarks.errors * view.focal_px
    per_image = np.bincount(landmarks.seen.image, minlength=len(view.features))
    median_px, high_px = np.percentile(errors_px, [50, 95]) if len(errors_px) else (np.nan, np.nan)
    lines = [
        f"{len(landmarks)} landmarks, each seen in {len(landmarks.seen) / max(len(landmarks), 1):.1f} images",
        f"reprojection error: median {median_px:.2f} px, 95th percentile {high_px:.2f} px",
        f"images that see {WELL_COVERED} or more: {np.mean(per_image >= WELL_COVERED):.0%}",
    ]
    if len(errors_n2):
        position_m, angle_rad = np.median(errors_n2, axis=0)
        unit = "m" if view.is_metric else "units"
        found = f"{len(errors_n2)} of {images} images, map made without them"
        errors = f"{position_m:.3f} {unit}, {np.degrees(angle_rad):.2f} deg"
        lines.append(f"median error of refined poses: {errors} ({found})")
        lines.append(_generalisation(len(np.unique(view.placement))))
    return "\n".join(lines)


def _generalisation(placements: int) -> str:
    """What images left out stand for: errors are those of flights that differ as much."""
    if placements > 1:
        return f"  left out: each of {placements} placements in turn, as the object will stand elsewhere"
    return "  left out: stretches of the same recordings; on another day, in other light, expect larger errors"
