# SPDX-License-Identifier: BSD-3-Clause
"""Checks of a data set: is it fit for training? One finding each, and nothing that draws or prints."""
