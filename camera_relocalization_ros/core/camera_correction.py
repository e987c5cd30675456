# SPDX-License-Identifier: BSD-3-Clause
"""What the poses of a data set tell about its camera beyond its intrinsics: intrinsics and extrinsics corrected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class CameraCorrection:
    """scale, shift (2,) and radial turn rays by the given intrinsics into true ones; the rest are its extrinsics.

    The lens sits at T_child_lens: translation (3,) in metres, rotation vector (3,) in radians. All are small.
    """

    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    radial: float = 0.0
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @classmethod
    def from_vector(cls, values: np.ndarray) -> CameraCorrection:
        """The inverse of `vector`."""
        v = [float(value) for value in values]
        return cls(v[0], (v[1], v[2]), v[3], (v[4], v[5], v[6]), (v[7], v[8], v[9]))

    @property
    def vector(self) -> np.ndarray:
        """All ten numbers, in the order of the fields."""
        return np.array([self.scale, *self.shift, self.radial, *self.translation, *self.rotation])

    @property
    def T_child_lens(self) -> np.ndarray:
        """(4, 4)."""
        T = np.eye(4)
        T[:3, :3] = Rotation.from_rotvec(self.rotation).as_matrix()
        T[:3, 3] = self.translation
        return T

    def apply(self, rays: np.ndarray) -> np.ndarray:
        """True rays (n, 2) on z = 1 from those by the given intrinsics."""
        radius2 = np.sum(np.square(rays), axis=1, keepdims=True)
        true_rays: np.ndarray = self.scale * (1 + self.radial * radius2) * rays + np.array(self.shift)
        return true_rays
