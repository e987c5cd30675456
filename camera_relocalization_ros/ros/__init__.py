# SPDX-License-Identifier: BSD-3-Clause
"""The only tier that imports rospy, rosbag, tf2, cv_bridge and messages."""
