# SPDX-License-Identifier: BSD-3-Clause
"""reloc report: results as one HTML page."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from camera_relocalization_ros.cli.dask_argument import add_dask_argument
from camera_relocalization_ros.cli.object_arguments import add_object_arguments, object_of

NAME = "report"
HELP = "Write results of evaluate and replay as one HTML page with pictures; it needs no network."
EXAMPLE = "reloc report out/offline out/live -o out/report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results",
        nargs="+",
        type=Path,
        metavar="RESULT",
        help="folder of reloc evaluate or replay -o, or a folder of such folders",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.html", help="the page")
    parser.add_argument("--reference", action="append", default=[], metavar="NAME", help="as in reloc compare")
    add_object_arguments(parser, required=False)
    parser.add_argument("--images", type=Path, metavar="DIR", help="folder of the images, if they were moved")
    parser.add_argument(
        "--picture",
        nargs=2,
        action="append",
        default=[],
        metavar=("FILE", "CAPTION"),
        help="a PNG or JPEG to add, such as one of reloc explain; may be given again",
    )
    add_dask_argument(parser, "the small pictures", "images")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.errors import printable
    from camera_relocalization_ros.core.output_files import write_text
    from camera_relocalization_ros.evaluation.result_files import load_result, result_folders
    from camera_relocalization_ros.fleet.engine import engine_at
    from camera_relocalization_ros.report.pages.result_page import PageInput, result_page

    folders = [found for path in arguments.results for found in result_folders(path)]
    inputs = [PageInput.of(folder, load_result(folder), arguments.images) for folder in folders]
    for folder, each in zip(folders, inputs):
        if any(each.result.images) and not any(each.images):
            lies = shlex.quote(each.result.info.image_folder)
            print(f"{folder}: its pictures lie outside it; --images {printable(lies)} shows them", file=sys.stderr)
    drawn = object_of(arguments)
    edges = None if drawn is None else drawn.edges()
    pictures = tuple((Path(path), caption) for path, caption in arguments.picture)
    with engine_at(arguments.dask) as engine:
        page = result_page(inputs, tuple(arguments.reference), edges, pictures, engine)
    write_text(arguments.output, page)
    print(arguments.output)
    return 0
