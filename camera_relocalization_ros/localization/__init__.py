# SPDX-License-Identifier: BSD-3-Clause
"""Image in, pose out, with its covariance and state: ONNX Runtime and what stands around it. Flies; knows no ROS."""
