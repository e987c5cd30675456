# SPDX-License-Identifier: BSD-3-Clause
"""What a survey starts from: pictures in a folder, and what is known of them besides their pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Sequence

from camera_relocalization_ros.aircraft.local_frame import Geodetic
from camera_relocalization_ros.core.camera import CameraIntrinsics


@dataclass(frozen=True)
class Pictures:
    """`names`, in their order, lie below `folder`.

    camera: of all of them, None where it is to be found. stamps_ns: by name, of those that were taken out of a stream;
    photographs have none. places: by name, where satellites saw the camera, of those that say so.
    """

    folder: Path
    names: tuple[str, ...]
    source: str
    camera: CameraIntrinsics | None = None
    stamps_ns: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, Geodetic] = field(default_factory=dict)


def joined_pictures(parts: Sequence[Pictures]) -> Pictures:
    """Pictures of several recordings below one folder together; their cameras are not looked at.

    Of streams the stamps are kept only where all are streams.
    """
    stamps_ns = {name: stamp_ns for part in parts for name, stamp_ns in part.stamps_ns.items()}
    return Pictures(
        parts[0].folder,
        tuple(name for part in parts for name in part.names),
        ", ".join(part.source for part in parts),
        stamps_ns=stamps_ns if all(part.stamps_ns for part in parts) else {},
        places={name: place for part in parts for name, place in part.places.items()},
    )
