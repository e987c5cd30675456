# SPDX-License-Identifier: BSD-3-Clause
"""The frozen part's features on disk, and the views of the images that they are made of. Offline."""
