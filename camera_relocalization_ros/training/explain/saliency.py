# SPDX-License-Identifier: BSD-3-Clause
"""Which pixels an estimate depends on, by captum: five methods, each with what it shows in docs/explanation.md.

Every method takes a function of images (b, h, w, 3) with values 0..255 to one number each (b,), and one image; it
returns attributions (1, h, w, 3) to the colour values as they are before normalisation.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Callable

import cv2
import numpy as np
import torch
from captum.attr import IntegratedGradients, NoiseTunnel, Occlusion, Saliency
from torch import nn

from camera_relocalization_ros.core.errors import ConfigError, unknown_name
from camera_relocalization_ros.training.backbones.contract import Backbone
from camera_relocalization_ros.training.explain.guided_relu import GuidedRelus

_log = logging.getLogger(__name__)
Explained = Callable[[torch.Tensor], torch.Tensor]
FILTERS, ACTIVATIONS, MAXIMISATION = "filters", "activations", "maximisation"
BLURRED, BLACK = BASELINES = ("blurred", "black")
# images that are worked on at once
BATCH = 8
# standard deviation of the blur, as a share of the image's width
BLUR_SHARE = 0.05


@dataclass(frozen=True)
class SaliencySettings:
    """How finely is looked.

    SmoothGrad averages over `samples` copies with noise of `noise_sd` grey levels, or where `noise_share` is not 0 of
    that share of the image's own range; `absolute`: sizes are averaged, whatever their signs. Integrated gradients
    begins at `baseline`, one of BASELINES, takes `steps` on each stretch of its way, and halves stretches until the
    contributions sum to the change within `max_gap` of it, or about `max_steps` are done.
    Occlusion covers squares of 1 / `squares` of the image's width, each half over the one before.
    """

    samples: int = 25
    noise_sd: float = 25.5
    noise_share: float = 0.0
    absolute: bool = False
    baseline: str = BLURRED
    steps: int = 16
    max_steps: int = 512
    max_gap: float = 0.01
    squares: int = 10

    def __post_init__(self) -> None:
        if self.baseline not in BASELINES:
            raise ConfigError(unknown_name("baseline", self.baseline, BASELINES))
        if self.samples < 1 or not 0 <= self.noise_share <= 1:
            raise ConfigError(
                f"{self.samples} samples with noise of {self.noise_share} of the range; expected 1 or more, and 0 to 1"
            )


# thesis eq. 2.23 and 2.24; its code averages absolute values (saliency.py:50-64, with "absolute" of keras-vis)
AS_THESIS = SaliencySettings(samples=50, noise_share=0.2, absolute=True, baseline=BLACK)


def mean_colour(image_1hw3: torch.Tensor) -> torch.Tensor:
    """What occlusion covers with: the image as one area of its mean colour."""
    return image_1hw3.mean(dim=(1, 2), keepdim=True).expand_as(image_1hw3).contiguous()


def without_detail(image_1hw3: torch.Tensor) -> torch.Tensor:
    """The usual baseline of integrated gradients: the image blurred over a twentieth of its width.

    Not one colour: there all places meet the kinks of the ReLUs at once, the estimate jumps about near the baseline,
    and hundreds of steps miss that by several percent.
    """
    blurred = cv2.GaussianBlur(image_1hw3[0].detach().numpy(), (0, 0), image_1hw3.shape[2] * BLUR_SHARE)
    return torch.from_numpy(blurred)[None]


def start_of_the_way(image_1hw3: torch.Tensor, settings: SaliencySettings) -> torch.Tensor:
    """Where integrated gradients begins; from black it is thesis eq. 2.23."""
    return torch.zeros_like(image_1hw3) if settings.baseline == BLACK else without_detail(image_1hw3)


def gradient(explained: Explained, image_1hw3: torch.Tensor, settings: SaliencySettings) -> torch.Tensor:
    """Derivatives, per grey level (Simonyan et al. 2014)."""
    return Saliency(explained).attribute(image_1hw3.clone().requires_grad_(), abs=False)


def guided_backpropagation(explained: Explained, image_1hw3: torch.Tensor, settings: SaliencySettings) -> torch.Tensor:
    """The gradient with all that is negative taken out at each ReLU: no derivative of anything any more."""
    with GuidedRelus():
        return gradient(explained, image_1hw3, settings)


def smoothgrad(explained: Explained, image_1hw3: torch.Tensor, settings: SaliencySettings) -> torch.Tensor:
    """Mean gradient around the image (Smilkov et al. 2017), per grey level; always with the same noise."""
    spread = float(image_1hw3.max() - image_1hw3.min())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return NoiseTunnel(Saliency(explained)).attribute(
            image_1hw3.clone().requires_grad_(),
            nt_samples=settings.samples,
            nt_samples_batch_size=BATCH,
            stdevs=settings.noise_share * spread if settings.noise_share else settings.noise_sd,
            abs=settings.absolute,
        )


def guided_smoothgrad(explained: Explained, image_1hw3: torch.Tensor, settings: SaliencySettings) -> torch.Tensor:
    """The mean of guided backpropagation around the image: both together, as the thesis has it (2.3.3)."""
    with GuidedRelus():
        return smoothgrad(explained, image_1hw3, settings)


@dataclass(frozen=True, eq=False)
class _Stretch:
    """A part of the way from baseline to image: where it begins and ends, its contributions, and their gap."""

    start: float
    end: float
    contributions: torch.Tensor
    gap: float


def integrated_gradients(explained: Explained, image_1hw3: torch.Tensor, settings: SaliencySettings) -> torch.Tensor:
    """Contributions that sum to the change from the baseline to this image (Sundararajan et al. 2017).

    The stretch of the way that is furthest from its own change is halved until all together are near enough.
    """
    change = change_from_baseline(explained, image_1hw3, settings)
    allowed = settings.max_gap * abs(change)
    stretches = [_stretch(explained, image_1hw3, settings, 0.0, 1.0)]
    while sum(s.gap for s in stretches) > allowed and 2 * len(stretches) * settings.steps < settings.max_steps:
        worst = max(stretches, key=lambda s: s.gap)
        middle = (worst.start + worst.end) / 2
        stretches.remove(worst)
        for start, end in ((worst.start, middle), (middle, worst.end)):
            stretches.append(_stretch(explained, image_1hw3, settings, start, end))
    found = torch.stack([s.contributions for s in stretches]).sum(dim=0)
    total = float(found.double().sum())
    if abs(total - change) > allowed:
        _log.warning("integrated gradients sum to %.4g; expected %.4g", total, change)
    return found


def _stretch(
    explained: Explained, image_1hw3: torch.Tensor, settings: SaliencySettings, start: float, end: float
) -> _Stretch:
    baseline = start_of_the_way(image_1hw3, settings)
    first, last = (torch.lerp(baseline, image_1hw3, share) for share in (start, end))
    contributions = IntegratedGradients(explained).attribute(
        last, baselines=first, n_steps=settings.steps, internal_batch_size=BATCH
    )
    with torch.no_grad():
        change = float(explained(last)) - float(explained(first))
    return _Stretch(start, end, contributions.detach(), abs(float(contributions.double().sum()) - change))


def occlusion(explained: Explained, image_1hw3: torch.Tensor, settings: SaliencySettings) -> torch.Tensor:
    """What is lost where a square gets the mean colour (Zeiler & Fergus 2014), mean over the squares on a pixel."""
    side = max(image_1hw3.shape[2] // settings.squares, 2)
    lost = Occlusion(explained).attribute(
        image_1hw3,
        sliding_window_shapes=(side, side, 3),
        strides=(side // 2, side // 2, 3),
        baselines=mean_colour(image_1hw3),
        perturbations_per_eval=BATCH,
    )
    # the three colours are covered together, and share what that changes
    return lost / 3


@dataclass(frozen=True)
class Method:
    """`is_slope`: what it shows is per grey level, else a part of the number itself."""

    title: str
    attribute: Callable[[Explained, torch.Tensor, SaliencySettings], torch.Tensor]
    is_slope: bool


METHODS = {
    "gradient": Method("gradient", gradient, True),
    "guided_backpropagation": Method("guided\nbackpropagation", guided_backpropagation, True),
    "smoothgrad": Method("SmoothGrad", smoothgrad, True),
    "integrated_gradients": Method("integrated\ngradients", integrated_gradients, False),
    "occlusion": Method("occlusion", occlusion, False),
}


# on demand, as they add little to the others
COMBINED = {"guided_smoothgrad": Method("guided\nSmoothGrad", guided_smoothgrad, True)}
ALL_METHODS = {**METHODS, **COMBINED}


def check_methods(names: list[str]) -> None:
    """Raise ConfigError that lists the known names."""
    known = (*ALL_METHODS, FILTERS, ACTIVATIONS, MAXIMISATION)
    for name in names:
        if name not in known:
            raise ConfigError(unknown_name("method", name, known))


def saliency(
    name: str, explained: Explained, image_rgb: np.ndarray, settings: SaliencySettings | None = None
) -> np.ndarray:
    """Attributions (h, w, 3) of ALL_METHODS[name] to the network's input (h, w, 3)."""
    image_1hw3 = torch.from_numpy(image_rgb).float()[None]
    return ALL_METHODS[name].attribute(explained, image_1hw3, settings or SaliencySettings())[0].detach().numpy()


