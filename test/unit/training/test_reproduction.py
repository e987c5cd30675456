# SPDX-License-Identifier: BSD-3-Clause
"""The thesis' grid on small data: cells that are trained, kept, tested as flown, and shown as tables."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml
from helpers import write_fake_dataset
from toy_backbone import ToyBackbone

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.shipped_files import shipped_file
from camera_relocalization_ros.data.splits import save_split
from camera_relocalization_ros.evaluation.evaluate import evaluate
from camera_relocalization_ros.evaluation.thesis_grid import Combination
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.pipelines.reproduce import THESIS_RECIPE
from camera_relocalization_ros.report.tables.thesis_tables import METHOD_TABLES
from camera_relocalization_ros.training import reproduction
from camera_relocalization_ros.training.backbones import BACKBONES
from camera_relocalization_ros.training.config import load_config
from camera_relocalization_ros.training.export import export
from camera_relocalization_ros.training.reproduction import (
    Cell,
    GridData,
    hold_out,
    load_errors,
    run_baselines,
    run_cell,
)
from camera_relocalization_ros.training.run_folder import load_run


def toy_cell(folder, head="regressor", loss="qeh", seed=0):
    return Cell.below(folder, Combination("kitchen", "toy", head, loss), seed)


@pytest.mark.parametrize("head", ["spatial_lstm", "temporal_gru"])
def test_a_cell_is_tested_as_its_bundle_flies(tmp_path, toy_config, head):
    train, test = write_fake_dataset(tmp_path / "train"), write_fake_dataset(tmp_path / "test", counts=(7, 5, 1))
    cell = toy_cell(tmp_path, head)
    summary = run_cell(cell, GridData("kitchen", train, None, test), toy_config(), tmp_path / "cache")
    export(load_run(cell.folder), tmp_path / "bundle")
    flown = evaluate(Relocalizer.from_bundle(tmp_path / "bundle"), test)
    stored = load_errors(cell)
    # stored features have half precision
    np.testing.assert_allclose(stored.position_m, flown.errors.position_m, atol=3e-3)
    np.testing.assert_allclose(stored.orientation_deg, flown.errors.orientation_deg, atol=0.3)
    assert summary["frames"] == 13
    baselines = run_baselines(cell, GridData("kitchen", train, None, test), tmp_path / "cache")
    assert set(baselines) == set(flown.baselines)
    for name, errors in flown.baselines.items():
        assert baselines[name]["position_m"]["median"] == pytest.approx(np.median(errors.position_m), abs=1e-3), name


def test_a_tail_is_trained_after_its_head(tmp_path, toy_config, monkeypatch):
    data = GridData("kitchen", write_fake_dataset(tmp_path / "set"), None, write_fake_dataset(tmp_path / "test"))
    cell = toy_cell(tmp_path)
    real = reproduction.train

    def killed_in_the_second_step(*arguments, start=None, **settings):
        if start is not None:
            raise KeyboardInterrupt
        return real(*arguments, **settings)

    monkeypatch.setattr(reproduction, "train", killed_in_the_second_step)
    with pytest.raises(KeyboardInterrupt):
        run_cell(cell, data, toy_config(), tmp_path / "cache", finetune=True)
    with pytest.raises(ConfigError, match="head: trained by another recipe or on other data"):
        run_cell(cell, data, toy_config(optimiser={"epochs": 4}), tmp_path / "cache", finetune=True)
    with pytest.raises(ConfigError, match="head: trained by another recipe or on other data"):
        other = replace(data, train=write_fake_dataset(tmp_path / "other", counts=(9,)))
        run_cell(cell, other, toy_config(), tmp_path / "cache", finetune=True)

    def second_step_alone(*arguments, start=None, **settings):
        assert start is not None, "the head is finished"
        return real(*arguments, start=start, **settings)

    monkeypatch.setattr(reproduction, "train", second_step_alone)
    run_cell(cell, data, toy_config(), tmp_path / "cache", finetune=True)
    run = load_run(cell.folder)
    assert run.tail and not load_run(cell.folder / "head").tail
    export(run, tmp_path / "bundle")
    flown = evaluate(Relocalizer.from_bundle(tmp_path / "bundle"), data.test)
    np.testing.assert_allclose(load_errors(cell).position_m, flown.errors.position_m, atol=3e-3)
    assert set(run_baselines(cell, data, tmp_path / "cache")) == set(flown.baselines)


def test_a_finished_cell_is_read_and_one_of_another_recipe_is_refused(tmp_path, toy_config, monkeypatch):
    data = GridData("kitchen", write_fake_dataset(tmp_path / "set"), None, write_fake_dataset(tmp_path / "test"))
    cell = toy_cell(tmp_path)
    first = run_cell(cell, data, toy_config(), tmp_path / "cache")
    monkeypatch.setattr(reproduction, "train", lambda *_, **__: pytest.fail("trained again"))
    assert run_cell(cell, data, toy_config(), tmp_path / "cache") == first
    with pytest.raises(ConfigError, match="trained by another recipe or on other data"):
        run_cell(cell, data, toy_config(optimiser={"epochs": 4}), tmp_path / "cache")
    (cell.folder / "cell.json").write_text("cut sh")
    with pytest.raises(ConfigError, match="not a finished cell"):
        run_cell(cell, data, toy_config(), tmp_path / "cache")


def test_held_out_are_ends_of_stretches(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", counts=(100, 12))
    kept, held_out = hold_out(dataset)
    numbers = [[frame.number for frame in sequence.frames] for sequence in held_out.sequences]
    assert numbers[0] == [45, 46, 47, 48, 49, 95, 96, 97, 98, 99]
    assert numbers[1] == [10, 11]
    assert kept.frame_count + held_out.frame_count == 112
    both = {(s.name, f.number) for part in (kept, held_out) for s in part.sequences for f in s.frames}
    assert len(both) == 112


def test_data_are_held_out_for_a_recipe_that_watches_some(tmp_path, toy_config):
    data = GridData("kitchen", write_fake_dataset(tmp_path / "set"), None, write_fake_dataset(tmp_path / "test"))
    assert data.for_recipe(toy_config()) is data
    watched = data.for_recipe(toy_config(optimiser={"patience": 2}))
    assert watched.val.frame_count == 2 and watched.train.frame_count == 10
    tail_watches = toy_config(finetune={"patience": 2})
    assert data.for_recipe(tail_watches) is data and data.for_recipe(tail_watches, finetune=True).val
    summary = run_cell(toy_cell(tmp_path), data, toy_config(optimiser={"patience": 2}), tmp_path / "cache")
    assert np.isfinite(summary["position_m"]["median"])


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with the data set `set`, its split `parts` and a recipe for the toy backbone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(BACKBONES, "toy", ToyBackbone)
    write_fake_dataset(tmp_path / "set", counts=(20,))
    parts = {"train": {"flight0": [[0, 11]]}, "test": {"flight0": [[13, 19]]}}
    save_split(tmp_path / "set", "parts", parts, "test")
    head = {"hidden": 32, "cell_channels": 8, "lstm_hidden": 8, "gru_hidden": 8}
    recipe = {"head": head, "augmentation": {"views": 0}, "optimiser": {"epochs": 2, "batch_size": 8}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return tmp_path


def test_the_command_fills_the_tables_and_goes_on_where_it_was_killed(workplace, monkeypatch, capsys):
    command = ["reproduce", "7scenes", "redkitchen=set@parts", "--config", "recipe.yaml", "--backbones", "toy"]
    command += ["vgg16_hybrid1365", "--heads", "regressor", "spatial_lstm", "--losses", "qeh", "--seeds", "0", "1"]
    command += ["-o", "out"]
    real, calls = reproduction.train, []

    def killed(*arguments, **settings):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments, **settings)

    monkeypatch.setenv("RELOC_WEIGHTS", str(workplace / "no_weights"))
    monkeypatch.setattr(reproduction, "train", killed)
    assert main(command) == 1
    assert "Spatial-LSTM,QEH" in (workplace / "out" / "tables.md").read_text(), "what is finished is written"
    assert main(command) == 0
    assert len(calls) == 5, "two cells were finished, one was begun again"
    page = (workplace / "out" / "tables.md").read_text()
    printed = capsys.readouterr().out
    assert printed.startswith(page) and "Epoch" not in printed, "no bars among the tables"
    assert "vgg16_hybrid1365 is skipped: " in page and "means over 2 seeds" in page
    assert "redkitchen: 12 frames train, 7 test." in page
    for text in ("0.291 / 7.04", "oracle nearest pose", "## Table 4.9"):
        assert text in page
    results = json.loads((workplace / "out" / "results.json").read_text())
    assert [len(result["seeds"]) for result in results["results"]] == [2, 2]
    assert (workplace / "out" / "results.csv").read_text().count("\n") > 5
    assert (workplace / "out" / "histograms" / "redkitchen-toy.png").stat().st_size > 1000


def test_the_airframe_tables_hold_the_temporal_models(workplace, capsys):
    data = ["airframe-ind=set@parts.train,set@parts.test", "hangar=set@parts"]
    command = ["reproduce", "airframe", *data, "--config", "recipe.yaml", "--backbones", "toy", "-o", "out"]
    assert main([*command, "--heads", "spatial_lstm", "temporal_gru", "--losses", "qeh"]) == 0
    printed = capsys.readouterr().out
    assert "## Table 4.17: Temporal-GRU on airframe-ind" in printed
    assert "hangar is no data set of the thesis" in printed
    # the thesis' best, in its own table and beside the network of ours
    assert printed.count("0.268 / 5.16") == 2
    for number in (*METHOD_TABLES["7scenes"].values(), *METHOD_TABLES["airframe"].values(), "4.9", "4.17"):
        assert f"## Table {number}:" in printed
    # and a picture of each kind, as chapter 4 has them
    for data_set in ("airframe-ind", "hangar"):
        assert (workplace / "out" / "examples" / f"{data_set}.png").stat().st_size > 5000
        for kind in ("histograms", "trajectories", "saliency"):
            assert (workplace / "out" / kind / f"{data_set}-toy.png").stat().st_size > 5000, kind


def test_a_head_that_carries_its_state_has_all_but_a_picture_of_saliency(workplace, capsys):
    command = ["reproduce", "airframe", "airframe-ind=set@parts", "--config", "recipe.yaml", "--backbones", "toy"]
    assert main([*command, "--heads", "stateful_gru", "--losses", "qeh", "-o", "out"]) == 0
    printed = capsys.readouterr().out
    assert "Stateful-GRU,QEH" in printed and "head temporal_gru was not trained" in printed
    kinds = {path.parent.name for path in (workplace / "out").glob("*/*.png")}
    assert kinds == {"examples", "histograms", "trajectories"}


@pytest.mark.parametrize(("loss", "p"), [("beta", 2), ("nh", 1), ("qeh", 1)])
def test_the_row_of_posenet_has_its_norm_and_a_beta_of_its_range(tmp_path, loss, p):
    config = reproduction._config(toy_cell(tmp_path, loss=loss), load_config(shipped_file(THESIS_RECIPE)))
    assert (config.loss.name, config.loss.p) == (loss, p)
    assert 120 <= config.loss.beta <= 750


def test_the_command_fine_tunes_by_the_recipe_of_its_section(workplace, capsys):
    recipe = yaml.safe_load((workplace / "recipe.yaml").read_text())
    recipe["finetune"] = {"schedule": "plateau", "patience": 2, "epochs": 3, "ema_decay": 0.0, "batch_size": 8}
    (workplace / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    command = ["reproduce", "7scenes", "redkitchen=set@parts", "--config", "recipe.yaml", "--backbones", "toy"]
    command += ["--heads", "regressor", "--losses", "qeh", "-o", "out"]
    assert main(command) == 0
    assert "heads on frozen networks, where the thesis trained their last layers too." in capsys.readouterr().out
    assert main([*command[:-1], "tuned", "--finetune"]) == 0
    printed = capsys.readouterr().out
    assert "heads on frozen networks, then their last layers with them." in printed
    assert "10 frames train, 2 watched while training, 7 test" in printed
    run = load_run(workplace / "tuned/cells/redkitchen/toy/regressor-qeh-seed0")
    assert run.tail and run.config.finetune.patience == 2 and run.results["epochs"] <= 3


def test_the_thesis_recipe_is_the_default():
    assert yaml.safe_load(shipped_file(THESIS_RECIPE).read_text())["optimiser"]["learning_rate"] == 2e-4


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["set@parts"], "'set@parts' is no data; expected NAME=DATASET@SPLIT or NAME=TRAIN,TEST"),
        (["chess=set"], "'chess=set' is no data"),
        (["chess=set@parts.train"], "'chess=set@parts.train' is no data"),
        (["chess=set@nothing"], "no split 'nothing'"),
        (["chess=set@halves"], "has the parts ['a', 'b']; expected train and test"),
        (["../chess=set@parts"], "'../chess' is not a plain file name"),
        (["chess=set@parts", "chess=set@parts"], "'chess' is given 2 times"),
        (["chess=set@parts", "--backbones", "resnet"], "no backbone 'resnet'; known: "),
        (["chess=set@parts", "--backbones", "vgg16_hybrid1365"], "no backbone with weights; vgg16_hybrid1365: "),
        (["chess=set@parts", "--losses", "mse"], "no loss 'mse'"),
        (["chess=set@parts", "--heads", "transformer"], "no head 'transformer'"),
    ],
)
def test_what_the_command_cannot_do_is_one_line(workplace, monkeypatch, capsys, arguments, says):
    monkeypatch.setenv("RELOC_WEIGHTS", str(workplace / "no_weights"))
    save_split(workplace / "set", "halves", {"a": {"flight0": [[0, 9]]}, "b": {"flight0": [[10, 19]]}}, "test")
    if "--backbones" not in arguments:
        arguments = [*arguments, "--backbones", "toy"]
    assert main(["reproduce", "7scenes", *arguments, "--config", "recipe.yaml", "-o", "out"]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("reloc reproduce: ")]
    assert len(lines) == 1 and says in lines[0]
