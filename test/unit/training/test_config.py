# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace
from pathlib import Path

import pytest

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.config import HeadConfig, TrainingConfig, config_from_dict, load_config
from camera_relocalization_ros.training.losses import distance_and_weighting


def test_no_file_is_the_recommended_recipe():
    assert load_config(None) == TrainingConfig()


def test_flags_win_over_the_file_and_the_file_over_the_defaults(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("seed: 3\nhead: {name: spatial_lstm, hidden: 256}\n")
    config = load_config(path, head="regressor", loss="beta", seed=5)
    assert (config.seed, config.head.name, config.head.hidden, config.loss.name) == (5, "regressor", 256, "beta")


def test_a_loss_by_its_name_wins_over_distance_and_weighting_of_the_file(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("loss: {name: '', distance: geodesic, weighting: beta, p: 2}\n")
    assert distance_and_weighting(load_config(path).loss) == ("geodesic", "beta")
    config = load_config(path, loss="nh")
    assert distance_and_weighting(config.loss) == ("quaternion_difference", "homoscedastic") and config.loss.p == 2


def test_a_file_changes_the_recipe_that_is_gone_on_with(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("finetune: {epochs: 2}\n")
    base = config_from_dict({"head": {"hidden": 256}, "finetune": {"epochs": 9, "learning_rate": 1e-5}}, "test")
    config = load_config(path, base=base)
    assert config == replace(base, finetune=replace(base.finetune, epochs=2))
    assert load_config(None, base=base) == base


def test_what_differs_by_network_and_head_is_laid_over_the_rest(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "optimiser: {epochs: 5, batch_size: 64}\n"
        "by_backbone: {vgg16_random: {optimiser: {batch_size: 32}}}\n"
        "by_head: {temporal_gru: {head: {hidden: 1024}}}\n"
    )
    plain, vgg16, gru = (
        load_config(path, backbone=backbone, head=head)
        for backbone, head in ((None, None), ("vgg16_random", None), ("vgg16_random", "temporal_gru"))
    )
    assert (plain.optimiser.batch_size, plain.head.hidden) == (64, TrainingConfig().head.hidden)
    assert (vgg16.optimiser.batch_size, vgg16.optimiser.epochs, vgg16.head.hidden) == (32, 5, plain.head.hidden)
    assert (gru.optimiser.batch_size, gru.head.hidden) == (32, 1024)
    # a name that the file itself gives counts too
    path.write_text(path.read_text() + "head: {name: temporal_gru}\n")
    assert load_config(path).head.hidden == 1024


@pytest.mark.parametrize("text", ["by_head: 3", "by_head: {a: 3}", "by_backbone: {vgg16_random: {hed: {}}}"])
def test_slips_in_what_differs_are_errors_before_its_turn(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="recipe.yaml.*by_"):
        load_config(path)


def test_backgrounds_are_replaced_where_the_object_is_known():
    known = load_config(None, object_mesh=Path("wing.ply")).augmentation
    assert known.replaces_backgrounds and known.object_mesh == "wing.ply"
    assert not load_config(None).augmentation.replaces_backgrounds


def test_round_trip():
    config = load_config(None, head="temporal_gru", seed=7)
    assert config_from_dict(config.to_dict(), "test") == config


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_no_generator_takes_is_refused(seed):
    with pytest.raises(ConfigError, match=f"seed is {seed}; expected 0 to"):
        load_config(None, seed=seed)


@pytest.mark.parametrize("text", ["hed: {}", "head: {hiden: 3}", "seed: many", "head: 3", "[1, 2]", "a: ["])
def test_unknown_keys_and_wrong_types_are_errors_that_name_the_file(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="recipe.yaml"):
        load_config(path)


def test_a_recipe_is_known_as_before_there_was_a_state_to_carry():
    known = TrainingConfig().without_paths()["head"]
    assert "state_frames" not in known and "window_length" in known
    other = replace(TrainingConfig(), head=HeadConfig(state_frames=30))
    assert other.without_paths()["head"]["state_frames"] == 30
