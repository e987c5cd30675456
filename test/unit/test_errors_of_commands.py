# SPDX-License-Identifier: BSD-3-Clause
"""What a user reads when a command cannot do it: one line that names the thing, exit code 1; wrong usage is 2."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import write_fake_dataset
from made_result import made_result
from toy_backbone import ToyBackbone

from camera_relocalization_ros.cli.main import COMMANDS, main
from camera_relocalization_ros.evaluation.result_files import write_result
from camera_relocalization_ros.training.backbones import BACKBONES
from camera_relocalization_ros.training.config import KNOWN_NAMES
from camera_relocalization_ros.training.heads import HEADS
from camera_relocalization_ros.training.losses import LOSSES

ROOT = Path(__file__).resolve().parents[2]
BEFORE_PYTORCH = """
import sys
from camera_relocalization_ros.cli.main import main
for arguments in {commands}:
    assert main(arguments) == 1
assert "torch" not in sys.modules
"""


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["info", "nothing"], "nothing: no such file or folder"),
        (["info", "flown"], "flown: a result; tables of it: reloc compare flown, a page: reloc report"),
        (["import", "7scenes", "nothing", "-o", "set"], "nothing: no such folder"),
        (["train", "nothing", "-o", "run"], "nothing: no such data set"),
        (["train", "good", "--backbone", "resnet", "-o", "run"], "no backbone 'resnet'; known: efficientnet_lite0"),
        (["train", "good", "--head", "transformer", "-o", "run"], "no head 'transformer'; known: regressor"),
        (["train", "good", "--loss", "mse", "-o", "run"], "no loss 'mse'; known: beta, nh, qeh"),
        (["train", "good", "--config", "nothing.yaml", "-o", "run"], "nothing.yaml: No such file or directory"),
        (["export", "nothing", "-o", "bundle"], "nothing: no run.yaml in it"),
        (["evaluate", "nothing", "good"], "nothing: no such bundle"),
        (["evaluate", "good", "good"], "good: no bundle.yaml in it"),
        (["evaluate", "good/dataset.yaml", "good"], "good/dataset.yaml: a file; expected a bundle"),
        (["split", "good", "--period", "5", "--part", "test=3-9"], "does not lie within a period of 5 frames"),
        (["export-dataset", "good@x.test", "tum", "-o", "tum"], "no split 'x'"),
    ],
)
def test_one_line_that_names_it(tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    write_fake_dataset(tmp_path / "good")
    write_result(tmp_path / "flown", made_result(5))
    assert main(arguments) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith(f"reloc {arguments[0]}: ")]
    assert len(lines) == 1
    assert says in lines[0]


def test_a_name_that_none_has_is_told_before_pytorch_is_loaded(tmp_path):
    write_fake_dataset(tmp_path / "good")
    (tmp_path / "typo.yaml").write_text("{head: {name: temporalgru}}")
    train = ["train", "good", "-o", "run"]
    commands = [[*train, "--head", "temporalgru"], [*train, "--config", "typo.yaml"], [*train, "--loss", "qe"]]
    commands += [[*train, "--backbone", "vgg"], ["reproduce", "airframe", "a=b@c", "--heads", "gru", "-o", "tables"]]
    command = [sys.executable, "-c", BEFORE_PYTORCH.format(commands=commands)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("no head 'temporalgru' (did you mean 'temporal_gru'?)") == 2
    assert re.findall(r"^reloc (.*?);", done.stderr, re.MULTILINE)[2:] == [
        "train: no loss 'qe' (did you mean 'qeh'?)",
        "train: no backbone 'vgg'",
        "reproduce: no head 'gru'",
    ]


def test_the_names_that_are_known_without_pytorch_are_those_of_the_registries():
    for what, registry in (("head", HEADS), ("loss", LOSSES), ("backbone", BACKBONES)):
        assert set(KNOWN_NAMES[what]) == set(registry), what


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["simulate", "--placement", "7", "-o", "x.bag"], ["split", "x", "y"]]
)
def test_wrong_usage_is_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: reloc" in capsys.readouterr().err


@pytest.mark.parametrize("command", [name.replace("_dataset", "").replace("_", "-") for name in COMMANDS[:-1]])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"usage: reloc {command}" in capsys.readouterr().out


def test_from_data_set_to_errors_by_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(BACKBONES, "toy", ToyBackbone)
    write_fake_dataset(tmp_path / "set", counts=(20,))
    (tmp_path / "recipe.yaml").write_text("{backbone: toy, optimiser: {epochs: 2}, augmentation: {views: 1}}")
    assert main(["split", "set", "--period", "10", "--part", "train=0-5", "--part", "test=7-9"]) == 0
    assert main(["train", "set@holdout.train", "--config", "recipe.yaml", "-o", "run"]) == 0
    assert main(["export", "run", "-o", "bundle"]) == 0
    assert main(["evaluate", "bundle", "set@holdout.test", "--json", "out/errors.json"]) == 0
    errors = json.loads((tmp_path / "out" / "errors.json").read_text())
    assert errors["frames"] == 6
    assert set(errors["position_m"]) == set(errors["orientation_deg"]) > {"median", "mean", "max", "std", "p95"}
    assert np.isfinite(list(errors["position_m"].values())).all()
    printed = capsys.readouterr().out
    for line in (
        "next: reloc train set@holdout.train -o RUN",
        "validation is missing: ",
        "next: reloc export run -o BUNDLE",
        "next, for poses to centimetres: reloc map TRAINING_DATA --bundle bundle",
        "BAD: no pose is OK, so none may be flown on: not calibrated",
    ):
        assert f"\n{line}" in printed, line
    assert re.search(r"^(good: it beats|BAD: it loses against) looking up the most similar", printed, re.MULTILINE)
    for row in ("regressor", "constant pose", "feature retrieval", "oracle nearest pose"):
        assert row in printed
    for path in ("set", "run", "bundle"):
        assert main(["info", path]) == 0


def test_a_missing_package_is_named(tmp_path, monkeypatch, capsys):
    write_fake_dataset(tmp_path / "good")
    monkeypatch.setitem(sys.modules, "lightning", None)
    # what has imported it already
    for module in ("training.train", "training.epoch_progress", "pipelines.train_model"):
        monkeypatch.delitem(sys.modules, f"camera_relocalization_ros.{module}", raising=False)
    assert main(["train", str(tmp_path / "good"), "-o", str(tmp_path / "run")]) == 1
    assert "reloc train: needs the Python package lightning" in capsys.readouterr().err


def test_ctrl_c_while_a_library_is_loaded_is_told_as_what_it_is(monkeypatch, capsys):
    def run(_arguments):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            # as OpenCV, when NumPy's part that it loads is interrupted
            raise ImportError("numpy.core.multiarray failed to import") from None

    monkeypatch.setattr("camera_relocalization_ros.cli.info.run", run)
    # whoever started the tests in the background has it ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(["info", "."]) == 1
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "reloc info: interrupted\n"
