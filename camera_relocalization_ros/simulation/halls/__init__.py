# SPDX-License-Identifier: BSD-3-Clause
"""What stands around it: halls and an apron with their light, and who walks there; as parts in map."""
