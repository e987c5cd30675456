# SPDX-License-Identifier: BSD-3-Clause
import cv2
import numpy as np
import pytest

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError, FrameError
from camera_relocalization_ros.vision.local_features import (
    FeatureExtractor,
    FeatureSettings,
    Window,
    densest_window,
    unit_descriptors,
)

CAMERA = CameraIntrinsics(640, 480, 500.0, 500.0, 319.5, 239.5)


def blob_image(size=(640, 480)):
    """Black with one bright disc whose centre is at pixel 400, 300 of 640 x 480."""
    image = np.zeros((480, 640, 3), np.uint8)
    cv2.circle(image, (400, 300), 12, (255, 255, 255), -1, cv2.LINE_AA)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def found_in(image_rgb, camera=CAMERA):
    extractor = FeatureExtractor(camera)
    return extractor.extract(extractor.grey(image_rgb))


@pytest.mark.parametrize("size", [(640, 480), (1280, 960), (320, 240)])
def test_rays_do_not_depend_on_the_size_of_the_image(size):
    features = found_in(blob_image(size))
    expected = [(400 - 319.5) / 500, (300 - 239.5) / 500]
    assert np.linalg.norm(features.rays - expected, axis=1).min() < 2e-3
    np.testing.assert_allclose(np.linalg.norm(unit_descriptors(features.descriptors), axis=1), 1, rtol=1e-5)


def test_near_places_a_window_has_the_points_of_the_image_that_lie_there():
    extractor, window = FeatureExtractor(CAMERA), Window(320, 200, 480, 400)
    grey = extractor.grey(blob_image())
    near = extractor.extract_near(grey, window, np.array([[402.0, 300.0], [700.0, 300.0]]), 12.0)
    assert np.linalg.norm(near.pixels - [400, 300], axis=1).min() < 1
    np.testing.assert_allclose(extractor.pixels(near.rays), near.pixels, atol=1e-6)
    # the part of the window that is near: a disc, for one of the places is not in it
    x, y = np.meshgrid(np.arange(320, 480), np.arange(200, 400))
    assert near.share == np.mean(np.hypot(x - 402, y - 300) <= 12)
    # all of it is the whole
    every = np.stack(np.meshgrid(np.arange(320, 480, 5), np.arange(200, 400, 5)), axis=-1).reshape(-1, 2)
    whole = extractor.extract_near(grey, window, every.astype(float), 12.0)
    assert whole.share == 1 and len(whole) >= len(near) > 0
    assert len(extractor.extract_near(grey, window, np.array([[340.0, 220.0]]), 12.0)) == 0
    assert len(extractor.extract_near(grey, Window(0, 0, 200, 200), every - [320.0, 200.0], 12.0)) == 0


def test_the_densest_window_is_all_points_or_the_place_of_most():
    size, generator = np.array([640, 480]), np.random.default_rng(0)
    few = generator.uniform([100, 100], [200, 180], (50, 2))
    window = densest_window(few, size, 0.4, 16.0)
    assert 70 <= window.left <= 110 and 190 <= window.right <= 230 and window.area < 0.1 * 640 * 480
    many = np.concatenate([generator.uniform([0, 0], size, (50, 2)), generator.uniform([400, 300], size, (300, 2))])
    window = densest_window(many, size, 0.4, 16.0)
    assert window.area <= 0.42 * 640 * 480 and window.left > 200 and window.right > 600 and window.bottom > 440
    assert densest_window(many[:0], size, 0.4, 16.0) is None


def test_in_a_mirror_points_are_as_those_of_the_mirror_image():
    image = np.repeat(
        cv2.resize(np.random.default_rng(0).integers(0, 255, (12, 16), np.uint8), (640, 480))[..., None], 3, 2
    )
    mirrored, expected = found_in(image).mirrored(), found_in(image[:, ::-1])
    nearest = np.linalg.norm(mirrored.rays[:, None] - expected.rays, axis=2).argmin(axis=1)
    codes, others = unit_descriptors(mirrored.descriptors), unit_descriptors(expected.descriptors)
    assert len(codes) > 50 and np.median(np.sum(codes * others[nearest], axis=1)) > 0.99


def test_the_strongest_features_are_those_of_most_contrast():
    image = np.zeros((480, 640, 3), np.uint8)
    for x, brightness in ((100, 90), (300, 250), (500, 160)):
        cv2.circle(image, (x, 240), 12, (brightness,) * 3, -1, cv2.LINE_AA)
    features = found_in(image)
    first = list(dict.fromkeys(np.round(features.pixels[:, 0] / 100).astype(int).tolist()))
    assert first == [3, 5, 1]
    strongest = features.strongest(1)
    np.testing.assert_array_equal(strongest.descriptors, features.descriptors[:1])
    assert len(strongest) == len(strongest.rays) == 1 and len(features.strongest(10**6)) == len(features)


def test_an_empty_image_has_no_features():
    assert len(found_in(np.zeros((480, 640, 3), np.uint8))) == 0


def test_distortion_is_taken_out():
    bent = CameraIntrinsics(640, 480, 500.0, 500.0, 319.5, 239.5, (-0.2, 0.05, 0.0, 0.0, 0.0))
    straight, corrected = (found_in(blob_image(), camera) for camera in (CAMERA, bent))
    assert np.linalg.norm(corrected.rays, axis=1).max() > np.linalg.norm(straight.rays, axis=1).max()


def test_an_image_of_other_proportions_is_refused():
    with pytest.raises(FrameError, match="640x360"):
        FeatureExtractor(CAMERA).grey(np.zeros((360, 640, 3), np.uint8))


@pytest.mark.parametrize(("missing", "said"), [("SIFT_create", "SIFT"), ("UsacParams", "USAC")])
def test_an_old_opencv_is_refused(monkeypatch, missing, said):
    monkeypatch.delattr(cv2, missing)
    with pytest.raises(ConfigError, match=rf"has no {said}; .* 4\.5\.1 or newer"):
        FeatureExtractor(CAMERA, FeatureSettings())
