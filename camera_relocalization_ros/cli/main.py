# SPDX-License-Identifier: BSD-3-Clause
"""The `reloc` program: finds the command, runs it, turns user errors into one line and exit code 1."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import Iterator

from camera_relocalization_ros.cli.existing_outputs import RULE, add_overwrite, refuse_taken_outputs
from camera_relocalization_ros.cli.progress_bars import ProgressBars
from camera_relocalization_ros.core.errors import RelocalizationError, one_line
from camera_relocalization_ros.core.missing_package import missing_package_message
from camera_relocalization_ros.core.program import prepare_process
from camera_relocalization_ros.core.progress import reporting

# in the order in which a user meets them
COMMANDS = (
    "simulate",
    "sync_check",
    "extract",
    "import_dataset",
    "info",
    "trajectory",
    "kml",
    "gimbal_check",
    "split",
    "stats",
    "doctor",
    "train",
    "tune",
    "convert_weights",
    "list",
    "export",
    "calibrate",
    "map",
    "evaluate",
    "explain",
    "features",
    "background",
    "compare",
    "report",
    "reproduce",
    "replay",
    "demo",
    "to_bag",
    "export_dataset",
)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; a command's module offers NAME, HELP, add_arguments and run."""
    top = argparse.ArgumentParser(
        prog="reloc", description="Visual relocalization: bags to data sets to models to poses.", epilog=RULE
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module_name in COMMANDS:
        module = importlib.import_module(f"camera_relocalization_ros.cli.{module_name}")
        command = commands.add_parser(module.NAME, help=module.HELP, description=module.HELP)
        module.add_arguments(command)
        add_overwrite(command, module.NAME)
        command.set_defaults(run=module.run)
    return top


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 the command could not do it (one line says why), 2 wrong usage (argparse)."""
    prepare_process()
    arguments = parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("camera_relocalization_ros").setLevel(logging.INFO)
    try:
        refuse_taken_outputs(arguments)
        with _ended_as_by_ctrl_c(), reporting(ProgressBars()):
            return arguments.run(arguments)
    except RelocalizationError as error:
        print(f"reloc {arguments.command}: {one_line(error)}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        message = missing_package_message(error.name or "")
        if message is None:
            raise
        print(f"reloc {arguments.command}: {message}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # the reader had enough (reloc info X | head); Python must not write to it again when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # a disk that is full, a folder that may not be written or was removed meanwhile
        where = f"{error.filename}: " if error.filename is not None else ""
        print(f"reloc {arguments.command}: {where}{one_line(error.strerror or error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"reloc {arguments.command}: interrupted", file=sys.stderr)
        return 1


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """SIGTERM, which ends batch jobs, as Ctrl-C: side files are removed, and it is said."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
