# SPDX-License-Identifier: BSD-3-Clause
"""Hyper-parameter search: trials, their failures and interruptions, studies that are continued and shared."""

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
import yaml
from helpers import write_fake_dataset
from mesh_files import write_box_ply
from toy_backbone import ToyBackbone

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.training.backbones import BACKBONES
from camera_relocalization_ros.training.search import tuning
from camera_relocalization_ros.training.search.search_space import search_space
from camera_relocalization_ros.training.search.study_results import best_trials, ended_trials
from camera_relocalization_ros.training.search.tuning import Search, open_study, search

SPACE = {"optimiser.learning_rate": {"low": 1.0e-4, "high": 1.0e-1, "log": True}, "loss.p": {"choices": [1, 2]}}
RECIPE = """
backbone: toy
head: {cell_channels: 8, hidden: 32}
augmentation: {views: 0}
optimiser: {epochs: 2, batch_size: 8}
"""


@pytest.fixture
def task(tmp_path, toy_config):
    """Function of a search space and other changes of a search on 12 + 6 images."""
    dataset, held_out = write_fake_dataset(tmp_path / "set"), write_fake_dataset(tmp_path / "held_out", counts=(6,))

    def make(space=SPACE, **changes):
        recipe = toy_config(augmentation={"views": 0}, optimiser={"epochs": 2}, head={"hidden": 32})
        return Search([dataset], [held_out], recipe, search_space(space, "test"), tmp_path / "cache", **changes)

    return make


def memory_study(tmp_path, prune_after=None):
    return open_study(str(tmp_path / "study.journal"), "test", prune_after)


