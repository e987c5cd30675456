# SPDX-License-Identifier: BSD-3-Clause
"""A bundle's folder -> a relocalizer that is what the parameters expect, at start-up and in flight alike."""

from __future__ import annotations

from pathlib import Path

import rospy

from camera_relocalization_ros.core.bundle_sidecar import BundleSidecar
from camera_relocalization_ros.core.errors import BundleError, ShapeError
from camera_relocalization_ros.inference.relocalizer import Relocalizer
from camera_relocalization_ros.ros.params import NodeParams


def load_model(path: Path | str, params: NodeParams, running: BundleSidecar | None = None) -> Relocalizer:
    """A relocalizer that is warm; raises BundleError when the bundle is damaged or not what is expected.

    What flies already, `running`, may be replaced by models of the same frames only.
    """
    relocalizer = Relocalizer.from_bundle(path, params.providers, params.threads, rospy.logwarn)
    sidecar = relocalizer.bundle.sidecar
    check_frames(path, sidecar, params.parent_frame, params.child_frame, "the parameters")
    if running is not None:
        check_frames(path, sidecar, running.parent_frame, running.child_frame, "the running model")
    if params.image_width:
        try:
            sidecar.preprocessing.check_size(params.image_width, params.image_height)
        except ShapeError as error:
            raise BundleError(f"{path}: ~image_width and ~image_height do not fit: {error}") from error
    return relocalizer


def check_frames(path: Path | str, sidecar: BundleSidecar, parent_frame: str, child_frame: str, whose: str) -> None:
    """Raise BundleError when the model's frames are others than these; "" is any."""
    for name, expected in (("parent_frame", parent_frame), ("child_frame", child_frame)):
        found = getattr(sidecar, name)
        if expected not in ("", found):
            raise BundleError(f"{path}: its {name} is {found!r}; expected {expected!r}, that of {whose}")
