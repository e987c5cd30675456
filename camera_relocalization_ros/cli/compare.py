# SPDX-License-Identifier: BSD-3-Clause
"""reloc compare: results side by side, with baselines and the thesis' numbers."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "compare"
HELP = "Compare results of evaluate and replay side by side, with baselines and the thesis' numbers."
EXAMPLE = "reloc compare out/offline out/live --common"
# as in comparison_text, which loads more than a parser needs
FORMATS = ("terminal", "markdown", "latex", "csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results",
        nargs="+",
        type=Path,
        metavar="RESULT",
        help="folder of reloc evaluate or replay -o, or a folder of such folders",
    )
    parser.add_argument(
        "--reference",
        action="append",
        default=[],
        metavar="NAME",
        help="thesis: its best result on each data set; thesis:DATA_SET: all its results on one, such as "
        "thesis:airframe-ind",
    )
    parser.add_argument("--by", choices=("sequences", "placements"), default="", help="also a row for each")
    parser.add_argument("--common", action="store_true", help="only images that have a pose in all of the results")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="what to print (default: terminal)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the tables to a file instead")


def run(arguments: argparse.Namespace) -> int:
    import sys

    from camera_relocalization_ros.core.errors import ResultError
    from camera_relocalization_ros.core.output_files import write_text
    from camera_relocalization_ros.evaluation.result_files import load_result, result_folders
    from camera_relocalization_ros.report.tables import comparison_text
    from camera_relocalization_ros.report.tables.comparison import (
        common_images,
        comparison_rows,
        same_images,
        with_distinct_names,
    )

    folders = [found for path in arguments.results for found in result_folders(path)]
    results = with_distinct_names([load_result(folder) for folder in folders])
    if arguments.common:
        results = common_images(results)
    if not same_images(results):
        print("WARNING: the results are not about the same images; --common compares those alone", file=sys.stderr)
    rows = comparison_rows(results, tuple(arguments.reference), arguments.by)
    text = comparison_text.FORMATS[arguments.format](rows)
    if not arguments.output:
        print(text.rstrip("\n"))
        return 0
    write_text(arguments.output, text, ResultError)
    return 0
