# SPDX-License-Identifier: BSD-3-Clause
"""Pictures beside the intrinsics that a list gives them: who shrinks pictures often forgets the list."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Sequence

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.image_files import image_size
from camera_relocalization_ros.data.dataset import SCALED_FROM

# a header lies in front of the pixels, though behind a thumbnail and what an editor wrote
HEADER_BYTES = 2**20

logger = logging.getLogger(__name__)


def picture_size(path: Path) -> tuple[int, int] | None:
    """(width, height) that a picture's header claims; None where it is not there, or claims none that can be."""
    try:
        with open(path, "rb") as file:
            size = image_size(file.read(HEADER_BYTES))
    except OSError:
        return None
    return size if size is not None and min(size) > 0 else None


def fits(camera: CameraIntrinsics | None, size: tuple[int, int] | None) -> bool:
    """Whether a picture of this size can be the camera's, maybe resized; what is not known fits."""
    if camera is None or size is None:
        return True
    return abs(size[0] * camera.height - size[1] * camera.width) <= max(size)


def fitted_cameras(
    source: Path, paths: Sequence[Path], cameras: Sequence[CameraIntrinsics | None]
) -> list[CameraIntrinsics | None]:
    """The camera of each picture, scaled, and told, where the picture was resized; source: for the message."""
    fitted = [_fitted(camera, picture_size(path)) for path, camera in zip(paths, cameras)]
    changed = [(old, new) for old, new in zip(cameras, fitted) if old is not None and new is not None and old != new]
    if changed:
        old, new = changed[0]
        sizes = f"{new.width}x{new.height} instead of {old.width}x{old.height} pixels"
        text = "%s: %d of %d pictures have another size than their camera (the first %s); intrinsics are scaled"
        logger.warning(text, source, len(changed), len(paths), sizes)
    return fitted


def scaled_from(given: Sequence[CameraIntrinsics | None], fitted: Sequence[CameraIntrinsics | None]) -> dict[str, str]:
    """What a sequence's `info` says of intrinsics that were for pictures of another size; nothing where none were."""
    sizes = {f"{old.width}x{old.height}" for old, new in zip(given, fitted) if old is not None and old != new}
    return {SCALED_FROM: ", ".join(sorted(sizes))} if sizes else {}


def _fitted(camera: CameraIntrinsics | None, size: tuple[int, int] | None) -> CameraIntrinsics | None:
    if camera is None or size in (None, (camera.width, camera.height)) or not fits(camera, size):
        return camera
    return camera.scaled(*size)
