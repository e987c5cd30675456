# SPDX-License-Identifier: BSD-3-Clause
"""reloc doctor: is a data set fit for training?"""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "doctor"
HELP = "Tell whether a data set is fit for training, what is wrong with it, and where to fly next."
EXAMPLE = "reloc doctor out/flights -o out/doctor.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="data set, or DATASET@SPLIT.PART")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.html", help="write one page with pictures as well")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a check says BAD")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.data.doctor.examination import examine
    from camera_relocalization_ros.data.doctor.finding import BAD, findings_text, worst_level

    examination = examine(Dataset.load(arguments.dataset))
    print(findings_text(examination.findings))
    for number, suggestion in enumerate(examination.coverage.suggestions, start=1):
        print(f"{'' if number > 1 else 'fly here next:':<16}{number}. {suggestion.sentence}")
    if arguments.output:
        from camera_relocalization_ros.report.pages.doctor_page import write_doctor_page

        write_doctor_page(arguments.output, examination)
        print(arguments.output)
    return int(arguments.strict and worst_level(examination.findings) == BAD)
