# SPDX-License-Identifier: BSD-3-Clause
"""reloc export: run folder in, bundle out."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "export"
HELP = "Turn a finished training into an ONNX bundle, and check it against PyTorch."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a finished reloc train")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="BUNDLE", help="folder to write")


def run(arguments: argparse.Namespace) -> int:
    from camera_relocalization_ros.learning.export import export
    from camera_relocalization_ros.learning.run_folder import load_run

    difference = export(load_run(arguments.run_folder), arguments.output)
    size_mb = sum(path.stat().st_size for path in arguments.output.iterdir()) / 1e6
    print(f"{arguments.output}: {size_mb:.1f} MB; ONNX Runtime differs from PyTorch by at most {difference:.1e}")
    return 0
