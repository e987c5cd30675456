# SPDX-License-Identifier: BSD-3-Clause
"""The settings of the thesis (2.3.3) against formulas written out, and what layers answer."""

import numpy as np
import pytest
import torch
from toy_backbone import ToyBackbone

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.explain.activations import (
    activations,
    default_layers,
    maximising_images,
    strongest,
)
from camera_relocalization_ros.training.explain.saliency import AS_THESIS, SaliencySettings, saliency

WEIGHT = torch.tensor([1.0, -2.0, 0.5])


def image():
    # from 40 to 200: a range that is not 255
    return np.random.default_rng(0).integers(40, 201, (6, 8, 3), dtype=np.uint8)


def cubic(image_bhw3):
    """Of known derivative: 3 w x^2 / 1000."""
    return ((image_bhw3**3) @ WEIGHT).sum(dim=(1, 2)) / 1000


def test_integrated_gradients_from_black_are_equation_2_23():
    pixels = image()
    x = pixels.astype(float)
    # I times the integral of 3 w a^2 I^2 / 1000 da
    expected = x * x**2 * WEIGHT.numpy() / 1000
    np.testing.assert_allclose(saliency("integrated_gradients", cubic, pixels, AS_THESIS), expected, rtol=1e-3)


def test_smoothgrad_is_equation_2_24_of_sizes_with_a_fifth_of_the_range():
    pixels = image()
    found = saliency("smoothgrad", cubic, pixels, SaliencySettings(samples=1000, noise_share=0.2, absolute=True))
    sd = 0.2 * (int(pixels.max()) - int(pixels.min()))
    # the mean of (x + n)^2 is x^2 + sd^2
    expected = 3 * np.abs(WEIGHT.numpy()) * (pixels.astype(float) ** 2 + sd**2) / 1000
    np.testing.assert_allclose(found, expected, rtol=0.08)


def test_guided_smoothgrad_lets_no_negative_slope_through_a_relu():
    def halves(image_bhw3):
        return (torch.relu(image_bhw3) @ WEIGHT).sum(dim=(1, 2))

    found = saliency("guided_smoothgrad", halves, image(), SaliencySettings(samples=3))
    np.testing.assert_allclose(found, np.broadcast_to([1.0, 0.0, 0.5], found.shape), atol=1e-6)


def test_activations_are_what_the_layers_answer():
    backbone, pixels = ToyBackbone().eval(), np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    assert default_layers(backbone) == ["first", "second"]
    found = activations(backbone, pixels, ["first"])["first"]
    expected = backbone.first(torch.from_numpy(pixels)[None].permute(0, 3, 1, 2).float() / 127.5 - 1.0)[0]
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-5)
    best = strongest(found, 3)
    assert len(best) == 3 and best[0] == found.mean(axis=(1, 2)).argmax()
    with pytest.raises(ConfigError, match="no layer 'third' in backbone toy; known: first, second"):
        activations(backbone, pixels, ["third"])


def test_maximising_images_raise_their_channel_above_any_noise():
    backbone = ToyBackbone().eval().requires_grad_(False)
    images = maximising_images(backbone, "second", [2, 5], 32, 24, steps=40)
    assert images.shape == (2, 24, 32, 3) and images.dtype == np.uint8
    noise = np.random.default_rng(0).integers(0, 256, (30, 24, 32, 3), dtype=np.uint8)

    def answer(pixels, channel):
        return activations(backbone, pixels, ["second"])["second"][channel].mean()

    for pixels, channel in zip(images, (2, 5)):
        assert answer(pixels, channel) > 1.5 * max(answer(other, channel) for other in noise)
    np.testing.assert_array_equal(images[:1], maximising_images(backbone, "second", [2], 32, 24, steps=40))
