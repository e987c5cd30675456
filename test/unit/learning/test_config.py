# SPDX-License-Identifier: BSD-3-Clause
from pathlib import Path

import pytest

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.learning.config import TrainingConfig, config_from_dict, load_config


def test_no_file_is_the_recommended_recipe():
    assert load_config(None) == TrainingConfig()


def test_flags_win_over_the_file_and_the_file_over_the_defaults(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("seed: 3\nhead: {name: spatial_lstm, hidden: 256}\n")
    config = load_config(path, head="regressor", loss="beta", seed=5)
    assert (config.seed, config.head.name, config.head.hidden, config.loss.name) == (5, "regressor", 256, "beta")


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
