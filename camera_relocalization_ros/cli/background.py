# SPDX-License-Identifier: BSD-3-Clause
"""reloc background: how much of a bundle's poses comes from what surrounds the object."""

from __future__ import annotations

import argparse
from pathlib import Path

from camera_relocalization_ros.cli.early_checks import check_bundle, check_data
from camera_relocalization_ros.cli.object_arguments import add_object_arguments, object_of

NAME = "background"
HELP = "Measure how much a bundle relies on the background, by masking, blurring and swapping background and object."
EXAMPLE = "reloc background out/bundle out/unseen --box -0.9 -0.4 0 0.9 0.4 0.6 -o out/background"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="bundle folder")
    parser.add_argument("dataset", help="DATASET or DATASET@SPLIT.PART with the camera's intrinsics")
    add_object_arguments(parser, required=True)
    parser.add_argument(
        "--margin",
        type=int,
        default=4,
        metavar="PX",
        help="pixels around the silhouette that count as the object, because poses are not exact (default: 4)",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for background.json and .png")


def check(arguments: argparse.Namespace) -> None:
    check_bundle(arguments.bundle)
    check_data(arguments.dataset)


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.core.output_files import write_json
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.evaluation.background_reliance import reliance_table
    from camera_relocalization_ros.evaluation.part_estimates import ChangedImages, part_estimates
    from camera_relocalization_ros.localization.relocalizer import Relocalizer
    from camera_relocalization_ros.report.figures.background_figures import draw_reliance
    from camera_relocalization_ros.report.figures.canvas import save_figure

    dataset = Dataset.load(arguments.dataset)
    mesh = object_of(arguments)
    assert mesh is not None, "the parser asks for --mesh or --box"
    images = ChangedImages(dataset, mesh, arguments.margin)
    relocalizer = Relocalizer.from_bundle(arguments.bundle)
    found, rows = part_estimates(relocalizer, dataset, images)
    about = {"bundle": str(arguments.bundle), "bundle_id": relocalizer.bundle.bundle_id, "data": arguments.dataset}
    print(f"{arguments.bundle} on {arguments.dataset}: {len(rows)} frames, {found.left_out} left out")
    print(reliance_table(found))
    write_json(arguments.output / "background.json", {**about, **found.summary()})
    typical = found.typical_row()
    variants, _ = images.variants(int(rows[typical]))
    title = f"{arguments.bundle.name} on {arguments.dataset}, frame {images.frames[rows[typical]].image_path.name}"
    save_figure(draw_reliance(found, typical, variants, title), arguments.output / "background.png")
    print(f"{arguments.output}: background.json, background.png")
    return 0
