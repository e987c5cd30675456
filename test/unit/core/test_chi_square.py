# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from scipy.stats import chi2

from camera_relocalization_ros.core.chi_square import chi_square_quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 6])
def test_quantiles_are_those_of_scipy(degrees):
    chances = np.array([0.0, 1e-6, 0.05, 0.5, 0.9, 0.95, 0.999, 1.0 - 1e-9, 1.0])
    np.testing.assert_allclose(chi_square_quantile(chances, degrees), chi2.ppf(chances, degrees), rtol=1e-12)
