# SPDX-License-Identifier: BSD-3-Clause
"""Units of work on several machines, by engines that exist (Dask)."""
