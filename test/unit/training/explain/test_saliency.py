# SPDX-License-Identifier: BSD-3-Clause
"""Attribution methods against known answers, and the functions that they explain."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from flown_heads import FLOWN_HEADS
from helpers import fake_image_rgb, write_fake_dataset
from scipy.spatial.transform import Rotation
from torch import nn
from torch.nn import functional

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.cli import explain
from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.evaluation.evaluate import evaluate
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.report.pages.thumbnails import worst_rows
from camera_relocalization_ros.training.backbones import BACKBONES, build_backbone
from camera_relocalization_ros.training.backbones.weights import LocalWeights
from camera_relocalization_ros.training.config import HeadConfig
from camera_relocalization_ros.training.explain.explained_pose import (
    ExplainedFrames,
    orientation_scalar,
    position_scalar,
)
from camera_relocalization_ros.training.explain.saliency import (
    AS_THESIS,
    METHODS,
    SaliencySettings,
    change_from_baseline,
    first_filters,
    saliency,
)
from camera_relocalization_ros.training.export import export
from camera_relocalization_ros.training.pose_network import FlightStep, PooledBackbone, PoseHead, pooled_channels
from camera_relocalization_ros.training.run_folder import Run, load_run

ARCHITECTURES = sorted(name for name, b in BACKBONES.items() if not isinstance(b.weights, LocalWeights))
# Inception-ResNet-v2 needs 75 pixels
WIDTH, HEIGHT = 96, 80
SMALL = {"members": 2, "grid_rows": 2, "grid_cols": 3, "cell_channels": 8, "hidden": 64, "lstm_hidden": 8}
PATCH = (slice(8, 16), slice(20, 28))


def image(height=HEIGHT, width=WIDTH):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def explained_functions(backbone, head_name, width=WIDTH, height=HEIGHT):
    """Position and orientation of a whole network with a drawn head, behind one image where it has a window."""
    torch.manual_seed(0)
    config = HeadConfig(name=head_name, gru_hidden=8, **SMALL)
    head = PoseHead(pooled_channels(backbone, config), config)
    step = FlightStep(PooledBackbone(backbone, width, height, config), head).eval().requires_grad_(False)
    previous = torch.rand(1, 1, head.feature_size) if head.window_length > 1 else None

    def poses(image_bhw3):
        before = None if previous is None else previous.expand(len(image_bhw3), -1, -1)
        position, quat, _, _, member_quat = step(image_bhw3, before)[:5]
        return position, quat, member_quat

    with torch.no_grad():
        position, quat = (
            value[0].double().numpy() for value in poses(torch.from_numpy(image(height, width)).float()[None])[:2]
        )
    scalars = position_scalar(position, np.zeros(3)), orientation_scalar(quat, np.array([0.0, 0.0, 0.0, 1.0]))
    return [lambda image_bhw3, scalar=scalar: scalar(*poses(image_bhw3)[::2]) for scalar in scalars]


@pytest.mark.parametrize("head_name", FLOWN_HEADS)
def test_integrated_gradients_sum_to_the_difference_of_the_answers(head_name):
    # published weights: drawn ones, with the batch norms' first statistics, answer alike to every image
    for explained in explained_functions(build_backbone("efficientnet_lite0"), head_name, 64, 48):
        pixels = fake_image_rgb(0, 64, 48)
        found = saliency("integrated_gradients", explained, pixels)
        expected = change_from_baseline(explained, torch.from_numpy(pixels).float()[None])
        # a drawn head's contributions cancel, some to a four thousandth of their size
        rounding = 3e-5 * np.abs(found).sum()
        assert abs(expected) > 5 * rounding and found.sum() == pytest.approx(expected, rel=0.01, abs=rounding)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_backbone_with_every_head(name):
    backbone = build_backbone(name)
    explained = explained_functions(backbone, "regressor")[0]
    for method in ("integrated_gradients", "smoothgrad", "occlusion"):
        found = saliency(method, explained, image(), SaliencySettings(samples=2, steps=2, max_steps=4, squares=2))
        assert found.shape == (HEIGHT, WIDTH, 3) and np.isfinite(found).all() and found.any()
    for head_name in FLOWN_HEADS:
        for explained in explained_functions(backbone, head_name):
            for method in ("gradient", "guided_backpropagation"):
                found = saliency(method, explained, image())
                assert found.shape == (HEIGHT, WIDTH, 3) and np.isfinite(found).all() and found.any()
    assert first_filters(backbone).shape[3] == 3


class Rectified(nn.Module):
    """A little network with a rectifier of one's choice."""

    def __init__(self, rectifier):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.rectifier = nn.Linear(3, 8), nn.Linear(8, 1), rectifier

    def forward(self, image_bhw3):
        return self.second(self.rectifier(self.first(image_bhw3 / 20))).sum(dim=(1, 2, 3))


