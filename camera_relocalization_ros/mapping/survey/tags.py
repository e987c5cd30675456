# SPDX-License-Identifier: BSD-3-Clause
"""Square tags (ArUco, AprilTag) of known size in pictures: their corners in the scene, its scale and its axes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Callable, List, Tuple

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.mapping.survey.alignment import Similarity
from camera_relocalization_ros.mapping.survey.corner_adjustment import adjust, corner_weight
from camera_relocalization_ros.mapping.survey.scene_points import (
    FEWEST_VIEWS,
    MOST_ERROR_SHARE,
    ScenePoint,
    intersection,
)
from camera_relocalization_ros.mapping.survey.squares import Square, fitted_square
from camera_relocalization_ros.mapping.survey.stretches import stretches_error
from camera_relocalization_ros.mapping.survey.tag_sizes import tag_sizes, without_shift

# pictures (pycolmap's images) with the pixels (4, 2) of a tag's corners
Sightings = List[Tuple[Any, np.ndarray]]
# a tag of which a corner is seen so many times further off than most is partly covered
MOST_DEVIATIONS = 6.0
# a corner nearer to the border of a picture may be of a tag that it cuts off, which OpenCV puts 5 pixels inside
BORDER_PX = 6.0
# of adjustments, each with weights by what the one before left; fewer where these stay as they are
ROUNDS = 3
# of points in a plane: their third extent against the second
FLAT_SHARE = 0.03


@dataclass(frozen=True)
class Tags:
    """Square tags in the pictures: OpenCV's name of their dictionary, and the edge of the black square in metres."""

    dictionary: str
    size_m: float


@dataclass(frozen=True)
class TagScale:
    """What tags say: metres for each unit of the scene, its relative error, and by tag number where they lie in it.

    error and the squares' deviations are by how well tags fit to their pixels, see `tag_sizes`, and larger where
    stretches of pictures do not agree on the scale as well as that says. edge_shift_px: by how much pictures show tags
    too large on each side, which is taken out.
    """

    scale: float
    error: float
    edge_shift_px: float
    squares: dict[int, Square]


def tag_detector(dictionary: str) -> Callable[[np.ndarray], dict[int, np.ndarray]]:
    """A function that finds the tags in a grey image: corners (4, 2) in pixels by tag number, those seen once, whole.

    dictionary: OpenCV's name, such as DICT_4X4_50 or DICT_APRILTAG_36h11. Raises ConfigError that names some.
    """
    known = {name for name in dir(cv2.aruco) if name.startswith("DICT_")}
    if dictionary not in known:
        raise ConfigError(f"no tags {dictionary!r}; expected one of {', '.join(sorted(known))}")
    tags = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, dictionary))
    modern = hasattr(cv2.aruco, "ArucoDetector")  # since OpenCV 4.7
    parameters = cv2.aruco.DetectorParameters() if modern else cv2.aruco.DetectorParameters_create()
    # of small tags ten times as exact as a search around each corner, which other edges in its window draw away
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_APRILTAG

    def detect(grey: np.ndarray) -> dict[int, np.ndarray]:
        if modern:
            corners, numbers, _ = cv2.aruco.ArucoDetector(tags, parameters).detectMarkers(grey)
        else:
            corners, numbers, _ = cv2.aruco.detectMarkers(grey, tags, parameters=parameters)
        listed = [] if numbers is None else numbers.ravel().tolist()
        return {n: c.reshape(4, 2).astype(float) for n, c in zip(listed, corners) if listed.count(n) == 1}

    offset_px = _offset_px(detect, tags)
    return lambda grey: {n: corners - offset_px for n, corners in detect(grey).items() if _is_whole(corners, grey)}


def _is_whole(corners_px: np.ndarray, grey: np.ndarray) -> bool:
    from_end = np.array(grey.shape[1::-1]) - 1 - corners_px
    return bool(min(corners_px.min(), from_end.min()) >= BORDER_PX)


def _offset_px(detect: Callable[[np.ndarray], dict[int, np.ndarray]], tags: Any) -> np.ndarray:
    """Where OpenCV says that corners are, less where they are (2,), measured: it counts from the edge of a pixel."""
    side, margin = 200, 50
    draw = cv2.aruco.generateImageMarker if hasattr(cv2.aruco, "generateImageMarker") else cv2.aruco.drawMarker
    image = np.full((side + 2 * margin,) * 2, 255, np.uint8)
    image[margin : margin + side, margin : margin + side] = draw(tags, 0, side)
    found = detect(image).get(0)
    if found is None:
        return np.zeros(2)
    # the middle of the first pixel is zero
    offset: np.ndarray = found.mean(axis=0) - (margin + side / 2 - 0.5)
    return offset


