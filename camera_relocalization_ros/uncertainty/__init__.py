# SPDX-License-Identifier: BSD-3-Clause
"""How a bundle's covariance and states are fitted to data that it was not trained on. Offline.

What flies of it is in bundle/error_calibration.py alone: the regressed pose's covariance and score, and the calibrated
covariance of a pose by landmarks. Here those are fitted: calibration_fit (the first), landmark_error_fit (the second),
calibrate (which images), out_of_distribution_images and _scores (what must be rejected), calibration_report (in words),
survey_errors (how far the poses may be off that are fitted to).
"""
