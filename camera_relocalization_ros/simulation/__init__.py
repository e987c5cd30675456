# SPDX-License-Identifier: BSD-3-Clause
"""Simulated worlds and an M100's flight in them (PyVista); plain data, no ROS."""
