# SPDX-License-Identifier: BSD-3-Clause
"""What stands in the middle: airframes of unlike shapes and paints, objects from files; parts in wing/base_link."""
