# SPDX-License-Identifier: BSD-3-Clause
"""Writes docs/reference.md from the code: commands, parameters, topics, services and messages as they are.

python docs/generate_reference.py     needs neither ROS nor the network; a test says when it was forgotten
"""

from __future__ import annotations

import argparse
import ast
from pathlib import Path
from typing import Iterator

from camera_relocalization_ros.cli.help_text import GROUPS
from camera_relocalization_ros.cli.main import parser

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference.md"
NODES = {"relocalizer": "ros/node", "gimbal_node, gps_node and airframe_placement": "ros/aircraft"}
PARAMETERS = {"relocalizer": "relocalizer", "gimbal_node": "gimbal", "gps_node": "gps"}
# calls that name a topic or service first; displays hand theirs to the class above them
KINDS = {"Publisher": "published", "Subscriber": "subscribed", "Service": "service", "PredictedPose": "published"}
KINDS["__init__"] = "published, while somebody looks"
HEAD = """# Reference

Made from the code by `python docs/generate_reference.py`; the other pages explain what it is for.

"""


def page() -> str:
    """The whole page."""
    parts = ["## Commands", *_commands(), "## Parameters", *_parameters()]
    parts += ["## Topics and services", *_topics(), "## Messages and services of this package", *_messages()]
    return HEAD + "\n\n".join(parts) + "\n"


def _commands() -> Iterator[str]:
    top = parser()
    (commands,) = (action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    by_module = {one.get_default("run").__module__.rpartition(".")[2]: one for one in commands.choices.values()}
    for title, modules in GROUPS.items():
        yield f"### {title[0].upper()}{title[1:]}"
        for module in modules:
            yield from _command(by_module[module])


def _command(command: argparse.ArgumentParser) -> Iterator[str]:
    yield f"#### `{command.prog}`"
    summary, _, more = (command.description or "").partition("\n\n")
    yield summary
    if more:
        yield f"```\n{more.strip()}\n```"
    rows = [_argument(action) for action in command._actions if action.dest != "help"]
    yield "\n".join(["| argument | |", "| --- | --- |", *rows])
    yield f"```sh\n{(command.epilog or '').partition('example: ')[2]}\n```"


def _argument(action: argparse.Action) -> str:
    name = action.metavar or (", ".join(map(str, action.choices)) if action.choices else action.dest.upper())
    value = " ".join(name) if isinstance(name, tuple) else name
    takes_none = action.nargs == 0
    spelled = ", ".join(action.option_strings) or value
    shown = f"`{spelled}`" if takes_none or not action.option_strings else f"`{spelled} {value}`"
    # % signs are doubled for argparse, and a bar would end the cell
    text = (action.help or "").replace("%%", "%").replace("|", "\\|")
    return f"| {shown}{' (required)' if action.required and action.option_strings else ''} | {text} |"


def _parameters() -> Iterator[str]:
    for node, name in PARAMETERS.items():
        path = ROOT / "config" / f"{name}.yaml"
        yield f"### Of `{node}`"
        yield f"Private parameters, with their defaults ([config/{name}.yaml](../config/{name}.yaml))."
        yield "\n".join(["| parameter | default | |", "| --- | --- | --- |", *_parameter_rows(path.read_text("utf-8"))])


def _parameter_rows(text: str) -> Iterator[str]:
    """Of a YAML file whose comments stand above the keys: one comment may be that of several."""
    comment: list[str] = []
    is_open = False
    for line in text.splitlines():
        if line.startswith("#"):
            # lines that are set in are items of a list
            words = f"<br>{line[1:].strip()}" if line.startswith("#   ") else line[1:].strip()
            comment = [*(comment if is_open else []), words]
            is_open = True
        elif ":" in line and not line.startswith(" "):
            key, _, value = line.partition(":")
            words = " ".join(comment).replace("|", "\\|")
            yield f"| `{key}` | `{value.strip() or ' '}` | {words} |"
            is_open = False
        else:
            is_open = False


def _topics() -> Iterator[str]:
    for node, folder in NODES.items():
        found = sorted({row for path in _sources(folder) for row in _of_source(path)})
        yield f"### Of {node}"
        yield "\n".join(["| name | kind | type |", "| --- | --- | --- |", *found])
    yield "What the relocalizer's are for, and when each is published: [node.md](node.md)."


def _sources(folder: str) -> list[Path]:
    return sorted((ROOT / "camera_relocalization_ros" / folder).rglob("*.py"))


def _of_source(path: Path) -> Iterator[str]:
    """A row for each topic and service that a module names where it makes it."""
    for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name not in KINDS or len(call.args) < 2:
            continue
        topic, kind = call.args[:2]
        if isinstance(topic, ast.Constant) and isinstance(topic.value, str):
            kind_text = ast.unparse(kind) if name != "PredictedPose" else "PoseWithCovarianceStamped"
            yield f"| `{topic.value}` | {KINDS[name]} | {kind_text} |"


def _messages() -> Iterator[str]:
    for path in sorted((*(ROOT / "msg").glob("*.msg"), *(ROOT / "srv").glob("*.srv"))):
        yield f"### `{path.name}`"
        yield f"```\n{path.read_text('utf-8').strip()}\n```"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
