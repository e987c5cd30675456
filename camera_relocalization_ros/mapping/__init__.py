# SPDX-License-Identifier: BSD-3-Clause
"""Landmark maps out of images with known poses; offline, NumPy and OpenCV."""
