# SPDX-License-Identifier: BSD-3-Clause
"""Runs of a toy network as bundles: test vector, provenance, number formats and the step graph of windows."""

import numpy as np
import onnx
import pytest
import torch
from helpers import write_fake_dataset

from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.bundle.reference_outputs import record_outputs
from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.cli.export import precision_table
from camera_relocalization_ros.cli.info import describe
from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import BundleError
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.provenance import training_set
from camera_relocalization_ros.data.splits import save_split
from camera_relocalization_ros.evaluation.evaluate import evaluate
from camera_relocalization_ros.localization.onnx_session import open_session
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.pipelines.export_bundle import precision_cost
from camera_relocalization_ros.training import export as export_module
from camera_relocalization_ros.training.backbones import build_backbone
from camera_relocalization_ros.training.export import export
from camera_relocalization_ros.training.pose_network import PooledBackbone, PoseHead, PoseNetwork, pooled_channels
from camera_relocalization_ros.training.run_folder import Run, load_run

SIZE = Preprocessing(32, 24)


@pytest.fixture
def untrained_run(toy_config):
    """Function of a data set and head: a run with random weights that nobody trained."""

    def make(dataset, head_name="regressor", **changes):
        # of 0 a member's quaternion is nearly nothing before it is normalised, and eight bits turn it round
        torch.manual_seed(1)
        config = toy_config(head_name, **changes)
        poses = dataset.poses
        pose_head = PoseHead(pooled_channels(build_backbone("toy"), config.head), config.head).eval()
        pose_head.fit_positions(poses.positions)
        index = RetrievalIndex.build(np.random.default_rng(0).normal(size=(len(poses), 16)), poses)
        frames = dataset.parent_frame, dataset.child_frame
        data = (training_set(dataset),)
        return Run(config, *frames, dataset.camera, SIZE, pose_head, index, {"frames": 12}, data)

    return make


