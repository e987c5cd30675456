# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import synthetic_scene

from camera_relocalization_ros.core.camera_correction import CameraCorrection
from camera_relocalization_ros.core.geometry import invert, transform_points
from camera_relocalization_ros.mapping.landmark_points import Landmarks, consistent_landmarks
from camera_relocalization_ros.mapping.self_calibration import calibrate
from camera_relocalization_ros.mapping.triangulation import Observations, reprojection_errors, triangulate


def observed(T_parent_lens, points, noise=0.0):
    """All points in all images."""
    image, landmark = (grid.ravel() for grid in np.meshgrid(np.arange(len(T_parent_lens)), np.arange(len(points))))
    local = np.array(
        [transform_points(invert(T_parent_lens[i]), points[p : p + 1])[0] for i, p in zip(image, landmark)]
    )
    rays = local[:, :2] / local[:, 2:] + np.random.default_rng(1).normal(0, noise, (len(local), 2))
    return Observations(image, landmark, rays)


def scene(images=12, count=40):
    generator = np.random.default_rng(0)
    return synthetic_scene.circle(generator, images), generator.uniform(-0.5, 0.5, (count, 3))


def test_points_are_found_from_their_rays():
    T_parent_lens, points = scene()
    seen = observed(T_parent_lens, points)
    found = triangulate(seen, T_parent_lens, len(points))
    np.testing.assert_allclose(found, points, atol=1e-9)
    assert reprojection_errors(found, seen, T_parent_lens).max() < 1e-9


def test_a_point_of_one_ray_is_not_a_number():
    T_parent_lens, points = scene()
    seen = observed(T_parent_lens, points[:1]).take(np.array([0]))
    assert np.isnan(triangulate(seen, T_parent_lens, 1)).all()


def test_wrong_observations_are_dropped_and_hopeless_tracks_with_them():
    T_parent_lens, points = scene()
    seen = observed(T_parent_lens, points, noise=5e-4)
    order = np.argsort(seen.image, kind="stable")
    image, track, rays = seen.image[order], seen.landmark[order].copy(), seen.rays[order].copy()
    rays[(track < 20) & (image == 3)] += 0.1
    generator = np.random.default_rng(2)
    hopeless = track >= 35
    rays[hopeless] = generator.uniform(-0.5, 0.5, (hopeless.sum(), 2))
    landmarks = consistent_landmarks(track, image, rays, T_parent_lens, 5e-3)
    nearest = np.linalg.norm(landmarks.points[:, None] - points[None, :35], axis=2).min(axis=1)
    assert np.sum(nearest < 5e-3) == 35
    # of five tracks of chance a pair of rays may meet
    assert len(landmarks) <= 40
    wrong = (landmarks.seen.image == 3) & (landmarks.feature < len(rays)) & (track[landmarks.feature] < 20)
    assert not wrong.any()


def test_lens_and_seat_are_found_where_the_intrinsics_are_wrong():
    T_parent_child, points = scene(images=30, count=80)
    truth = CameraCorrection(1.08, (0.004, -0.006), 0.0, (0.02, -0.01, 0.015), (0.01, -0.005, 0.008))
    seen = observed(T_parent_child @ truth.T_child_lens, points, noise=3e-4)
    # rays by the wrong intrinsics: `apply` without radial distortion, turned round
    given = Observations(seen.image, seen.landmark, (seen.rays - np.array(truth.shift)) / truth.scale)
    found = calibrate(given, T_parent_child, len(points), CameraCorrection())
    before = triangulate(given, T_parent_child, len(points))
    after_rays = Observations(given.image, given.landmark, found.apply(given.rays))
    T_parent_lens = T_parent_child @ found.T_child_lens
    after = triangulate(after_rays, T_parent_lens, len(points))
    error_before = np.median(reprojection_errors(before, given, T_parent_child))
    error_after = np.median(reprojection_errors(after, after_rays, T_parent_lens))
    assert error_after < 6e-4 < error_before / 2
    # a longer focal length and a lens further back look much alike: most of it, not all, is told apart
    assert abs(found.scale - truth.scale) < abs(1 - truth.scale) / 2


def test_landmarks_in_order_of_images_are_the_same_and_those_of_an_image_follow_one_another():
    rng = np.random.default_rng(0)
    # three images see twenty landmarks each, numbered at random, and share ten
    image, shown = np.repeat([0, 1, 2], 20), np.concatenate([first + np.arange(20) for first in (0, 10, 20)])
    number = rng.permutation(40)
    before = Landmarks(
        np.argsort(number)[:, None] * np.ones(3), Observations(image, number[shown], rng.random((60, 2))), image, shown
    )
    after = before.in_order_of_images()
    np.testing.assert_array_equal(after.points[after.seen.landmark], before.points[before.seen.landmark])
    np.testing.assert_array_equal(after.seen.rays, before.seen.rays)
    for each in range(3):
        assert np.ptp(after.seen.landmark[image == each]) == 19
