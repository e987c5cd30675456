# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from scipy.stats import chi2

from camera_relocalization_ros.inference.refinement_errors import _fit, pose_difference


def test_floor_and_growth_of_the_error_are_found_and_nine_of_ten_lie_inside():
    generator = np.random.default_rng(0)
    distances = generator.uniform(0.05, 0.6, 3000)
    own = np.tile(np.diag([1.0, 4.0, 9.0]) * 1e-6, (3000, 1, 1))
    sd = np.sqrt(own[:, [0, 1, 2], [0, 1, 2]] + 0.005**2 + (0.1 * distances[:, None]) ** 2)
    floor, growth, scale = _fit(generator.normal(size=(3000, 3)) * sd, own, distances)
    np.testing.assert_allclose([floor, growth, scale], [0.005, 0.1, 1.0], rtol=0.15)


def test_heavy_tails_are_made_up_for_by_the_scale():
    generator = np.random.default_rng(1)
    distances, own = generator.uniform(0.05, 0.6, 3000), np.tile(np.eye(3) * 1e-6, (3000, 1, 1))
    errors = 0.01 * generator.standard_t(2, (3000, 3))
    floor, growth, scale = _fit(errors, own, distances)
    variances = scale**2 * (1e-6 + floor**2 + (growth * distances) ** 2)
    inside = np.sum(errors**2, axis=1) / variances < chi2.ppf(0.9, 3)
    assert abs(inside.mean() - 0.9) < 0.005


def test_a_difference_is_of_axes_that_do_not_turn():
    quarter = np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)])
    small = np.array([np.sin(0.05), 0, 0, np.cos(0.05)])
    # the estimate is the truth, turned by 0.1 about the parent's x axis
    turned = np.array([small[0] * quarter[3], -small[0] * quarter[2], quarter[2] * small[3], quarter[3] * small[3]])
    difference = pose_difference(np.array([1.0, 2, 3]), turned, np.array([1.0, 2, 1]), quarter)
    np.testing.assert_allclose(difference, [0, 0, 2, 0.1, 0, 0], atol=1e-12)
