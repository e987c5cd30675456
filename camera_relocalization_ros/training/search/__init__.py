# SPDX-License-Identifier: BSD-3-Clause
"""Search for better recipes. Offline."""
