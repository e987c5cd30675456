# SPDX-License-Identifier: BSD-3-Clause
"""The heads that can be exported and explained; those that carry a state are in test_carried_state.py."""

from camera_relocalization_ros.training.heads import HEADS

FLOWN_HEADS = sorted(name for name, head in HEADS.items() if not head.carries_state)
