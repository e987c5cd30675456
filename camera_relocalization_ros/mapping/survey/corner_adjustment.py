# SPDX-License-Identifier: BSD-3-Clause
"""Bundle adjustment with points that pictures show more exactly than features: the corners of tags."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Sequence

import numpy as np
import pycolmap

from camera_relocalization_ros.mapping.survey.scene_points import ScenePoint

# a corner is seen at least twice as exactly as a feature; COLMAP weighs all alike, so it counts as so many points
COPIES = 4
# beyond so many pixels a feature, or the corner of a tag that is partly covered, loses its say
LOSS_PX = 1.0


def adjust(reconstruction: Any, corners: Sequence[ScenePoint], cameras_are_known: bool) -> None:
    """Move the cameras and points of a reconstruction so that they fit corners as well as features."""
    joint = _with_corners(reconstruction, corners)
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.refine_focal_length = options.refine_extra_params = not cameras_are_known
    options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    options.ceres.loss_function_scale = LOSS_PX
    config = pycolmap.BundleAdjustmentConfig()
    for number in joint.images:
        config.add_image(number)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    # not pycolmap.bundle_adjustment, which reports each call to stderr
    pycolmap.create_default_bundle_adjuster(options, config, joint).solve()
    for number, camera in joint.cameras.items():
        reconstruction.cameras[number].params = camera.params
    for number, image in joint.images.items():
        reconstruction.images[number].frame.set_cam_from_world(image.camera_id, image.cam_from_world())
    for number, own in zip(reconstruction.points3D, joint.points3D):
        reconstruction.points3D[number].xyz = joint.points3D[own].xyz


def _with_corners(reconstruction: Any, corners: Sequence[ScenePoint]) -> Any:
    """A reconstruction of the same images and points, in that order, and then the corners.

    A new one: pycolmap's images take no more pixels once they have some.
    """
    pixels: dict[int, list[np.ndarray]] = defaultdict(list)
    tracks = []
    for point in reconstruction.points3D.values():
        track = pycolmap.Track()
        for element in point.track.elements:
            seen = pixels[element.image_id]
            track.add_element(element.image_id, len(seen))
            seen.append(reconstruction.images[element.image_id].points2D[element.point2D_idx].xy)
        tracks.append((point.xyz, track))
    for corner in corners:
        for _ in range(COPIES):
            track = pycolmap.Track()
            for image, pixel in corner.views:
                track.add_element(image.image_id, len(pixels[image.image_id]))
                # COLMAP's pixel centres lie at halves
                pixels[image.image_id].append(pixel + 0.5)
            tracks.append((corner.position, track))
    joint = pycolmap.Reconstruction()
    for camera in reconstruction.cameras.values():
        joint.add_camera_with_trivial_rig(camera)
    for number, image in reconstruction.images.items():
        if image.has_pose:
            points = pycolmap.Point2DList([pycolmap.Point2D(xy) for xy in pixels[number]])
            plain = pycolmap.Image(name=image.name, points2D=points, camera_id=image.camera_id, image_id=number)
            joint.add_image_with_trivial_frame(plain, image.cam_from_world())
    for point_xyz, track in tracks:
        joint.add_point3D(point_xyz, track)
    return joint
