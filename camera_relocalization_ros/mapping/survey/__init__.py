# SPDX-License-Identifier: BSD-3-Clause
"""Poses of photographs without an arena: structure from motion, and what gives it metres and axes."""
