# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of an object or room to a data set with metric poses, without an arena."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.core.geometry import angular_distance, position_quat
from camera_relocalization_ros.core.image_files import load_image, read_image_file
from camera_relocalization_ros.data.dataset import METRIC, SURVEY, Dataset
from camera_relocalization_ros.data.layouts.colmap import import_colmap
from camera_relocalization_ros.data.layouts.natural_order import natural_key
from camera_relocalization_ros.mapping.survey.alignment import similarity_between
from camera_relocalization_ros.pipelines.inputs import DataSpec, loaded

SUFFIXES = {".jpg", ".jpeg", ".png"}
# fewer common pictures tell nothing of the errors
FEWEST_COMMON = 4

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tags:
    """Square tags in the pictures: OpenCV's name of their dictionary, and the edge of the black square in metres."""

    dictionary: str
    size_m: float


def survey(
    images: Path | str,
    output: Path | str,
    *,
    tags: Tags | None = None,
    like: DataSpec | None = None,
    one_camera: bool = True,
    features: int = 4096,
) -> Dataset:
    """Write the data set `output` of the pictures in a folder, with poses by structure from motion, and return it.

    Scale and axes come from `tags`: those of the tag with the lowest number, x to its right, y up, z out of it. Or from
    `like`, a data set that has some of the pictures: theirs. Without either the scene is of unknown scale. What is
    known of the errors is in the sequences' `survey`. one_camera: all pictures have the same intrinsics; features: in a
    picture, at most.
    Raises ConfigError, or DatasetError where the pictures do not hang together or do not show what gives the scale.
    """
    from camera_relocalization_ros.mapping.survey.structure import reconstruct

    if tags is not None and like is not None:
        raise ConfigError("scale and axes come from tags or from a data set; expected one of them")
    folder, reference = Path(images), None if like is None else loaded(like)
    names = _pictures(folder)
    with TemporaryDirectory(prefix="survey_") as work:
        reconstruction = reconstruct(folder, names, Path(work), one_camera, features)
        report = {"pictures": len(names), **_scaled(reconstruction, folder, tags, reference)}
        return write_survey(reconstruction, folder, Path(output), report, reference)


def write_survey(
    reconstruction: Any, folder: Path, output: Path, report: dict[str, Any], reference: Dataset | None = None
) -> Dataset:
    """Write the data set `output` of a reconstruction (pycolmap's) of pictures in a folder, in the reference's frames.

    report: what is known of its errors, for the sequences' `survey`.
    """
    info = {"source": f"survey of {folder.resolve().name}", METRIC: "scale_from" in report, SURVEY: report}
    frames = (reference.parent_frame, reference.child_frame) if reference is not None else None
    with TemporaryDirectory(prefix="survey_") as model:
        reconstruction.write_text(model)
        return import_colmap(Path(model), output, folder, info, frames)


def _scaled(reconstruction: Any, folder: Path, tags: Tags | None, reference: Dataset | None) -> dict[str, Any]:
    """Bring the reconstruction into metres where something tells them; what is known of its errors."""
    report: dict[str, Any] = {
        "registered": reconstruction.num_reg_images(),
        "reprojection_px": round(reconstruction.compute_mean_reprojection_error(), 3),
    }
    if tags is not None:
        return {**report, **scaled_by_tags(reconstruction, folder, tags)}
    if reference is not None:
        return {**report, **aligned(reconstruction, folder, reference)}
    logger.warning("%s: nothing tells the scale; positions are in units of the scene", folder)
    return report


def _pictures(folder: Path) -> list[str]:
    """Names of the pictures below a folder, in natural order; raises DatasetError."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: {'a file' if folder.exists() else 'no such folder'}; expected one of pictures")
    found = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    names = sorted((str(path.relative_to(folder)) for path in found), key=natural_key)
    if not names:
        raise DatasetError(f"{folder}: no JPEG or PNG in it; expected pictures that overlap")
    return names


def scaled_by_tags(reconstruction: Any, folder: Path, tags: Tags) -> dict[str, Any]:
    """Move the reconstruction into the frame of a tag, in metres; what is known of the errors."""
    from camera_relocalization_ros.mapping.survey.structure import move
    from camera_relocalization_ros.mapping.survey.tags import tag_axes, tag_frame, tag_scale

    def grey(name: str) -> np.ndarray:
        image = load_image(folder / name, cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise DatasetError(f"{folder / name}: does not decode")
        return image

    found = tag_scale(reconstruction, grey, tags.dictionary, tags.size_m)
    first = min(found.corners)
    to_tag = tag_frame(found, tags.size_m)
    residuals_m = to_tag.apply(found.corners[first]) - tag_axes(tags.size_m)
    move(reconstruction, to_tag)
    return {
        "scale_from": f"{len(found.corners)} tags of {tags.dictionary}, {tags.size_m:g} m",
        "scale_error": round(found.error, 6),
        "frame_of": f"tag {first}",
        "frame_error_m": round(float(np.sqrt((residuals_m**2).sum(axis=1).mean())), 6),
    }


def aligned(reconstruction: Any, folder: Path, reference: Dataset) -> dict[str, Any]:
    """Move the reconstruction onto the poses of a data set that has some of the pictures; how well they agree."""
    from camera_relocalization_ros.mapping.survey.structure import move

    truth = {_digest(frame.image_path): frame for frame in reference.frames}
    images = [image for image in reconstruction.images.values() if image.has_pose]
    pairs = [(image, truth[d]) for image in images if (d := _digest(folder / image.name)) in truth]
    if len(pairs) < FEWEST_COMMON:
        raise DatasetError(
            f"{reference.path}: {len(pairs)} of its pictures are among those with a place; expected {FEWEST_COMMON}"
        )
    positions = np.array([frame.position for _, frame in pairs])
    move(reconstruction, similarity_between(np.array([image.projection_center() for image, _ in pairs]), positions))
    found = [np.linalg.inv(_T_camera_scene(image)) for image, _ in pairs]
    found_positions, found_quats = position_quat(np.array(found))
    errors_m = np.linalg.norm(found_positions - positions, axis=1)
    turns = angular_distance(found_quats, np.array([frame.quat_xyzw for _, frame in pairs]))
    extent_m = float(np.sqrt(((positions - positions.mean(axis=0)) ** 2).sum(axis=1).mean()))
    return {
        "scale_from": f"{len(pairs)} pictures of {reference.path.resolve().name}",
        "scale_error": round(float(np.sqrt((errors_m**2).mean()) / extent_m / np.sqrt(len(pairs))), 6),
        "frame_of": reference.parent_frame,
        "frame_error_m": round(float(np.median(errors_m)), 6),
        "frame_error_deg": round(float(np.degrees(np.median(turns))), 4),
    }


def _T_camera_scene(image: Any) -> np.ndarray:
    """T_camera_scene (4, 4) of one of pycolmap's images."""
    T_camera_scene = np.eye(4)
    T_camera_scene[:3] = image.cam_from_world().matrix()
    return T_camera_scene


def _digest(path: Path) -> str:
    return hashlib.sha256(read_image_file(path)).hexdigest()
