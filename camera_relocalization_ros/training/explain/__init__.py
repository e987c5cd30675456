# SPDX-License-Identifier: BSD-3-Clause
"""Which pixels a network's estimate depends on. Offline."""
