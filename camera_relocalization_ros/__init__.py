# SPDX-License-Identifier: BSD-3-Clause
"""Visual relocalization of a drone's camera against an object or a room, for ROS 1."""

import os

# Threads of NumPy's OpenBLAS and of PyTorch's OpenMP wait for more work by spinning, for tens of milliseconds, and take
# the cores from whoever has work (docs/node.md). Both read this once, when they are loaded.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
