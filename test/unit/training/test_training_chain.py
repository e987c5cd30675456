# SPDX-License-Identifier: BSD-3-Clause
"""Data set -> cache -> training -> run -> bundle -> pose, with a toy backbone."""

import csv
import logging
import warnings
from dataclasses import replace
from pathlib import Path

import cv2
import lightning
import numpy as np
import pytest
import torch
import yaml
from flown_heads import FLOWN_HEADS
from helpers import write_fake_dataset
from toy_backbone import ToyBackbone

from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import BundleError, ConfigError, DatasetError, FrameError
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import load_image_rgb
from camera_relocalization_ros.evaluation.evaluate import evaluate
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.training import export as export_module
from camera_relocalization_ros.training import train as training_module
from camera_relocalization_ros.training.backbones import build_backbone
from camera_relocalization_ros.training.export import export
from camera_relocalization_ros.training.features.feature_cache import FeatureCache, FrozenPart, build_cache
from camera_relocalization_ros.training.features.views import ViewMaker
from camera_relocalization_ros.training.pose_network import PooledBackbone, PoseNetwork
from camera_relocalization_ros.training.run_folder import load_run
from camera_relocalization_ros.training.train import train


def frozen_part(config):
    preprocessing = Preprocessing(32, 24)
    return FrozenPart(PooledBackbone(build_backbone("toy"), 32, 24, config.head), preprocessing, config)


class Modes(lightning.Callback):
    """Notes whether the head is in training mode while batches are learnt."""

    def __init__(self):
        self.seen = set()

    def on_train_batch_end(self, trainer, module, *_):
        self.seen.add(module.network.pose_head.training)


@pytest.mark.parametrize("head", FLOWN_HEADS)
def test_from_data_set_to_pose(tmp_path, toy_config, head):
    dataset = write_fake_dataset(tmp_path / "set", counts=(10, 6))
    config = toy_config(head)
    run = train([dataset], config, tmp_path / "run", val_datasets=[dataset], cache_folder=tmp_path / "cache")
    assert {"train_loss", "val_position_m", "val_orientation_deg"} <= set(run.results)
    difference = export(load_run(tmp_path / "run"), tmp_path / "bundle")
    assert difference < 1e-4
    evaluation = evaluate(Relocalizer.from_bundle(tmp_path / "bundle"), dataset)
    assert np.isfinite(evaluation.errors.position_m).all() and len(evaluation.estimates) == 16
    # every image is its own nearest neighbour, and nothing is nearer than the truth itself
    assert evaluation.baselines["feature retrieval"].position_m.max() < 1e-5
    assert evaluation.baselines["oracle nearest pose"].orientation_deg.max() < 1e-2
    windows = [estimate.window_length for estimate in evaluation.estimates]
    assert windows == ([1] + [2] * 9 + [1] + [2] * 5 if head == "temporal_gru" else [1] * 16)


def test_training_leaves_another_librarys_log_and_the_warnings_as_they_were(tmp_path, toy_config, caplog, monkeypatch):
    lightnings, filters = logging.getLogger("lightning.pytorch"), list(warnings.filters)
    caplog.set_level(logging.INFO, lightnings.name)
    monkeypatch.setattr(lightnings, "propagate", True)

    def messages():
        return [record.getMessage() for record in caplog.records if record.name.startswith("lightning")]

    train([write_fake_dataset(tmp_path / "set")], toy_config(optimiser={"epochs": 1}), tmp_path / "run")
    assert messages() == [], "nothing while it trains"
    lightnings.info("after")
    assert messages() == ["after"] and warnings.filters == filters


def test_flown_windows_equal_the_windows_of_training(tmp_path, toy_config):
    dataset, config = write_fake_dataset(tmp_path / "set"), toy_config("temporal_gru")
    run = train([dataset], config, tmp_path / "run", cache_folder=tmp_path / "cache")
    export(run, tmp_path / "bundle")
    frozen, relocalizer = frozen_part(config), Relocalizer.from_bundle(tmp_path / "bundle")
    images = [load_image_rgb(frame.image_path) for frame in dataset.frames]
    flown = [relocalizer.estimate(image, frame.stamp_ns) for image, frame in zip(images, dataset.frames)]
    inputs = torch.from_numpy(np.stack([frozen.preprocessing.apply(image) for image in images]))
    with torch.inference_mode():
        cells = frozen.network(inputs)
        position, _ = PoseNetwork(torch.nn.Identity(), run.pose_head)(torch.stack([cells[4], cells[5]])[None])
    np.testing.assert_allclose(flown[5].position, position[0, -1].numpy(), atol=1e-4)


