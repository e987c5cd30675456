# SPDX-License-Identifier: BSD-3-Clause
"""A picture in grey, for landmarks, whose colours, for the network, are decoded only when they are asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Callable

import cv2
import numpy as np


class Picture:
    """`grey` (H, W) uint8 and, by a decoder that may raise, `rgb` (H, W, 3) uint8."""

    def __init__(self, grey: np.ndarray, decode_rgb: Callable[[], np.ndarray]) -> None:
        self.grey = grey
        self._decode_rgb = decode_rgb

    @classmethod
    def of(cls, image_rgb: np.ndarray) -> Picture:
        """An image (H, W, 3) uint8 that is decoded already."""
        return cls(cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY), lambda: image_rgb)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.grey.shape[1], self.grey.shape[0]

    @cached_property
    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8; raises what its decoder raises."""
        return self._decode_rgb()
