# SPDX-License-Identifier: BSD-3-Clause
"""What commands say of themselves, and how soon they say what is wrong."""

import logging
import os
import shlex
import subprocess
import sys

import pytest
from helpers import write_fake_dataset

from camera_relocalization_ros.cli import main as program
from camera_relocalization_ros.cli.early_checks import warn_of_forgotten_parts
from camera_relocalization_ros.cli.help_text import COMMANDS, version_text
from camera_relocalization_ros.cli.progress_bars import ProgressBars, ProgressLines, progress_shown
from camera_relocalization_ros.core.progress import reporting, tracked

HEAVY = ("torch", "lightning", "pyvista", "rospy", "matplotlib")


def test_every_example_is_a_command_that_parses():
    parser = program.parser()
    for name in COMMANDS:
        module = sys.modules[f"camera_relocalization_ros.cli.{name}"]
        words = shlex.split(module.EXAMPLE)
        assert words[:2] == ["reloc", module.NAME]
        assert parser.parse_args(words[1:]).run is module.run


def test_a_command_that_is_misspelled_or_left_out(capsys):
    for words, expected in (
        (["trian"], "no command 'trian' (did you mean 'train'?)"),
        (["-q", "zzz"], "no command 'zzz'"),
    ):
        with pytest.raises(SystemExit) as ended:
            program.main(words)
        assert ended.value.code == 2
        assert capsys.readouterr().err.splitlines()[-1] == f"reloc: error: {expected}; `reloc --help` lists them"
    with pytest.raises(SystemExit) as ended:
        program.main([])
    assert ended.value.code == 2 and "  extract " in capsys.readouterr().err


def test_help_lists_each_command_once_in_its_group(capsys):
    with pytest.raises(SystemExit):
        program.main(["--help"])
    printed = capsys.readouterr().out
    assert printed.startswith("usage: reloc [-h] [--version] [-q] COMMAND")
    for name in COMMANDS:
        command = sys.modules[f"camera_relocalization_ros.cli.{name}"].NAME
        assert sum(line.startswith(f"  {command} ") for line in printed.splitlines()) == 1, command
    assert printed.index("from bags to a data set:") < printed.index("  extract ") < printed.index("how good it is:")


def test_version_is_that_of_package_xml(capsys):
    with pytest.raises(SystemExit) as stop:
        program.main(["--version"])
    assert stop.value.code == 0
    name, number = capsys.readouterr().out.split()
    assert f"{name} {number}" == version_text()
    assert number.count(".") == 2


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["demo", "--bundle", "WRONG"], "WRONG: no such bundle"),
        (["train", "nothing", "-o", "run"], "nothing: no such data set"),
        (["train", "good", "--config", "typo.yaml", "-o", "run"], "'optimizer' (did you mean 'optimiser'?); known: "),
        (["train", "good", "-o", "typo.yaml/run"], "typo.yaml is a file, not a directory)"),
        (["train", "good@holdout", "-o", "run"], "none of its parts; expected good@holdout.test or good@holdout.train"),
        (["train", "good@holdout.tran", "-o", "run"], "no part 'tran' (did you mean 'train'?)"),
        (["train", "good", "--finetune", "good", "-o", "run"], "good: no run.yaml in it"),
        (["export", "nothing", "-o", "bundle"], "nothing: no run.yaml in it"),
        (["replay", "no", "no.bag", "--image-topic", "/i", "--parent", "a", "--child", "b"], "no: no such bundle"),
        (["explain", "nothing", "good", "-o", "out"], "nothing: no run.yaml in it"),
    ],
)
def test_what_is_wrong_is_said_before_anything_large_is_loaded(tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    write_fake_dataset(tmp_path / "good", counts=(10,))
    (tmp_path / "good" / "splits").mkdir()
    (tmp_path / "good/splits/holdout.yaml").write_text("parts: {train: {a: [[0, 5]]}, test: {a: [[6, 9]]}}\n")
    (tmp_path / "typo.yaml").write_text("optimizer: {epochs: 3}\n")
    for module in HEAVY:
        # an import of what is None fails, and that would be what is said
        monkeypatch.setitem(sys.modules, module, None)
    for module in [name for name in sys.modules if name.startswith("camera_relocalization_ros.pipelines.")]:
        monkeypatch.delitem(sys.modules, module)
    assert program.main(arguments) == 1
    assert says in capsys.readouterr().err


def test_a_forgotten_part_is_warned_of(tmp_path, caplog):
    (tmp_path / "set" / "splits").mkdir(parents=True)
    (tmp_path / "set" / "splits" / "blocks.yaml").touch()
    warn_of_forgotten_parts([f"{tmp_path}/set@blocks.train", str(tmp_path / "other")])
    assert not caplog.messages
    warn_of_forgotten_parts([f"{tmp_path}/set"])
    assert f"{tmp_path}/set has splits (blocks) and is trained on whole" in caplog.text


def test_moved_images_are_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_fake_dataset(tmp_path / "good", counts=(10,))
    images = sorted((tmp_path / "good").glob("sequences/*/images/*"))
    for image in images[3:]:
        image.rename(tmp_path / image.name)
    assert program.main(["info", "good"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "is missing, and 6 more of 10; if it was moved put it back" in said[0]


def test_files_get_lines_and_terminals_get_bars(monkeypatch, capsys, caplog):
    caplog.set_level(logging.INFO)
    assert isinstance(progress_shown(), ProgressLines)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert isinstance(progress_shown(), ProgressBars)
    with reporting(ProgressLines(long_s=0.0)):
        list(tracked(range(7), "features", "image"))
    with reporting(ProgressLines()):
        list(tracked(range(7), "quick", "image"))
    assert caplog.messages == ["features: 7 images in 0 s"]
    assert capsys.readouterr().err == ""


def test_quiet_leaves_results_and_warnings(tmp_path, capsys):
    write_fake_dataset(tmp_path / "good", counts=(10,))
    for arguments in (["--quiet", "info"], ["info", "-q"]):
        assert program.main([*arguments, str(tmp_path / "good")]) == 0
        assert logging.getLogger("camera_relocalization_ros").level == logging.WARNING
        assert "10 frames" in capsys.readouterr().out
    assert program.main(["info", str(tmp_path / "good")]) == 0
    assert logging.getLogger("camera_relocalization_ros").level == logging.INFO


def test_the_shell_completes_commands(tmp_path):
    pytest.importorskip("argcomplete")
    line = "reloc ex"
    found = tmp_path / "found"
    environment = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    code = f"import os; os.dup2(os.open({str(found)!r}, os.O_CREAT | os.O_WRONLY), 8); "
    code += "from camera_relocalization_ros.cli.main import main; main()"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, check=True)
    assert set(found.read_text().split()) == {"extract", "export", "explain", "export-dataset"}
