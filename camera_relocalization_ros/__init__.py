# SPDX-License-Identifier: BSD-3-Clause
"""Visual relocalization of a drone's camera against an object or a room, for ROS 1."""
