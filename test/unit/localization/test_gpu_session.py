# SPDX-License-Identifier: BSD-3-Clause
"""Flight on a real GPU answers as flight on a processor; skipped where there is none."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from helpers import fake_image_rgb

from camera_relocalization_ros.localization.relocalizer import Relocalizer

SHIPPED = Path(__file__).parents[3] / "models/airframe"
TENSORRT, CUDA, CPU = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"
PERIOD_NS = 50_000_000

# the package of ONNX Runtime for GPUs may be there without a card
pytestmark = pytest.mark.skipif(
    CUDA not in onnxruntime.get_available_providers() or not Path("/dev/nvidiactl").exists(), reason="no GPU"
)


def answers(relocalizer, count=6):
    """Estimates of a short flight over made-up images, buffer and members included."""
    camera = relocalizer.bundle.sidecar.camera
    images = [fake_image_rgb(seed, camera.width, camera.height) for seed in range(count)]
    return [relocalizer.estimate(image, row * PERIOD_NS) for row, image in enumerate(images)]


def test_the_shipped_model_answers_on_a_gpu_as_on_a_processor():
    reported = []
    on_gpu = Relocalizer.from_bundle(SHIPPED, (CUDA, CPU), warn=reported.append)
    assert reported == [] and on_gpu.providers == [CUDA, CPU]
    for found, expected in zip(answers(on_gpu), answers(Relocalizer.from_bundle(SHIPPED))):
        np.testing.assert_allclose(found.position, expected.position, atol=1e-3)
        np.testing.assert_allclose(found.quat_xyzw, expected.quat_xyzw, atol=1e-3)
        np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-2, atol=1e-6)
        assert (found.state, found.window_length) == (expected.state, expected.window_length)


def test_ten_bit_products_are_found_by_the_test_vector(monkeypatch):
    """TF32, which ONNX Runtime takes unless told not to, is not what the bundle was tested with."""
    reported = []
    monkeypatch.setattr("camera_relocalization_ros.localization.onnx_session.PROVIDER_OPTIONS", {})
    relocalizer = Relocalizer.from_bundle(SHIPPED, (CUDA, CPU), warn=reported.append)
    assert relocalizer.providers == [CPU] and len(reported) == 1
    assert (
        reported[0].startswith(f"{CUDA} is not used, {CPU} is tried next: ")
        and "its test vector is answered" in reported[0]
    )


def test_a_provider_whose_libraries_are_missing_is_left_for_the_gpu():
    reported = []
    relocalizer = Relocalizer.from_bundle(SHIPPED, (TENSORRT, CUDA, CPU), warn=reported.append)
    assert CUDA in relocalizer.providers
    if TENSORRT not in relocalizer.providers:
        assert len(reported) == 1 and reported[0].startswith(f"{TENSORRT} is not used, {CUDA} is tried next: ")
