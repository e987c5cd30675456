# SPDX-License-Identifier: BSD-3-Clause
"""A bundle whose network does not answer as it did when it was made is not flown."""

import io

import numpy as np
import onnxruntime
import pytest
from colour_bundle import COLOUR_BUNDLE, COLOUR_BUNDLE_V2, as_version_1, edited_copy
from helpers import fake_image_rgb

from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.bundle.reference_outputs import OUTPUTS, patchwork_images
from camera_relocalization_ros.core.errors import BundleError
from camera_relocalization_ros.localization.relocalizer import Relocalizer


def vector_with(**changes):
    with np.load(COLOUR_BUNDLE / "test_vector.npz") as arrays:
        values = {**arrays, **changes}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **values)
    return buffer.getvalue()


@pytest.mark.parametrize("name", OUTPUTS)
def test_each_output_of_the_last_image_is_compared(tmp_path, name):
    expected = getattr(load_bundle(COLOUR_BUNDLE).reference_outputs, name).copy()
    last = (-1,) + (0,) * (expected.ndim - 1)
    expected[last] += 5e-4 * max(np.abs(expected).max(), 1.0 if "position" in name else 0.0)
    Relocalizer.from_bundle(edited_copy(tmp_path / "near", test_vector=vector_with(**{name: expected})))
    expected[last] += 0.01
    path = edited_copy(tmp_path / "far", test_vector=vector_with(**{name: expected}))
    with pytest.raises(BundleError) as caught:
        Relocalizer.from_bundle(path)
    text = str(caught.value)
    assert f"answered with {name} [" in text and f"expected [{expected[last]:.4f}" in text and "\n" not in text
    assert f"ONNX Runtime {onnxruntime.__version__} on CPUExecutionProvider" in text


def test_another_image_in_the_test_vector_is_found(tmp_path):
    images = np.stack([fake_image_rgb(0), fake_image_rgb(1)])
    with pytest.raises(BundleError, match="test vector is answered with position"):
        Relocalizer.from_bundle(edited_copy(tmp_path / "bundle", test_vector=vector_with(images=images)))


def test_answers_that_are_no_numbers_are_found(tmp_path):
    white = np.full((2, 48, 64, 3), 255, np.uint8)
    with pytest.raises(BundleError, match="answered with position .nan"):
        Relocalizer.from_bundle(edited_copy(tmp_path / "bundle", test_vector=vector_with(images=white)))


def test_a_bundle_of_version_1_flies_unchecked(tmp_path):
    relocalizer = Relocalizer.from_bundle(edited_copy(tmp_path / "old", as_version_1, COLOUR_BUNDLE_V2))
    assert np.isfinite(relocalizer.estimate(fake_image_rgb(0), 1).position).all()


def test_a_bundle_of_version_2_flies_checked_and_without_members(tmp_path):
    relocalizer = Relocalizer.from_bundle(COLOUR_BUNDLE_V2)
    estimate = relocalizer.estimate(fake_image_rgb(0), 1)
    assert not relocalizer.bundle.has_members and estimate.indicators == {} and estimate.covariance is None
    newer = edited_copy(tmp_path / "newer", lambda values: values.update(version=3, calibration=None), COLOUR_BUNDLE_V2)
    with pytest.raises(BundleError, match="member_position"):
        Relocalizer.from_bundle(newer)


def test_the_test_vector_leaves_no_frame_behind():
    assert Relocalizer.from_bundle(COLOUR_BUNDLE).estimate(fake_image_rgb(0), 1).window_length == 1


def test_a_network_that_is_not_that_of_the_sidecar_is_refused(tmp_path):
    def single(values):
        values["window_length"] = 1

    with pytest.raises(BundleError, match="inputs .'image', 'previous'.*expected .'image'. and"):
        Relocalizer.from_bundle(edited_copy(tmp_path / "single", single))

    def smaller(values):
        values["preprocessing"] = {"width": 32, "height": 24}

    images = patchwork_images(32, 24, 2)
    path = edited_copy(tmp_path / "smaller", smaller, test_vector=vector_with(images=images))
    with pytest.raises(BundleError, match="input image is .*48, 64.*; expected .*24, 32"):
        Relocalizer.from_bundle(path)
    with pytest.raises(BundleError, match="ONNX Runtime refuses it"):
        Relocalizer.from_bundle(edited_copy(tmp_path / "text", network=b"no network"))


def test_a_provider_that_is_missing_is_left_for_the_next_and_told():
    reported = []
    missing = ["NoSuchExecutionProvider", "NorThisExecutionProvider"]
    providers = [*missing, "CPUExecutionProvider"]
    relocalizer = Relocalizer.from_bundle(COLOUR_BUNDLE, providers, warn=reported.append)
    assert len(reported) == len(missing) and all(f"has no {name}" in text for name, text in zip(missing, reported))
    assert relocalizer.providers == ["CPUExecutionProvider"]


def test_without_a_provider_that_works_nothing_flies():
    with pytest.raises(BundleError, match="has no NoSuchExecutionProvider; it has .*CPUExecutionProvider"):
        Relocalizer.from_bundle(COLOUR_BUNDLE, ["NoSuchExecutionProvider"])


def test_a_wrong_answer_is_passed_on_to_the_next_provider_but_never_past_the_cpu(tmp_path):
    images = np.stack([fake_image_rgb(0), fake_image_rgb(1)])
    path = edited_copy(tmp_path / "bundle", test_vector=vector_with(images=images))
    # those whose libraries are there; where the package for GPUs is on a machine without one, they are not
    others = [name for name in onnxruntime.get_available_providers() if name != "CPUExecutionProvider"]
    reported = []
    with pytest.raises(BundleError, match="test vector is answered with position"):
        Relocalizer.from_bundle(
            path, [*others, "CPUExecutionProvider", "NoSuchExecutionProvider"], warn=reported.append
        )
    reasons = ("test vector is answered with position", "could not start")
    assert len(reported) == len(others) and all(any(reason in text for reason in reasons) for text in reported)
