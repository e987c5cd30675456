# SPDX-License-Identifier: BSD-3-Clause
"""Points followed by the flow: where they went, and where they are expected before what moves otherwise."""

import cv2
import numpy as np
import pytest

from camera_relocalization_ros.vision.flow import Flow

SIZE, POLE = (240, 320), slice(152, 170)
POINTS = np.array([(x, y) for y in range(30, 210, 6) for x in (158.0, 163.0)])


def texture(seed):
    noise = np.random.default_rng(seed).normal(size=(SIZE[0] + 80, SIZE[1] + 80))
    smooth = cv2.GaussianBlur(noise, None, 2.0)
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def pole_before_a_background(pole_px=(0, 0), background_px=0):
    """A pole 18 pixels wide, and a background, each moved by so many pixels: to the right, the pole also down."""
    behind, pole = np.roll(texture(0), background_px, axis=1), np.roll(texture(1), pole_px[::-1], axis=(0, 1))
    image = behind.copy()
    columns = slice(POLE.start + pole_px[0], POLE.stop + pole_px[0])
    image[:, columns] = pole[:, columns]
    return image[: SIZE[0], : SIZE[1]]


def share_right(flow, move, background_px, expected=None):
    other = pole_before_a_background(move, background_px)
    pixels, is_found = flow.follow(pole_before_a_background(), other, POINTS, expected)
    return np.mean(is_found & (np.linalg.norm(pixels - POINTS - move, axis=1) < 0.3))


def test_points_are_followed_to_where_they_went_with_what_is_around_them():
    assert share_right(Flow(window_px=9, levels=4, return_px=1.0), (6, 0), background_px=6) > 0.9


@pytest.mark.parametrize("off", [(0, 0), (2, -1)])
def test_a_thin_thing_is_found_where_it_is_expected_though_what_is_behind_it_moves_otherwise(off):
    move = (-6, 4)
    assert share_right(Flow(window_px=9, levels=4, return_px=1.0), move, background_px=9) < 0.5
    expected = POINTS + np.add(move, off)
    assert share_right(Flow(window_px=9, levels=1, return_px=1.0), move, background_px=9, expected=expected) > 0.9


def test_what_went_from_view_is_not_found_elsewhere():
    flow, other = Flow(window_px=9, levels=1, return_px=1.0), texture(7)[: SIZE[0], : SIZE[1]]
    pixels, is_found = flow.follow(pole_before_a_background(), other, POINTS)
    assert pixels.shape == POINTS.shape and np.mean(is_found) < 0.2
