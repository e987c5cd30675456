# SPDX-License-Identifier: BSD-3-Clause
"""The nodes for the aircraft's own sensors. Fly."""
