# SPDX-License-Identifier: BSD-3-Clause
"""What `survey` is given, folders of photographs, bags or videos, as pictures in a folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Sequence

import numpy as np

from camera_relocalization_ros.aircraft.local_frame import Geodetic
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.data.dataset_writer import store_image
from camera_relocalization_ros.data.footage.dji_subtitles import read_subtitles, subtitles_beside
from camera_relocalization_ros.data.footage.places_between import places_between
from camera_relocalization_ros.data.layouts.natural_order import natural_key
from camera_relocalization_ros.data.layouts.stampless import synthetic_stamp_ns
from camera_relocalization_ros.data.sequence_names import is_video, sequence_names
from camera_relocalization_ros.mapping.survey.pictures import Pictures

SUFFIXES = {".jpg", ".jpeg", ".png"}
PICTURE_FILES = "no JPEG or PNG in it; expected pictures that overlap"


@dataclass(frozen=True)
class Selection:
    """What is taken of the sources, and where from.

    Of a bag or video a picture every period_s, of a bag's image_topic, "" for the only one. camera takes the place of
    what a bag says. places: whether to read where satellites saw the camera: of a bag from gps_topic, of photographs
    from their EXIF, of a video from DJI's subtitles beside it.
    """

    image_topic: str = ""
    period_s: float = 0.5
    camera: CameraIntrinsics | None = None
    places: bool = False
    gps_topic: str = "dji_sdk/gps_position"


def pictures_of(sources: Sequence[Path], work: Path, selection: Selection) -> list[Pictures]:
    """The pictures of folders, bags and videos, all below one folder: `work`, or that of the only source, if it is one.

    Raises DatasetError, BagError; ImportError where a bag is given and ROS is not installed.
    """
    if len(sources) == 1 and not _is_bag(sources[0]):
        return [_photographs(sources[0], selection)]
    found = []
    for index, (source, name) in enumerate(zip(sources, sequence_names(sources))):
        (work / name).mkdir()
        take = _from_video if is_video(source) else _from_bag if _is_bag(source) else _copied
        # a video knows no time of day
        start_ns = synthetic_stamp_ns(index, 0) if is_video(source) else 0
        found.append(_below(take(source, work / name, selection), work, name, start_ns))
    return found


def _is_bag(source: Path) -> bool:
    """A file, or the folder of a bag of ROS 2."""
    return source.is_file() or (source / "metadata.yaml").is_file()


def _below(pictures: Pictures, folder: Path, name: str, start_ns: int) -> Pictures:
    """The same pictures as those of a folder in `folder`, with stamps that count from start_ns."""
    return replace(
        pictures,
        folder=folder,
        names=tuple(f"{name}/{each}" for each in pictures.names),
        stamps_ns={f"{name}/{each}": start_ns + stamp_ns for each, stamp_ns in pictures.stamps_ns.items()},
        places={f"{name}/{each}": place for each, place in pictures.places.items()},
    )


def _from_bag(bag: Path, folder: Path, selection: Selection) -> Pictures:
    from camera_relocalization_ros.ros.bags.survey_pictures import store_pictures

    gps_topic = selection.gps_topic if selection.places else ""
    stored = store_pictures(bag, folder, selection.image_topic, selection.period_s, selection.camera, gps_topic)
    return Pictures(folder, tuple(stored.stamps_ns), bag.name, stored.camera, stored.stamps_ns, stored.places)


def _from_video(video: Path, folder: Path, selection: Selection) -> Pictures:
    from camera_relocalization_ros.data.footage.video_frames import video_frames

    times_ns = {}
    for frame in video_frames(video, selection.period_s):
        times_ns[store_image(folder, frame.number, frame.jpeg(), ".jpg")] = frame.time_ns
    places = _subtitle_places(video, times_ns) if selection.places else {}
    return Pictures(folder, tuple(times_ns), video.name, selection.camera, times_ns, places)


def _subtitle_places(video: Path, times_ns: dict[str, int]) -> dict[str, Geodetic]:
    said = [(s.time_ns, s.place) for s in read_subtitles(subtitles_beside(video)) if s.place is not None]
    # receivers are read more often than they measure
    new = [(time_ns, place) for n, (time_ns, place) in enumerate(said) if n == 0 or place != said[n - 1][1]]
    return places_between(np.array([time_ns for time_ns, _ in new], dtype=np.int64), [p for _, p in new], times_ns)


def _copied(source: Path, folder: Path, selection: Selection) -> Pictures:
    found = _photographs(source, selection)
    for each in found.names:
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
        # no link: what leads out of a folder is refused by its readers
        shutil.copyfile(source / each, folder / each)
    return found


def _photographs(folder: Path, selection: Selection) -> Pictures:
    """The pictures below a folder, in natural order."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such file or folder; expected a folder of pictures, a bag or a video")
    found = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    names = sorted((str(path.relative_to(folder)) for path in found), key=natural_key)
    if not names:
        raise DatasetError(f"{folder}: {PICTURE_FILES}")
    pictures = Pictures(folder, tuple(names), folder.resolve().name, selection.camera)
    return replace(pictures, places=_exif_places(pictures)) if selection.places else pictures


def _exif_places(pictures: Pictures) -> dict[str, Geodetic]:
    from camera_relocalization_ros.data.footage.exif_places import exif_place

    places = {name: exif_place(pictures.folder / name) for name in pictures.names}
    return {name: place for name, place in places.items() if place is not None}
