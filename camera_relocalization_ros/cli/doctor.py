# SPDX-License-Identifier: BSD-3-Clause
"""reloc doctor: is a data set fit for training?"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Container, Iterable

from camera_relocalization_ros.cli.next_step import print_next
from camera_relocalization_ros.data.doctor.finding import BAD, LOOK, Finding, findings_text

NAME = "doctor"
HELP = "Check whether a data set is fit for training: what is wrong with it, and where to fly next."
EXAMPLE = "reloc doctor out/flights -o out/doctor.html"

# images are read in threads; a product of the small matrices beside them is slower where another thread is waited for
MULTIPLIES_IN_ONE_THREAD = True
# how data sets are made, by what the information of their sequences holds; others were imported
MAKERS = {"image_topic": ("extract", "BAG"), "survey": ("survey", "IMAGES")}
IMPORTED = ("import", "LAYOUT", "SOURCE")
AXES = "axes of the camera"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="data set, or DATASET@SPLIT.PART")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.html", help="write one page with pictures as well")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a check says BAD")


def curable(findings: Iterable[Finding]) -> list[str]:
    """The checks that found something wrong; where the axes cannot be told, nothing says that others were meant."""
    return [each.check for each in findings if each.level == BAD or (each.level == LOOK and each.check != AXES)]


def cures(dataset: str, checks: list[str], info: Container[str]) -> list[str]:
    """The commands that cure what some checks found, a line each; words in capitals are to be filled in.

    info: what the information of sequences holds. Other findings need another flight, or other settings of the camera.
    """
    from camera_relocalization_ros.data.splits import split_names

    folder = dataset.partition("@")[0]
    maker = next((words for key, words in MAKERS.items() if key in info), IMPORTED)
    again_if_there = ("--overwrite",) if "blocks" in split_names(Path(folder)) else ()
    again = ("reloc", *maker, "--overwrite", "-o", folder)
    known = {
        "image files": again,
        AXES: (*again, "--child", "OPTICAL_FRAME") if maker == MAKERS["image_topic"] else (),
        "splits": ("reloc", "split", folder, "blocks", "--name", "blocks", *again_if_there),
    }
    found: dict[str, list[str]] = {}
    for check in checks:
        if known.get(check):
            found.setdefault(shlex.join(known[check]), []).append(check)
    return [f"{'cure:':<16}{command} ({', '.join(names)})" for command, names in found.items()]


def verdict(bad: list[str], looked: list[str]) -> str:
    """One line: fit for training or not, and the checks that say so."""
    looks = f"look at: {', '.join(looked)}" if looked else ""
    if bad:
        return f"NOT fit for training: {', '.join(bad)}{looks and '; ' + looks}"
    return f"fit for training{looks and '; ' + looks}"


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.data.doctor.examination import examine

    examination = examine(Dataset.load(arguments.dataset))
    print(findings_text(examination.findings))
    info = {key for sequence in examination.dataset.sequences for key in sequence.info}
    for line in cures(arguments.dataset, curable(examination.findings), info):
        print(line)
    for number, suggestion in enumerate(examination.coverage.suggestions, start=1):
        print(f"{'' if number > 1 else 'fly here next:':<16}{number}. {suggestion.sentence}")
    if arguments.output:
        from camera_relocalization_ros.report.pages.doctor_page import write_doctor_page

        write_doctor_page(arguments.output, examination)
        print(arguments.output)
    bad = [finding.check for finding in examination.findings if finding.level == BAD]
    looked = [finding.check for finding in examination.findings if finding.level == LOOK]
    print(verdict(bad, looked))
    folder = arguments.dataset.partition("@")[0]
    if not bad and "splits" in looked:
        print_next(arguments, "reloc", "split", folder, "blocks", "--name", "blocks")
    elif not bad:
        print_next(arguments, "reloc", "train", f"{folder}@SPLIT.train", "-o", "RUN")
    return int(arguments.strict and bool(bad))
