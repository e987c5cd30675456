# SPDX-License-Identifier: BSD-3-Clause
"""Data sets on disk: read, written, divided, checked against their recordings. Offline."""
