# SPDX-License-Identifier: BSD-3-Clause
"""What gives a reconstruction metres and axes: tags, distances, satellites, or poses of a data set.

Each function moves the reconstruction (pycolmap's) and returns what is known of the errors, for the data set.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.aircraft.local_frame import LocalFrame
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import angular_distance, position_quat
from camera_relocalization_ros.core.image_files import load_image, read_image_file
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.mapping.survey.alignment import Similarity, robust_similarity, similarity_between
from camera_relocalization_ros.mapping.survey.distances import Distances, distance_scale
from camera_relocalization_ros.mapping.survey.pictures import Pictures
from camera_relocalization_ros.mapping.survey.structure import move
from camera_relocalization_ros.mapping.survey.tags import Tags, tag_frame, tag_scale

# fewer common pictures, or pictures with a place, tell nothing of the errors
FEWEST_COMMON = 4
# of the second extent of the pictures' horizontals to the first: less tells no plane
LEAST_HEADINGS = 0.1


def scaled_by_tags(reconstruction: Any, folder: Path, tags: Tags, cameras_are_known: bool = True) -> dict[str, Any]:
    """Into the frame of a tag, after an adjustment to the corners of all tags."""

    def grey(name: str) -> np.ndarray:
        image = load_image(folder / name, cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise DatasetError(f"{folder / name}: does not decode")
        return image

    found = tag_scale(reconstruction, grey, tags.dictionary, tags.size_m, cameras_are_known)
    first = min(found.squares)
    square = found.squares[first]
    move(reconstruction, tag_frame(found, tags.size_m))
    return {
        "scale_from": f"{len(found.squares)} tags of {tags.dictionary}, {tags.size_m:g} m",
        "scale_error": round(found.error, 6),
        "edge_shift_px": round(found.edge_shift_px, 4),
        "frame_of": f"tag {first}",
        "frame_error_m": round(found.scale * float(np.linalg.norm(square.shift)), 6),
        "frame_error_deg": round(float(np.degrees(square.turn_rad.max())), 4),
    }


def scaled_by_distances(reconstruction: Any, distances: Distances) -> dict[str, Any]:
    """Into metres; the first picked point is zero, and z is up as the pictures are held."""
    found = distance_scale(reconstruction, distances)
    turns = np.array([_T_camera_scene(image)[:3, :3] for image in _with_pose(reconstruction)])
    level, _ = Rotation.align_vectors([[0.0, 0.0, 1.0]], [_up(turns)])
    move(reconstruction, Similarity(found.scale, level, -found.scale * level.apply(found.origin)))
    count = len(distances.distances)
    return {
        "scale_from": f"{count} picked distances" if count > 1 else "a picked distance",
        "scale_error": round(found.error, 6),
        "frame_of": "the first picked point, level as the pictures are held",
    }


def scaled_by_places(reconstruction: Any, pictures: Pictures) -> dict[str, Any]:
    """Into east, north, up of where satellites saw the first of the pictures; those that do not agree are left out."""
    images = [image for image in _with_pose(reconstruction) if image.name in pictures.places]
    if len(images) < FEWEST_COMMON:
        raise DatasetError(
            f"{pictures.source}: {len(images)} pictures with a place in the scene have one by satellites; expected "
            f"{FEWEST_COMMON} or more"
        )
    origin = next(pictures.places[name] for name in pictures.names if name in pictures.places)
    targets = LocalFrame(origin).enu([pictures.places[image.name] for image in images])
    centres = np.array([image.projection_center() for image in images])
    similarity, kept = robust_similarity(centres, targets)
    residuals_m = np.linalg.norm(similarity.apply(centres[kept]) - targets[kept], axis=1)
    move(reconstruction, similarity)
    extents = np.linalg.svd(targets[kept] - targets[kept].mean(axis=0), compute_uv=False)
    rms_m = float(np.sqrt((residuals_m**2).mean()))
    return {
        "scale_from": f"satellite positions of {kept.sum()} of {len(images)} pictures",
        "scale_error": round(_scale_error(residuals_m, targets[kept]), 6),
        "frame_of": "east, north, up",
        "frame_error_m": round(float(np.median(residuals_m)), 6),
        # the axis along which the places are most apart is held by the second extent alone
        "frame_error_deg": round(float(np.degrees(np.arctan2(rms_m, extents[1]))), 4),
        "origin": [origin.latitude_deg, origin.longitude_deg, origin.height_m],
    }


def aligned(reconstruction: Any, folder: Path, reference: Dataset) -> dict[str, Any]:
    """Onto the poses of a data set that has some of the pictures."""
    truth = {_digest(frame.image_path): frame for frame in reference.frames}
    images = _with_pose(reconstruction)
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
    return {
        "scale_from": f"{len(pairs)} pictures of {reference.path.resolve().name}",
        "scale_error": round(_scale_error(errors_m, positions), 6),
        "frame_of": reference.parent_frame,
        "frame_error_m": round(float(np.median(errors_m)), 6),
        "frame_error_deg": round(float(np.degrees(np.median(turns))), 4),
    }


def _up(turns: np.ndarray) -> np.ndarray:
    """The direction (3,) that is up where cameras are held level, by rotations (N, 3, 3) from the scene to them.

    Their rows of pixels are then horizontal, whatever they look at; where all look one way, it is their mean up.
    """
    # y of an optical frame is down
    mean_up = -turns[:, 1].mean(axis=0)
    _, extents, axes = np.linalg.svd(turns[:, 0])
    if extents[1] < LEAST_HEADINGS * extents[0]:
        return np.asarray(mean_up / np.linalg.norm(mean_up))
    return np.asarray(axes[2] * np.sign(axes[2] @ mean_up))


def _scale_error(errors_m: np.ndarray, positions: np.ndarray) -> float:
    """The relative error of a scale by positions (N, 3) that fit to errors (N,)."""
    extent_m = float(np.sqrt(((positions - positions.mean(axis=0)) ** 2).sum(axis=1).mean()))
    return float(np.sqrt((errors_m**2).mean()) / extent_m / np.sqrt(len(errors_m)))


def _with_pose(reconstruction: Any) -> list[Any]:
    return [image for image in reconstruction.images.values() if image.has_pose]


def _T_camera_scene(image: Any) -> np.ndarray:
    """T_camera_scene (4, 4) of one of pycolmap's images."""
    T_camera_scene = np.eye(4)
    T_camera_scene[:3] = image.cam_from_world().matrix()
    return T_camera_scene


def _digest(path: Path) -> str:
    return hashlib.sha256(read_image_file(path)).hexdigest()