@pytest.mark.parametrize("head", FLOWN_HEADS)
def test_training_can_overfit_a_few_images(tmp_path, toy_config, head):
    dataset = write_fake_dataset(tmp_path / "set", counts=(6,))
    sizes = {"members": 1, "hidden": 512, "gru_hidden": 64}
    config = toy_config(
        head, head=sizes, augmentation={"views": 0}, optimiser={"epochs": 8, "batch_size": 6, "learning_rate": 5e-3}
    )
    # 400 steps, most of whose time would go into checkpoints were each of them an epoch
    often = [dataset] * 50
    export(train(often, config, tmp_path / "run", cache_folder=tmp_path / "cache"), tmp_path / "bundle")
    errors = evaluate(Relocalizer.from_bundle(tmp_path / "bundle"), dataset).errors
    # the first frame of a sequence ends no window of two, so it is not trained to be answered
    trained = slice(1 if head == "temporal_gru" else 0, None)
    assert errors.position_m[trained].max() < 0.01 and errors.orientation_deg[trained].max() < 1.0


def test_same_seed_same_weights_other_seed_other_weights(tmp_path, toy_config):
    dataset = write_fake_dataset(tmp_path / "set")
    states = [
        train([dataset], config, tmp_path / f"run{number}", cache_folder=tmp_path / "cache").pose_head.state_dict()
        for number, config in enumerate((toy_config(), toy_config(), toy_config(seed=1)))
    ]
    key = "members.0.branches.position.weight"
    assert torch.equal(states[0][key], states[1][key])
    assert not torch.equal(states[0][key], states[2][key])


def test_data_sets_of_other_frames_are_not_mixed(tmp_path, toy_config, monkeypatch):
    first = write_fake_dataset(tmp_path / "first")
    monkeypatch.setattr("helpers.PARENT_FRAME", "map")
    second = write_fake_dataset(tmp_path / "second")
    with pytest.raises(DatasetError, match="'map'.*expected.*'wing/base_link'"):
        train([first, second], toy_config(), tmp_path / "run", cache_folder=tmp_path / "cache")


@pytest.mark.parametrize("held_out", [False, True])
def test_images_of_other_cameras_are_not_mixed(tmp_path, toy_config, held_out):
    first = write_fake_dataset(tmp_path / "first")
    second = write_fake_dataset(tmp_path / "second", camera=replace(first.camera, fx=61.0))
    datasets, val_datasets = ([first], [second]) if held_out else ([first, second], [])
    with pytest.raises(DatasetError, match="second: its camera is .*fx=61.0.*; expected .*fx=60.0.* as in .*first"):
        train(datasets, toy_config(), tmp_path / "run", val_datasets=val_datasets)


