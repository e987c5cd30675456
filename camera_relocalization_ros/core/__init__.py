# SPDX-License-Identifier: BSD-3-Clause
"""What every tier shares: geometry, data sets, bundles, evaluation. NumPy, SciPy and OpenCV only."""
