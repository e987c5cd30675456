# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np
import pytest

from camera_relocalization_ros.core.errors import BundleError
from camera_relocalization_ros.core.landmark_map import STORED_TYPES, LandmarkMap, load_map, save_map


def small_map():
    """Three images of five landmarks."""
    generator = np.random.default_rng(0)
    return LandmarkMap(
        points=generator.normal(size=(5, 3)),
        codes=generator.integers(-127, 128, (5, 8)),
        code_mean=generator.normal(size=128),
        code_axes=generator.normal(size=(128, 8)),
        seen_first=np.array([0, 2, 2, 5]),
        seen=np.array([0, 1, 4, 1, 2]),
        positions=generator.normal(size=(3, 3)),
        quats_xyzw=np.tile([0.0, 0.0, 0.0, 1.0], (3, 1)),
        correction=np.array([1.0, *np.zeros(9)]),
        settings=np.array([640, 1000, 0.02]),
        deviation=np.array([0.01, 0.1, 1.5, 0.002, 0.0, 1.2]),
    )


def test_what_is_saved_is_loaded(tmp_path):
    saved = small_map()
    save_map(tmp_path / "landmarks.npz", saved)
    loaded = load_map(tmp_path / "landmarks.npz")
    for name in set(STORED_TYPES) - {"version"}:
        np.testing.assert_allclose(getattr(loaded, name), getattr(saved, name), rtol=1e-6)
    assert len(loaded) == 5
    assert loaded.feature_settings.limit == 1000
    assert loaded.camera_correction.scale == 1.0


def test_landmarks_of_images_come_once_those_of_the_first_image_first():
    landmark_map = small_map()
    assert landmark_map.seen_from(np.array([2, 0]), 9).tolist() == [4, 1, 2, 0]
    assert landmark_map.seen_from(np.array([2, 0]), 2).tolist() == [4, 1]
    assert landmark_map.seen_from(np.array([1]), 9).tolist() == []
    assert landmark_map.seen_from(np.array([], dtype=int), 9).tolist() == []


def test_covariance_gets_floor_growth_and_scale():
    covariance = np.diag([1e-4, 1e-4, 1e-4, 1e-6, 1e-6, 1e-6])
    near, far = (small_map().calibrated(covariance, distance) for distance in (0.0, 0.5))
    np.testing.assert_allclose(np.diag(near)[:3], 1.5**2 * (1e-4 + 0.01**2))
    np.testing.assert_allclose(np.diag(far)[:3], 1.5**2 * (1e-4 + 0.01**2 + 0.05**2))
    np.testing.assert_allclose(np.diag(far)[3:], 1.2**2 * (1e-6 + 0.002**2))


@pytest.mark.parametrize(
    "fault",
    [
        {"seen": np.array([0, 1, 5, 1, 2])},
        {"seen": np.array([0, 1, -1, 1, 2])},
        {"seen_first": np.array([0, 3, 2, 5])},
        {"seen_first": np.array([0, 2, 2, 4])},
        {"points": np.full((5, 3), np.nan)},
        {"codes": np.zeros((4, 8))},
        {"positions": np.zeros((2, 3))},
        {"settings": np.array([10**9, 1000, 0.02])},
        {"deviation": np.array([0.01, -1.0, 0.002, 1.2])},
        {"quats_xyzw": np.zeros((3, 4))},
    ],
)
def test_a_map_that_contradicts_itself_is_refused(tmp_path, fault):
    save_map(tmp_path / "landmarks.npz", replace(small_map(), **fault))
    with pytest.raises(BundleError, match=r"landmarks\.npz"):
        load_map(tmp_path / "landmarks.npz")


def test_no_map_and_no_file_are_refused(tmp_path):
    (tmp_path / "other.npz").write_bytes(b"not a zip")
    for name in ("other.npz", "missing.npz"):
        with pytest.raises(BundleError, match=name):
            load_map(tmp_path / name)