def test_images_of_other_sizes_are_not_mixed(tmp_path, toy_config):
    first, second = (write_fake_dataset(tmp_path / name, camera=None) for name in ("first", "second"))
    for frame in second.frames:
        cv2.imwrite(str(frame.image_path), np.zeros((50, 64, 3), np.uint8))
    with pytest.raises(DatasetError, match="second: images of 64x50; expected 64x48 as in .*first"):
        train([first, second], toy_config(), tmp_path / "run", cache_folder=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_no_window_of_the_heads_length_is_an_error(tmp_path, toy_config):
    dataset = write_fake_dataset(tmp_path / "set", period_s=2.0)
    with pytest.raises(DatasetError, match="no 2 consecutive frames within 0.5 s"):
        train([dataset], toy_config("temporal_gru"), tmp_path / "run", cache_folder=tmp_path / "cache")


def test_a_bundle_that_differs_from_torch_is_not_written(tmp_path, toy_config, monkeypatch):
    run = train([write_fake_dataset(tmp_path / "set")], toy_config(), tmp_path / "run", cache_folder=tmp_path / "cache")
    monkeypatch.setattr(export_module, "_parity", lambda *_: 0.5)
    with pytest.raises(BundleError, match="differs from PyTorch"):
        export(run, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_an_unfinished_or_damaged_run_is_named(tmp_path, toy_config):
    with pytest.raises(ConfigError, match="no run.yaml"):
        load_run(tmp_path)
    train([write_fake_dataset(tmp_path / "set")], toy_config(), tmp_path / "run", cache_folder=tmp_path / "cache")
    head = tmp_path / "run" / "head.pt"
    weights = torch.load(head, weights_only=True)
    torch.save({name: tensor + 1 for name, tensor in weights.items()}, head)
    with pytest.raises(ConfigError, match="damaged run .*head.pt has SHA-256"):
        load_run(tmp_path / "run")
    head.write_bytes(b"cut short")
    with pytest.raises(ConfigError, match="damaged run"):
        load_run(tmp_path / "run")


def test_a_run_is_there_whole_or_not_at_all(tmp_path, toy_config, monkeypatch):
    run = train([write_fake_dataset(tmp_path / "set")], toy_config(), tmp_path / "run", cache_folder=tmp_path / "cache")
    real = Path.write_bytes

    def disk_full(path, content):
        real(path, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(ConfigError, match=r"cannot be written \(No space"):
        run.save(tmp_path / "run")
    with pytest.raises(ConfigError, match="no run.yaml"):
        load_run(tmp_path / "run")


@pytest.mark.parametrize("finetuned", [False, True])
def test_a_head_is_not_exported_on_other_weights_than_it_was_trained_on(tmp_path, toy_config, monkeypatch, finetuned):
    dataset = write_fake_dataset(tmp_path / "set")
    train([dataset], toy_config(), tmp_path / "run", cache_folder=tmp_path / "cache")
    if finetuned:
        train(
            [dataset],
            toy_config(),
            tmp_path / "tuned",
            cache_folder=tmp_path / "cache",
            start=load_run(tmp_path / "run"),
        )
    run = load_run(tmp_path / ("tuned" if finetuned else "run"))
    export(run, tmp_path / "bundle")
    published = load_bundle(tmp_path / "bundle").sidecar.origin["backbone_sha256"]
    assert published == run.backbone_sha256 and len(published) == 64

    def other_weights(backbone):
        backbone.first.weight.data *= 1.001

    monkeypatch.setattr(ToyBackbone, "load_pretrained", other_weights)
    with pytest.raises(ConfigError, match=f"weights of backbone toy have SHA-256 .*; expected {published[:12]}"):
        export(run, tmp_path / "other")
    # a run of an earlier version tells nothing
    export(replace(run, backbone_sha256=""), tmp_path / "other")


@pytest.mark.parametrize("name", ["network.onnx", "training.npz"])
def test_a_cut_or_replaced_file_of_a_bundle_is_found(tmp_path, toy_config, name):
    run = train([write_fake_dataset(tmp_path / "set")], toy_config(), tmp_path / "run", cache_folder=tmp_path / "cache")
    export(run, tmp_path / "bundle")
    path = tmp_path / "bundle" / name
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"x" * len(content)):
        path.write_bytes(damaged)
        with pytest.raises(BundleError, match=f"{name}: .*cut short or replaced"):
            load_bundle(tmp_path / "bundle")
    path.unlink()
    with pytest.raises(BundleError, match=name):
        load_bundle(tmp_path / "bundle")


def test_the_window_restarts_after_a_gap_when_time_goes_back_and_after_a_bad_image(tmp_path, toy_config):
    dataset = write_fake_dataset(tmp_path / "set")
    export(
        train([dataset], toy_config("temporal_gru"), tmp_path / "run", cache_folder=tmp_path / "cache"),
        tmp_path / "bundle",
    )
    relocalizer = Relocalizer.from_bundle(tmp_path / "bundle")
    image = load_image_rgb(dataset.frames[0].image_path)

    def frames_used(stamp_s):
        return relocalizer.estimate(image, round(stamp_s * 1e9)).window_length

    assert [frames_used(t) for t in (10.0, 10.1, 10.6, 11.11, 11.2)] == [1, 2, 2, 1, 2]  # 0.51 s is over max_gap
    assert [frames_used(t) for t in (10.0, 10.1)] == [1, 2]  # the bag looped
    assert frames_used(10.1) == 1  # time stands still
    for bad in (np.zeros((48, 48, 3), np.uint8), np.zeros((48, 64), np.uint8), np.zeros((0, 0, 3), np.uint8)):
        frames_used(10.2)
        with pytest.raises(FrameError, match="expected"):
            relocalizer.estimate(bad, round(10.3e9))
        assert frames_used(10.3) == 1


def test_a_run_from_before_the_cut_layers_map_was_read_still_exports(tmp_path, toy_config):
    dataset, config = write_fake_dataset(tmp_path / "set"), toy_config(head={"trunk_map": False})
    train([dataset], config, tmp_path / "run", cache_folder=tmp_path / "cache")
    summary = yaml.safe_load((tmp_path / "run/run.yaml").read_text())
    del summary["config"]["head"]["trunk_map"]
    (tmp_path / "run/run.yaml").write_text(yaml.safe_dump(summary))
    assert export(load_run(tmp_path / "run"), tmp_path / "bundle") < 1e-4


def test_fine_tuning_starts_where_the_head_was_and_gets_better(tmp_path, toy_config):
    dataset, finetune = write_fake_dataset(tmp_path / "set"), {"epochs": 15, "batch_size": 8, "learning_rate": 3e-3}
    config = toy_config("temporal_gru", finetune=finetune)
    head = train([dataset], config, tmp_path / "head", val_datasets=[dataset], cache_folder=tmp_path / "cache")
    modes, start = Modes(), load_run(tmp_path / "head")
    run = train(
        [dataset],
        config,
        tmp_path / "tuned",
        val_datasets=[dataset],
        cache_folder=tmp_path / "cache",
        start=start,
        callbacks=[modes],
    )
    assert run.results["val_loss"] < head.results["val_loss"]
    # as in its first training: cuDNN has no gradients of recurrent layers otherwise
    assert modes.seen == {True}
    backbone, published = load_run(tmp_path / "tuned").backbone(), build_backbone("toy")
    assert torch.equal(backbone.first.weight, published.first.weight)
    assert not torch.equal(backbone.second.weight, published.second.weight)
    # the bundle flies with the tail as it was trained
    export(load_run(tmp_path / "tuned"), tmp_path / "bundle")
    errors = evaluate(Relocalizer.from_bundle(tmp_path / "bundle"), dataset).errors
    assert np.median(errors.position_m[1:]) == pytest.approx(run.results["val_position_m"], abs=0.02)


def test_fine_tuning_without_an_epoch_of_learning_answers_as_the_head_does(tmp_path, toy_config):
    dataset = write_fake_dataset(tmp_path / "set")
    config = toy_config(finetune={"epochs": 1, "learning_rate": 1e-12})
    train([dataset], config, tmp_path / "head", val_datasets=[dataset], cache_folder=tmp_path / "cache")
    head = load_run(tmp_path / "head")
    tuned = train(
        [dataset], config, tmp_path / "tuned", val_datasets=[dataset], cache_folder=tmp_path / "cache", start=head
    )
    assert tuned.results["val_position_m"] == pytest.approx(head.results["val_position_m"], abs=2e-3)  # float16
    np.testing.assert_allclose(tuned.index.descriptors, head.index.descriptors, atol=2e-3)


def test_the_command_watches_held_out_data_and_goes_on_from_a_run(tmp_path, toy_config, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_fake_dataset(tmp_path / "set"), write_fake_dataset(tmp_path / "held_out", counts=(5,))
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(toy_config().to_dict()))
    assert main(["train", "set", "--val", "held_out", "--config", "recipe.yaml", "-o", "head"]) == 0
    assert "val_position_m: " in capsys.readouterr().out
    (tmp_path / "longer.yaml").write_text("finetune: {epochs: 5, batch_size: 8}")
    tuned = ["train", "set", "--val", "held_out", "--finetune", "head", "--config", "longer.yaml", "-o", "tuned"]
    assert main(tuned) == 0
    run = load_run(tmp_path / "tuned")
    assert run.tail and run.results["epochs"] == 5 and "val_loss" in run.results
    assert run.config.head == toy_config().head and run.config.backbone == "toy"
    # each epoch's errors in numbers, and as pictures in the folder and in TensorBoard
    with open("head/epochs.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for what, unit in (("position", "m"), ("orientation", "deg")):
        for row in rows:
            low, high, mean, std, rmse = (
                float(row[f"val_{what}_{name}_{unit}"]) for name in ("min", "max", "mean", "std", "rmse")
            )
            assert low <= float(row[f"val_{what}_{unit}"]) <= high and rmse**2 == pytest.approx(mean**2 + std**2)
    pictures = sorted(path.name for path in Path("head/epochs").iterdir())
    assert pictures == [f"epoch_{number:04d}.png" for number in range(len(rows))] and len(rows) == 3
    assert cv2.imread("head/epochs/epoch_0002.png").std() > 1
    events = b"".join(path.read_bytes() for path in Path("head/tensorboard").iterdir())
    assert b"held_out" in events and b"val_orientation_rmse_deg" in events


def test_fine_tuning_takes_the_head_of_its_start(tmp_path, toy_config):
    dataset = write_fake_dataset(tmp_path / "set")
    train([dataset], toy_config(), tmp_path / "head", cache_folder=tmp_path / "cache")
    with pytest.raises(ConfigError, match="starts from a run with head .*regressor.* found .*spatial_lstm"):
        start = load_run(tmp_path / "head")
        train([dataset], toy_config("spatial_lstm"), tmp_path / "tuned", cache_folder=tmp_path / "cache", start=start)


class LiveCells:
    """Stands in for stored cells: each time they are asked for, the frozen part sees the images again, in PyTorch."""

    def __init__(self, dataset, frozen, augmentation, shape):
        self._maker = ViewMaker.for_dataset(dataset, frozen.preprocessing, augmentation, frozen.config.seed)
        self._frames, self._network, self.shape = dataset.frames, frozen.network, shape

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        rows, views = np.broadcast_arrays(np.arange(len(self))[index[0]], index[1])
        images = [self._maker.views(self._frames[row], row)[0][view] for row, view in zip(rows.flat, views.flat)]
        with torch.inference_mode():
            cells = self._network(torch.from_numpy(np.stack(images))).numpy()
        return cells.reshape(*rows.shape, *self.shape[2:])


def test_a_run_that_is_trained_anew_is_none_until_it_is_finished(tmp_path, toy_config):
    dataset = write_fake_dataset(tmp_path / "set")
    train([dataset], toy_config(), tmp_path / "run", cache_folder=tmp_path / "cache")
    diverging = toy_config(optimiser={"learning_rate": 1e30, "schedule": "constant"})
    with pytest.raises(ConfigError, match="diverged"):
        train([dataset], diverging, tmp_path / "run", cache_folder=tmp_path / "cache")
    with pytest.raises(ConfigError, match="no run.yaml"):
        load_run(tmp_path / "run")


def test_a_folder_that_cannot_be_written_is_named(tmp_path, toy_config):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(ConfigError, match="run: cannot be written .Not a directory"):
        train([write_fake_dataset(tmp_path / "set")], toy_config(), tmp_path / "run", cache_folder=tmp_path / "cache")


@pytest.mark.parametrize("head", ["regressor", "temporal_gru"])
def test_the_first_epoch_without_a_cache_has_the_loss_of_one_with_it(tmp_path, toy_config, monkeypatch, head):
    dataset = write_fake_dataset(tmp_path / "set")
    # Adam's first steps are as large for a gradient of rounding errors as for a true one: they are kept small
    config = toy_config(head, optimiser={"epochs": 1, "learning_rate": 1e-4})
    cached = train(
        [dataset], config, tmp_path / "cached", val_datasets=[dataset], cache_folder=tmp_path / "cache"
    ).results

    def without_cache(dataset, frozen, augmentation, folder, *_):
        cache = build_cache(dataset, frozen, augmentation, folder)
        return FeatureCache(
            LiveCells(dataset, frozen, augmentation, cache.cells.shape), cache.poses, cache.feature_channels
        )

    monkeypatch.setattr(training_module, "build_cache", without_cache)
    live = train([dataset], config, tmp_path / "live", val_datasets=[dataset], cache_folder=tmp_path / "cache").results
    for name in ("train_loss", "val_loss", "val_position_m"):
        assert live[name] == pytest.approx(cached[name], rel=2e-3, abs=2e-3)  # the store has float16
