# SPDX-License-Identifier: BSD-3-Clause
"""How this package came here, and the files that lie beside its modules: config, models, requirements."""

from __future__ import annotations

from pathlib import Path

from camera_relocalization_ros.core.errors import ConfigError

NAME = "camera_relocalization_ros"
# left in the root of a workspace by catkin_make and by catkin build
WORKSPACE_MARKS = (".catkin_workspace", ".catkin_tools")


def checkout_folder() -> Path | None:
    """The root of the repository whose modules these are, or None where they were installed."""
    # a module below the top one: catkin's devel space runs the text of the top one from elsewhere
    root = Path(__file__).resolve().parents[2]
    return root if (root / "setup" / "setup.sh").is_file() else None


def is_in_workspace(checkout: Path) -> bool:
    """Whether a checkout lies in a catkin workspace of its user, and not beside the one that `make setup` builds."""
    return any((folder / mark).exists() for folder in checkout.parents for mark in WORKSPACE_MARKS)


def share_folder() -> Path | None:
    """share/camera_relocalization_ros below the prefix of the installed modules, or None where there is none."""
    found = (folder / "share" / NAME for folder in Path(__file__).resolve().parents)
    return next((folder for folder in found if folder.is_dir()), None)


def shipped_file(path: str) -> Path:
    """A file or folder of the repository by its path there, in a checkout or where it was installed.

    Raises ConfigError where it was not: catkin installs all that flies needs, pip only config/training.
    """
    for folder in (checkout_folder(), share_folder()):
        if folder is not None and (folder / path).exists():
            return folder / path
    raise ConfigError(f"{path} was not installed with the Python package; a checkout of the repository has it")
