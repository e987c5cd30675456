# SPDX-License-Identifier: BSD-3-Clause
"""Caching, training and fewer bits on a real GPU, beside a processor; skipped where there is none."""

import lightning
import numpy as np
import onnxruntime
import pytest
import torch
from flown_heads import FLOWN_HEADS
from helpers import fake_image_rgb, write_fake_dataset

from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.evaluation.evaluate import evaluate
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.training.backbones import build_backbone
from camera_relocalization_ros.training.config import TrainingConfig
from camera_relocalization_ros.training.export import export
from camera_relocalization_ros.training.features import shard_features
from camera_relocalization_ros.training.features.feature_cache import FrozenPart, onnx_session
from camera_relocalization_ros.training.heads import HEADS
from camera_relocalization_ros.training.pose_network import PooledBackbone
from camera_relocalization_ros.training.run_folder import load_run
from camera_relocalization_ros.training.train import train

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
WIDTH, HEIGHT = 160, 120

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
with_gpu_runtime = pytest.mark.skipif(
    CUDA not in onnxruntime.get_available_providers(), reason="no ONNX Runtime for GPUs (GPU=1 make onboard)"
)


class Where(lightning.Callback):
    """Notes on which devices batches were trained."""

    def __init__(self):
        self.devices = set()

    def on_train_batch_end(self, trainer, module, *_):
        self.devices.add(next(module.parameters()).device.type)


@with_gpu_runtime
def test_features_are_those_of_a_processor(monkeypatch):
    config = TrainingConfig()
    backbone = build_backbone("efficientnet_lite0")
    frozen = FrozenPart(PooledBackbone(backbone, WIDTH, HEIGHT, config.head), Preprocessing(WIDTH, HEIGHT), config)
    on_gpu = onnx_session(frozen)
    assert on_gpu.get_providers()[0] == CUDA
    monkeypatch.setattr(shard_features, "PROVIDERS", (CPU,))
    on_processor = onnx_session(frozen)
    for seed in range(4):
        image = {"image": fake_image_rgb(seed, WIDTH, HEIGHT)[None]}
        (found,), (expected,) = on_gpu.run(None, image), on_processor.run(None, image)
        # stored in ten bits and a half
        np.testing.assert_allclose(found, expected, atol=5e-4 * np.abs(expected).max())


@pytest.mark.parametrize("head", FLOWN_HEADS)
def test_every_head_learns_on_it_and_flies(tmp_path, toy_config, head):
    dataset, where = write_fake_dataset(tmp_path / "set", counts=(40,)), Where()
    config = toy_config(head, optimiser={"epochs": 30}, precision="auto")
    on_gpu = train(
        [dataset], config, tmp_path / "gpu", val_datasets=[dataset], cache_folder=tmp_path / "cache", callbacks=[where]
    )
    assert where.devices == {"cuda"}
    assert export(load_run(tmp_path / "gpu"), tmp_path / "bundle") < 1e-4
    errors = evaluate(Relocalizer.from_bundle(tmp_path / "bundle"), dataset).errors
    assert np.median(errors.position_m) == pytest.approx(on_gpu.results["val_position_m"], abs=0.02)
    # what answers with the middle of the path is twice as far off or more
    positions = dataset.poses.positions
    assert on_gpu.results["val_position_m"] < 0.5 * np.median(
        np.linalg.norm(positions - positions.mean(axis=0), axis=1)
    )


@pytest.mark.parametrize("head", sorted(HEADS))
def test_in_32_bits_the_first_epoch_is_that_of_a_processor(tmp_path, toy_config, without_gpu, head):
    dataset = write_fake_dataset(tmp_path / "set", counts=(40,))
    # so slow that rounding has no time to grow
    config, where = toy_config(head, optimiser={"epochs": 1, "learning_rate": 1e-6}), Where()
    on_gpu = train([dataset], config, tmp_path / "gpu", cache_folder=tmp_path / "cache", callbacks=[where])
    without_gpu()
    on_processor = train([dataset], config, tmp_path / "processor", cache_folder=tmp_path / "cache", callbacks=[where])
    assert where.devices == {"cuda", "cpu"}
    assert on_gpu.results["train_loss"] == pytest.approx(on_processor.results["train_loss"], rel=1e-3)


def test_the_tail_is_tuned_on_it(tmp_path, toy_config):
    dataset, where = write_fake_dataset(tmp_path / "set"), Where()
    finetune = {"epochs": 30, "batch_size": 8, "learning_rate": 3e-3}
    config = toy_config("temporal_gru", finetune=finetune, precision="auto")
    head = train([dataset], config, tmp_path / "head", val_datasets=[dataset], cache_folder=tmp_path / "cache")
    start = load_run(tmp_path / "head")
    tuned = train(
        [dataset],
        config,
        tmp_path / "tuned",
        val_datasets=[dataset],
        cache_folder=tmp_path / "cache",
        start=start,
        callbacks=[where],
    )
    assert where.devices == {"cuda"}
    assert tuned.results["val_loss"] < head.results["val_loss"]


@with_gpu_runtime
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_bundle_of_any_precision_passes_its_test_vector_on_it(tmp_path, toy_config, precision):
    dataset, reported = write_fake_dataset(tmp_path / "set", counts=(40,)), []
    train([dataset], toy_config("temporal_gru"), tmp_path / "run", cache_folder=tmp_path / "cache")
    export(load_run(tmp_path / "run"), tmp_path / "bundle", precision, dataset)
    relocalizer = Relocalizer.from_bundle(tmp_path / "bundle", (CUDA, CPU), warn=reported.append)
    assert reported == [] and relocalizer.providers == [CUDA, CPU]
