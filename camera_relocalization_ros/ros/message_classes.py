# SPDX-License-Identifier: BSD-3-Clause
"""Classes of messages whose type a bag or a connection names: the installed one, else one built from its definition.

genpy's own `generate_dynamic` leaves a folder behind with each process that is killed, and compiles whatever text the
definition holds. Here nothing is written, and of a definition only the types and names of fields are kept.
"""

from __future__ import annotations

import re
from typing import Any, Dict

import genmsg
import genpy
from genmsg.msg_loader import MsgNotFound, load_msg_from_string
from genpy.dynamic import _gen_dyn_modify_references, _gen_dyn_name, _generate_dynamic_specs
from genpy.generator import msg_generator

from camera_relocalization_ros.core.errors import FrameError

KIND = re.compile(r"[A-Za-z]\w*/[A-Za-z]\w*", re.ASCII)
# the largest array of fixed length in a common message has 36 numbers
FIELD = re.compile(r"([A-Za-z]\w*(?:/[A-Za-z]\w*)?(?:\[[0-9]{0,4}\])?)\s+([A-Za-z]\w*)", re.ASCII)
CONSTANT = re.compile(r"\w+\s+\w+\s*=.*", re.ASCII)
SEPARATOR = "\n" + "=" * 80 + "\n"
# genmsg's description of a type and of all that it holds, by name
Specs = Dict[str, Any]


def message_class(kind: str, definition: str, md5sum: str) -> type:
    """The class of messages of a type such as sensor_msgs/Image.

    definition: the text of the type and of all that it holds; md5sum: that of the type, by which ROS tells whether two
    are the same. Of fields that differ in capitals alone the installed type's names hold: converters from ROS 2 leave
    its k in sensor_msgs/CameraInfo, which is K here. Raises FrameError where the definition is none.
    """
    if not KIND.fullmatch(kind):
        raise FrameError(f"{kind[:80]!r} is no type of message")
    installed: type | None = genpy.message.get_message_class(kind)
    if installed is not None and getattr(installed, "_md5sum", "") == md5sum:
        return installed
    try:
        specs = _specs(kind, definition)
        if installed is not None:
            own = _specs(kind, getattr(installed, "_full_text", ""))
            if _fields(specs) == _fields(own):
                return installed
        return _built(kind, specs)
    except (genmsg.InvalidMsgSpec, genmsg.MsgGenerationException, MsgNotFound, KeyError, SyntaxError) as error:
        raise FrameError(f"the definition of {kind} is none ({' '.join(str(error).split())})") from error


def have_same_bytes(kind: str, definition: str, other: str) -> bool:
    """Whether messages of two definitions of a type are the same bytes, whatever is in capitals or in a comment."""
    return definition == other or _fields(_specs(kind, definition)) == _fields(_specs(kind, other))


def _specs(kind: str, definition: str) -> Specs:
    core, *parts = definition.replace("roslib/Header", "std_msgs/Header").split(SEPARATOR)
    context = genmsg.MsgContext.create_default()
    specs: Specs = {kind: load_msg_from_string(context, _fields_of(core), kind)}
    for part in parts:
        first, _, text = part.partition("\n")
        if not KIND.fullmatch(first[len("MSG: ") :].strip()):
            raise FrameError(f"the definition of {kind} names {first[:80]!r}")
        name, spec = _generate_dynamic_specs(context, specs, f"{first}\n{_fields_of(text)}")
        specs[name] = spec
    return specs


def _fields(specs: Specs) -> dict[str, list[tuple[str, str]]]:
    """Which bytes belong to which field, by the name without capitals."""
    return {kind: [(name.lower(), of) for name, of in zip(spec.names, spec.types)] for kind, spec in specs.items()}


def _built(kind: str, specs: Specs) -> type:
    """As genpy builds it, but in memory."""
    context = genmsg.MsgContext.create_default()
    for name, spec in specs.items():
        context.register(name, spec)
    lines = [
        _gen_dyn_modify_references(line, name, list(specs))
        for name, spec in specs.items()
        for line in msg_generator(context, spec, {})
    ]
    names: dict[str, Any] = {"__name__": f"built_from_{kind.replace('/', '_')}"}
    exec(compile("\n".join(lines) + "\n", f"<definition of {kind}>", "exec"), names)  # of identifiers alone
    built: type = names[_gen_dyn_name(*genmsg.package_resource_name(kind))]
    return built


def _fields_of(text: str) -> str:
    """The fields of a definition, without comments and constants; raises FrameError for any other line."""
    fields = []
    for line in text.splitlines():
        bare = line.partition("#")[0].strip()
        found = FIELD.fullmatch(bare)
        if found:
            fields.append(" ".join(found.groups()))
        elif bare and not CONSTANT.fullmatch(bare):
            raise FrameError(f"a definition of a message with the line {line[:80]!r}")
    return "\n".join(fields) + "\n"
