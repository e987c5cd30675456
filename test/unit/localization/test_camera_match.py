# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace
from pathlib import Path

import pytest
from colour_bundle import COLOUR_BUNDLE
from helpers import CAMERA

from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.localization.camera_match import MAX_CENTRE_SHIFT, MAX_FOCAL_CHANGE, match_camera

SHIPPED = Path(__file__).resolve().parents[3] / "models" / "airframe"


@pytest.fixture(scope="module")
def sidecar():
    return load_bundle(COLOUR_BUNDLE).sidecar


def matched(sidecar, camera):
    return match_camera(sidecar, camera.width, camera.height, camera)


def test_the_training_camera_fits_at_any_resolution(sidecar):
    for camera in (CAMERA, CAMERA.scaled(640, 480)):
        assert matched(sidecar, camera).complaint == ""


def test_a_camera_that_is_none_at_the_models_resolution_is_told(sidecar):
    camera = replace(CAMERA.scaled(8, 6), cx=9e5)
    assert "camera cx is" in matched(sidecar, camera).complaint


@pytest.mark.parametrize("axis", ["fx", "fy"])
@pytest.mark.parametrize(("change", "complains"), [(0.9, False), (1.1, True), (-0.9, False), (-1.1, True)])
def test_another_focal_length_is_told_but_not_refused(sidecar, axis, change, complains):
    camera = replace(CAMERA, **{axis: 60.0 * (1.0 + change * MAX_FOCAL_CHANGE)}).scaled(1280, 960)
    match = matched(sidecar, camera)
    assert bool(match.complaint) == complains
    assert match.is_usable


@pytest.mark.parametrize("axis", ["cx", "cy"])
@pytest.mark.parametrize(("change", "complains"), [(0.9, False), (1.1, True), (-0.9, False), (-1.1, True)])
def test_another_principal_point_is_told_but_not_refused(sidecar, axis, change, complains):
    shift = change * MAX_CENTRE_SHIFT * CAMERA.fx
    camera = replace(CAMERA, **{axis: getattr(CAMERA, axis) + shift}).scaled(1280, 960)
    match = matched(sidecar, camera)
    assert match.complaint.startswith("the camera's principal point is at") == complains
    assert match.is_usable


def test_sixty_pixels_beside_the_middle_are_too_many_for_the_shipped_model():
    sidecar = load_bundle(SHIPPED).sidecar
    camera = sidecar.camera.scaled(1280, 720)
    assert matched(sidecar, camera).complaint == ""
    assert "principal point" in matched(sidecar, replace(camera, cx=camera.cx + 60.0)).complaint
    # calibrations of one camera differ by so much
    assert matched(sidecar, replace(camera, cx=camera.cx + 15.0, cy=camera.cy - 15.0)).complaint == ""


def test_another_field_of_view_is_told_in_degrees(sidecar):
    # 2 atan(32 / 60) and 2 atan(32 / 30)
    assert "sees 93.7 deg" in matched(sidecar, replace(CAMERA, fx=30.0)).complaint
    assert "trained with 56.1 deg" in matched(sidecar, replace(CAMERA, fx=30.0)).complaint


@pytest.mark.parametrize("size", [(1280, 720), (64, 0), (0, 0)])
def test_another_aspect_ratio_cannot_be_used(sidecar, size):
    match = match_camera(sidecar, *size, None)
    assert not match.is_usable
    assert f"{size[0]}x{size[1]}" in match.complaint


def test_what_is_not_known_is_not_compared(sidecar):
    assert match_camera(sidecar, 640, 480, None).complaint == ""
    assert matched(replace(sidecar, camera=None), replace(CAMERA, fx=300.0)).complaint == ""


def test_a_lens_of_another_kind_is_told(sidecar):
    fisheye = replace(CAMERA, distortion=(0.0,) * 4, distortion_model="equidistant")
    barrel = replace(CAMERA, distortion=(-0.05, 0.0, 0.0, 0.0, 0.0))
    assert matched(sidecar, replace(barrel, fx=61.0)).complaint == ""
    # at the corners, 34 deg off the axis, a fisheye's ray is half as steep again
    wide = CAMERA.scaled(64, 48)
    trained = replace(sidecar, camera=replace(wide, fx=30.0, fy=30.0))
    assert "bends the picture otherwise" in matched(trained, replace(fisheye, fx=30.0, fy=30.0)).complaint
