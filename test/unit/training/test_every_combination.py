# SPDX-License-Identifier: BSD-3-Clause
"""Every backbone with every head and every loss: a gradient step through tail and head, and the exported graph."""

import numpy as np
import onnxruntime
import pytest
import torch
from flown_heads import FLOWN_HEADS
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.training.backbones import BACKBONES, build_backbone
from camera_relocalization_ros.training.backbones.weights import LocalWeights
from camera_relocalization_ros.training.config import HeadConfig, LossConfig
from camera_relocalization_ros.training.losses import LOSSES, PoseLoss
from camera_relocalization_ros.training.onnx_graph import onnx_bytes
from camera_relocalization_ros.training.pose_network import (
    FlightStep,
    PooledBackbone,
    PoseHead,
    PoseNetwork,
    Tail,
    Trunk,
    pooled_channels,
)

# every architecture, with weights that need no download
ARCHITECTURES = sorted(name for name, b in BACKBONES.items() if not isinstance(b.weights, LocalWeights))
# Inception-ResNet-v2 needs 75 pixels
WIDTH, HEIGHT, WINDOW = 96, 80, 2
SMALL = {
    "members": 2,
    "grid_rows": 2,
    "grid_cols": 3,
    "cell_channels": 8,
    "hidden": 64,
    "lstm_hidden": 8,
    "gru_hidden": 8,
}


# the branch that a loss leaves alone
UNTRAINED = {"only_position": "branches.orientation.", "only_quaternion": "branches.position."}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def backbone(request):
    # whatever ran before
    torch.manual_seed(0)
    return build_backbone(request.param)


@pytest.fixture(scope="module")
def stored(backbone):
    """The trunk's output for a window of two images (1, t, c, m)."""
    images = torch.randint(0, 256, (WINDOW, HEIGHT, WIDTH, 3), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = Trunk(backbone, WIDTH, HEIGHT)(images)[None]
    # drawn weights answer in hundreds, which saturate the gates of a head: their gradient is zero then
    return outputs / outputs.std()


@pytest.fixture
def parts(backbone, head_name):
    """Pooled backbone and head, drawn anew."""
    torch.manual_seed(0)
    config = HeadConfig(name=head_name, **SMALL)
    return PooledBackbone(backbone, WIDTH, HEIGHT, config), PoseHead(pooled_channels(backbone, config), config)


def test_the_cut_layers_map_is_read_beside_the_last_one_and_changes_nothing_else(backbone):
    images = torch.randint(0, 256, (2, HEIGHT, WIDTH, 3), generator=torch.Generator().manual_seed(0))
    both, alone = (
        PooledBackbone(backbone, WIDTH, HEIGHT, HeadConfig(**SMALL, trunk_map=trunk_map)) for trunk_map in (True, False)
    )
    with torch.no_grad():
        cells, last = both(images), alone(images)
        trunk_map = backbone.trunk(images)
    assert both.stored_shape == cells.shape[1:] and alone.stored_shape == last.shape[1:]
    torch.testing.assert_close(cells[:, : backbone.feature_channels], last)
    # all cells together are the whole map
    torch.testing.assert_close(cells[:, backbone.feature_channels :].mean(dim=2), trunk_map.mean(dim=(2, 3)))
    torch.testing.assert_close(both.descriptor(cells), alone.descriptor(last))


@pytest.mark.parametrize("head_name", FLOWN_HEADS)
@pytest.mark.parametrize("loss_name", sorted(LOSSES))
def test_a_step_down_the_gradient(backbone, stored, parts, loss_name):
    pooled_backbone, pose_head = parts
    network = PoseNetwork(Tail(pooled_backbone, Trunk(backbone, WIDTH, HEIGHT)), pose_head).train()
    loss = PoseLoss(LossConfig(name=loss_name))
    quat_gt = torch.from_numpy(Rotation.random(WINDOW, random_state=0).as_quat()).float()
    position, quat = network(stored)
    value = loss(position.flatten(0, 1), quat.flatten(0, 1), torch.ones(WINDOW, 3), quat_gt)
    named = [*network.named_parameters(), *loss.named_parameters()]
    trained = {name: parameter for name, parameter in named if parameter.requires_grad}
    assert any(name.startswith("tail.") for name in trained)
    before = {name: parameter.detach().clone() for name, parameter in trained.items()}
    # the thesis' optimiser and learning rate
    optimiser = torch.optim.Adam(trained.values(), lr=2e-4)
    value.backward()
    optimiser.step()
    assert torch.isfinite(value)
    for name, parameter in trained.items():
        assert torch.isfinite(parameter.grad).all(), name
        assert torch.isfinite(parameter).all(), name
        is_of_the_other = UNTRAINED.get(loss_name, "none") in name
        assert torch.equal(parameter, before[name]) == is_of_the_other, name
    # the backbone is shared by all combinations
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(before[name])
            parameter.grad = None


@pytest.mark.parametrize("head_name", FLOWN_HEADS)
def test_the_exported_step_answers_as_torch_does(backbone, parts):
    step = FlightStep(*parts).eval()
    image = torch.randint(0, 256, (1, HEIGHT, WIDTH, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    feeds = {"image": image}
    outputs = ["position", "quat_xyzw", "descriptor", "member_position", "member_quat_xyzw"]
    if step.pose_head.window_length > 1:
        feeds["previous"] = torch.rand(1, step.pose_head.window_length - 1, step.pose_head.feature_size)
        outputs.append("features")
    with torch.inference_mode():
        expected = [value.numpy() for value in step(*feeds.values())]
    network = onnx_bytes(step, tuple(feeds.values()), list(feeds), outputs)
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    found = session.run(None, {name: value.numpy() for name, value in feeds.items()})
    assert len(found) == len(outputs)
    for name, one, other in zip(outputs, found, expected):
        # of the largest value where that is over 1: drawn backbones answer in hundreds
        assert np.abs(one - other).max() < 1e-4 * max(np.abs(other).max(), 1.0), name
