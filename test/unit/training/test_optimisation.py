# SPDX-License-Identifier: BSD-3-Clause
import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import write_fake_dataset
from torch.optim.swa_utils import AveragedModel

from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.training.config import OptimiserConfig, load_config
from camera_relocalization_ros.training.devices import Process, trainer_precision, trainer_processes
from camera_relocalization_ros.training.heads import build_head
from camera_relocalization_ros.training.optimisation import build_optimiser, check_optimiser, plateau_schedule
from camera_relocalization_ros.training.pose_training import averaging
from camera_relocalization_ros.training.train import train

RECIPES = Path(__file__).parents[3] / "config/training"


def epochs(run_folder):
    with open(run_folder / "epochs.csv", newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize("name", ["airframe.yaml", "thesis.yaml"])
def test_shipped_recipes_can_be_trained(name):
    recipe = load_config(RECIPES / name)
    check_optimiser(recipe.optimiser, held_out=True)
    check_optimiser(recipe.finetune, held_out=True)


def thesis(backbone=None, head=None):
    return load_config(RECIPES / "thesis.yaml", backbone=backbone, head=head)


def test_the_recipe_of_the_thesis_says_what_the_thesis_says():
    recipe = thesis()
    optimiser, head = recipe.optimiser, recipe.head
    assert (optimiser.name, optimiser.learning_rate, optimiser.epsilon) == ("adam", 2e-4, 1e-8)  # 4.2
    assert (optimiser.weight_decay, head.dropout) == (0.0, 0.0)  # 4.2
    assert (optimiser.epochs, optimiser.patience) == (500, 7)
    assert (head.grid_rows, head.grid_cols, head.cell_channels, head.hidden) == (1, 1, 0, 2048)  # 3.4.1
    assert recipe.augmentation.views == 0
    assert (recipe.image.crop, recipe.image.channel_mean) == ("square", "data")
    # the thesis fine-tuned in the same way, and averaged no weights
    assert recipe.finetune == optimiser and optimiser.ema_decay == 0.0


def test_every_value_of_the_thesis_recipe_says_where_it_is_from():
    lines = (RECIPES / "thesis.yaml").read_text(encoding="utf-8").splitlines()
    values = [line for line in lines if line and not line.lstrip().startswith("#")]
    # sections, grid_cols beside grid_rows, what no head reads, and the anchors' second use have none of their own
    silent = {"image:", "head:", "loss:", "augmentation:", "optimiser:", "by_backbone:", "by_head:", "temporal_gru:"}
    silent |= {"stateful_gru:", "grid_cols:", "cell_channels:", "beta:", "finetune:"}
    cited = [line for line in values if line.split()[0] not in silent]
    assert len(cited) > 25 and all("#" in line for line in cited), [line for line in cited if "#" not in line]


@pytest.mark.parametrize(
    "backbone, batch_size, schedule",
    [
        ("googlenet_imagenet", 64, "constant"),
        ("googlenet_places365", 64, "constant"),
        ("vgg16_hybrid1365", 32, "constant"),
        ("inception_resnet_v2_imagenet", 20, "plateau"),
        ("efficientnet_lite0", 32, "constant"),
    ],
)
def test_networks_of_the_thesis_have_their_batch_and_schedule(backbone, batch_size, schedule):
    for section in (thesis(backbone).optimiser, thesis(backbone).finetune):
        assert (section.batch_size, section.schedule) == (batch_size, schedule)
        assert (section.plateau_factor, section.plateau_patience, section.plateau_cooldown) == (0.8, 2, 1)
        assert section.min_learning_rate == 1e-6


def test_the_stateful_gru_has_the_layout_of_the_thesis_code():
    recipe = load_config(RECIPES / "thesis.yaml", head="stateful_gru")
    head = recipe.head
    assert (head.gru_hidden, head.window_length, head.state_frames) == (512, 1, 72)
    assert recipe.optimiser.batch_size == recipe.finetune.batch_size == 30


@pytest.mark.parametrize("name, features, fc", [("spatial_lstm", 192, 2048), ("temporal_gru", 1024, 1024)])
def test_heads_of_the_thesis_have_its_widths(name, features, fc):
    head = build_head(512, thesis(head=name).head)
    assert head.branches.position.in_features == features and head.frame_features.connect.out_features == fc


def test_step_and_exponential_decay_are_equations_2_6_and_2_7():
    for schedule, expected in (
        ("step", [0.6 ** (epoch // 2) for epoch in range(6)]),
        ("exponential", [np.exp(epoch / 2 * np.log(0.6)) for epoch in range(6)]),
    ):
        config = OptimiserConfig(name="sgd", schedule=schedule, epochs=6, learning_rate=1.0, decay_epochs=2)
        built = build_optimiser([torch.nn.Parameter(torch.zeros(1))], config, steps=6 * 10)
        found = []
        for step in range(6 * 10):
            if step % 10 == 0:
                found.append(built["optimizer"].param_groups[0]["lr"])
            built["optimizer"].step()
            built["lr_scheduler"]["scheduler"].step()
        np.testing.assert_allclose(found, expected)


def test_sgd_with_nesterov_is_equation_2_5():
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    config = OptimiserConfig(name="sgd", schedule="constant", nesterov=True, momentum=0.9, learning_rate=0.1)
    optimiser = build_optimiser([weight], config, steps=2)["optimizer"]
    at, velocity = 1.0, 0.0
    for _ in range(3):
        weight.grad = 2 * weight.detach()
        optimiser.step()
        # in the form of the thesis: v_t = mu v - alpha g, phi_t = phi - mu v_{t-1} + (1 + mu) v_t
        before, velocity = velocity, 0.9 * velocity - 0.1 * 2 * at
        at = at - 0.9 * before + 1.9 * velocity
        assert weight.item() == pytest.approx(at, rel=1e-5)


def test_a_plateau_rests_after_a_fall_and_has_a_floor():
    config = OptimiserConfig(
        learning_rate=1.0,
        plateau_factor=0.5,
        plateau_patience=1,
        plateau_cooldown=2,
        plateau_min_delta=0.1,
        min_learning_rate=0.3,
    )
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], config.learning_rate)
    schedule, rates = plateau_schedule(optimiser, config), []
    # below zero, and falling by less than counts
    for loss in (-1.0, -1.05, -1.05, -1.05, -1.05, -1.05, -1.05, -1.05):
        schedule.step(loss)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"optimiser": {"name": "lion"}}, "no optimiser.name 'lion'; known: adamw, adam, sgd"),
        ({"optimiser": {"name": "sgd", "nesterov": True, "momentum": 0.0}}, "optimiser.nesterov looks ahead"),
        ({"optimiser": {"decay_epochs": 0}}, "optimiser.decay_epochs is 0; expected at least 1"),
        ({"image": {"crop": "round"}}, "no image.crop 'round'; known: none, square"),
        ({"image": {"channel_mean_rgb": [1.0, 2.0]}}, "image.channel_mean_rgb is"),
        ({"image": {"channel_mean_rgb": [1.0, 2.0, 3.0]}}, "backbone toy scales its input"),
        ({"head": {"dropout": 1.0}}, "head.dropout is 1.0"),
        ({"optimiser": {"schedule": "steps"}}, "no optimiser.schedule 'steps'"),
        ({"optimiser": {"epochs": 0}}, "optimiser.epochs is 0; expected at least 1"),
        ({"optimiser": {"learning_rate": 0.0}}, "optimiser.learning_rate is 0.0"),
        ({"optimiser": {"ema_decay": 1.0}}, "optimiser.ema_decay is 1.0"),
        ({"optimiser": {"patience": 7}}, "expected some .reloc train --val"),
        ({"optimiser": {"schedule": "plateau"}}, "expected some .reloc train --val"),
        ({"precision": "8"}, "precision is '8'"),
        ({"backbone": "resnet"}, "no backbone 'resnet'"),
        ({"head": {"name": "transformer"}}, "no head 'transformer'"),
        ({"head": {"name": "spatial_lstm", "hidden": 100}}, "head.hidden is 100; spatial_lstm needs a multiple of 32"),
        ({"loss": {"name": "mse"}}, "no loss 'mse'"),
        ({"loss": {"p": 3}}, "loss.p is 3"),
        ({"head": {"name": "temporal_gru", "max_gap_s": 0.01}}, "no 2 consecutive frames within 0.01 s"),
    ],
)
def test_what_cannot_be_trained_is_said_before_it_begins(tmp_path, toy_config, changes, message):
    dataset = write_fake_dataset(tmp_path / "set")
    with pytest.raises((ConfigError, DatasetError), match=message):
        train([dataset], toy_config(**changes), tmp_path / "run", cache_folder=tmp_path / "cache")
    assert not (tmp_path / "run").exists() and not (tmp_path / "cache").exists()


