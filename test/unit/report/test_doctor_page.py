# SPDX-License-Identifier: BSD-3-Clause
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from helpers import write_fake_dataset
from markupsafe import escape
from sound_dataset import shared_sound_dataset, with_images, with_poses

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.data.dataset import PHOTOGRAPHS
from camera_relocalization_ros.data.doctor import axes
from camera_relocalization_ros.data.doctor.coverage import Suggestion
from camera_relocalization_ros.data.doctor.examination import examine
from camera_relocalization_ros.data.doctor.finding import LOOK, Finding, findings_text, level_of, worst_level
from camera_relocalization_ros.data.doctor.recording_checks import check_stream
from camera_relocalization_ros.report.figures.doctor_figures import draw_places
from camera_relocalization_ros.report.pages.doctor_page import doctor_page

EMBEDDED = re.compile(r'"data:image/png;base64,[A-Za-z0-9+/=]+"')


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return shared_sound_dataset(tmp_path_factory)


@pytest.fixture(autouse=True)
def _few_pairs(monkeypatch):
    monkeypatch.setattr(axes, "LOOKS", ((30, 320),))


def test_page_stands_alone_and_escapes_names(sound, tmp_path):
    dataset = with_images(sound, tmp_path, range(10), lambda image: cv2.GaussianBlur(image, (0, 0), 4.0))
    info = {"skipped": {"<b>no</b> pose": 40}}
    sequence = replace(dataset.sequences[0], name="<script>alert('$x')", info=info)
    dataset = replace(dataset, sequences=(sequence,), parent_frame='<img src="x">')
    examination = examine(dataset)
    text, embedded = EMBEDDED.subn('"embedded"', doctor_page(examination))
    assert embedded == 4 + 6  # the figures, and the worst images
    assert "http" not in text and "url(" not in text and "<link" not in text
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) == {"embedded"}
    assert "<script" not in text and "&lt;script&gt;alert(" in text
    assert "<b>no" not in text and '<img src="x">' not in text
    for finding in examination.findings:
        assert str(escape(finding.sentence)) in text
        assert finding.check in text


def test_places_to_fly_next_are_numbered_in_both_views(sound):
    examination = examine(sound)
    suggestions = tuple(Suggestion("there", np.array([1.0, 2.0, number]), 0) for number in (3.0, 4.0))
    coverage = replace(examination.coverage, suggestions=suggestions)
    above, side = draw_places(replace(examination, coverage=coverage)).axes
    assert [(text.get_text(), text.xy[0], text.xy[1]) for text in above.texts] == [("1", 1.0, 2.0), ("2", 1.0, 2.0)]
    assert [text.xy[1] for text in side.texts] == [3.0, 4.0]


@pytest.mark.parametrize("origin, is_shown", [((0.0, 0.0, 0.0), True), ((293_456.7, 5_512_345.6, 312.0), False)])
def test_a_zero_far_away_does_not_shrink_the_flight(sound, origin, is_shown):
    there = np.eye(4)
    there[:3, 3] = origin
    moved = with_poses(sound, lambda T_parent_camera: there @ T_parent_camera)
    examination = examine(sound)
    coverage = replace(examination.coverage, suggestions=())
    above, side = draw_places(replace(examination, dataset=moved, coverage=coverage)).axes
    extent = float(np.ptp(sound.poses.positions, axis=0).max())
    assert np.ptp(above.get_xlim()) < 10 * extent and np.ptp(side.get_ylim()) < 10 * extent
    named = [line.get_label() for line in above.lines]
    assert ("origin of the parent frame" in named) == is_shown


def test_photographs_have_no_times(tmp_path, capsys):
    dataset = write_fake_dataset(tmp_path / "my photographs", (40,), info={PHOTOGRAPHS: True})
    examination = examine(dataset)
    page = doctor_page(examination)
    assert "Photographs have no times." in page and "<td>photographs</td>" in page
    assert "frames over time" not in page
    assert main(["info", str(dataset.path)]) == 0
    assert "40 frames, photographs, skipped: none" in capsys.readouterr().out
    # a command that can be typed as it stands
    assert f"reloc split '{dataset.path}' blocks" in examination.finding("splits").sentence


def test_page_of_a_poor_set_is_drawn(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", (1, 3, 30), camera=None)
    page = doctor_page(examine(dataset))
    assert len(EMBEDDED.findall(page)) >= 4


def test_part_of_a_set_with_an_empty_sequence_and_no_readable_image(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", (5, 5))
    empty = replace(dataset.sequences[0], frames=())
    dataset = replace(dataset, sequences=(empty, dataset.sequences[1]))
    for frame in dataset.frames:
        frame.image_path.unlink()
    examination = examine(dataset)
    assert examination.finding("image files").level == "BAD"
    assert len(EMBEDDED.findall(doctor_page(examination))) == 4


def test_jump_is_found_where_it_is(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", (60,))
    sequence = dataset.sequences[0]
    frames = list(sequence.frames)
    frames[30] = replace(frames[30], position=frames[30].position + np.array([50.0, 0.0, 0.0]))
    jumping = replace(dataset, sequences=(replace(sequence, frames=tuple(frames)),))
    found = check_stream(jumping)
    assert found.values["jumps"] == 2
    assert found.values["places"] == ["flight0: a jump follows: frames 29, 30"]
    assert check_stream(dataset).level == "OK"


def test_command_writes_the_page_and_is_strict_when_asked(tmp_path, capsys):
    write_fake_dataset(tmp_path / "set", (30,))
    page = tmp_path / "pages" / "doctor.html"
    assert main(["doctor", str(tmp_path / "set"), "-o", str(page)]) == 0
    printed = capsys.readouterr().out
    assert "LOOK  splits:" in printed and str(page) in printed
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    (tmp_path / "set" / "sequences" / "flight0" / "images" / "000003.png").write_bytes(b"x")
    assert main(["doctor", str(tmp_path / "set")]) == 0
    assert main(["doctor", str(tmp_path / "set"), "--strict"]) == 1


def test_findings_as_text():
    findings = [Finding("a", "OK", "well"), Finding("b", LOOK, "see")]
    assert worst_level(findings) == LOOK
    assert worst_level([]) == "OK"
    assert findings_text(findings).splitlines()[1].split() == ["LOOK", "b:", "see"]
    assert [level_of(share, 0.1, 0.5) for share in (0.1, 0.2, 0.6)] == ["OK", "LOOK", "BAD"]
