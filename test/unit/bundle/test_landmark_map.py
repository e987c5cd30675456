# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np
import pytest

from camera_relocalization_ros.bundle.landmark_map import (
    ADDED,
    CODE_LEVELS,
    PACKED,
    POINT_STEP,
    STORED_TYPES,
    VERSION,
    LandmarkMap,
    load_map,
    save_map,
)
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
        camera_reach=7.5,
    )


def test_what_is_saved_is_loaded(tmp_path):
    saved = small_map()
    save_map(tmp_path / "landmarks.npz", saved)
    loaded = load_map(tmp_path / "landmarks.npz")
    for name in {*STORED_TYPES, "codes", "seen"} - {"version"}:
        np.testing.assert_allclose(getattr(loaded, name), getattr(saved, name), rtol=1e-6)
    np.testing.assert_allclose(loaded.points, saved.points, rtol=0, atol=0.51 * POINT_STEP)
    save_map(tmp_path / "again.npz", loaded)
    np.testing.assert_array_equal(load_map(tmp_path / "again.npz").points, loaded.points)
    assert len(loaded) == 5
    assert loaded.feature_settings.limit == 1000
    assert loaded.camera_correction.scale == 1.0
    assert loaded.camera_reach == 7.5


def test_landmarks_far_apart_and_in_any_order_are_saved(tmp_path):
    path, points = tmp_path / "landmarks.npz", small_map().points
    far = replace(small_map(), points=points + np.array([[1e7], [-1e7], [0], [0], [0]]), seen=np.array([4, 0, 3, 1, 0]))
    save_map(path, far)
    np.testing.assert_allclose(load_map(path).points, far.points, rtol=0, atol=0.01 + 1e7 * np.finfo(np.float32).eps)
    np.testing.assert_array_equal(load_map(path).seen, far.seen)
    nothing = {"points": np.empty((0, 3)), "codes": np.empty((0, 8)), "seen": [], "seen_first": np.zeros(4)}
    save_map(path, replace(small_map(), **{name: np.asarray(values) for name, values in nothing.items()}))
    assert len(load_map(path)) == 0


def write_older(path, landmark_map, version):
    """A map as the versions before this one had it."""
    types = {**STORED_TYPES, **ADDED[version]}
    save_map(path, landmark_map)
    with np.load(path) as stored:
        packed = {name: stored[name] for name in stored.files if name in PACKED}
    values = {name: packed.get(name, getattr(landmark_map, name, version)) for name in types}
    np.savez_compressed(path, **{name: np.asarray(values[name]).astype(kind) for name, kind in types.items()})


@pytest.mark.parametrize("version", sorted(set(ADDED) - {VERSION}))
def test_maps_of_older_versions_are_read(tmp_path, version):
    older = replace(small_map(), metre=0.25 if version > 4 else 1.0, origin=np.full(3, 5.0 if version > 3 else 0.0))
    write_older(tmp_path / "landmarks.npz", older, version)
    loaded = load_map(tmp_path / "landmarks.npz")
    for name in {*STORED_TYPES, "points", "codes", "seen", "origin"} - {"version"}:
        # of packed ones a tenth of a millimetre
        within = POINT_STEP if name == "points" else 0.0
        np.testing.assert_allclose(getattr(loaded, name), getattr(older, name), rtol=1e-6, atol=within)
    # four deviations, as much wider as positions turned out
    assert (loaded.metre, loaded.camera_reach) == (older.metre, 6.0)


def test_a_map_takes_little_more_than_half_of_the_bytes_that_older_versions_took(tmp_path):
    generator, images, landmarks = np.random.default_rng(0), 40, 3000
    seen = [np.flatnonzero(generator.random(200) < 0.7) + 70 * image for image in range(images)]
    codes = generator.normal(size=(landmarks, 64)) * np.geomspace(1, 0.2, 64)
    codes /= np.abs(codes).max(axis=1, keepdims=True)
    large = replace(
        small_map(),
        points=generator.normal(size=(landmarks, 3)),
        codes=np.rint(CODE_LEVELS * codes).astype(np.int8),
        code_axes=np.zeros((128, 64)),
        seen_first=np.cumsum([0, *map(len, seen)]),
        seen=np.concatenate(seen),
        positions=generator.normal(size=(images, 3)),
        quats_xyzw=np.tile([0.0, 0.0, 0.0, 1.0], (images, 1)),
    )
    save_map(tmp_path / "now.npz", large)
    write_older(tmp_path / "older.npz", replace(large, codes=np.rint(127 * codes)), 3)
    sizes = [(tmp_path / name).stat().st_size for name in ("now.npz", "older.npz")]
    assert sizes[0] < 0.6 * sizes[1]
    np.testing.assert_array_equal(load_map(tmp_path / "now.npz").seen, large.seen)


def test_a_metre_of_the_scene_is_kept_and_none_refused(tmp_path):
    path = tmp_path / "landmarks.npz"
    save_map(path, replace(small_map(), metre=0.25, origin=np.full(3, 5.0)))
    assert (load_map(path).metre, load_map(path).origin.tolist()) == (0.25, [5.0] * 3)
    save_map(path, replace(small_map(), metre=0.0))
    with pytest.raises(BundleError, match="a metre of 0"):
        load_map(path)
    save_map(path, replace(small_map(), camera_reach=np.nan))
    with pytest.raises(BundleError, match="a reach of nan"):
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


def test_bytes_that_are_no_numbers_are_refused(tmp_path):
    path = tmp_path / "landmarks.npz"
    save_map(path, small_map())
    arrays = dict(np.load(path))
    for name, wrong in (("seen_bytes", np.zeros((3, 5), np.uint8)), ("point_bytes", np.zeros((4, 5), np.uint8))):
        np.savez_compressed(path, **{**arrays, name: wrong})
        with pytest.raises(BundleError, match=r"landmarks\.npz"):
            load_map(path)


def test_no_map_and_no_file_are_refused(tmp_path):
    (tmp_path / "other.npz").write_bytes(b"not a zip")
    for name in ("other.npz", "missing.npz"):
        with pytest.raises(BundleError, match=name):
            load_map(tmp_path / name)
