# SPDX-License-Identifier: BSD-3-Clause
"""Offline training with PyTorch; never imported in flight."""
