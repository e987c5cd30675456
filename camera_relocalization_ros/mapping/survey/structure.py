# SPDX-License-Identifier: BSD-3-Clause
"""Structure from motion by COLMAP (pycolmap): pictures to the poses of cameras in a scene of its own scale and axes."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Sequence

import pycolmap

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.output_files import write_text
from camera_relocalization_ros.data.layouts.colmap_export import colmap_lens
from camera_relocalization_ros.mapping.survey.alignment import Similarity
from camera_relocalization_ros.mapping.survey.pictures import Pictures

# up to so many pictures each is matched with each; beyond, with those that follow it by name
MOST_EXHAUSTIVE = 120
# of pictures that are larger a smaller copy is searched for features
FEATURE_PIXELS = 1600
FEWEST_IMAGES = 3
SEED = 0
# in the folder for COLMAP's files
DATABASE = "database.db"
# more than a reconstruction has images
NUMBERS = 10**8


def reconstruct(parts: Sequence[Pictures], work: Path, one_camera: bool = True, features: int = 4096) -> Any:
    """pycolmap's reconstruction of pictures below one folder, the largest part that hangs together.

    one_camera: those of a part have the same intrinsics; else those of each of its folders do. They are found too,
    unless all parts bring theirs. features: at most, in a picture. `work`: an empty folder for COLMAP's files. Raises
    DatasetError where fewer than FEWEST_IMAGES find a place.
    """
    arm_sigterm_again()
    database, folder = work / DATABASE, parts[0].folder
    mapping = _mapping_options(all(part.camera is not None for part in parts))
    count = sum(len(part.names) for part in parts)
    with quiet():
        for part in parts:
            _extract_features(database, part, one_camera, features)
        if count <= MOST_EXHAUSTIVE:
            pycolmap.match_exhaustive(database)
        else:
            pycolmap.match_sequential(database)
        (work / "sparse").mkdir()
        models = pycolmap.incremental_mapping(database, folder, work / "sparse", options=mapping)
    largest = max(models.values(), key=lambda model: model.num_reg_images(), default=None)
    found = largest.num_reg_images() if largest is not None else 0
    if found < FEWEST_IMAGES:
        sources = ", ".join(part.source for part in parts)
        raise DatasetError(
            f"{sources}: {found} of {count} pictures find a place; expected some that overlap, from places apart"
        )
    return largest


def _extract_features(database: Path, part: Pictures, one_camera: bool, features: int) -> None:
    extraction, reader = pycolmap.FeatureExtractionOptions(), pycolmap.ImageReaderOptions()
    extraction.max_image_size, extraction.sift.max_num_features = FEATURE_PIXELS, features
    if part.camera is not None:
        model, parameters = colmap_lens(part.camera)
        reader.camera_model, reader.camera_params = model, ",".join(map(repr, parameters))
    pycolmap.extract_features(
        database,
        part.folder,
        image_names=list(part.names),
        camera_mode=pycolmap.CameraMode.SINGLE if one_camera else pycolmap.CameraMode.PER_FOLDER,
        reader_options=reader,
        extraction_options=extraction,
    )


def _mapping_options(cameras_are_known: bool) -> Any:
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = SEED
    if cameras_are_known:
        options.ba_refine_focal_length = options.ba_refine_extra_params = False
        options.mapper.abs_pose_refine_focal_length = options.mapper.abs_pose_refine_extra_params = False
    return options


def arm_sigterm_again() -> None:
    """Have SIGTERM do what it did before pycolmap was loaded, whose glog prints a stack trace and ends the process."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def write_model(reconstructions: Sequence[Any], folder: Path) -> None:
    """Write the cameras and images of reconstructions as one text model of COLMAP, to the last digit."""
    cameras, images = [], []
    for number, one in enumerate(reconstructions):
        # numbers are of one reconstruction
        first = number * NUMBERS
        for key, camera in one.cameras.items():
            lens = " ".join(map(repr, camera.params.tolist()))
            cameras.append(f"{first + key} {camera.model.name} {camera.width} {camera.height} {lens}\n")
        for key, image in one.images.items():
            if image.has_pose:
                pose = image.cam_from_world()
                x, y, z, w = pose.rotation.quat.tolist()
                values = " ".join(map(repr, (w, x, y, z, *pose.translation.tolist())))
                images.append(f"{first + key} {values} {first + image.camera_id} {image.name}\n\n")
    write_text(folder / "cameras.txt", "".join(cameras), DatasetError)
    write_text(folder / "images.txt", "".join(images), DatasetError)


def move(reconstruction: Any, similarity: Similarity) -> None:
    """Turn a reconstruction into the frame, and the scale, that a similarity leads to."""
    reconstruction.transform(pycolmap.Sim3d(similarity.matrix()))


@contextmanager
def quiet() -> Iterator[None]:
    """COLMAP and its solver report each step to stderr; what went wrong comes back as an exception."""
    before = pycolmap.logging.minloglevel
    pycolmap.logging.minloglevel = int(pycolmap.logging.Level.ERROR.value)
    try:
        yield
    finally:
        pycolmap.logging.minloglevel = before
