# SPDX-License-Identifier: BSD-3-Clause
"""Bags read and written without a master. Offline."""
