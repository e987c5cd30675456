# SPDX-License-Identifier: BSD-3-Clause
"""Draws a pose into its image: the parent frame's axes and a box around the object, where the pose says they are."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.geometry import invert, transform_points

# BGR of Okabe and Ito's palette, which colour-blind people can tell apart: vermilion, bluish green, blue, yellow
AXES = {"x": (0, 94, 213), "y": (115, 158, 0), "z": (178, 114, 0)}
BOX_COLOUR, TEXT_COLOUR, HALO_COLOUR = (66, 228, 240), (255, 255, 255), (0, 0, 0)
# lines are drawn in pieces: what lies behind the camera, or so far aside that lens distortion is made up, is left out
PIECES, NEAR_M, MAX_SLOPE = 48, 0.05, 2.0
# as a share of the box's longest side, or without a box in metres
AXIS_SHARE, AXIS_M = 0.25, 0.5
SUBPIXEL_BITS = 3


def draw_pose(
    image_bgr: np.ndarray,
    camera: CameraIntrinsics,
    T_parent_camera: np.ndarray,
    box: np.ndarray | None = None,
    text: str = "",
) -> np.ndarray:
    """A copy of an image (H, W, 3) with axes, edges of `box` (2, 3: least and greatest x, y, z in the parent frame).

    `camera` is that of the image or of a resized one; `text` is written below. What is out of sight is not drawn.
    """
    height, width = image_bgr.shape[:2]
    drawn = image_bgr.copy()
    camera = camera.scaled(width, height)
    T_camera_parent = invert(T_parent_camera)
    thickness = max(round(width / 400), 1)
    if box is not None:
        for edge in box_edges(box):
            _draw_line(drawn, camera, transform_points(T_camera_parent, edge), BOX_COLOUR, thickness)
    length_m = AXIS_M if box is None else AXIS_SHARE * float(np.ptp(box, axis=0).max())
    for axis, (name, colour) in enumerate(AXES.items()):
        ends = np.zeros((2, 3))
        ends[1, axis] = length_m
        end = _draw_line(drawn, camera, transform_points(T_camera_parent, ends), colour, 2 * thickness)
        if end is not None:
            _write(drawn, name, end, width / 1000, colour)
    return draw_text(drawn, text) if text else drawn


def draw_text(image_bgr: np.ndarray, text: str) -> np.ndarray:
    """A copy of an image (H, W, 3) with a line of text below."""
    height, width = image_bgr.shape[:2]
    drawn = image_bgr.copy()
    _write(drawn, text, (width // 100, height - max(width // 80, 5)), width / 1000, TEXT_COLOUR)
    return drawn


def box_edges(box: np.ndarray) -> np.ndarray:
    """The twelve edges (12, 2, 3) of a box (2, 3) along the axes."""
    corners = np.array(list(product(*np.transpose(box))))
    # the bits of a corner's number say on which side it is
    return np.array([(corners[a], corners[a | bit]) for a in range(8) for bit in (1, 2, 4) if not a & bit])


def _draw_line(
    image: np.ndarray, camera: CameraIntrinsics, ends_camera: np.ndarray, colour: tuple[int, int, int], thickness: int
) -> tuple[int, int] | None:
    """Draw what can be seen of a line (2, 3) in the optical frame; its far end in pixels, None when out of sight."""
    shares = np.linspace(0.0, 1.0, PIECES + 1)[:, None]
    points = (1 - shares) * ends_camera[0] + shares * ends_camera[1]
    seen = points[:, 2] > NEAR_M
    seen &= np.abs(points[:, :2]).max(axis=1) < MAX_SLOPE * np.maximum(points[:, 2], NEAR_M)
    pixels = camera.project(points)
    runs = np.split(np.arange(len(points)), np.flatnonzero(np.diff(seen)) + 1)
    fixed = [np.round(pixels[run] * (1 << SUBPIXEL_BITS)).astype(np.int32) for run in runs if seen[run[0]]]
    # the dark halo keeps a line visible on any ground
    for tone, width in ((HALO_COLOUR, thickness + 2), (colour, thickness)):
        cv2.polylines(image, fixed, False, tone, width, cv2.LINE_AA, SUBPIXEL_BITS)
    return tuple(int(value) for value in pixels[-1].round()) if seen[-1] else None


def _write(image: np.ndarray, text: str, at: tuple[int, int], scale: float, colour: tuple[int, int, int]) -> None:
    scale = max(scale, 0.4)
    for tone, width in ((HALO_COLOUR, round(4 * scale) + 2), (colour, round(scale) + 1)):
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, tone, width, cv2.LINE_AA)