RECTIFIERS = {
    "torch.relu": torch.relu,
    "functional.relu": functional.relu,
    "nn.ReLU": nn.ReLU(),
    "functional.relu6": functional.relu6,
    "nn.ReLU6": nn.ReLU6(),
}


@pytest.mark.parametrize("name", RECTIFIERS)
def test_guided_backpropagation_is_the_reference_at_rectifiers(name):
    network = Rectified(RECTIFIERS[name])
    pixels = image(12, 16)
    found = saliency("guided_backpropagation", network, pixels)
    with torch.no_grad():
        x = network.first(torch.from_numpy(pixels).float() / 20)
        has_slope = (x > 0) & ((x < 6) | ("6" not in name))
        expected = (network.second.weight[0].clamp_min(0) * has_slope) @ network.first.weight / 20
    assert np.allclose(found, expected.numpy(), atol=1e-6)
    assert not np.allclose(found, saliency("gradient", network, pixels), atol=1e-3)
    if "6" in name:
        assert (x > 6).any()


def test_guided_backpropagation_is_the_gradient_without_rectifiers():
    network = Rectified(torch.tanh)
    found, gradient = (saliency(name, network, image(12, 16)) for name in ("guided_backpropagation", "gradient"))
    assert gradient.any() and np.array_equal(found, gradient)


def test_smoothgrad_without_noise_is_the_gradient():
    network, pixels = Rectified(torch.tanh), image(12, 16)
    found = saliency("smoothgrad", network, pixels, SaliencySettings(noise_sd=0.0))
    gradient = saliency("gradient", network, pixels)
    assert np.allclose(found, gradient, rtol=1e-5, atol=1e-9)
    noisy = saliency("smoothgrad", network, pixels)
    assert not np.allclose(noisy, gradient, rtol=1e-2)
    assert np.array_equal(noisy, saliency("smoothgrad", network, pixels))


@pytest.mark.parametrize("method", METHODS)
def test_a_network_that_reads_one_patch_lights_that_patch(method):
    network = Rectified(torch.relu)
    found = np.abs(saliency(method, lambda image_bhw3: network(image_bhw3[:, PATCH[0], PATCH[1]]), image(40, 50)))
    inside = found[PATCH].sum()
    # occlusion's patch of 5 pixels reaches 4 beyond
    around = found[4:20, 16:32].sum() if method == "occlusion" else inside
    assert inside > 0 and around == pytest.approx(found.sum(), rel=1e-5)
    assert found.sum(axis=2).argmax() in np.arange(2000).reshape(40, 50)[4:20, 16:32]


def test_position_is_told_in_metres_from_the_reference():
    scalar = position_scalar(np.array([3.0, 4.0, 1.0]), np.array([0.0, 0.0, 1.0]))
    positions = torch.tensor([[3.0, 4.0, 1.0], [0.0, 0.0, 1.0], [4.0, -3.0, 9.0], [6.0, 8.0, 1.0]])
    assert scalar(positions, None).tolist() == pytest.approx([5, 0, 0, 10], abs=1e-5)


def test_orientation_is_told_in_degrees_about_the_axis_from_the_reference():
    reference, axis = Rotation.random(random_state=1), np.array([0.6, 0.0, 0.8])
    turned = [reference * Rotation.from_rotvec(np.radians(angle) * axis) for angle in (50, 51, 49)]
    other = turned[0] * Rotation.from_rotvec([0.0, 0.1, 0.0])
    scalar = orientation_scalar(turned[0].as_quat(), reference.as_quat())
    quats = torch.tensor(np.array([each.as_quat() for each in (*turned, other)])).float()[:, None]
    assert scalar(None, quats).tolist() == pytest.approx([0, 1, -1, 0], abs=1e-3)
    assert torch.equal(scalar(None, quats), scalar(None, -quats))


@pytest.fixture
def run_and_data(tmp_path, toy_config):
    """Function of a head: the folders of an untrained run, fine-tuned or not, and of ten images."""

    def make(head_name, is_fine_tuned=False):
        dataset = write_fake_dataset(tmp_path / "set", counts=(6, 4))
        torch.manual_seed(0)
        config = toy_config(head_name)
        head = PoseHead(pooled_channels(build_backbone("toy"), config.head), config.head)
        index = RetrievalIndex.build(np.random.default_rng(0).normal(size=(10, 16)), dataset.poses)
        frames = dataset.parent_frame, dataset.child_frame
        # a tail that answers otherwise than the published one
        backbone = build_backbone("toy").state_dict()
        tail = {name: 1.5 * backbone[name] for name in ("second.weight", "second.bias")} if is_fine_tuned else {}
        run = Run(config, *frames, dataset.camera, Preprocessing(32, 24), head, index, {}, tail=tail)
        run.save(tmp_path / "run")
        return tmp_path / "run", tmp_path / "set"

    return make