def rows(folder):
    with open(folder / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_the_best_trial_becomes_a_recipe(tmp_path, task, sampler):
    study = memory_study(tmp_path)
    search(study, task(), tmp_path, 3, sampler)
    found = rows(tmp_path)
    assert [row["trial"] for row in found] == ["0", "1", "2"] and {row["state"] for row in found} == {"complete"}
    best = min(found, key=lambda row: float(row["score"]))
    recipe = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert recipe["optimiser"]["learning_rate"] == pytest.approx(float(best["optimiser.learning_rate"]))
    assert recipe["loss"]["p"] == int(best["loss.p"]) and recipe["backbone"] == "toy"
    assert not list(tmp_path.glob("trial_*")), "the trials' own folders are gone"
    assert len(list((tmp_path / "cache").iterdir())) == 2, "one cache of each data set serves all trials"


def test_a_study_goes_on_where_the_mesh_lies_elsewhere_but_not_with_another(tmp_path, task):
    searched = task()

    def identity(mesh):
        augmentation = replace(searched.recipe.augmentation, object_mesh=str(mesh))
        other = replace(searched, recipe=replace(searched.recipe, augmentation=augmentation))
        return other.identity(searched.reference())

    mesh = write_box_ply(tmp_path / "box.ply")
    first = identity(mesh)
    assert identity(mesh.rename(tmp_path / "moved.ply")) == first
    assert identity(write_box_ply(tmp_path / "other.ply", size=0.7)) != first
    assert "files" not in searched.identity(searched.reference())


def test_the_score_is_relative_to_a_constant_pose(tmp_path, task):
    study, relative = memory_study(tmp_path), task()
    search(study, relative, tmp_path, 1)
    constant, trial = relative.reference(), study.trials[0]
    position, orientation = trial.user_attrs["position_m"], trial.user_attrs["orientation_deg"]
    expected = (position / constant.position_m + orientation / constant.orientation_deg) / 2
    assert trial.value == pytest.approx(expected)
    for objective, value in (("position", position), ("orientation", orientation)):
        other = open_study(str(tmp_path / "study.journal"), objective, None)
        search(other, task(objective=objective), tmp_path, 1)
        assert other.trials[0].value == pytest.approx(value)


def test_what_a_trial_draws_depends_on_seed_and_number_not_on_who_runs_it(tmp_path, task):
    drawn = {}
    for name, runs in (("at once", (3,)), ("in two runs", (2, 3))):
        study = open_study(str(tmp_path / "study.journal"), name, None)
        for trials in runs:
            search(study, task(), tmp_path, trials, "random", seed=5)
        drawn[name] = [trial.params for trial in study.trials]
    assert drawn["at once"] == drawn["in two runs"]
    assert len({params["optimiser.learning_rate"] for params in drawn["at once"]}) == 3


def test_a_recipe_that_cannot_be_is_a_failed_trial_and_the_study_goes_on(tmp_path, task):
    study = memory_study(tmp_path)
    space = {"head.name": {"choices": ["regressor", "transformer"]}}
    search(study, task(space), tmp_path, 6, "random")
    found = rows(tmp_path)
    assert {row["state"] for row in found} == {"complete", "fail"} and len(found) == 6
    assert all("no head 'transformer'" in row["problem"] for row in found if row["state"] == "fail")


def test_an_interrupted_trial_does_not_count_and_another_run_continues(tmp_path, task, monkeypatch, caplog):
    study, real, calls = memory_study(tmp_path), tuning.train, []

    def interrupted(*arguments, **settings):
        calls.append(1)
        if len(calls) == 2:
            raise SystemExit(1)  # what Lightning makes of Ctrl-C
        return real(*arguments, **settings)

    monkeypatch.setattr(tuning, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(study, task(), tmp_path, 3)
    assert len(best_trials(study)) == 1 and (tmp_path / "best.yaml").is_file()
    again = memory_study(tmp_path)
    search(again, task(), tmp_path, 3)
    assert [row["state"] for row in rows(tmp_path)] == ["complete", "interrupted", "complete", "complete"]
    assert "1 trials were interrupted: what is tried and which recipe is best may differ" in caplog.text
    assert "# 1 trials were interrupted" in (tmp_path / "best.yaml").read_text()
    assert len(ended_trials(again)) == 3
    search(again, task(), tmp_path, 3)
    assert len(again.trials) == 4, "a study that is full is left alone"


def test_a_hopeless_trial_is_given_up(tmp_path, task, monkeypatch):
    monkeypatch.setattr(tuning, "TRIALS_BEFORE_PRUNING", 2)
    study = memory_study(tmp_path, prune_after=1)
    search(study, task({"optimiser.learning_rate": {"low": 1.0e-3, "high": 2.0e-3}}), tmp_path, 2)
    # the next one cannot but be worse: its schedule begins with steps that throw the weights away
    study.enqueue_trial({"optimiser.learning_rate": 0.001})
    monkeypatch.setitem(tuning.OBJECTIVES, "relative", lambda position, orientation, constant: 1e6 + position)
    search(study, task({"optimiser.learning_rate": {"low": 1.0e-3, "high": 2.0e-3}}), tmp_path, 3)
    assert [row["state"] for row in rows(tmp_path)] == ["complete", "complete", "pruned"]
    assert len(study.trials[2].intermediate_values) < 2 + 1 and len(ended_trials(study)) == 3


def test_a_training_that_diverges_has_failed(tmp_path, task):
    study = memory_study(tmp_path)
    search(study, task({"optimiser.learning_rate": {"low": 1.0e37, "high": 1.0e38}}), tmp_path, 2)
    assert [row["state"] for row in rows(tmp_path)] == ["fail", "fail"] and rows(tmp_path)[0]["problem"]


def test_a_study_is_not_continued_with_something_else(tmp_path, task):
    study = memory_study(tmp_path)
    search(study, task(), tmp_path, 1)
    for other, name in ((task(objective="position"), "objective"), (task({"loss.p": {"choices": [1, 2]}}), "space")):
        with pytest.raises(ConfigError, match=f"was begun with {name} .*use another --study"):
            search(study, other, tmp_path, 2)


def test_time_that_is_over_begins_no_trial(tmp_path, task):
    study = memory_study(tmp_path)
    search(study, task(), tmp_path, 3, timeout_s=0.0)
    assert not study.trials


def test_held_out_data_that_a_constant_pose_answers_are_refused(tmp_path, toy_config):
    one = write_fake_dataset(tmp_path / "one", counts=(1,))
    task = Search([one], [one], toy_config(), search_space(SPACE, "test"), tmp_path / "cache")
    with pytest.raises(DatasetError, match="expected a camera that moves"):
        task.reference()


@pytest.mark.parametrize(
    "storage, says",
    [
        ("sqlite:////nowhere/at/all/study.db", "unable to open database file"),
        ("nonsense://user:secret@host/db", "nonsense://user:***@host/db cannot be used"),
        ("/proc/study.journal", "/proc/study.journal cannot be used"),
    ],
)
def test_a_storage_that_cannot_be_reached_is_named_without_its_password(monkeypatch, storage, says):
    monkeypatch.setattr(tuning, "OPENING_PAUSE_S", 0.0)
    with pytest.raises(ConfigError) as error:
        open_study(storage, "test", None)
    assert says in str(error.value) and "secret" not in str(error.value)


WORKER = """
import sys
from pathlib import Path
import camera_relocalization_ros.training.backbones as backbones
from toy_backbone import ToyBackbone
from camera_relocalization_ros.cli.main import main
backbones.BACKBONES["toy"] = ToyBackbone
storage, folder = sys.argv[1:]
sys.exit(main(["tune", "set", "--val", "set", "--config", "recipe.yaml", "--space", "space.yaml", "--trials", "8",
               "--sampler", "random", "--storage", storage, "-o", folder]))
"""


@pytest.mark.parametrize(
    "storage, folders", [("out/study.journal", ("out", "out")), ("sqlite:///study.db", ("machine1", "machine2"))]
)
def test_two_processes_share_one_study(tmp_path, storage, folders):
    write_fake_dataset(tmp_path / "set")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "space.yaml").write_text("loss.p: {choices: [1, 2]}\noptimiser.epochs: {low: 2, high: 9}\n")
    path = [str(Path(tuning.__file__).parents[3]), str(Path(__file__).parents[3] / "support")]
    code = f"import sys; sys.path[:0] = {path!r}\n{WORKER}"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, storage, folder],
            cwd=str(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder in folders
    ]
    printed = [worker.communicate(timeout=240)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], printed
    if "://" not in storage:
        study = optuna.load_study(
            study_name="tune",
            storage=optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / storage))),
        )
    else:
        study = optuna.load_study(study_name="tune", storage=f"sqlite:///{tmp_path}/study.db")
    # one may begin its last trial while the other still trains
    assert 8 <= len(study.trials) <= 9
    assert {trial.state.name for trial in study.trials} <= {"COMPLETE", "PRUNED"}
    numbers = [set(_numbers(text)) for text in printed]
    assert all(numbers) and not numbers[0] & numbers[1], "each ran some, none was run twice"
    for folder in folders:
        assert len(list((tmp_path / folder / "feature_cache").glob("*/"))) == 1
        assert set(yaml.safe_load((tmp_path / folder / "best.yaml").read_text())) >= {"backbone", "optimiser"}


