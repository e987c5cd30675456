# SPDX-License-Identifier: BSD-3-Clause
"""The reloc command: arguments in, one call, exit code out."""
