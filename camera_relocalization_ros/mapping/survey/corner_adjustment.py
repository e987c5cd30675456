# SPDX-License-Identifier: BSD-3-Clause
"""Bundle adjustment with points that pictures show more exactly than features: the corners of tags."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Container, Sequence

import numpy as np
import pycolmap
from scipy.stats import chi2

from camera_relocalization_ros.mapping.survey.scene_points import FEWEST_VIEWS, ScenePoint
from camera_relocalization_ros.mapping.survey.structure import quiet

# a corner that counts for more features would alone place the cameras, and what residuals do not show (paper that is
# not flat, blur that shifts an edge) with them
MOST_WEIGHT = 16
# beyond so many pixels a feature, or the corner of a tag that is partly covered, loses its say
LOSS_PX = 1.0
# relative decrease of the cost at which an adjustment ends
TOLERANCE = 1e-6


def corner_weight(reconstruction: Any, corners: Sequence[ScenePoint], weight: int) -> int:
    """For how many features a corner counts, by how exactly both are seen in the cameras where they are.

    The ratio of the variances of pixels, as variance components are estimated (Helmert 1924) by residuals and the
    number of those that cameras and points do not take up. weight: that of the last adjustment, 0 before the first.
    """
    features = [
        ScenePoint(point.xyz, [_seen_at(reconstruction, element) for element in point.track.elements])
        for point in reconstruction.points3D.values()
    ]
    counts: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(2))
    for kind, points in enumerate((features, corners)):
        for point in points:
            for image, _ in point.views:
                counts[image.image_id][kind] += 1
    weighed = np.array(list(counts.values())) * [1, weight]
    # of a camera's six unknowns, how many either kind determines
    taken = 6 * (weighed / np.maximum(weighed.sum(axis=1, keepdims=True), 1)).sum(axis=0)
    of_features, of_corners = (_variance_px2(points, float(used)) for points, used in zip((features, corners), taken))
    return int(np.clip(round(of_features / max(of_corners, 1e-12)), 0, MOST_WEIGHT))


def _variance_px2(points: Sequence[ScenePoint], taken: float) -> float:
    """Of a pixel coordinate of points, robust; taken: how many of their coordinates the cameras are fitted to."""
    # a point is three of its coordinates
    free = np.array([2 * len(point.views) - 3 for point in points])
    squares = np.array([(point.residuals_px() ** 2).sum() for point in points])
    if not len(points) or free.sum() <= taken:
        return float("inf")
    # each point's is a variance times chi square, of which most have the median
    return float(np.median(squares / chi2.median(free)) * free.sum() / (free.sum() - taken))


def _seen_at(reconstruction: Any, element: Any) -> tuple[Any, np.ndarray]:
    # COLMAP's pixel centres lie at halves
    return reconstruction.images[element.image_id], _pixel(reconstruction, element) - 0.5


def _pixel(reconstruction: Any, element: Any) -> np.ndarray:
    pixel: np.ndarray = reconstruction.images[element.image_id].points2D[element.point2D_idx].xy
    return pixel


def adjust(reconstruction: Any, corners: Sequence[ScenePoint], weight: int, cameras_are_known: bool) -> None:
    """Move the cameras and points of a reconstruction to fit features, and corners that count for `weight` of these."""
    joint, features = _with_corners(reconstruction, corners, weight)
    _solve(joint, cameras_are_known)
    for number, camera in joint.cameras.items():
        reconstruction.cameras[number].params = camera.params
    for number, image in joint.images.items():
        reconstruction.images[number].frame.set_cam_from_world(image.camera_id, image.cam_from_world())
    for number, own in features.items():
        reconstruction.points3D[number].xyz = joint.points3D[own].xyz


def adjusted_without(
    reconstruction: Any, left_out: Container[int], corners: Sequence[ScenePoint], weight: int, cameras_are_known: bool
) -> Any:
    """The reconstruction as it would be without the images of some numbers; images keep theirs, points do not."""
    joint, _ = _with_corners(reconstruction, corners, weight, left_out)
    _solve(joint, cameras_are_known)
    return joint


def _solve(joint: Any, cameras_are_known: bool) -> None:
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.refine_focal_length = options.refine_extra_params = not cameras_are_known
    options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    options.ceres.loss_function_scale = LOSS_PX
    options.ceres.solver_options.function_tolerance = TOLERANCE
    config = pycolmap.BundleAdjustmentConfig()
    for number in joint.images:
        config.add_image(number)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    # not pycolmap.bundle_adjustment, which reports each call; of the solver a step that fails is tried again, shorter
    with quiet():
        pycolmap.create_default_bundle_adjuster(options, config, joint).solve()


def _with_corners(
    reconstruction: Any, corners: Sequence[ScenePoint], weight: int, left_out: Container[int] = ()
) -> tuple[Any, dict[int, int]]:
    """A reconstruction of the same images and points and corners, `weight` times each; new numbers of points by old.

    COLMAP weighs all points alike. A new one: pycolmap's images take no more pixels once they have some. left_out:
    numbers of images without which it is made, and without the points that fewer than FEWEST_VIEWS others show.
    """
    pixels: dict[int, list[np.ndarray]] = defaultdict(list)
    tracks = []
    # COLMAP's pixel centres lie at halves
    seen_at = [
        (number, point.xyz, [(e.image_id, _pixel(reconstruction, e)) for e in point.track.elements])
        for number, point in reconstruction.points3D.items()
    ] + weight * [(None, corner.position, [(i.image_id, px + 0.5) for i, px in corner.views]) for corner in corners]
    for number, xyz, views in seen_at:
        kept = [view for view in views if view[0] not in left_out]
        if len(kept) >= FEWEST_VIEWS:
            track = pycolmap.Track()
            for image_id, pixel in kept:
                track.add_element(image_id, len(pixels[image_id]))
                pixels[image_id].append(pixel)
            tracks.append((number, xyz, track))
    joint = pycolmap.Reconstruction()
    for camera in reconstruction.cameras.values():
        joint.add_camera_with_trivial_rig(camera)
    for number, image in reconstruction.images.items():
        if image.has_pose and number not in left_out:
            points = pycolmap.Point2DList([pycolmap.Point2D(xy) for xy in pixels[number]])
            plain = pycolmap.Image(name=image.name, points2D=points, camera_id=image.camera_id, image_id=number)
            joint.add_image_with_trivial_frame(plain, image.cam_from_world())
    added = {number: joint.add_point3D(point_xyz, track) for number, point_xyz, track in tracks}
    return joint, {number: own for number, own in added.items() if number is not None}
