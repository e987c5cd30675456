# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of how good the answers were (matplotlib); knows core alone."""
