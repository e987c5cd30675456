# SPDX-License-Identifier: BSD-3-Clause
"""The doctor names the command that cures, once for all findings that it cures."""

import re

from helpers import write_fake_dataset

from camera_relocalization_ros.cli.doctor import cures, verdict
from camera_relocalization_ros.cli.main import main


def test_cures_name_the_data_set_and_what_they_cure():
    first, second = cures("out/set@a.train", ["blur", "splits", "image files"])
    assert first == "cure:           reloc split out/set blocks --name blocks --overwrite (splits)"
    assert second == "cure:           reloc extract BAG --overwrite -o out/set (image files)"
    assert cures("out/set", ["blur"]) == []


def test_command_prints_them(tmp_path, capsys):
    write_fake_dataset(tmp_path / "set", counts=(12,))
    main(["doctor", str(tmp_path / "set")])
    out = capsys.readouterr().out
    assert f"reloc split {tmp_path / 'set'} blocks --name blocks --overwrite (splits)" in out
    assert re.search(r"^(NOT )?fit for training\b.*splits", out, re.MULTILINE)


def test_verdict_names_the_checks_that_decide():
    assert verdict([], []) == "fit for training"
    assert verdict([], ["blur"]) == "fit for training; look at: blur"
    assert verdict(["gaps", "scale"], ["blur"]) == "NOT fit for training: gaps, scale; look at: blur"