@pytest.mark.parametrize("head", ["regressor", "temporal_gru"])
def test_a_bundle_tells_its_data_range_licence_and_answers(tmp_path, untrained_run, head):
    write_fake_dataset(tmp_path / "set", counts=(12, 4))
    save_split(tmp_path / "set", "blocks", {"train": {"flight0": [[0, 7]]}}, "test")
    dataset = Dataset.load(f"{tmp_path / 'set'}@blocks.train")
    untrained_run(dataset, head).save(tmp_path / "run")
    export(load_run(tmp_path / "run"), tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.sidecar.training_data == (training_set(dataset),)
    assert bundle.sidecar.weights_licence == build_backbone("toy").weights.licence
    positions = dataset.poses.positions
    np.testing.assert_allclose(bundle.training_range.max, positions.max(axis=0), rtol=1e-6)
    assert len(bundle.reference_outputs.images) == (2 if head == "temporal_gru" else 1)
    text = describe(str(tmp_path / "bundle"))
    for part in (
        "pose of 'camera_optical_frame' in 'wing/base_link'",
        "weights licence: ",
        "64x48, fx 60.0",
        f"set@blocks.train: 8 frames, sha256 {training_set(dataset).sha256[:12]}",
        "training positions: x ",
        "image 1: position ",
    ):
        assert part in text
    Relocalizer.from_bundle(tmp_path / "bundle")


def test_evaluation_tells_when_frames_were_trained_on(tmp_path, untrained_run, capsys):
    write_fake_dataset(tmp_path / "set")
    parts = {"train": {"flight0": [[0, 5]]}, "test": {"flight0": [[6, 11]]}, "mixed": {"flight0": [[4, 11]]}}
    save_split(tmp_path / "set", "blocks", parts, "test")
    export(untrained_run(Dataset.load(f"{tmp_path / 'set'}@blocks.train")), tmp_path / "bundle")
    for part, count, frames in (("train", 6, 6), ("mixed", 2, 8), ("test", 0, 6)):
        assert main(["evaluate", str(tmp_path / "bundle"), f"{tmp_path / 'set'}@blocks.{part}"]) == 0
        printed = capsys.readouterr().out
        assert (f"WARNING: {count} of {frames} frames" in printed) == (count > 0)
    relocalizer = Relocalizer.from_bundle(tmp_path / "bundle")
    assert evaluate(relocalizer, Dataset.load(f"{tmp_path / 'set'}@blocks.mixed")).trained_on == 2


@pytest.mark.parametrize("window_length", [2, 3, 5])
def test_the_step_graph_equals_the_window_model(tmp_path, untrained_run, window_length):
    dataset = write_fake_dataset(tmp_path / "set")
    run = untrained_run(dataset, "temporal_gru", head={"window_length": window_length})
    export(run, tmp_path / "bundle")
    images = np.random.default_rng(1).integers(0, 256, (window_length + 3, 24, 32, 3), dtype=np.uint8)
    session = open_session(load_bundle(tmp_path / "bundle"), ["CPUExecutionProvider"], 1)
    steps = record_outputs(lambda feeds: session.run(None, feeds), images, window_length, run.pose_head.feature_size)
    window_model = PooledBackbone(build_backbone("toy"), SIZE.width, SIZE.height, run.config.head)
    with torch.inference_mode():
        cells_ncn = window_model(torch.from_numpy(images))
        for row in range(len(images)):
            window_btcn = cells_ncn[max(row + 1 - window_length, 0) : row + 1][None]
            position_bt3, quat_bt4 = PoseNetwork(torch.nn.Identity(), run.pose_head)(window_btcn)
            np.testing.assert_allclose(steps.position[row], position_bt3[0, -1].numpy(), atol=1e-5)
            np.testing.assert_allclose(steps.quat_xyzw[row], quat_bt4[0, -1].numpy(), atol=1e-5)


def test_a_step_of_a_window_costs_one_pass_of_the_cnn(tmp_path, untrained_run):
    dataset = write_fake_dataset(tmp_path / "set")
    convolutions = {}
    for head in ("regressor", "temporal_gru"):
        export(untrained_run(dataset, head, head={"window_length": 5}), tmp_path / head)
        graph = onnx.load(tmp_path / head / "network.onnx").graph
        convolutions[head] = [node.op_type for node in graph.node].count("Conv")
        image = next(node for node in graph.input if node.name == "image")
        assert image.type.tensor_type.shape.dim[0].dim_value == 1
    assert convolutions["temporal_gru"] == convolutions["regressor"] > 0


@pytest.mark.parametrize("head", ["regressor", "spatial_lstm", "temporal_gru"])
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_fewer_bits_are_smaller_and_almost_as_exact(tmp_path, untrained_run, head, precision):
    dataset = write_fake_dataset(tmp_path / "set")
    # of few weights, what each operator needs to be quantised is soon more than what is saved
    run = untrained_run(dataset, head, head={"hidden": 512})
    export(run, tmp_path / "fp32")
    export(run, tmp_path / precision, precision, dataset)
    whole, reduced = (Relocalizer.from_bundle(tmp_path / name) for name in ("fp32", precision))
    assert len(reduced.bundle.network) < len(whole.bundle.network)
    assert reduced.bundle.sidecar.precision == precision
    difference = evaluate(whole, dataset).errors.position_m - evaluate(reduced, dataset).errors.position_m
    assert 0 < np.abs(difference).max() < (0.01 if precision == "fp16" else 0.1)
    costs = {name: precision_cost(tmp_path / name, dataset) for name in ("fp32", precision)}
    rows = precision_table(costs).splitlines()
    assert [row.split()[0] for row in rows] == ["precision", "fp32", precision, "WARNING:"]


def test_where_products_of_8_bits_overflow_weights_have_7(tmp_path, untrained_run, monkeypatch, caplog):
    """What a processor without VNNI does to the first network, any does here."""
    dataset, parity, given = write_fake_dataset(tmp_path / "set"), export_module._parity, []

    def overflowing(step, network, images, run):
        given.append(network)
        # the float32 network is the first
        return np.inf if len(given) == 2 else parity(step, network, images, run)

    monkeypatch.setattr(export_module, "_parity", overflowing)
    with caplog.at_level("INFO"):
        export(untrained_run(dataset), tmp_path / "bundle", "int8", dataset)
    assert "weights have 7 bits" in caplog.text and len(given) == 3
    most = []
    for network in given[1:]:
        weights = [onnx.numpy_helper.to_array(each) for each in onnx.load_from_string(network).graph.initializer]
        most.append(max(np.abs(each.astype(int)).max() for each in weights if each.dtype == np.int8 and each.size > 1))
    assert most[0] > 64 and most[1] <= 64


def test_int8_without_images_and_a_bad_conversion_are_refused(tmp_path, untrained_run, monkeypatch):
    run = untrained_run(write_fake_dataset(tmp_path / "set"))
    with pytest.raises(BundleError, match="int8 is calibrated on training images"):
        export(run, tmp_path / "bundle", "int8")
    monkeypatch.setitem(export_module.PARITY_TOLERANCE, "fp16", 1e-9)
    with pytest.raises(BundleError, match="in fp16 differs from PyTorch"):
        export(run, tmp_path / "bundle", "fp16")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(("spread_m", "away_m"), [(3e4, 0.0), (1.0, 1e5)])
def test_large_and_far_places_are_exported_but_wrong_rotations_in_them_are_not(
    tmp_path, untrained_run, monkeypatch, spread_m, away_m
):
    run = untrained_run(write_fake_dataset(tmp_path / "set"))
    run.pose_head.position_scale.fill_(spread_m)
    run.pose_head.position_mean.fill_(away_m)
    assert export(run, tmp_path / "bundle") < 1e-4
    Relocalizer.from_bundle(tmp_path / "bundle")
    real = export_module._outputs

    def turned(*arguments):
        answers = real(*arguments)
        answers.quat_xyzw[:] += 1e-3
        return answers

    monkeypatch.setattr(export_module, "_outputs", turned)
    with pytest.raises(BundleError, match="in fp32 differs from PyTorch by 1.0e-03; expected 1.0e-04"):
        export(run, tmp_path / "other")


def test_the_command_sets_the_reduced_network_beside_fp32(tmp_path, untrained_run, capsys):
    dataset = write_fake_dataset(tmp_path / "set")
    untrained_run(dataset).save(tmp_path / "run")
    spec = str(tmp_path / "set")
    arguments = ["--precision", "int8", "--calibrate", spec, "--evaluate", spec]
    assert main(["export", str(tmp_path / "run"), "-o", str(tmp_path / "bundle"), *arguments]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert "--evaluate" not in "".join(rows)
    assert main(["export", str(tmp_path / "run"), "-o", str(tmp_path / "half"), "--precision", "fp16"]) == 0
    assert "what the errors of fp16 are beside those of fp32, --evaluate DATASET prints" in capsys.readouterr().out
    header = "precision position [m] orientation [deg] network [MB] ms per image"
    (first,) = (number for number, row in enumerate(rows) if row.split() == header.split())
    assert [row.split()[0] for row in rows[first + 1 : first + 3]] == ["fp32", "int8"]
