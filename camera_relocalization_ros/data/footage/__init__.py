# SPDX-License-Identifier: BSD-3-Clause
"""What cameras write besides pixels, where a photograph or video was taken; and the frames of a video."""
