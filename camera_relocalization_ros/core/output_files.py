# SPDX-License-Identifier: BSD-3-Clause
"""Files and folders that we write: whole or not there, and a failure is one line that names the path and the cause.

What is written lies under a side name, `NAME.partial`, until it is whole; the next run that writes the same path takes
that name again, so that a kill leaves nothing behind for ever. A folder is replaced by exchanging two names at once;
where the file system cannot do that the old one waits as `NAME.replaced` until the new one has its name, and readers
find it there (`found_folder`). Nothing is forced to the disk: this is about a process that ends, not about the power.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Iterable, Iterator

from camera_relocalization_ros.core.errors import RelocalizationError

PARTIAL, REPLACED, SUCCESSOR = ".partial", ".replaced", ".new"
# from linux/fs.h and fcntl.h
RENAME_EXCHANGE, AT_FDCWD = 2, -100


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

    A kill at any point leaves the old folder whole, at `path` or as NAME.replaced, see `recover_folder`. A link is
    followed.
    """
    path = Path(os.path.realpath(path))
    partial = partial_path(path)
    with writing(path, kind):
        _check_no_device(path)
        recover_folder(path)
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            yield partial
            _swap(partial, path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


@contextmanager
def replaced_folder(
    path: Path, marks: Iterable[str], overwrite: bool, kind: type[RelocalizationError] = RelocalizationError
) -> Iterator[Path]:
    """The path for a block to create a folder at: `path` itself, or NAME.new where one is to be replaced in the end.

    For what takes long and goes on after a kill: until the block ends well, the old folder stays as it is.
    marks: patterns of files, of which what is replaced must have one. Raises an error of that kind where it has none,
    or where a folder is there and is not to be overwritten.
    """
    path = Path(os.path.realpath(path))
    marks = tuple(marks)
    with writing(path, kind):
        _check_no_device(path)
        recover_folder(path)
    if not is_taken(path):
        yield path
        return
    if not overwrite:
        raise kind(taken_text(path))
    check_replaceable(path, marks, kind)
    successor = path.with_name(path.name + SUCCESSOR)
    if any(any(successor.glob(mark)) for mark in marks):
        # finished, or the old one, by a run that was killed just before or after the exchange of names
        with writing(path, kind):
            _discard(successor, path)
    yield successor
    with writing(path, kind):
        _swap(successor, path)


def is_taken(path: Path) -> bool:
    """Whether something lies at a path that writing there would destroy: no empty folder, and no device."""
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def taken_text(path: Path) -> str:
    """What is said of a path that is taken."""
    return f"{path}: exists already; choose another name, or replace it with --overwrite"


def check_replaceable(path: Path, marks: Iterable[str], kind: type[RelocalizationError] = RelocalizationError) -> None:
    """Raise an error of that kind when a folder is taken and is not ours: it holds nothing of the patterns `marks`.

    Of a pattern */NAME, nothing but folders with NAME: one with a result among other things is not replaced whole.
    """
    marks = tuple(marks)
    if is_taken(path) and not (path.is_dir() and any(_is_marked(path, mark) for mark in marks)):
        raise kind(f"{path}: exists and holds no {' or '.join(marks)}, so it is not replaced; choose another name")


def _is_marked(folder: Path, mark: str) -> bool:
    if not mark.startswith("*/"):
        return any(folder.glob(mark))
    return {item.parent for item in folder.glob(mark)} == set(folder.iterdir())


def found_folder(path: Path) -> Path:
    """Where a folder is to be read: as NAME.replaced where its replacement was killed between two renames."""
    replaced = path.with_name(path.name + REPLACED) if path.name else path
    return replaced if os.path.isdir(replaced) and not os.path.exists(path) else path


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
    # every command imports this module, and without PyYAML it is to say what is missing
    import yaml

    write_text(path, yaml.safe_dump(values, sort_keys=False), kind)


def _check_no_device(path: Path) -> None:
    """Raise OSError where a folder would replace a device, a pipe or a socket: root may do that even to /dev/null."""
    if path.exists() and not path.is_dir() and not path.is_file():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def _swap(partial: Path, path: Path) -> None:
    _check_no_device(path)
    if not path.exists():
        os.replace(partial, path)
        return
    if _exchanged(partial, path):
        _discard(partial, path)
        return
    replaced = path.with_name(path.name + REPLACED)
    os.replace(path, replaced)
    os.replace(partial, path)
    shutil.rmtree(replaced, ignore_errors=True)


def _discard(folder: Path, path: Path) -> None:
    """Remove what is no longer `path`; by a name that the next run removes, for half of it may be left by a kill."""
    replaced = path.with_name(path.name + REPLACED)
    shutil.rmtree(replaced, ignore_errors=True)
    os.replace(folder, replaced)
    shutil.rmtree(replaced, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names at once, so that neither is ever missing; False where system or file system cannot."""
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if exchange is None:
        return False
    return bool(exchange(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def _remove_file(path: Path) -> None:
    # what cannot be removed is taken by the next run that writes the same
    with suppress(OSError):
        path.unlink()
