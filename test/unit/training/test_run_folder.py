# SPDX-License-Identifier: BSD-3-Clause
"""A finished run is not lost to a training into its folder."""

import os

import pytest
from helpers import write_fake_dataset

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.run_folder import SUMMARY, new_run


@pytest.fixture
def finished(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / SUMMARY).write_text("finished: yes\n")
    return run


def train_into(folder, text, overwrite=True):
    with new_run(folder, overwrite) as target:
        target.mkdir(exist_ok=True)
        (target / "last.ckpt").write_text(text)
        assert (folder / SUMMARY).read_text() == "finished: yes\n", "the old run stays until the new one is whole"
        if text == "fails":
            raise ConfigError("diverged")
        (target / SUMMARY).write_text(text)


def test_a_finished_run_is_refused_by_command_and_library_and_stays(finished, tmp_path, capsys):
    write_fake_dataset(tmp_path / "set")
    assert main(["train", str(tmp_path / "set"), "-o", str(finished)]) == 1
    assert "exists already; choose another name, or replace it with --overwrite" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="exists already"):
        train_into(finished, "new", overwrite=False)
    assert os.listdir(finished) == [SUMMARY]


def test_with_overwrite_it_is_replaced_in_the_end_and_not_before(finished):
    with pytest.raises(ConfigError, match="diverged"):
        train_into(finished, "fails")
    assert os.listdir(finished) == [SUMMARY]
    # the training goes on where it was
    assert (finished.with_name("run.new") / "last.ckpt").read_text() == "fails"
    train_into(finished, "new")
    assert (finished / SUMMARY).read_text() == "new"
    assert os.listdir(finished.parent) == ["run"]


def test_what_a_run_says_does_not_steer_the_terminal(finished, capsys):
    (finished / SUMMARY).write_text("name: \x1b[2J\x1b]0;title\x07\n")
    assert main(["info", str(finished)]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\x07" not in shown and "[2J" in shown
