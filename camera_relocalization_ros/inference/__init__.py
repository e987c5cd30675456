# SPDX-License-Identifier: BSD-3-Clause
"""What flies: ONNX Runtime in, pose out; knows no ROS."""
