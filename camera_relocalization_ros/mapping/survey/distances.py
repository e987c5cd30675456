# SPDX-License-Identifier: BSD-3-Clause
"""Known distances between points that a person picked in pictures: the scale of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Tuple  # read from YAML: evaluated at run time

import numpy as np

from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.core.plain_values import dataclass_from_dict, load_yaml_mapping
from camera_relocalization_ros.mapping.survey.scene_points import FEWEST_VIEWS, triangulated

# how well a person hits a point
PICK_PX = 1.0


@dataclass(frozen=True)
class Distance:
    """`metres` between two points; each by the pixels (x, y) of pictures, by their names, that show it."""

    metres: float
    first: Dict[str, Tuple[float, float]]
    second: Dict[str, Tuple[float, float]]


@dataclass(frozen=True)
class Distances:
    """What `reloc survey --distances FILE` reads."""

    distances: Tuple[Distance, ...]

    @classmethod
    def load(cls, path: Path) -> Distances:
        """Read a YAML file; raises ConfigError."""
        read = dataclass_from_dict(cls, load_yaml_mapping(path), str(path))
        if not read.distances:
            raise ConfigError(f"{path}: no distance in it; expected one or more")
        for number, distance in enumerate(read.distances, start=1):
            if not 0 < distance.metres < np.inf:
                raise ConfigError(f"{path}: distance {number} is of {distance.metres} metres; expected more than 0")
            for end, views in (("first", distance.first), ("second", distance.second)):
                if len(views) < FEWEST_VIEWS:
                    what = f"{path}: distance {number}, {end}: picked in {len(views)} pictures"
                    raise ConfigError(f"{what}; expected {FEWEST_VIEWS} or more")
        return read


@dataclass(frozen=True)
class DistanceScale:
    """Metres for each unit of the scene, its relative error, and the first point (3,) of the first distance.

    error: by how unlike the distances are; of one alone, by how well its points can be picked.
    """

    scale: float
    error: float
    origin: np.ndarray


def distance_scale(reconstruction: Any, given: Distances) -> DistanceScale:
    """The scale by all the distances; raises DatasetError where pictures have no place or do not agree on a point."""
    images = {image.name: image for image in reconstruction.images.values() if image.has_pose}
    ends = [
        tuple(_point(images, views, f"distance {number}") for views in (distance.first, distance.second))
        for number, distance in enumerate(given.distances, start=1)
    ]
    metres = np.array([distance.metres for distance in given.distances])
    lengths = np.array([np.linalg.norm(second - first) for first, second in ends])
    if not (lengths > 0).all():
        raise DatasetError("a distance is between a point and itself; expected two points")
    scales = metres / lengths
    # long ones say more
    scale = float((metres * lengths).sum() / (lengths**2).sum())
    if len(scales) > 1:
        error = float(np.std(scales, ddof=1) / scale / np.sqrt(len(scales)))
    else:
        only = given.distances[0]
        errors = [_pick_error(images, p, views) for p, views in zip(ends[0], (only.first, only.second))]
        error = float(np.linalg.norm(errors) / lengths[0])
    return DistanceScale(scale, error, ends[0][0])


def _point(images: dict[str, Any], views: dict[str, Any], what: str) -> np.ndarray:
    missing = sorted(set(views) - set(images))
    if missing:
        raise DatasetError(f"{what}: {missing[0]!r} is no picture with a place; expected some of those that have one")
    point = triangulated([(images[name], np.array(pixel)) for name, pixel in views.items()])
    if point is None:
        raise DatasetError(f"{what}: pixels in {', '.join(sorted(views))} do not show the same point")
    return point.position


def _pick_error(images: dict[str, Any], point: np.ndarray, views: dict[str, Any]) -> float:
    """How far beside a point a person may pick, in units of the scene."""
    sizes = []
    for name in views:
        camera = images[name].camera
        depth = (images[name].cam_from_world().matrix() @ np.append(point, 1.0))[2]
        sizes.append(PICK_PX * depth / camera.mean_focal_length())
    return float(np.mean(sizes) / np.sqrt(len(sizes)))
