# SPDX-License-Identifier: BSD-3-Clause
"""HTML pages, and tracks for Google Earth."""
