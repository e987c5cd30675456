# SPDX-License-Identifier: BSD-3-Clause
"""The `reloc` program: finds the command, runs it, turns user errors into one line and exit code 1."""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Iterator, Sequence

from camera_relocalization_ros.cli.existing_outputs import RULE, add_overwrite, refuse_bad_outputs
from camera_relocalization_ros.cli.help_text import COMMANDS, CommandFormatter, ShowVersion, commands_text
from camera_relocalization_ros.cli.progress_bars import progress_shown
from camera_relocalization_ros.core.errors import RelocalizationError, did_you_mean, one_line
from camera_relocalization_ros.core.missing_package import missing_package_message
from camera_relocalization_ros.core.program import memory_message, multiply_in_one_thread, prepare_process
from camera_relocalization_ros.core.progress import reporting, silent

# after which a signal that Python dropped is sent again
AGAIN_S = 0.1
USAGE = "reloc [-h] [--version] [-q] COMMAND ..."


def parser(chosen: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of the commands of some modules, all of them by default.

    A module of one offers NAME, HELP, EXAMPLE, add_arguments, run, and maybe check and MULTIPLIES_IN_ONE_THREAD, where
    its own threads share out the work.
    """
    top = argparse.ArgumentParser(prog="reloc", usage=USAGE, formatter_class=CommandFormatter)
    top.add_argument("--version", action=ShowVersion)
    _add_quiet(top, False)
    # grouped below, and not listed a second time
    commands = top.add_subparsers(
        prog="reloc", dest="command", metavar="COMMAND", required=True, help=argparse.SUPPRESS
    )
    helps = {}
    for module_name in chosen:
        module = _module(module_name)
        example = f"example: {module.EXAMPLE}"
        command = commands.add_parser(
            module.NAME, help=module.HELP, description=module.HELP, epilog=example, formatter_class=CommandFormatter
        )
        module.add_arguments(command)
        add_overwrite(command, module.NAME)
        _add_quiet(command, argparse.SUPPRESS)
        small = getattr(module, "MULTIPLIES_IN_ONE_THREAD", False)
        command.set_defaults(run=module.run, check=getattr(module, "check", None), multiplies_in_one_thread=small)
        helps[module_name] = module.NAME, module.HELP
    if len(helps) == len(COMMANDS):
        top.description = commands_text(helps)
    top.epilog = f"`reloc COMMAND --help` has every option and an example. {RULE}"
    return top


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"camera_relocalization_ros.cli.{name}")


def _needed(words: list[str]) -> Sequence[str]:
    """The module of the command that the first word names, since all of them take as long to load as Python; else all.

    Only where the module is called as its command: the others are few.
    """
    name = words[0] if words else ""
    module = name.replace("-", "_")
    is_one = "_ARGCOMPLETE" not in os.environ and module in COMMANDS and name == _module(module).NAME
    return (module,) if is_one else COMMANDS


def _add_quiet(parser: argparse.ArgumentParser, default: bool | str) -> None:
    parser.add_argument(
        "-q", "--quiet", action="store_true", default=default, help="no progress and no remarks: results and warnings"
    )


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 the command could not do it (one line says why), 2 wrong usage (argparse)."""
    prepare_process()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a name that the terminal's encoding has not, is written by its number
        sys.stdout.reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if argv is None else argv
    needed = _needed(words)
    top = parser(needed)
    _complete(top)
    if needed == COMMANDS:
        _refuse_unknown_command(top, words)
    arguments = top.parse_args(words)
    if arguments.multiplies_in_one_thread:
        multiply_in_one_thread()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("camera_relocalization_ros").setLevel(logging.WARNING if arguments.quiet else logging.INFO)
    interruptions: list[int] = []
    try:
        refuse_bad_outputs(arguments)
        with _ended_by_signals(interruptions), reporting(silent if arguments.quiet else progress_shown()):
            if arguments.check is not None:
                # what is wrong is said before libraries are loaded that take seconds, and before work that takes hours
                arguments.check(arguments)
            return arguments.run(arguments)
    except RelocalizationError as error:
        print(f"reloc {arguments.command}: {one_line(error)}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        message = "interrupted" if interruptions else missing_package_message(error.name or "")
        if message is None:
            raise
        print(f"reloc {arguments.command}: {message}", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError, ImportError) as error:
        # a library that is interrupted while it is loaded says that it cannot be
        message = "interrupted" if interruptions else memory_message(error)
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


def _refuse_unknown_command(top: argparse.ArgumentParser, words: list[str]) -> None:
    """Without a word all commands are shown; of one that is misspelled argparse would list all, and say none."""
    if not words:
        top.print_help(sys.stderr)
        top.exit(2)
    # no option of the program itself takes a value
    name = next((word for word in words if not word.startswith("-")), None)
    known = [_module(module).NAME for module in COMMANDS]
    if name is not None and name not in known:
        meant = did_you_mean(name, known)
        top.error(f"no command {one_line(name)!r}{meant}; `reloc --help` lists them")


def _complete(top: argparse.ArgumentParser) -> None:
    """Answer a shell that completes a line, where argcomplete is installed, and end."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    with suppress(ImportError):
        import argcomplete

        argcomplete.autocomplete(top)


@contextmanager
def _ended_by_signals(interruptions: list[int]) -> Iterator[None]:
    """SIGTERM, which ends batch jobs, and SIGHUP of a lost connection as Ctrl-C: side files are removed, it is said.

    What was started to ignore one of them, as nohup has it, goes on ignoring it. `interruptions` gets the signals.
    """

    def interrupt(number: int, _frame: object) -> None:
        interruptions.append(number)
        raise KeyboardInterrupt

    def drop(unraisable: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            hook(unraisable)
            return
        # it was raised while garbage was collected, where Python goes on: once more, when that is over
        again = threading.Timer(AGAIN_S, send_again)
        again.daemon = True
        again.start()

    def send_again() -> None:
        if interruptions and not has_ended.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, interruptions[-1])

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    changed = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    hook, has_ended = sys.unraisablehook, threading.Event()
    sys.unraisablehook = drop
    for number in changed:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        has_ended.set()
        sys.unraisablehook = hook
        for number, handler in changed.items():
            signal.signal(number, handler)
