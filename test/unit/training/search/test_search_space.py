# SPDX-License-Identifier: BSD-3-Clause
"""What may be searched: a strict file, and recipes drawn from it."""

from pathlib import Path

import optuna
import pytest

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.plain_values import load_yaml_mapping
from camera_relocalization_ros.training.config import TrainingConfig, load_config
from camera_relocalization_ros.training.optimisation import check_optimiser
from camera_relocalization_ros.training.search.search_space import (
    DEFAULT_SPACE,
    load_search_space,
    search_space,
    suggested_config,
)

SHIPPED = Path(__file__).resolve().parents[4] / "config" / "training" / "search.yaml"


def test_the_shipped_file_is_the_default():
    assert load_yaml_mapping(SHIPPED) == DEFAULT_SPACE
    assert load_search_space(SHIPPED) == load_search_space(None)


def test_what_the_thesis_searched_can_be_trained():
    space, base = (
        load_search_space(SHIPPED.with_name("thesis_search.yaml")),
        load_config(SHIPPED.with_name("thesis.yaml")),
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    names = set()
    for _ in range(20):
        config = suggested_config(base, space, study.ask())
        check_optimiser(config.optimiser, held_out=True)
        names.add((config.optimiser.name, config.optimiser.schedule))
        assert 10**-4.11 < config.optimiser.learning_rate < 10**-3.79 and 0 <= config.head.dropout <= 0.3
    assert {("adam", "step"), ("sgd", "plateau")} <= names


def test_a_drawn_recipe_differs_from_its_base_in_what_was_searched_alone():
    space = search_space(
        {
            "optimiser.learning_rate": {"low": 1, "high": 2.5},
            "optimiser.epochs": {"low": 3, "high": 9, "log": True},
            "loss.name": {"choices": ["nh", "beta"]},
            "backbone": {"choices": ["toy"]},
        },
        "test",
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    base = TrainingConfig()
    for _ in range(20):
        config = suggested_config(base, space, study.ask())
        assert isinstance(config.optimiser.learning_rate, float) and 1 <= config.optimiser.learning_rate <= 2.5
        assert isinstance(config.optimiser.epochs, int) and 3 <= config.optimiser.epochs <= 9
        assert config.loss.name in ("nh", "beta") and config.backbone == "toy"
        assert (config.head, config.augmentation, config.optimiser.batch_size) == (
            base.head,
            base.augmentation,
            base.optimiser.batch_size,
        )


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "no parameter to search"),
        ("- loss.p", "expected a mapping, found list"),
        ("optimiser.lr: {low: 1.0, high: 2.0}", "no parameter 'optimiser.lr' (did you mean 'optimiser."),
        ("optimiser: {learning_rate: {low: 1.0, high: 2.0}}", "no parameter 'optimiser'"),
        ("optimiser.epochs: 5", "optimiser.epochs: found 5; expected {low, high}"),
        ("optimiser.epochs: {low: 5}", "expected {low, high}, {low, high, log} or {choices}"),
        ("optimiser.epochs: {low: 5, high: 9, step: 2}", "expected {low, high}, {low, high, log} or {choices}"),
        ("optimiser.epochs: {low: 5.5, high: 9}", "low: found 5.5 of type float; expected int"),
        ("optimiser.epochs: {low: 9, high: 5}", "low 9 is not below high 5"),
        ("optimiser.learning_rate: {low: 1e-4, high: 1.0}", "YAML reads 1e-4 as text, write 1.0e-4"),
        ("optimiser.learning_rate: {low: 0.0, high: 1.0, log: true}", "a logarithmic range begins above 0"),
        ("optimiser.learning_rate: {low: 0.1, high: 1.0, log: 1}", "log is 1; expected true or false"),
        ("loss.name: {low: 1, high: 2}", "type str has no range"),
        ("loss.p: {choices: []}", "expected a list that is not empty"),
        ("loss.p: {choices: [1, 1]}", "hold a value twice"),
        ("loss.p: {choices: [1, true]}", "found True of type bool; expected int"),
        ("loss.name: {choices: [qeh, 3]}", "found 3 of type int; expected str"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_the_place(tmp_path, text, says):
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_search_space(path)
    assert str(path) in str(error.value) and says in str(error.value)
