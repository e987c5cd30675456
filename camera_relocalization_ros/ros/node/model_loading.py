# SPDX-License-Identifier: BSD-3-Clause
"""A bundle's folder -> a relocalizer that is what the parameters expect, at start-up and in flight alike."""

from __future__ import annotations

from pathlib import Path

import rospy

from camera_relocalization_ros.bundle.sidecar import BundleSidecar
from camera_relocalization_ros.core.errors import BundleError, ShapeError, one_line
from camera_relocalization_ros.core.frames import FramePair
from camera_relocalization_ros.localization.hardware import threads_of_one_task
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.ros.params import NodeParams


def load_model(path: Path | str, params: NodeParams) -> Relocalizer:
    """A relocalizer that is warm; raises BundleError when the bundle is damaged or not what is expected."""
    path = bundle_folder(path)
    threads = params.threads or threads_of_one_task()
    relocalizer = Relocalizer.from_bundle(path, params.providers, threads, rospy.logwarn, params.bundle_sha256)
    sidecar = relocalizer.bundle.sidecar
    check_frames(path, sidecar, FramePair(params.parent_frame, params.child_frame), "the parameters")
    if params.image_width:
        check_size(path, sidecar, (params.image_width, params.image_height), "~image_width and ~image_height")
    return relocalizer


def bundle_folder(path: Path | str) -> Path:
    """The folder that a parameter or a request names, ~ being the user's; raises BundleError.

    roslaunch starts its nodes in a folder of its own, so that a path which was right in the user's shell is not.
    """
    if not str(path).strip():
        # pathlib takes it for the folder that the node was started in
        raise BundleError(f"no bundle is named, but {str(path)!r}; expected the folder of a model")
    try:
        folder = Path(path).expanduser()
        is_elsewhere = not folder.is_absolute() and not folder.exists()
    except (RuntimeError, OSError, ValueError) as error:  # no such user, a name that the system does not take
        raise BundleError(f"{path}: {one_line(getattr(error, 'strerror', None) or error)}") from error
    if is_elsewhere:
        where = f"in {Path.cwd()}, where this node was started"
        raise BundleError(f"{folder}: no such bundle {where}; give the whole path, such as bundle:=$PWD/{folder}")
    return folder


def load_successor(
    path: Path | str, params: NodeParams, running: BundleSidecar, image_size: tuple[int, int] | None
) -> Relocalizer:
    """The same for one that takes over in flight: of the frames of the running model, and for the images that come."""
    relocalizer = load_model(path, params)
    sidecar = relocalizer.bundle.sidecar
    check_frames(path, sidecar, running.frame_pair, "the running model")
    if image_size is not None:
        check_size(path, sidecar, image_size, "the camera's images")
    return relocalizer


def check_size(path: Path | str, sidecar: BundleSidecar, size: tuple[int, int], whose: str) -> None:
    """Raise BundleError when the model does not take images of this width and height."""
    try:
        sidecar.preprocessing.check_size(*size)
    except ShapeError as error:
        raise BundleError(f"{path}: {whose} do not fit: {error}") from error


def check_frames(path: Path | str, sidecar: BundleSidecar, expected: FramePair, whose: str) -> None:
    """Raise BundleError when the model's frames are others than these; "" is any."""
    found = sidecar.frame_pair
    for part in ("parent", "child"):
        name, wanted = getattr(found, part), getattr(expected, part)
        if wanted not in ("", name):
            raise BundleError(f"{path}: its {part}_frame is {name!r}; expected {wanted!r}, that of {whose}")
