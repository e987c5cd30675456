# SPDX-License-Identifier: BSD-3-Clause
"""The steps of the work, one function each: ordinary arguments in, a result object out. Offline."""
