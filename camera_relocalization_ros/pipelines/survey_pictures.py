# SPDX-License-Identifier: BSD-3-Clause
"""What `survey` is given, a folder of photographs or a bag, as pictures in a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Sequence

from camera_relocalization_ros.aircraft.local_frame import Geodetic
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.data.footage.exif_places import exif_place
from camera_relocalization_ros.data.layouts.natural_order import natural_key
from camera_relocalization_ros.data.sequence_names import sequence_names
from camera_relocalization_ros.mapping.survey.pictures import Pictures

SUFFIXES = {".jpg", ".jpeg", ".png"}
PICTURE_FILES = "no JPEG or PNG in it; expected pictures that overlap"


@dataclass(frozen=True)
class Selection:
    """What is taken of the sources, and where from.

    Of a bag a picture every period_s of image_topic, "" for the only one. camera takes the place of what a bag says.
    places: whether to read where satellites saw the camera: of a bag from gps_topic, of photographs from their EXIF.
    """

    image_topic: str = ""
    period_s: float = 0.5
    camera: CameraIntrinsics | None = None
    places: bool = False
    gps_topic: str = "dji_sdk/gps_position"


def pictures_of(sources: Sequence[Path], work: Path, selection: Selection) -> list[Pictures]:
    """The pictures of folders and bags, all below one folder: `work`, or that of the only source, if it is one.

    Raises DatasetError, BagError; ImportError where a bag is given and ROS is not installed.
    """
    if len(sources) == 1 and not _is_bag(sources[0]):
        return [_photographs(sources[0], selection)]
    found = []
    for source, name in zip(sources, sequence_names(sources)):
        (work / name).mkdir()
        take = _from_bag if _is_bag(source) else _linked
        found.append(_below(take(source, work / name, selection), work, name))
    return found


def _is_bag(source: Path) -> bool:
    """A file, or the folder of a bag of ROS 2."""
    return source.is_file() or (source / "metadata.yaml").is_file()


def _below(pictures: Pictures, folder: Path, name: str) -> Pictures:
    """The same pictures as those of a folder in `folder`."""
    return replace(
        pictures,
        folder=folder,
        names=tuple(f"{name}/{each}" for each in pictures.names),
        stamps_ns={f"{name}/{each}": stamp_ns for each, stamp_ns in pictures.stamps_ns.items()},
        places={f"{name}/{each}": place for each, place in pictures.places.items()},
    )


def _from_bag(bag: Path, folder: Path, selection: Selection) -> Pictures:
    from camera_relocalization_ros.ros.bags.survey_pictures import store_pictures

    gps_topic = selection.gps_topic if selection.places else ""
    stored = store_pictures(bag, folder, selection.image_topic, selection.period_s, selection.camera, gps_topic)
    return Pictures(folder, tuple(stored.stamps_ns), bag.name, stored.camera, stored.stamps_ns, stored.places)


def _linked(source: Path, folder: Path, selection: Selection) -> Pictures:
    found = _photographs(source, selection)
    for each in found.names:
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
        (folder / each).symlink_to((source / each).resolve())
    return found


def _photographs(folder: Path, selection: Selection) -> Pictures:
    """The pictures below a folder, in natural order."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such file or folder; expected a folder of pictures, or a bag")
    found = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    names = sorted((str(path.relative_to(folder)) for path in found), key=natural_key)
    if not names:
        raise DatasetError(f"{folder}: {PICTURE_FILES}")
    pictures = Pictures(folder, tuple(names), folder.resolve().name, selection.camera)
    return replace(pictures, places=_exif_places(pictures)) if selection.places else pictures


def _exif_places(pictures: Pictures) -> dict[str, Geodetic]:
    places = {name: exif_place(pictures.folder / name) for name in pictures.names}
    return {name: place for name, place in places.items() if place is not None}
