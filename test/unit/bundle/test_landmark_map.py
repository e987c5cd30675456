# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np
import pytest

from camera_relocalization_ros.bundle.landmark_map import STORED_TYPES, LandmarkMap, load_map, save_map
from camera_relocalization_ros.core.errors import BundleError


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
        deviation=np.array([1.5, 2.0, 1.2, 0.0]),
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


def test_a_map_of_a_scene_of_any_scale_is_of_a_version_that_older_readers_refuse(tmp_path):
    path = tmp_path / "landmarks.npz"
    for metre, origin, version in ((1.0, 0.0, 3), (1.0, 5.0, 4), (0.25, 0.0, 5)):
        save_map(path, replace(small_map(), metre=metre, origin=np.full(3, origin)))
        assert (load_map(path).metre, int(np.load(path)["version"])) == (metre, version)
    save_map(path, replace(small_map(), metre=0.0))
    with pytest.raises(BundleError, match="a metre of 0"):
        load_map(path)


def test_landmarks_of_images_come_once_those_of_the_first_image_first():
    landmark_map = small_map()
    assert landmark_map.seen_from(np.array([2, 0]), 9).tolist() == [4, 1, 2, 0]
    assert landmark_map.seen_from(np.array([2, 0]), 2).tolist() == [4, 1]
    assert landmark_map.seen_from(np.array([1]), 9).tolist() == []
    assert landmark_map.seen_from(np.array([], dtype=int), 9).tolist() == []


def test_covariance_is_widened_by_a_scale_and_by_what_falls_with_the_landmarks():
    covariance = np.diag([1e-4, 1e-4, 1e-4, 1e-6, 1e-6, 1e-6]) + 1e-7
    few, many = (small_map().calibrated_covariance(covariance, count) for count in (40, 400))
    np.testing.assert_allclose(np.diag(few - 1.5**2 * covariance)[:3], 0.05**2)
    np.testing.assert_allclose(np.diag(many - 1.5**2 * covariance)[:3], 0.005**2)
    np.testing.assert_allclose(few[3:, 3:], 1.2**2 * covariance[3:, 3:])
    np.testing.assert_allclose(few[:3, 3:], 1.5 * 1.2 * covariance[:3, 3:])


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
        {"deviation": np.zeros(6)},
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
