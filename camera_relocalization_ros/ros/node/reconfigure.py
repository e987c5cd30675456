# SPDX-License-Identifier: BSD-3-Clause
"""What may be changed in flight: gates, through dynamic_reconfigure.

The description of the settings is made here at run time and not by dynamic_reconfigure's generator, whose CMake macro
Debian does not have; rqt_reconfigure and dynparam see no difference.
"""

from __future__ import annotations

from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any, Callable

import rospy
from dynamic_reconfigure.msg import Config
from dynamic_reconfigure.server import Server
from dynamic_reconfigure.srv import ReconfigureRequest

from camera_relocalization_ros.core.errors import ConfigError, RelocalizationError
from camera_relocalization_ros.ros.params import NodeParams, Setting, setting_of

# what dynamic_reconfigure keeps beside the settings
GROUPS = "groups"
TYPE_NAMES = {float: "double", int: "int", bool: "bool", str: "str"}


class SettingsServer(Server):  # type: ignore[misc]  # untyped
    """dynamic_reconfigure's server, which refuses a request with a value that makes no sense as a whole, in one line.

    Its own takes a value of any type and puts it on the parameter server, where the node that starts again refuses it.
    """

    def _set_callback(self, request: ReconfigureRequest) -> Config:
        # there is one group, of which nothing can be set; another one ends dynamic_reconfigure's reader
        request.config.groups = []
        try:
            return super()._set_callback(request)
        except RelocalizationError as error:
            rospy.logwarn(f"~set_parameters: {error}; nothing is changed")
            raise rospy.ServiceException(str(error)) from error

    def update_configuration(self, changes: dict[str, Any]) -> dict[str, Any]:
        """All settings as they are with these changes; raises ConfigError."""
        held: dict[str, Any] = super().update_configuration(changes_of_their_types(changes, self.type.defaults))
        return held


def changes_of_their_types(changes: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The changes, whole numbers as floats where the setting is one; raises ConfigError for another type and for NaN.

    What is no setting is left as it is.
    """
    return {name: _of_its_type(name, value, defaults.get(name, value)) for name, value in changes.items()}


def _of_its_type(name: str, value: Any, default: Any) -> Any:
    kind = type(default)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind or value != value:
        found = f"{value!r} ({type(value).__name__})"
        raise ConfigError(f"setting {name} is {found}; expected {TYPE_NAMES.get(kind, kind.__name__)}")
    return value


def serve_settings(params: NodeParams, use: Callable[[NodeParams], None]) -> Server:
    """Let dynamic_reconfigure change the parameters that are settings; `use` gets all of them after each change."""

    settings = settings_of(params)

    def on_change(config: dict[str, Any], _level: int) -> dict[str, Any]:
        # the server passes on whatever it was called with, and would answer that it holds
        unknown = sorted(set(config) - {*settings, GROUPS})
        if unknown:
            rospy.logwarn(f"~set_parameters: there is no setting {unknown[0]}; there are {', '.join(settings)}")
        use(replace(params, **{name: config[name] for name in settings}))
        return {name: value for name, value in config.items() if name not in unknown}

    return SettingsServer(_description(params), on_change)


def settings_of(params: NodeParams) -> dict[str, Setting]:
    """The parameters that may be changed in flight, by name."""
    found = {field.name: setting_of(field) for field in fields(params)}
    return {name: setting for name, setting in found.items() if setting is not None}


def _description(params: NodeParams) -> SimpleNamespace:
    """What dynamic_reconfigure's server expects of a generated module."""
    settings = settings_of(params)
    parameters = [
        {
            "name": name,
            "type": TYPE_NAMES[type(getattr(params, name))],
            "level": 0,
            "description": setting.description,
            "edit_method": "",
            "default": getattr(params, name),
            "min": setting.min,
            "max": setting.max,
        }
        for name, setting in settings.items()
    ]
    group = {"name": "Default", "type": "", "state": True, "id": 0, "parent": 0, "groups": [], "parameters": parameters}
    columns = {key: {one["name"]: one[key] for one in parameters} for key in ("default", "min", "max", "level")}
    return SimpleNamespace(
        config_description=group,
        defaults=columns["default"],
        min=columns["min"],
        max=columns["max"],
        level=columns["level"],
        all_level=0,
    )
