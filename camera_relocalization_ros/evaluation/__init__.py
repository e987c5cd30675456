# SPDX-License-Identifier: BSD-3-Clause
"""How good the estimates were: errors, baselines, results on disk. Offline."""
