# SPDX-License-Identifier: BSD-3-Clause
"""Layouts of other people's data sets, one module each: to ours, and back where it makes sense."""