def tag_scale(
    reconstruction: Any,
    greys: Callable[[str], np.ndarray],
    dictionary: str,
    size_m: float,
    cameras_are_known: bool = True,
) -> TagScale:
    """The scale by all tags that two or more pictures of a reconstruction show; raises DatasetError where none is.

    The reconstruction is adjusted to their corners, which are seen more exactly than its features. greys: the grey
    image of a picture by its name. size_m: the edge of the black square.
    """
    detect = tag_detector(dictionary)
    seen: dict[int, Sightings] = defaultdict(list)
    for image in reconstruction.images.values():
        if image.has_pose:
            for number, corners_px in detect(greys(image.name)).items():
                seen[number].append((image, corners_px))
    return scale_by_corners(reconstruction, seen, dictionary, size_m, cameras_are_known)


def scale_by_corners(
    reconstruction: Any, seen: dict[int, Sightings], dictionary: str, size_m: float, cameras_are_known: bool = True
) -> TagScale:
    """The same, of tags by their number where pictures show their corners."""
    if not _tags(seen, MOST_ERROR_SHARE):
        raise DatasetError(
            f"no tag of {dictionary} is in {FEWEST_VIEWS} pictures that have a place; {len(seen)} in one"
        )
    axes_m = tag_axes(size_m)
    seen_as, weight = _adjusted(reconstruction, seen, cameras_are_known)
    sizes = tag_sizes(list(seen_as.values()), axes_m)
    by_stretches = stretches_error(reconstruction, seen_as, axes_m, weight, cameras_are_known)
    # what makes the size less sure than pixels tell makes places so too
    times = max(1.0, sizes.unlike, by_stretches / sizes.error)
    units_per_m = float(np.exp(sizes.log_units_per_m))
    squares = {
        number: fitted_square(without_shift(corners, sizes.edge_shift_px), axes_m, units_per_m).less_sure(times)
        for number, corners in seen_as.items()
    }
    return TagScale(1 / units_per_m, max(sizes.error, by_stretches), sizes.edge_shift_px, squares)


def _adjusted(
    reconstruction: Any, seen: dict[int, Sightings], cameras_are_known: bool
) -> tuple[dict[int, list[ScenePoint]], int]:
    """Adjust a reconstruction to corners; these as the cameras see them then, and for how many features one counts."""
    found, weight = _tags(seen, MOST_ERROR_SHARE), 0
    for _ in range(ROUNDS):
        corners = [corner for corners in found.values() for corner in corners]
        last, weight = weight, corner_weight(reconstruction, corners, weight)
        if weight == last:
            break
        adjust(reconstruction, corners, weight, cameras_are_known)
        rough = _tags(seen, MOST_ERROR_SHARE)
        found = _tags(seen, _usual_share(rough)) or rough
    return found, weight


def tag_frame(found: TagScale, size_m: float) -> Similarity:
    """From the scene into the frame of the tag with the lowest number, in metres.

    Where all tags lie in one plane, as on a floor, its normal is theirs, which the corners of one tell less well.
    """
    to_tag = found.squares[min(found.squares)].to_scene.inverse()
    corners = [square.to_scene.apply(tag_axes(size_m)) for square in found.squares.values()]
    points = to_tag.apply(np.concatenate(corners))
    _, extents, axes = np.linalg.svd(points - points.mean(axis=0))
    if len(found.squares) < 2 or extents[2] > FLAT_SHARE * extents[1]:
        return to_tag
    level, _ = Rotation.align_vectors([[0.0, 0.0, 1.0]], [axes[2] * np.sign(axes[2][2])])
    return Similarity(to_tag.scale, level * to_tag.rotation, level.apply(to_tag.shift))


def tag_axes(size_m: float) -> np.ndarray:
    """Corners (4, 3) of a tag in its own frame, in metres: x to its right, y up, z out of it; zero is its middle."""
    half = size_m / 2
    return np.array([[-half, half, 0], [half, half, 0], [half, -half, 0], [-half, -half, 0]])


def _usual_share(tags: dict[int, list[ScenePoint]]) -> float:
    """What corners that are seen whole are off at most, in widths of the picture."""
    shares = [share for corners in tags.values() for corner in corners for share in corner.error_shares()]
    return min(MOST_ERROR_SHARE, MOST_DEVIATIONS * float(np.median(shares)))


def _tags(seen: dict[int, Sightings], most_error_share: float) -> dict[int, list[ScenePoint]]:
    """The corners of each tag in the scene, by its number, where two pictures or more agree on all four."""
    found = {}
    for number, views in sorted(seen.items()):
        while len(views) >= FEWEST_VIEWS:
            points = [intersection([(image, px[corner]) for image, px in views]) for corner in range(4)]
            # what covers one corner turns its edges, and so moves others
            errors = np.max([point.error_shares() for point in points], axis=0)
            if errors.max() <= most_error_share:
                found[number] = points
                break
            views = [view for view, error in zip(views, errors) if error < errors.max()]
    return found
