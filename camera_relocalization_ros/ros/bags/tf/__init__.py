# SPDX-License-Identifier: BSD-3-Clause
"""Parts of reading TF from bags: static poses over time, look-ups by tf2, where an object stood, split recordings."""
