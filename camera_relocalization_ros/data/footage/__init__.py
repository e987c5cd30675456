# SPDX-License-Identifier: BSD-3-Clause
"""What cameras write besides their pixels: where a photograph was taken."""