def _numbers(printed):
    return [line.split()[2] for line in printed.splitlines() if line.startswith("INFO trial ")]


def test_folders_of_killed_trials_are_removed_and_those_at_work_stay(tmp_path):
    killed = tmp_path / "trial_3_killed"
    killed.mkdir()
    (killed / "lock").touch()
    with tuning._trial_folder(tmp_path, 4) as first, tuning._trial_folder(tmp_path, 5) as second:
        assert not killed.exists()
        assert first.is_dir() and second.is_dir()
    assert not list(tmp_path.iterdir())


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(BACKBONES, "toy", ToyBackbone)
    write_fake_dataset(tmp_path / "set")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "space.yaml").write_text("optimiser.learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}")
    arguments = ["tune", "set", "--val", "set", "--config", "recipe.yaml", "--space", "space.yaml", "-o", "out/tune"]
    assert main([*arguments, "--trials", "2"]) == 0
    printed = capsys.readouterr().out
    assert "optimiser.learning_rate" in printed and "best recipe: out/tune/best.yaml" in printed
    assert "Epoch" not in printed, "no bars of Lightning's where nobody watches"
    assert main(["train", "set", "--config", "out/tune/best.yaml", "-o", "out/run"]) == 0
    assert Dataset.load("set").frame_count == 12
    # a full study is only told again
    assert main([*arguments, "--trials", "2"]) == 0
    assert capsys.readouterr().out.count("optimiser.learning_rate") == 1


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--sampler", "grid"], "no sampler 'grid'; known: random, tpe"),
        (["--objective", "loss"], "no objective 'loss'; known: relative, position, orientation"),
        (["--space", "nothing.yaml"], "nothing.yaml: No such file or directory"),
        (["--space", "lr.yaml"], "lr.yaml: no parameter 'lr'"),
        (["--storage", "sqlite:///lr.yaml/study.db"], "storage sqlite:///lr.yaml/study.db cannot be used"),
        (["--trials", "1", "--space", "bad.yaml"], "none of 1 trials was trained to the end"),
    ],
)
def test_what_the_command_cannot_do_is_one_line(tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(BACKBONES, "toy", ToyBackbone)
    write_fake_dataset(tmp_path / "set")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "lr.yaml").write_text("lr: {low: 1, high: 2}")
    (tmp_path / "bad.yaml").write_text("loss.name: {choices: [mse]}")
    assert main(["tune", "set", "--val", "set", "--config", "recipe.yaml", "-o", "out", *arguments]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("reloc tune: ")]
    assert len(lines) == 1 and says in lines[0]


def test_held_out_data_must_be_given(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["tune", "set", "-o", "out"])
    assert stop.value.code == 2
    assert "required: --val" in capsys.readouterr().err
