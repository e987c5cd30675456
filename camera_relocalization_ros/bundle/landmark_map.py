# SPDX-License-Identifier: BSD-3-Clause
"""Landmarks of a scene or an object: where they are, what they look like, and from which images they were seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Sequence

import numpy as np

from camera_relocalization_ros.bundle.error_calibration import landmark_covariance
from camera_relocalization_ros.bundle.packed_numbers import (
    packed_points,
    packed_steps,
    unpacked_points,
    unpacked_steps,
)
from camera_relocalization_ros.core.array_files import load_arrays, save_arrays
from camera_relocalization_ros.core.camera_correction import CameraCorrection
from camera_relocalization_ros.core.errors import BundleError
from camera_relocalization_ros.core.plain_values import READ_FAULTS
from camera_relocalization_ros.core.pose import MAX_POSITION_M, Poses
from camera_relocalization_ros.vision.local_features import DESCRIPTOR_SIZE, FeatureSettings, unit_descriptors

# the one that is written. 4 had an origin beside what 3 had, 5 a metre too, both of which readers of older ones would
# not heed; 6 has all of it in half of the bytes; 7 a reach of all parts of a camera where 6 had one of focal lengths
VERSION = 7
AGAIN = "`reloc map DATASET... --bundle BUNDLE` makes it again"
# principal components of descriptors that are kept, of each a whole number up to the levels, with its sign: 8 bits tell
# poses no better, and make the file twice as large
CODE_SIZE, CODE_LEVELS = 64, 8
# a map of 100,000 images is no map of this package
MAX_BYTES = 2**30


# standard deviations, widened as those of positions are, up to which a right camera seems to differ with any map
CAMERA_DEVIATIONS = 4.0
# of landmarks in metres: a hundredth of what an image tells of where they are
POINT_STEP = 2e-4
# how the arrays of all versions are stored: micrometres of poses
STORED_TYPES: dict[str, type[np.generic]] = {
    "version": np.int32,
    "code_mean": np.float32,
    "code_axes": np.float32,
    "seen_first": np.int64,
    "positions": np.float32,
    "quats_xyzw": np.float32,
    "correction": np.float64,
    "settings": np.float64,
    "deviation": np.float64,
}
# as they are, a tenth of a millimetre of landmarks; from version 6 on packed, see `packed_numbers`
PLAIN: dict[str, type[np.generic]] = {"points": np.float32, "codes": np.int8, "seen": np.int32}
PACKED: dict[str, type[np.generic]] = {
    "point_grid": np.float64,
    "point_bytes": np.uint8,
    "codes_of_axes": np.int8,
    "seen_bytes": np.uint8,
}
ORIGIN: dict[str, type[np.generic]] = {"origin": np.float64}
METRE: dict[str, type[np.generic]] = {"metre": np.float64}
FOCAL: dict[str, type[np.generic]] = {"focal_reach": np.float64}
CAMERA: dict[str, type[np.generic]] = {"camera_reach": np.float64}
# what each version has beside STORED_TYPES
ADDED: dict[int, dict[str, type[np.generic]]] = {
    3: PLAIN,
    4: {**PLAIN, **ORIGIN},
    5: {**PLAIN, **ORIGIN, **METRE},
    6: {**PACKED, **ORIGIN, **METRE, **FOCAL},
    VERSION: {**PACKED, **ORIGIN, **METRE, **CAMERA},
}


@dataclass(frozen=True)
class LandmarkMap:
    """Landmarks (l) in the parent frame and the n images they were seen in; positions and points from `origin` (3,) on.

    Of a scene of any scale all lengths but the origin are in units of `metre` of the scene's, by which things usually
    are 3 away; with metric poses that is 1.

    points (l, 3) metres; codes (l, k) int8, along the axes code_mean (128,), code_axes (128, k) of descriptors;
    seen_first (n + 1,) and seen (s,): image i saw the landmarks seen[seen_first[i]:seen_first[i + 1]];
    positions (n, 3), quats_xyzw (n, 4): of the lens, which sits in the child frame where `correction` (10,) says,
    see CameraCorrection; settings (3,): of FeatureSettings; deviation (4,), see `calibrated_covariance`.
    camera_reach: how many standard deviations by normal equations a camera that landmarks say may differ.
    """

    points: np.ndarray
    codes: np.ndarray
    code_mean: np.ndarray
    code_axes: np.ndarray
    seen_first: np.ndarray
    seen: np.ndarray
    positions: np.ndarray
    quats_xyzw: np.ndarray
    correction: np.ndarray
    settings: np.ndarray
    deviation: np.ndarray
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))
    metre: float = 1.0
    camera_reach: float = CAMERA_DEVIATIONS

    def __len__(self) -> int:
        return len(self.points)

    @property
    def camera_correction(self) -> CameraCorrection:
        """What the poses of the training images revealed about the camera."""
        return CameraCorrection.from_vector(self.correction)

    @property
    def feature_settings(self) -> FeatureSettings:
        """How the features of images must be taken."""
        return FeatureSettings(int(self.settings[0]), int(self.settings[1]), float(self.settings[2]))

    def encode(self, descriptors: np.ndarray) -> np.ndarray:
        """Descriptors (f, 128) as unit vectors (f, k), comparable with `decoded`."""
        return encode(descriptors, self.code_mean, self.code_axes)

    def decoded(self) -> np.ndarray:
        """The landmarks' codes as unit vectors (l, k) float32."""
        return unit_descriptors(self.codes)

    def lens_poses(self) -> Poses:
        """T_parent_lens of the images, from `origin` on."""
        return Poses(self.positions, self.quats_xyzw)

    def seen_from(self, images: np.ndarray, count: int) -> np.ndarray:
        """Indices of up to `count` landmarks, first those that the first image saw, then those of the second..."""
        ranges = [self.seen[self.seen_first[i] : self.seen_first[i + 1]] for i in images]
        ends = np.cumsum([len(each) for each in ranges])
        nearest = np.empty(0, dtype=np.int64)
        first = np.empty(len(self), dtype=np.int64)
        taken, wanted = 0, count
        # most often a few images saw enough
        while taken < len(ranges) and len(nearest) < count:
            wanted *= 2
            taken = int(np.searchsorted(ends, wanted)) + 1
            landmarks = np.concatenate(ranges[:taken])
            places = np.arange(len(landmarks))
            # of places written to one landmark the last one stays; to sort them took a twentieth of a guided search
            first[landmarks[::-1]] = places[::-1]
            nearest = landmarks[first[landmarks] == places]
        return nearest[:count]

    def most_seen(self, count: int) -> np.ndarray:
        """Indices of up to `count` landmarks that any image saw, those first that most saw."""
        times = np.bincount(self.seen, minlength=len(self))
        order = np.argsort(-times, kind="stable")
        most: np.ndarray = order[: min(count, int(np.count_nonzero(times)))]
        return most

    def calibrated_covariance(self, covariance: np.ndarray, count: int) -> np.ndarray:
        """The covariance (6, 6) that errors really have, see `error_calibration.landmark_covariance`."""
        return landmark_covariance(covariance, count, self.deviation)


