# SPDX-License-Identifier: BSD-3-Clause
"""The doctor names the command that cures, once for all findings that it cures."""

import re

import pytest
from helpers import write_fake_dataset

from camera_relocalization_ros.cli.doctor import curable, cures, verdict
from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.data.doctor.finding import BAD, LOOK, OK, Finding


def test_cures_name_the_data_set_and_what_they_cure():
    first, second = cures("out/set@a.train", ["blur", "splits", "image files"], {"image_topic"})
    assert first == "cure:           reloc split out/set blocks --name blocks (splits)"
    assert second == "cure:           reloc extract BAG --overwrite -o out/set (image files)"
    assert cures("out/set", ["blur"], ()) == []


def test_a_split_is_overwritten_where_there_is_one(tmp_path):
    (tmp_path / "my set" / "splits").mkdir(parents=True)
    (tmp_path / "my set" / "splits" / "blocks.yaml").write_text("{}")
    (line,) = cures(str(tmp_path / "my set"), ["splits"], ())
    assert line.endswith(f"reloc split '{tmp_path}/my set' blocks --name blocks --overwrite (splits)")


@pytest.mark.parametrize(("info", "made"), [({"survey"}, "survey IMAGES"), ((), "import LAYOUT SOURCE")])
def test_what_was_not_extracted_is_not_extracted_over(info, made):
    (line,) = cures("out/set", ["image files", "axes of the camera"], info)
    assert line == f"cure:           reloc {made} --overwrite -o out/set (image files)"


def test_axes_that_cannot_be_told_need_no_other_extraction():
    levels = {"axes of the camera": LOOK, "splits": LOOK, "blur": OK}
    assert curable(Finding(check, level, "") for check, level in levels.items()) == ["splits"]
    assert curable([Finding("axes of the camera", BAD, "")]) == ["axes of the camera"]


def test_command_prints_them(tmp_path, capsys):
    write_fake_dataset(tmp_path / "set", counts=(12,))
    main(["doctor", str(tmp_path / "set")])
    out = capsys.readouterr().out
    assert f"reloc split {tmp_path / 'set'} blocks --name blocks (splits)" in out
    assert re.search(r"^(NOT )?fit for training\b.*splits", out, re.MULTILINE)


def test_verdict_names_the_checks_that_decide():
    assert verdict([], []) == "fit for training"
    assert verdict([], ["blur"]) == "fit for training; look at: blur"
    assert verdict(["gaps", "scale"], ["blur"]) == "NOT fit for training: gaps, scale; look at: blur"
