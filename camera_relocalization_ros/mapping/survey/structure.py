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
from camera_relocalization_ros.mapping.survey.alignment import Similarity

# up to so many pictures each is matched with each; beyond, with those that follow it by name
MOST_EXHAUSTIVE = 120
# of pictures that are larger a smaller copy is searched for features
FEATURE_PIXELS = 1600
FEWEST_IMAGES = 3
SEED = 0


def reconstruct(folder: Path, names: Sequence[str], work: Path, one_camera: bool = True, features: int = 4096) -> Any:
    """pycolmap's reconstruction of the pictures `names` in a folder, the largest part that hangs together.

    one_camera: all have the same intrinsics, which are found too; else those of each folder do. features: at most, in
    a picture. `work`: an empty folder for COLMAP's files. Raises DatasetError where fewer than FEWEST_IMAGES find
    a place.
    """
    arm_sigterm_again()
    mode = pycolmap.CameraMode.SINGLE if one_camera else pycolmap.CameraMode.PER_FOLDER
    extraction, mapping = pycolmap.FeatureExtractionOptions(), pycolmap.IncrementalPipelineOptions()
    extraction.max_image_size, extraction.sift.max_num_features = FEATURE_PIXELS, features
    mapping.random_seed = SEED
    database = work / "database.db"
    with _quiet():
        pycolmap.extract_features(
            database, folder, image_names=list(names), camera_mode=mode, extraction_options=extraction
        )
        if len(names) <= MOST_EXHAUSTIVE:
            pycolmap.match_exhaustive(database)
        else:
            pycolmap.match_sequential(database)
        (work / "sparse").mkdir()
        parts = pycolmap.incremental_mapping(database, folder, work / "sparse", options=mapping)
    largest = max(parts.values(), key=lambda part: part.num_reg_images(), default=None)
    found = largest.num_reg_images() if largest is not None else 0
    if found < FEWEST_IMAGES:
        raise DatasetError(
            f"{folder}: {found} of {len(names)} pictures find a place; expected some that overlap, from places apart"
        )
    return largest


def arm_sigterm_again() -> None:
    """Have SIGTERM do what it did before pycolmap was loaded, whose glog prints a stack trace and ends the process."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def move(reconstruction: Any, similarity: Similarity) -> None:
    """Turn a reconstruction into the frame, and the scale, that a similarity leads to."""
    reconstruction.transform(pycolmap.Sim3d(similarity.matrix()))


@contextmanager
def _quiet() -> Iterator[None]:
    """COLMAP reports each step to stderr; what went wrong comes back as an exception."""
    before = pycolmap.logging.minloglevel
    pycolmap.logging.minloglevel = int(pycolmap.logging.Level.ERROR.value)
    try:
        yield
    finally:
        pycolmap.logging.minloglevel = before
