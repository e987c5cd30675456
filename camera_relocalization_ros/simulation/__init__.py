# SPDX-License-Identifier: BSD-3-Clause
"""A simulated arena, airframe and M100 flight (PyVista); plain data, no ROS."""
