# SPDX-License-Identifier: BSD-3-Clause
"""A bundle's folder -> a relocalizer that is what the parameters expect, at start-up and in flight alike."""

from __future__ import annotations

from pathlib import Path

import rospy

from camera_relocalization_ros.bundle.sidecar import BundleSidecar
from camera_relocalization_ros.core.errors import BundleError, ShapeError
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.ros.params import NodeParams


def load_model(path: Path | str, params: NodeParams) -> Relocalizer:
    """A relocalizer that is warm; raises BundleError when the bundle is damaged or not what is expected."""
    relocalizer = Relocalizer.from_bundle(path, params.providers, params.threads, rospy.logwarn)
    sidecar = relocalizer.bundle.sidecar
    check_frames(path, sidecar, params.parent_frame, params.child_frame, "the parameters")
    if params.image_width:
        check_size(path, sidecar, (params.image_width, params.image_height), "~image_width and ~image_height")
    return relocalizer


def load_successor(
    path: Path | str, params: NodeParams, running: BundleSidecar, image_size: tuple[int, int] | None
) -> Relocalizer:
    """The same for one that takes over in flight: of the frames of the running model, and for the images that come."""
    relocalizer = load_model(path, params)
    sidecar = relocalizer.bundle.sidecar
    check_frames(path, sidecar, running.parent_frame, running.child_frame, "the running model")
    if image_size is not None:
        check_size(path, sidecar, image_size, "the camera's images")
    return relocalizer


def check_size(path: Path | str, sidecar: BundleSidecar, size: tuple[int, int], whose: str) -> None:
    """Raise BundleError when the model does not answer images of this width and height."""
    try:
        sidecar.preprocessing.check_size(*size)
    except ShapeError as error:
        raise BundleError(f"{path}: {whose} do not fit: {error}") from error


def check_frames(path: Path | str, sidecar: BundleSidecar, parent_frame: str, child_frame: str, whose: str) -> None:
    """Raise BundleError when the model's frames are others than these; "" is any."""
    for name, expected in (("parent_frame", parent_frame), ("child_frame", child_frame)):
        found = getattr(sidecar, name)
        if expected not in ("", found):
            raise BundleError(f"{path}: its {name} is {found!r}; expected {expected!r}, that of {whose}")
