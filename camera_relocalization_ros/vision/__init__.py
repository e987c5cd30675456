# SPDX-License-Identifier: BSD-3-Clause
"""What an image shows: features, matches, poses from points, silhouettes. Flies; knows no data sets."""
