# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os
import signal
import subprocess
import sys
import threading

import pytest
from colour_bundle import COLOUR_BUNDLE
from helpers import OWN_PROCESS, write_fake_dataset
from made_result import made_result

from camera_relocalization_ros.cli import main as program
from camera_relocalization_ros.cli.main import main, parser
from camera_relocalization_ros.evaluation.result_files import write_result

SPLIT = ["split", "set", "--period", "4", "--part", "train=0-2", "--part", "test=3-3"]
# each writes without training; data set and split are there
COMMANDS = {
    "split": ([*SPLIT, "--name", "again"], "set/splits/again.yaml"),
    "stats": (["stats", "set", "-o", "out"], "out/statistics.json"),
    "export-dataset": (["export-dataset", "set", "source", "-o", "out"], "out/labels/pos_00000.txt"),
    "import": (["import", "source", "layout", "-o", "out"], "out/dataset.yaml"),
    "doctor": (["doctor", "set", "-o", "out.html"], "out.html"),
}


@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_exists_is_refused_and_stays_and_is_replaced_when_asked(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    write_fake_dataset(tmp_path / "set")
    assert main(["export-dataset", "set", "source", "-o", "layout"]) == 0
    words, written = COMMANDS[name]
    assert main(words) == 0
    (tmp_path / written).write_text("what a user would miss")
    capsys.readouterr()
    assert main(words) == 1
    assert "exists already; choose another name, or replace it with --overwrite" in capsys.readouterr().err
    assert (tmp_path / written).read_text() == "what a user would miss"
    assert main([*words, "--overwrite"]) == 0
    assert (tmp_path / written).read_text() != "what a user would miss"
    assert not [path for path in os.listdir(tmp_path) if path.endswith((".partial", ".new", ".replaced"))]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("evaluate {bundle} set -o .", "is or holds set"),
        ("evaluate {bundle} ../elsewhere -o .", "is or holds the folder that you are in"),
        ("report result -o result/frames.csv", "a part of what lies beside it"),
        ("export-dataset set tum -o set", "is or holds set"),
        ("import tum layout -o layout", "is or holds layout"),
        ("export-dataset set tum -o ../work", "is or holds set"),
        ("evaluate {bundle} set -o results", "so it is not replaced"),
        ("doctor set -o set/dataset.yaml", "a part of what lies beside it"),
        ("train set -o set", "set: holds dataset.yaml, and no run; choose another name"),
        ("train set -o result", "result: holds result.yaml, and no run; choose another name"),
    ],
)
def test_overwrite_destroys_nothing_that_is_read_and_no_part_of_ours(tmp_path, monkeypatch, capsys, command, says):
    work = tmp_path / "work"
    write_fake_dataset(work / "set")
    write_fake_dataset(tmp_path / "elsewhere")
    write_result(work / "result", made_result(6))
    # a folder of results is theirs alone; one with anything else in it is somebody's work
    write_result(work / "results" / "a", made_result(6))
    (work / "results" / "thesis.tex").touch()
    monkeypatch.chdir(work)
    assert main(["export-dataset", "set", "tum", "-o", "layout"]) == 0
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*")}
    assert main([*command.format(bundle=COLOUR_BUNDLE).split(), "--overwrite"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and says in error, error
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*")} == before


def test_a_name_that_the_terminal_cannot_show_ends_nothing(tmp_path):
    write_fake_dataset(tmp_path / "sét")
    program = "import sys; from camera_relocalization_ros.cli.main import main; sys.exit(main(['info', 'sét']))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**OWN_PROCESS, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0 and b"s\\xe9t" in done.stdout and not done.stderr


def test_every_command_that_writes_says_the_rule():
    top = parser()
    assert "with --overwrite it is replaced when the new one is whole" in " ".join(top.format_help().split())
    (commands,) = (action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        flags = {flag for action in command._actions for flag in action.option_strings}
        assert ("--overwrite" in flags) == ("--output" in flags or name == "split") or name in ("tune", "reproduce")


def test_a_folder_that_may_not_be_written_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_fake_dataset(tmp_path / "set")
    (tmp_path / "file").touch()
    for command in (["export-dataset", "set", "tum", "-o", "file/tum"], ["stats", "set", "-o", "file/out"]):
        assert main(command) == 1
        error = capsys.readouterr().err
        assert "file" in error and "ot a directory" in error and error.count("\n") == 1, error


def test_the_system_s_errors_are_one_line_with_path_and_cause(monkeypatch, capsys, tmp_path):
    write_fake_dataset(tmp_path / "set")

    def full(_arguments):
        raise OSError(28, "No space left on device", "out/picture.png")

    monkeypatch.setattr("camera_relocalization_ros.cli.info.run", full)
    assert main(["info", str(tmp_path / "set")]) == 1
    assert capsys.readouterr().err == "reloc info: out/picture.png: No space left on device\n"


@pytest.mark.parametrize(
    ("number", "is_ignored"), [(signal.SIGTERM, False), (signal.SIGHUP, False), (signal.SIGHUP, True)]
)
def test_sigterm_and_a_lost_connection_end_a_command_as_ctrl_c_does(tmp_path, number, is_ignored):
    write_fake_dataset(tmp_path / "set")
    # a program that waits in the middle of writing until it is ended
    waits = (
        "import sys\n"
        "from camera_relocalization_ros.cli import info\n"
        "from camera_relocalization_ros.cli.main import main\n"
        "from camera_relocalization_ros.core.output_files import new_file\n"
        "def run(arguments):\n"
        "    with new_file('file') as partial:\n"
        "        partial.write_text('half')\n"
        "        print('ready', flush=True)\n"
        "        sys.stdin.readline()\n"
        "info.run = run\n"
        "sys.exit(main(['info', 'set']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", waits],
        cwd=tmp_path,
        env=OWN_PROCESS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # ignored as by nohup, which these tests themselves may be started by
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN if is_ignored else signal.SIG_DFL),
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    if is_ignored:
        # it goes on, and ends when it has read a line
        assert process.communicate("\n", timeout=30)[1] == ""
        assert sorted(os.listdir(tmp_path)) == ["file", "set"]
        return
    assert process.communicate(timeout=30)[1] == "reloc info: interrupted\n"
    assert process.returncode == 1
    assert os.listdir(tmp_path) == ["set"]


def test_a_command_in_a_thread_leaves_signals_alone(tmp_path, capsys):
    write_fake_dataset(tmp_path / "set")
    codes = []
    thread = threading.Thread(target=lambda: codes.append(program.main(["info", str(tmp_path / "set")])))
    thread.start()
    thread.join()
    assert codes == [0]


def test_no_run_is_mixed_into_a_data_set(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_fake_dataset(tmp_path / "set")
    before = sorted(tmp_path.rglob("*"))
    assert main(["train", "set", "-o", "set"]) == 1
    assert capsys.readouterr().err == "reloc train: set: holds dataset.yaml, and no run; choose another name\n"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_kill_that_python_drops_while_it_collects_garbage_comes_again(tmp_path):
    (tmp_path / "set").mkdir()
    collects = (
        "import os, signal, sys, time\n"
        "from camera_relocalization_ros.cli import info\n"
        "from camera_relocalization_ros.cli.main import main\n"
        "class Garbage:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(0.01)\n"
        "def run(arguments):\n"
        "    garbage = Garbage()\n"
        "    del garbage\n"
        "    time.sleep(30)\n"
        "    return 0\n"
        "info.run, info.check = run, None\n"
        "sys.exit(main(['info', 'set']))\n"
    )
    command = [sys.executable, "-c", collects]
    ended = subprocess.run(command, cwd=tmp_path, env=OWN_PROCESS, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (1, "reloc info: interrupted\n")
