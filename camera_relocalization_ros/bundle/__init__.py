# SPDX-License-Identifier: BSD-3-Clause
"""The model bundle, the one thing that is carried on board: read, checked and written. Flies."""
