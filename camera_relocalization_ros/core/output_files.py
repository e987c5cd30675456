# SPDX-License-Identifier: BSD-3-Clause
"""Files and folders that we write: whole or not there, and a failure is one line that names the path and the cause.

What is written lies under a side name, `NAME.partial`, until it is whole; the next run that writes the same path takes
that name again, so that a kill leaves nothing behind for ever. A folder that is replaced waits as `NAME.replaced`
until the new one has its name. Nothing is forced to the disk: this is about a process that ends, not about the power.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Iterator

import yaml

from camera_relocalization_ros.core.errors import RelocalizationError

PARTIAL, REPLACED = ".partial", ".replaced"


def partial_path(path: Path, own: bool = False) -> Path:
    """The side name of a path; own: one that no other process uses, where several may write the same path at once."""
    return path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}" if own else path.name + PARTIAL)


@contextmanager
def writing(
    path: Path, kind: type[RelocalizationError] = RelocalizationError, what: str = "", then: str = ""
) -> Iterator[None]:
    """Where the block fails to write, raise an error of that kind: `path` cannot be written, and why.

    what: what lies at the path, with a blank behind it; then: what is to be said last.
    """
    try:
        yield
    except OSError as error:
        reason = " ".join(str(error.strerror or error).split())
        raise kind(f"{path}: {what}cannot be written ({reason}){then}") from error


@contextmanager
def new_file(
    path: Path | str, kind: type[RelocalizationError] = RelocalizationError, own: bool = False
) -> Iterator[Path]:
    """The side name of a file for the block to write, which replaces `path` when the block ends well.

    The folder is made. A link is followed, and what is neither file nor folder (/dev/stdout) is written as it is.
    """
    path = Path(path)
    with writing(path, kind):
        if path.exists() and not path.is_file() and not path.is_dir():
            yield path
            return
        target = Path(os.path.realpath(path))
        partial = partial_path(target, own)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            os.replace(partial, target)
        except BaseException:
            _remove_file(partial)
            raise


@contextmanager
def new_folder(path: Path | str, kind: type[RelocalizationError] = RelocalizationError) -> Iterator[Path]:
    """An empty folder under the side name for the block to fill, which replaces `path` when the block ends well.

    A kill at any point leaves the old folder whole, at `path` or as NAME.replaced, see `recover_folder`.
    """
    path = Path(path)
    partial = partial_path(path)
    with writing(path, kind):
        recover_folder(path)
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            yield partial
            _swap(partial, path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def recover_folder(path: Path) -> None:
    """Undo a replacement of a folder that was killed before the new one had its name; finish one killed after."""
    replaced = path.with_name(path.name + REPLACED)
    if replaced.is_dir() and not path.exists():
        os.replace(replaced, path)
    shutil.rmtree(replaced, ignore_errors=True)


def write_bytes(path: Path | str, content: bytes, kind: type[RelocalizationError] = RelocalizationError) -> None:
    """Write a file, with its folder; raises an error of that kind."""
    with new_file(path, kind) as partial:
        partial.write_bytes(content)


def write_text(path: Path | str, text: str, kind: type[RelocalizationError] = RelocalizationError) -> None:
    """Write a file in UTF-8, with its folder; raises an error of that kind."""
    write_bytes(path, text.encode("utf-8"), kind)


def write_json(path: Path | str, values: Any, kind: type[RelocalizationError] = RelocalizationError) -> None:
    """Write plain values as indented JSON, with its folder; raises an error of that kind."""
    write_text(path, json.dumps(values, indent=2) + "\n", kind)


def write_yaml(path: Path | str, values: Any, kind: type[RelocalizationError] = RelocalizationError) -> None:
    """Write plain values as YAML, keys in their order, with its folder; raises an error of that kind."""
    write_text(path, yaml.safe_dump(values, sort_keys=False), kind)


def _swap(partial: Path, path: Path) -> None:
    if not path.exists():
        os.replace(partial, path)
        return
    replaced = path.with_name(path.name + REPLACED)
    os.replace(path, replaced)
    os.replace(partial, path)
    shutil.rmtree(replaced, ignore_errors=True)


def _remove_file(path: Path) -> None:
    # what cannot be removed is taken by the next run that writes the same
    with suppress(OSError):
        path.unlink()
