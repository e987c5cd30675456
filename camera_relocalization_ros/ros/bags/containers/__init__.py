# SPDX-License-Identifier: BSD-3-Clause
"""Recordings that are no bag of ROS 1: of ROS 2 (sqlite3, mcap), and of ROS 1 in mcap, read as if they were one."""
