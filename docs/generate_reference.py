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
# calls that make a topic or service whose name does not stand there
MADE_BY = {
    "topic_beside": ("camera_info", "subscribed", "CameraInfo"),
    "TransformBroadcaster": ("/tf", "published", "TFMessage"),
    "StaticTransformBroadcaster": ("/tf_static", "published", "TFMessage"),
    "Updater": ("/diagnostics", "published", "DiagnosticArray"),
    "SettingsServer": ("~set_parameters", "service", "Reconfigure"),
    "resolve_name('image')": ("image", "subscribed", "Image or CompressedImage"),
}
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
    """A row for each topic and service that a module makes."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        row = _of_call(node) if isinstance(node, ast.Call) else _of_list(node) if isinstance(node, ast.Tuple) else None
        if row:
            topic, kind, type_text = row
            type_text = type_text.replace("rospy.AnyMsg", "any with such fields")
            yield f"| {topic} | {kind} | {type_text} |"


def _of_call(call: ast.Call) -> tuple[str, str, str] | None:
    """Topic, kind and type of a call that makes one."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    made_by = ast.unparse(call).rpartition("rospy.")[2] if name == "resolve_name" else name
    if made_by in MADE_BY:
        topic, kind, type_text = MADE_BY[made_by]
        return f"`{topic}`", kind, type_text
    topic = _topic(call.args[0]) if name in KINDS and len(call.args) > 1 else ""
    if not topic:
        return None
    return topic, KINDS[name], ast.unparse(call.args[1]) if name != "PredictedPose" else "PoseWithCovarianceStamped"


def _of_list(values: ast.Tuple) -> tuple[str, str, str] | None:
    """The same of a topic, a type and what hears it, which stand in a list of such."""
    if len(values.elts) != 3 or not ast.unparse(values.elts[2]).split(".")[-1].startswith("on_"):
        return None
    topic = _topic(values.elts[0])
    return (topic, "subscribed", ast.unparse(values.elts[1])) if topic else None


def _topic(name: ast.expr) -> str:
    """As it is written, or the parameter that names it."""
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        return f"`{name.value}`"
    if isinstance(name, ast.Attribute) and ast.unparse(name).startswith("params."):
        return f"named by `{name.attr}`"
    return ""


def _messages() -> Iterator[str]:
    for path in sorted((*(ROOT / "msg").glob("*.msg"), *(ROOT / "srv").glob("*.srv"))):
        yield f"### `{path.name}`"
        yield f"```\n{path.read_text('utf-8').strip()}\n```"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
