# SPDX-License-Identifier: BSD-3-Clause
"""The second stage: poses from the landmarks of a map, found, followed and fused with the regression. Flies."""
