# SPDX-License-Identifier: BSD-3-Clause
"""What the aircraft's own sensors mean: DJI's gimbal and attitude, satellite fixes, placements. Flies."""