def change_from_baseline(
    explained: Explained, image_1hw3: torch.Tensor, settings: SaliencySettings | None = None
) -> float:
    """The number for the image less that for the baseline of integrated gradients."""
    with torch.no_grad():
        baseline = start_of_the_way(image_1hw3, settings or SaliencySettings())
        return float(explained(image_1hw3)) - float(explained(baseline))


def first_filters(backbone: Backbone) -> np.ndarray:
    """Filters (n, rows, cols, 3) of the first convolution, per grey level of red, green and blue.

    They are derivatives of one pixel of the layer by the image, so normalisation and the order of colours are in them.
    """
    side = backbone.input_width
    image_1hw3 = torch.full((1, side, side, 3), 127.5, requires_grad=True)
    response_nhw = _first_response(backbone, image_1hw3)
    centre_n = response_nhw[:, response_nhw.shape[1] // 2, response_nhw.shape[2] // 2]
    filters_nhw3 = torch.stack([torch.autograd.grad(c, image_1hw3, retain_graph=True)[0][0] for c in centre_n])
    seen_hw = filters_nhw3.abs().sum(dim=(0, 3)) > 0
    rows, columns = (torch.nonzero(seen_hw.any(dim=axis))[:, 0] for axis in (1, 0))
    return filters_nhw3[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].numpy()


class _FirstConvolutionMetError(Exception):
    """Ends a pass through a backbone where its first convolution is."""


def _first_response(backbone: Backbone, image_1hw3: torch.Tensor) -> torch.Tensor:
    """Output (n, h', w') of the first convolution that an image meets, before any ReLU."""
    met: list[tuple[nn.Conv2d, torch.Tensor]] = []

    def stop(convolution: nn.Conv2d, inputs: tuple[torch.Tensor, ...]) -> None:
        met.append((convolution, inputs[0]))
        raise _FirstConvolutionMetError

    hooks = [module.register_forward_pre_hook(stop) for module in backbone.modules() if isinstance(module, nn.Conv2d)]
    try:
        backbone.trunk(image_1hw3)
    except _FirstConvolutionMetError:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    first, x_1chw = met[0]
    # a subclass may go on with padding or a ReLU in its own forward
    return nn.Conv2d.forward(first, x_1chw)[0]
