# SPDX-License-Identifier: BSD-3-Clause
"""A bag through the live node. Offline."""