def save_map(file: Path | IO[bytes], landmark_map: LandmarkMap) -> None:
    """Write a map as a compressed .npz file."""
    types = {**STORED_TYPES, **ADDED[VERSION]}
    grid, point_bytes = packed_points(landmark_map.points, POINT_STEP)
    packed = {
        "version": VERSION,
        "point_grid": grid,
        "point_bytes": point_bytes,
        # numbers of one axis are alike, those of one landmark are not
        "codes_of_axes": landmark_map.codes.T,
        "seen_bytes": packed_steps(landmark_map.seen),
    }
    arrays = {name: packed[name] if name in packed else getattr(landmark_map, name) for name in types}
    save_arrays(file, {name: np.asarray(arrays[name]).astype(kind) for name, kind in types.items()})


def load_map(path: Path | str) -> LandmarkMap:
    """The inverse of `save_map`, which older versions are read by, too; raises BundleError on anything else."""
    try:
        arrays = load_arrays(path, STORED_TYPES, MAX_BYTES)
        version = int(arrays.pop("version"))
        if version not in ADDED:
            raise ValueError(f"version {version}; expected one of {', '.join(map(str, ADDED))}")
        arrays.update(load_arrays(path, ADDED[version], MAX_BYTES))
        if "point_bytes" in arrays:
            _unpack(arrays)
        metre = float(arrays.pop("metre", 1.0))
        # that of version 6 is of another fit
        arrays.pop("focal_reach", None)
        camera_reach = float(arrays.pop("camera_reach", usual_camera_reach(arrays["deviation"])))
        types = {**STORED_TYPES, **PLAIN, **ORIGIN}
        values = {name: array.astype(types[name]) for name, array in arrays.items()}
        landmark_map = LandmarkMap(**values, metre=metre, camera_reach=camera_reach)
        _check(landmark_map)
        return landmark_map
    except READ_FAULTS as error:
        raise BundleError(f"{path}: no landmark map of this version ({error}); {AGAIN}") from error


