# SPDX-License-Identifier: BSD-3-Clause
"""What the node `relocalizer` makes of an estimate: topics and TF. Flies."""
