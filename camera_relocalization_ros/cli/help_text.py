# SPDX-License-Identifier: BSD-3-Clause
"""How `reloc --help` and the help of each command look: commands in groups, in the order of the work, and examples."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from typing import Mapping, Sequence

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.shipped_files import NAME, shipped_file

# title: modules of the commands, in the order in which a user meets them
GROUPS = {
    "try it without a drone": ("demo", "simulate"),
    "from bags to a data set": (
        *("info", "sync_check", "extract", "import_dataset", "survey", "merge", "doctor", "split", "stats"),
        *("trajectory", "kml", "gimbal_check"),
    ),
    "from a data set to a bundle that flies": ("train", "export", "map", "calibrate"),
    "how good it is": ("evaluate", "replay", "benchmark", "compare", "report", "explain", "features", "background"),
    "other networks, other recipes": ("list", "convert_weights", "tune", "reproduce"),
    "a data set in other formats": ("to_bag", "export_dataset"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)
# of the longest name of a command, with what stands beside it
NAME_COLUMN = 19


class CommandFormatter(argparse.HelpFormatter):
    """Fills paragraphs as argparse does, and leaves alone those that have lines of their own."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text or text.startswith("example:"):
            return text
        return super()._fill_text(text, width, indent)


def commands_text(helps: Mapping[str, tuple[str, str]]) -> str:
    """The commands in groups: helps has by module the command's name and what it does, in a sentence."""
    width = max(shutil.get_terminal_size().columns - 2, 2 * NAME_COLUMN)
    lines = ["Visual relocalization: bags to data sets to models to poses."]
    for title, modules in GROUPS.items():
        lines += ["", f"{title}:"]
        for name, text in (helps[module] for module in modules):
            first, rest = f"  {name:<{NAME_COLUMN - 2}}", " " * NAME_COLUMN
            lines += textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest)
    return "\n".join(lines)


class ShowVersion(argparse.Action):
    """Prints the version and ends; it is looked for only then."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help="print the version and end")

    def __call__(self, parser: argparse.ArgumentParser, *_values: object) -> None:
        """Print and end."""
        print(version_text())
        parser.exit()


def version_text() -> str:
    """The package's name and version: that of package.xml, or where pip installed it that which pip knows."""
    try:
        found = re.search(r"<version>(.*?)</version>", shipped_file("package.xml").read_text(encoding="utf-8"))
        version = found[1] if found else ""
    except ConfigError:
        from importlib.metadata import version as installed_version

        version = installed_version(NAME)
    return f"{NAME} {version}"