def _unpack(arrays: dict[str, np.ndarray]) -> None:
    """Put the arrays of a map into the place of those that are PACKED; raises ValueError where these are none."""
    arrays["points"] = unpacked_points(arrays.pop("point_grid"), arrays.pop("point_bytes"))
    arrays["codes"] = np.ascontiguousarray(arrays.pop("codes_of_axes").T)
    arrays["seen"] = unpacked_steps(arrays.pop("seen_bytes"))


def _check(m: LandmarkMap) -> None:
    """Raise ValueError unless all shapes fit together and all indices point at something."""
    landmarks, images, size = len(m.points), len(m.positions), m.code_axes.shape[-1]
    expected = {
        "points": (landmarks, 3),
        "codes": (landmarks, size),
        "code_mean": (DESCRIPTOR_SIZE,),
        "code_axes": (DESCRIPTOR_SIZE, size),
        "seen_first": (images + 1,),
        "positions": (images, 3),
        "quats_xyzw": (images, 4),
        "correction": (10,),
        "settings": (3,),
        "deviation": (4,),
        "origin": (3,),
    }
    found = {name: getattr(m, name).shape for name in expected}
    if found != expected or m.seen.ndim != 1:
        raise ValueError(f"shapes {found}")
    if not all(np.isfinite(getattr(m, name)).all() for name in expected):
        raise ValueError("values that are not finite")
    if not 1e-9 < m.metre < 1e9:
        raise ValueError(f"a metre of {m.metre:g} of the scene's units")
    if max(np.abs(m.points).max(initial=0), np.abs(m.positions).max(initial=0)) > MAX_POSITION_M:
        raise ValueError(f"positions beyond {MAX_POSITION_M:g} m")
    if m.seen_first[0] != 0 or m.seen_first[-1] != len(m.seen) or np.any(np.diff(m.seen_first) < 0):
        raise ValueError("ranges of seen landmarks that do not follow one another")
    if len(m.seen) and (m.seen.min() < 0 or m.seen.max() >= landmarks):
        raise ValueError("landmarks seen that are not there")
    if np.any(np.abs(np.linalg.norm(m.quats_xyzw, axis=1) - 1) > 1e-3):
        raise ValueError("rotations that are no unit quaternions")
    if not (np.all(m.deviation >= 0) and 64 <= m.settings[0] <= 8192 and 1 <= m.settings[1] <= 10**5):
        raise ValueError(f"settings {m.settings.tolist()}, deviation {m.deviation.tolist()}")
    if not 0 < m.camera_reach < np.inf:
        raise ValueError(f"a reach of {m.camera_reach:g} of cameras")


def usual_camera_reach(deviation: Sequence[float] | np.ndarray) -> float:
    """That of a map with this deviation (4,): landmarks err together, of focal lengths as of positions."""
    return CAMERA_DEVIATIONS * max(float(deviation[0]), 1.0)


def encode(descriptors: np.ndarray, mean: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Unit vectors (f, k) float32 of descriptors (f, 128) along principal axes (128, k)."""
    return unit_descriptors((unit_descriptors(descriptors) - mean) @ axes)


def principal_axes(descriptors: np.ndarray, size: int = CODE_SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Mean (128,) and axes (128, size) of descriptors (f, 128)."""
    units = unit_descriptors(descriptors)
    mean = units.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((units - mean).T))
    return mean, np.ascontiguousarray(vectors[:, ::-1][:, :size]).astype(np.float32)
