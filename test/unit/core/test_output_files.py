# SPDX-License-Identifier: BSD-3-Clause
"""Files and folders are written whole or not at all, and what they replace is never lost."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from camera_relocalization_ros.core import output_files
from camera_relocalization_ros.core.errors import DatasetError, RelocalizationError
from camera_relocalization_ros.core.output_files import (
    found_folder,
    new_file,
    new_folder,
    partial_path,
    recover_folder,
    replaced_folder,
    write_bytes,
    write_json,
    write_text,
    write_yaml,
    writing,
)


def test_each_kind_of_file_is_written_with_its_folder(tmp_path):
    write_bytes(tmp_path / "a" / "b" / "bytes", b"\x00\x01")
    write_text(tmp_path / "text", "ö\n")
    write_json(tmp_path / "json", {"b": 1, "a": [2]})
    write_yaml(tmp_path / "yaml", {"b": 1, "a": [2]})
    assert (tmp_path / "a" / "b" / "bytes").read_bytes() == b"\x00\x01"
    assert (tmp_path / "text").read_text(encoding="utf-8") == "ö\n"
    assert json.loads((tmp_path / "json").read_text()) == {"b": 1, "a": [2]}
    assert list(yaml.safe_load((tmp_path / "yaml").read_text())) == ["b", "a"]
    assert not list(tmp_path.rglob("*.partial"))


def test_a_file_that_fails_half_way_leaves_the_old_one_and_nothing_beside_it(tmp_path):
    write_text(tmp_path / "file", "old")
    with pytest.raises(KeyboardInterrupt), new_file(tmp_path / "file") as partial:
        partial.write_text("ne")
        raise KeyboardInterrupt
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_killed_run_left_is_taken_by_the_next(tmp_path):
    partial_path(tmp_path / "file").write_text("half")
    (partial_path(tmp_path / "folder") / "half").mkdir(parents=True)
    write_text(tmp_path / "file", "whole")
    with new_folder(tmp_path / "folder") as partial:
        (partial / "whole").touch()
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "whole" and os.listdir(tmp_path / "folder") == ["whole"]


def test_an_error_is_one_line_that_names_path_and_cause(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="file/below: cannot be written .File exists.$"):
        write_text(tmp_path / "file" / "below", "", DatasetError)
    (tmp_path / "folder").mkdir()
    with pytest.raises(RelocalizationError, match="folder: cannot be written .Is a directory.$"):
        write_text(tmp_path / "folder", "")
    with pytest.raises(RelocalizationError, match="^here: the store cannot be written .two lines.; start again$"):
        with writing("here", what="the store ", then="; start again"):
            raise OSError("two\nlines")


def test_a_link_is_followed_and_a_device_is_written_as_it_is(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_text(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_text() == "text"
    write_text("/dev/null", "text")
    assert not os.path.isfile("/dev/null")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_never_takes_the_place_of_a_device(tmp_path, overwrite):
    # a pipe stands for /dev/null, which root would have lost
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(DatasetError, match=r"pipe: cannot be written \(Not a directory\)"):
        with new_folder(pipe, DatasetError):
            pass
    with pytest.raises(DatasetError, match=r"pipe: cannot be written \(Not a directory\)"):
        with replaced_folder(pipe, ["run.yaml"], overwrite, DatasetError):
            pass
    assert pipe.is_fifo() and os.listdir(tmp_path) == ["pipe"]


def test_processes_that_write_the_same_file_have_names_of_their_own(tmp_path):
    with new_file(tmp_path / "file", own=True) as mine:
        assert str(os.getpid()) in mine.name and mine != partial_path(tmp_path / "file")
        mine.write_text("mine")
    assert os.listdir(tmp_path) == ["file"]


def filled(folder, content):
    folder.mkdir()
    (folder / "content").write_text(content)


def test_a_folder_that_fails_half_way_leaves_the_old_one(tmp_path):
    filled(tmp_path / "folder", "old")
    with pytest.raises(DatasetError, match="folder: cannot be written"), new_folder(tmp_path / "folder", DatasetError):
        raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == ["folder"]
    assert (tmp_path / "folder" / "content").read_text() == "old"


@pytest.mark.parametrize("step", [0, 1])
def test_a_folder_is_recoverable_when_its_replacement_is_killed(tmp_path, monkeypatch, step):
    class Killed(BaseException):
        pass

    steps = []

    def replace_until_killed(*paths):
        if len(steps) == step:
            raise Killed
        steps.append(paths)
        os.rename(*paths)

    filled(tmp_path / "folder", "old")
    with monkeypatch.context() as patch:
        patch.setattr("camera_relocalization_ros.core.output_files.os.replace", replace_until_killed)
        patch.setattr("camera_relocalization_ros.core.output_files._exchanged", lambda *_: False)
        with pytest.raises(Killed), new_folder(tmp_path / "folder") as partial:
            (partial / "content").write_text("new")
    assert (found_folder(tmp_path / "folder") / "content").read_text() == "old"
    recover_folder(tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]
    assert (tmp_path / "folder" / "content").read_text() == "old"


def test_a_folder_replaced_but_for_the_old_ones_removal_is_the_new_one(tmp_path):
    filled(tmp_path / "folder", "new")
    filled(tmp_path / "folder.replaced", "old")
    recover_folder(tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]
    assert (tmp_path / "folder" / "content").read_text() == "new"


def test_names_are_exchanged_so_that_a_folder_is_never_missing(tmp_path, monkeypatch):
    filled(tmp_path / "folder", "old")
    seen = []
    removed = shutil.rmtree

    def removing(path, **options):
        seen.append(((tmp_path / "folder" / "content").read_text(), (Path(path) / "content").exists()))
        removed(path, **options)

    with new_folder(tmp_path / "folder") as partial:
        (partial / "content").write_text("new")
        monkeypatch.setattr("camera_relocalization_ros.core.output_files.shutil.rmtree", removing)
    assert {content for content, _ in seen} == {"new"}, "the new one has its name before the old one is removed"
    assert seen[-1][1], "the old one is removed"


def test_a_folder_is_replaced_only_when_asked_and_only_by_its_kind(tmp_path):
    filled(tmp_path / "folder", "old")
    with pytest.raises(DatasetError, match="folder: exists already; .*--overwrite"):
        with replaced_folder(tmp_path / "folder", ("content",), False, DatasetError):
            pytest.fail("nothing is begun")
    with pytest.raises(DatasetError, match="holds no dataset.yaml, so it is not replaced"):
        with replaced_folder(tmp_path / "folder", ("dataset.yaml",), True, DatasetError):
            pytest.fail("nothing is begun")
    with replaced_folder(tmp_path / "folder", ("content",), True) as successor:
        filled(successor, "new")
        assert (tmp_path / "folder" / "content").read_text() == "old"
    assert (tmp_path / "folder" / "content").read_text() == "new"
    assert os.listdir(tmp_path) == ["folder"]


def test_a_kill_while_the_old_folder_is_removed_leaves_a_way_on(tmp_path, monkeypatch):
    def replace_folder():
        with output_files.replaced_folder(tmp_path / "out", ("mark",), True) as target:
            # what makes folders refuses one that is there
            target.mkdir()
            (target / "mark").write_text("new")
            (target / "other").write_text("new")

    def killed(folder, ignore_errors=False):
        if (folder / "mark").exists():
            (folder / "mark").unlink()
            raise KeyboardInterrupt

    replace_folder()
    with monkeypatch.context() as patched:
        patched.setattr(output_files.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            replace_folder()
    assert (tmp_path / "out" / "mark").read_text() == "new"
    replace_folder()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
