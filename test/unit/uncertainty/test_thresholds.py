# SPDX-License-Identifier: BSD-3-Clause
"""Thresholds that are changed while a relocalizer works, and siblings for single images."""

import math

import numpy as np
import pytest
from calibrated_bundle import write_calibrated_bundle
from colour_bundle import COLOUR_BUNDLE
from helpers import fake_image_rgb

from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.localization.relocalizer import Relocalizer

STEP_NS = 100_000_000


@pytest.fixture
def relocalizer(tmp_path):
    relocalizer = Relocalizer.from_bundle(write_calibrated_bundle(tmp_path / "bundle"))
    # its poses err by a metre
    relocalizer.set_ok_limits(OkLimits(100.0, math.pi))
    return relocalizer


def estimates(relocalizer, count=2):
    return [relocalizer.estimate(fake_image_rgb(0), STEP_NS * (1 + k)) for k in range(count)]


def state(relocalizer):
    relocalizer.reset()
    return estimates(relocalizer)[-1].state


def test_thresholds_make_the_state_and_go_back_to_the_calibrated_ones(relocalizer):
    score = estimates(relocalizer)[-1].score
    assert 0 < score < 1
    assert state(relocalizer) is State.OK
    relocalizer.set_thresholds(degraded_below=score + 0.01)
    assert state(relocalizer) is State.DEGRADED
    # what is LOST is not DEGRADED, whatever the other threshold says
    relocalizer.set_thresholds(lost_below=score + 0.01)
    assert state(relocalizer) is State.LOST
    relocalizer.set_thresholds()
    assert state(relocalizer) is State.OK


def test_thresholds_mean_nothing_without_a_calibration():
    relocalizer = Relocalizer.from_bundle(COLOUR_BUNDLE)
    relocalizer.set_thresholds(lost_below=1.0, degraded_below=1.0)
    assert estimates(relocalizer)[-1].reason == "not calibrated"


def test_a_sibling_has_the_thresholds_and_a_buffer_of_its_own(relocalizer):
    first = relocalizer.estimate(fake_image_rgb(0), STEP_NS)
    alone = relocalizer.sibling().estimate(fake_image_rgb(1), 5 * STEP_NS)
    assert (first.window_length, alone.window_length) == (1, 1)
    assert relocalizer.estimate(fake_image_rgb(0), 2 * STEP_NS).window_length == 2
    np.testing.assert_allclose(alone.covariance, np.diag([1.0] * 3 + [0.25] * 3), atol=1e-9)
    relocalizer.set_thresholds(lost_below=1.0)
    assert relocalizer.sibling().estimate(fake_image_rgb(1), 5 * STEP_NS).state is State.LOST