@pytest.fixture
def asked(monkeypatch):
    """Settings that the command was asked for; it looks but coarsely, as methods are tested above."""
    real, found = explain.saliency_settings, []

    def coarse(arguments):
        found.append(real(arguments))
        return replace(found[-1], samples=2, steps=2, max_steps=4, squares=3)

    monkeypatch.setattr(explain, "saliency_settings", coarse)
    return found


@pytest.mark.parametrize(("head_name", "rows"), [("regressor", (0, 7)), ("spatial_lstm", (7,)), ("temporal_gru", (7,))])
def test_the_command_draws_frames_by_number_and_the_worst(tmp_path, run_and_data, asked, capsys, head_name, rows):
    assert head_name in FLOWN_HEADS
    run, data = map(str, run_and_data(head_name))
    assert main(["explain", run, data, "--frames", *map(str, rows), "-o", str(tmp_path / "named")]) == 0
    frames = {f"frame_{row}.png" for row in rows}
    assert {path.name for path in (tmp_path / "named").iterdir()} == {*frames, "filters.png"}
    assert "reloc report RESULT" in capsys.readouterr().out
    worst = ["--worst", "1", "--methods", "gradient"]
    assert main(["explain", run, data, *worst, "-o", str(tmp_path / "worst")]) == 0
    frames = ExplainedFrames(load_run(run), Dataset.load(data))
    row = worst_rows(frames.errors(list(range(10))), 1)[0]
    assert [path.name for path in (tmp_path / "worst").iterdir()] == [f"frame_{row}.png"]


def test_as_the_thesis_draws_all_of_its_methods(tmp_path, run_and_data, asked, monkeypatch):
    run, data = map(str, run_and_data("regressor"))
    # pictures of sixteen channels take most of the time
    monkeypatch.setattr(explain, "CHANNELS", 2)
    options = ["--frames", "0", "--as-thesis", "--samples", "2"]
    assert main(["explain", run, data, *options, "-o", str(tmp_path / "out")]) == 0
    names = {"frame_0.png", "frame_0_activations.png", "filters.png", "maximisation.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    # what is said beside the preset wins over it
    assert asked == [replace(AS_THESIS, samples=2)]
    assert (AS_THESIS.samples, AS_THESIS.noise_share, AS_THESIS.baseline) == (50, 0.2, "black")


@pytest.mark.parametrize("is_fine_tuned", [False, True])
def test_the_answer_is_that_of_flight_with_its_window(run_and_data, tmp_path, is_fine_tuned):
    run, data = run_and_data("temporal_gru", is_fine_tuned)
    frames, finished = ExplainedFrames(load_run(run), Dataset.load(data)), load_run(run)
    export(finished, tmp_path / "bundle")
    expected = evaluate(Relocalizer.from_bundle(tmp_path / "bundle"), Dataset.load(data)).estimates
    for row, estimate in enumerate(expected):
        position = frames.estimate(row).position
        assert position == pytest.approx(estimate.position, abs=1e-4)


def test_a_fine_tuned_run_is_explained_by_its_own_tail(run_and_data):
    run, data = run_and_data("regressor", is_fine_tuned=True)
    found = []
    for explained_run in (load_run(run), replace(load_run(run), tail={})):
        frames = ExplainedFrames(explained_run, Dataset.load(data))
        found.append(saliency("gradient", frames.explained(0)["position"], frames.image(0)))
    tuned, published = found
    assert tuned.any() and not np.allclose(published, tuned, rtol=1e-2)


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--frames", "10"], "no frame 10; expected one of 0 to 9"),
        (["--frames", "-1"], "no frame -1; expected one of 0 to 9"),
        (["--methods", "lime"], "no method 'lime'; known: gradient"),
        (["--baseline", "white"], "no baseline 'white'; known: blurred, black"),
        (["--samples", "0"], "0 samples"),
        (["--methods", "activations", "--layers", "third"], "no layer 'third' in backbone toy; known: first, second"),
    ],
)
def test_what_cannot_be_explained_is_told_in_one_line(tmp_path, run_and_data, capsys, options, expected):
    run, data = map(str, run_and_data("regressor"))
    assert main(["explain", run, data, *options, "-o", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert expected in error and error.count("\n") == 1
    assert main(["explain", data, data, "-o", str(tmp_path / "out")]) == 1
    assert "expected the folder of a finished reloc train" in capsys.readouterr().err
