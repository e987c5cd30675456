# SPDX-License-Identifier: BSD-3-Clause
"""`--dask`: the same option of all commands whose work other processes or machines can do."""

from __future__ import annotations

import argparse


def add_dask_argument(parser: argparse.ArgumentParser, units: str, files: str) -> None:
    """units: what is done side by side; files: what all workers must see under the same paths."""
    parser.add_argument(
        "--dask",
        default="",
        metavar="ADDRESS",
        help=f"spread {units} over the workers of a Dask scheduler, or `local`: processes on this computer; all see "
        f"{files} under the same paths, see docs/scaling.md",
    )
