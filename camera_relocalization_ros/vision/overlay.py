# SPDX-License-Identifier: BSD-3-Clause
"""Draws a pose into its image: the parent frame's axes and the object's edges, where the pose says they are."""

from __future__ import annotations

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.geometry import invert, transform_points

# BGR of Okabe and Ito's palette, which colour-blind people can tell apart: vermilion, bluish green, blue, yellow
AXES = {"x": (0, 94, 213), "y": (115, 158, 0), "z": (178, 114, 0)}
EDGE_COLOUR, TEXT_COLOUR, HALO_COLOUR = (66, 228, 240), (255, 255, 255), (0, 0, 0)
# lines are drawn in pieces: what lies behind the camera, or so far aside that lens distortion is made up, is left out
PIECES, NEAR_M, MAX_SLOPE = 48, 0.05, 2.0
# as a share of the object's longest side, or without an object in metres
AXIS_SHARE, AXIS_M = 0.25, 0.5
SUBPIXEL_BITS = 3


def draw_pose(
    image_bgr: np.ndarray,
    camera: CameraIntrinsics,
    T_parent_camera: np.ndarray,
    edges: np.ndarray | None = None,
    text: str = "",
) -> np.ndarray:
    """A copy of an image (H, W, 3) with axes, and with the object's `edges` (E, 2, 3) in the parent frame.

    `camera` is that of the image or of a resized one; `text` is written below. What is out of sight is not drawn.
    """
    height, width = image_bgr.shape[:2]
    drawn = image_bgr.copy()
    camera = camera.scaled(width, height)
    T_camera_parent = invert(T_parent_camera)
    thickness = max(round(width / 400), 1)
    if edges is not None:
        # dark halos keep lines visible on any ground; all come first, or each would cut the lines before it
        for colour, width in ((HALO_COLOUR, thickness + 2), (EDGE_COLOUR, thickness)):
            for edge in edges:
                _draw_line(drawn, camera, transform_points(T_camera_parent, edge), colour, width)
    length_m = AXIS_M if edges is None else AXIS_SHARE * float(np.ptp(edges, axis=(0, 1)).max())
    for axis, (name, colour) in enumerate(AXES.items()):
        ends = np.zeros((2, 3))
        ends[1, axis] = length_m
        _draw_line(drawn, camera, transform_points(T_camera_parent, ends), HALO_COLOUR, 2 * thickness + 2)
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
    cv2.polylines(image, fixed, False, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    x, y = pixels[-1].tolist()
    return (round(x), round(y)) if seen[-1] else None


def _write(image: np.ndarray, text: str, at: tuple[int, int], scale: float, colour: tuple[int, int, int]) -> None:
    scale = max(scale, 0.4)
    for tone, width in ((HALO_COLOUR, round(4 * scale) + 2), (colour, round(scale) + 1)):
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, tone, width, cv2.LINE_AA)