def test_a_batch_that_processes_cannot_share_is_said_before_it_begins(tmp_path, toy_config, monkeypatch):
    monkeypatch.setattr("camera_relocalization_ros.training.checks.process", lambda: Process(0, 3))
    with pytest.raises(ConfigError, match="batches of 8 cannot be shared evenly by 3 processes"):
        train([write_fake_dataset(tmp_path / "set")], toy_config(), tmp_path / "run", cache_folder=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_more_processes_than_gpus_are_one_line_before_it_begins(tmp_path, toy_config, monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4", "TORCHELASTIC_RUN_ID": "test"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    dataset = write_fake_dataset(tmp_path / "set")
    with pytest.raises(ConfigError, match="4 processes on a machine with 2 GPU.*CUDA_VISIBLE_DEVICES="):
        train([dataset], toy_config(), tmp_path / "run", cache_folder=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert trainer_processes() == {"strategy": "ddp", "devices": 4, "num_nodes": 1}


def test_the_rate_falls_on_plateaus_and_training_stops_with_the_best_weights(tmp_path, toy_config):
    """Held-out images that have nothing to do with those trained on: their loss soon rises."""
    dataset, other = write_fake_dataset(tmp_path / "set"), write_fake_dataset(tmp_path / "other", counts=(1, 12))
    optimiser = {"schedule": "plateau", "plateau_patience": 1, "patience": 4, "epochs": 300, "name": "adam"}
    run = train(
        [dataset],
        toy_config(optimiser=optimiser),
        tmp_path / "run",
        val_datasets=[other],
        cache_folder=tmp_path / "cache",
    )
    table = epochs(tmp_path / "run")
    losses = [row["val_loss"] for row in table]
    best = losses.index(min(losses))
    assert len(losses) < 300 and len(losses) - 1 == best + 4
    assert run.results["epochs"] == len(losses)
    assert run.results["val_loss"] == pytest.approx(losses[best], abs=1e-3)
    assert run.results["val_position_m"] == pytest.approx(table[best]["val_position_m"], abs=1e-4)
    assert table[-1]["learning_rate"] < table[0]["learning_rate"]


def test_answers_are_those_of_the_averaged_weights(tmp_path, toy_config):
    dataset, states = write_fake_dataset(tmp_path / "set"), []
    for decay in (0.0, 1e-9, 0.9):
        config = toy_config(optimiser={"ema_decay": decay})
        run = train([dataset], config, tmp_path / f"run_{decay}", cache_folder=tmp_path / "cache")
        states.append(run.pose_head.state_dict()["members.0.branches.position.weight"])
    # an average without memory is the last step; one with memory lags behind
    assert torch.allclose(states[0], states[1], atol=1e-6)
    assert not torch.allclose(states[0], states[2], atol=1e-6)


def test_the_average_forgets_the_first_weights_soon_and_later_as_slowly_as_it_is_told():
    weight = torch.nn.Linear(1, 1, bias=False).requires_grad_(False)
    average, expected = AveragedModel(weight, multi_avg_fn=averaging(0.9)), 0.0
    for step in range(150):
        weight.weight.fill_(float(step == 0))
        average.update_parameters(weight)
        expected = 1.0 if step == 0 else expected * min(0.9, (1 + step) / (10 + step))
        assert average.module.weight.item() == pytest.approx(expected, rel=1e-4)
        if step == 10:
            assert expected < 1e-4  # 0.35 without warming up
    assert expected > 0


@pytest.mark.parametrize("steps", [1, 2, 5, 9, 10, 11, 1000])
def test_one_cycle_ends_low_however_few_steps_there_are(steps):
    built = build_optimiser([torch.nn.Parameter(torch.zeros(1))], OptimiserConfig(), steps)
    optimiser, schedule = built["optimizer"], built["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert all(0 < rate <= 1e-3 for rate in rates)
    if steps > 2:
        assert rates[-1] < 0.1 * max(rates)


@pytest.mark.parametrize("val", [False, True])
def test_a_training_that_diverges_says_so(tmp_path, toy_config, val):
    dataset = write_fake_dataset(tmp_path / "set")
    config = toy_config(optimiser={"learning_rate": 1e30, "schedule": "constant"})
    with pytest.raises(ConfigError, match="diverged in epoch 0"):
        train(
            [dataset], config, tmp_path / "run", val_datasets=[dataset] if val else [], cache_folder=tmp_path / "cache"
        )


def test_mixed_precision_trains_as_well_as_32_bits_on_a_processor(tmp_path, toy_config, without_gpu):
    without_gpu()
    dataset = write_fake_dataset(tmp_path / "set", counts=(40,))
    losses = []
    for bits in ("bf16-mixed", "32"):
        config = toy_config(optimiser={"epochs": 30}, precision=bits)
        losses.append(train([dataset], config, tmp_path / bits, cache_folder=tmp_path / "cache").results["train_loss"])
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], abs=0.1)


@pytest.mark.parametrize(
    ("gpu", "tiles", "vectors", "expected"),
    [
        (True, True, True, "16-mixed"),
        (False, True, False, "bf16-mixed"),
        (False, False, True, "bf16-mixed"),
        (False, False, False, "32-true"),
    ],
)
def test_auto_precision_is_what_the_machine_multiplies_fastest(monkeypatch, gpu, tiles, vectors, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: vectors, raising=False)
    assert trainer_precision("auto") == expected
