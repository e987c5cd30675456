# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.data.doctor.axes import choose_pairs, up_axis
from camera_relocalization_ros.data.doctor.coverage import (
    check_coverage,
    from_cylinder,
    measure_coverage,
    to_cylinder,
    unseen_sides,
)
from camera_relocalization_ros.data.doctor.finding import LOOK, OK


def looking(positions, at=(0.0, 0.0, 0.0)):
    """Quaternions of upright cameras at positions (N, 3) that look at a point."""
    forward = np.asarray(at) - positions
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return Rotation.from_matrix(np.stack([right, np.cross(forward, right), forward], axis=2)).as_quat()


def ring(count=3000, first_deg=-180.0, last_deg=180.0, seed=2):
    rng = np.random.default_rng(seed)
    return from_cylinder(rng.uniform([first_deg, 2.0, 0.5], [last_deg, 4.0, 2.0], (count, 3)))


def test_cylinder_and_back():
    positions = ring(50)
    np.testing.assert_allclose(from_cylinder(to_cylinder(positions)), positions)
    np.testing.assert_allclose(to_cylinder([0.0, 2.0, 1.0]), [90.0, 2.0, 1.0])


def test_full_ring_is_ok_and_hides_nothing():
    positions = ring()
    coverage = measure_coverage(Poses(positions, looking(positions)))
    assert coverage.is_around_object
    assert check_coverage(coverage).level == OK
    assert coverage.suggestions == ()
    assert unseen_sides(coverage) == []


def test_hole_on_the_left_is_where_to_fly_next():
    positions = ring()
    azimuth, distance, height = to_cylinder(positions).T
    hole = (azimuth > 90) & (azimuth < 120) & (distance > 2.0) & (distance < 3.5)
    kept = positions[~hole]
    coverage = measure_coverage(Poses(kept, looking(kept)))
    # three steps of distance by three of height lie between what was flown
    sentences = [suggestion.sentence for suggestion in coverage.suggestions]
    assert len(sentences) == 5
    assert all("left of the object (azimuth 90 to 120 deg)" in sentence for sentence in sentences)
    assert all(sentence.endswith(f"0 of {len(kept)} images") for sentence in sentences)
    for suggestion in coverage.suggestions:
        azimuth, distance, height = to_cylinder(suggestion.position)
        assert 90 < azimuth < 120 and 2.0 < distance < 3.5 and 0.5 < height < 2.0


def test_nothing_outside_what_was_flown_is_suggested():
    positions = ring(last_deg=-20.0, first_deg=-100.0)
    coverage = measure_coverage(Poses(positions, looking(positions)))
    azimuth, distance, height = to_cylinder(np.array([s.position for s in coverage.suggestions]).reshape(-1, 3)).T
    assert np.all((azimuth > -100) & (azimuth < -20) & (distance > 2.0))
    assert set(unseen_sides(coverage)) >= {"left", "behind", "rear left", "front left"}


def test_flat_flights_are_told():
    positions = ring() * [1.0, 1.0, 0.0] + [0.0, 0.0, 1.5]
    found = check_coverage(measure_coverage(Poses(positions, looking(positions))))
    assert found.level == LOOK
    assert "one plane" in found.sentence
    for few in (positions[:1], positions[:2], np.tile(positions[:1], (9, 1))):
        assert check_coverage(measure_coverage(Poses(few, looking(few)))).level == LOOK


def test_few_images_are_told_whatever_else_is():
    positions = ring()
    few = positions[np.linspace(0, len(positions) - 1, 29).astype(int)]
    found = check_coverage(measure_coverage(Poses(few, looking(few))))
    assert found.level == LOOK and found.sentence.startswith("29 images are few: take 30 or more")
    line = np.linspace([1.0, 0.0, 0.0], [2.0, 0.0, 0.0], 5)
    found = check_coverage(measure_coverage(Poses(line, looking(line))))
    assert found.sentence.startswith("5 images are few") and "one plane or line" in found.sentence


def test_room_is_divided_by_x_y_z():
    rng = np.random.default_rng(5)
    positions = rng.uniform([-2.0, -2.0, 1.0], [2.0, 2.0, 2.0], (4000, 3))
    positions = positions[~((positions[:, 0] > 0) & (positions[:, 0] < 0.5) & (positions[:, 1] ** 2 < 0.25))]
    outwards = looking(positions, at=(9.0, 0.0, 1.0))
    coverage = measure_coverage(Poses(positions, outwards))
    assert not coverage.is_around_object
    assert len(coverage.suggestions) == 4
    assert coverage.suggestions[0].sentence.startswith("x 0 to 0.5 m, y ")


@pytest.mark.parametrize("at", [(0.0, 0.0, 0.0), (0.0, 0.0, -2.0)])
def test_up_axis_of_cameras_around_an_object(at):
    positions = ring(400)
    cameras = Rotation.from_quat(looking(positions, at))
    assert up_axis(cameras.as_quat()) == "+z"
    for name, euler in {"+y": [-90, 0, 0], "-y": [90, 0, 0], "-z": [180, 0, 0], "+x": [0, 90, 0]}.items():
        assert up_axis((Rotation.from_euler("xyz", euler, degrees=True) * cameras).as_quat()) == name
    assert up_axis((cameras * Rotation.from_euler("z", 180, degrees=True)).as_quat()) == "-z"


def test_up_axis_of_cameras_turned_every_way_is_not_told():
    assert up_axis(Rotation.random(300, random_state=4).as_quat()) == ""


def test_pairs_are_spread_and_do_not_span_gaps():
    stamps_ns = np.concatenate([np.arange(100), np.arange(150, 250)]) * 10**8
    pairs = choose_pairs(stamps_ns, 50)
    assert len(pairs) == 50
    for (first, second), gap_s in pairs:
        assert stamps_ns[second] - stamps_ns[first] == 4 * 10**8
        assert gap_s == pytest.approx(0.4, rel=0.02)
    assert choose_pairs(stamps_ns[:1], 50) == []
