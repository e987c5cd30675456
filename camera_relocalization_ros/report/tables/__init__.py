# SPDX-License-Identifier: BSD-3-Clause
"""Results side by side in tables, and the thesis' own numbers."""
