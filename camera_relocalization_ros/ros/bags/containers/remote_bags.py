# SPDX-License-Identifier: BSD-3-Clause
"""Bags behind URLs: fetched whole into a bounded folder of this computer, by fsspec, which is loaded only for them.

A path may stand for a URL: `Path("s3://bucket/f.bag")` is `s3:/bucket/f.bag`, and a URL where there is no such file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Iterator

from camera_relocalization_ros.core.errors import BagError, one_line
from camera_relocalization_ros.core.output_files import PARTIAL, writing
from camera_relocalization_ros.core.progress import Task

SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):/+(.+)")
# which folder, and how many gigabytes it may hold
FOLDER_VARIABLE, SIZE_VARIABLE, USUAL_GB = "RELOC_BAG_CACHE", "RELOC_BAG_CACHE_GB", 100.0
# what tells one content of a remote file from another; the stores call it differently
IDENTITIES = ("ETag", "etag", "md5", "md5Hash", "generation", "LastModified", "last_modified", "mtime", "created")
CHUNK = 1 << 22


def url_of(path: Path) -> str:
    """The URL that a path stands for; "" for a path."""
    match = SCHEME.fullmatch(path.as_posix())
    if match is None or path.exists():
        return ""
    scheme, rest = match.groups()
    return f"{scheme}:///{rest}" if scheme in ("file", "local") else f"{scheme}://{rest}"


def shown(path: Path) -> str:
    """The path, or the URL that it stands for."""
    return url_of(path) or str(path)


def absolute(path: Path) -> Path:
    """The path in any working directory; a URL is one already."""
    return path if url_of(path) else path.absolute()


def identity(path: Path) -> list[Any]:
    """What a bag is known by: where it is, its size, and what changes when its content does. Raises BagError."""
    if url := url_of(path):
        remote = RemoteFile.at(url)
        return [url, remote.size, remote.content]
    path = path.resolve()
    return [str(path), path.stat().st_size, path.stat().st_mtime_ns]


@contextmanager
def local_bag(path: Path) -> Iterator[Path]:
    """The path, or where a URL's file lies on this computer, and stays while the block runs; raises BagError."""
    url = url_of(path)
    if not url:
        yield path
        return
    with BagCache.of_this_computer().file(RemoteFile.at(url)) as local:
        yield local


@dataclass(frozen=True)
class RemoteFile:
    """A file of a store: its size in bytes, and a text that changes with its content."""

    url: str
    size: int
    content: str
    store: Any
    path: str

    @classmethod
    def at(cls, url: str) -> RemoteFile:
        """Raises BagError where the store does not say; ModuleNotFoundError where fsspec is missing."""
        from fsspec.core import url_to_fs

        # each store has errors of its own, and of the libraries below
        try:
            store, path = url_to_fs(url)
            about = store.info(path)
        except FileNotFoundError:
            raise BagError(f"{url}: no such file") from None
        except Exception as error:
            raise BagError(f"{url}: cannot be found out about ({_text(error)})") from error
        if about.get("type") == "directory":
            raise BagError(f"{url}: a folder; expected a bag in one file")
        if not isinstance(about.get("size"), int):
            raise BagError(f"{url}: the store does not say how large it is")
        return cls(url, about["size"], str([about.get(key) for key in IDENTITIES]), store, path)

    @property
    def name(self) -> str:
        """As the last part of the URL says."""
        return Path(self.path).name

    @property
    def key(self) -> str:
        """Hex digest of URL and content."""
        return hashlib.sha256(json.dumps([self.url, self.size, self.content]).encode()).hexdigest()[:20]

    def copy_to(self, target: IO[bytes]) -> None:
        """Raises BagError when what comes is not the whole file, OSError when it cannot be written."""
        with ExitStack() as stack, Task(f"fetch {self.name}", self.size >> 20, "MB") as progress:
            try:
                source = stack.enter_context(self.store.open(self.path, "rb"))
                while content := source.read(CHUNK):
                    _write(target, content)
                    progress.reach(target.tell() >> 20)
            except _NotWrittenError as error:
                raise error.cause from None
            except Exception as error:
                raise BagError(f"{self.url}: broke off after {target.tell()} bytes ({_text(error)})") from error
        if target.tell() != self.size:
            raise BagError(f"{self.url}: {target.tell()} bytes came; expected {self.size}")


@dataclass(frozen=True)
class BagCache:
    """A folder of at most `most_bytes` with fetched files, each in a folder of its own; what was used last stays.

    Locks (KEY.lock) lie beside: whoever reads a file shares its lock, and who fetches or removes it has it alone.
    """

    folder: Path
    most_bytes: int

    @classmethod
    def of_this_computer(cls) -> BagCache:
        """By the environment; raises BagError for a size that is no number."""
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = Path(os.environ.get(FOLDER_VARIABLE) or caches / "camera_relocalization_ros" / "bags")
        text = os.environ.get(SIZE_VARIABLE) or str(USUAL_GB)
        try:
            return cls(folder, round(float(text) * 1e9))
        except (ValueError, OverflowError):
            raise BagError(f"{SIZE_VARIABLE} is {text!r}; expected gigabytes") from None

    @contextmanager
    def file(self, remote: RemoteFile) -> Iterator[Path]:
        """The remote file as one of this computer for as long as the block runs, fetched where it is not there yet."""
        local = self.folder / remote.key / remote.name
        with ExitStack() as stack:
            with writing(self.folder, BagError, "the cache of bags "):
                self.folder.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context(open(self.folder / f"{remote.key}.lock", "a", encoding="utf-8"))
                while not local.is_file():
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    if not local.is_file():
                        self._fetch(remote, local)
                    # between the two locks another may remove it
                    fcntl.flock(lock, fcntl.LOCK_SH)
                fcntl.flock(lock, fcntl.LOCK_SH)
                os.utime(local.parent)
            yield local

    def _fetch(self, remote: RemoteFile, local: Path) -> None:
        shutil.rmtree(local.parent, ignore_errors=True)
        partial = local.with_name(local.name + PARTIAL)
        with open(self.folder / "room.lock", "a", encoding="utf-8") as room:
            fcntl.flock(room, fcntl.LOCK_EX)
            self._make_room(remote)
            local.parent.mkdir()
            with open(partial, "wb") as file:
                # others count it as if it were whole
                file.truncate(remote.size)
        try:
            with open(partial, "r+b") as file:
                remote.copy_to(file)
            os.replace(partial, local)
        except BaseException:
            shutil.rmtree(local.parent, ignore_errors=True)
            raise

    def _make_room(self, remote: RemoteFile) -> None:
        """Remove what was used longest ago until the file fits; raises BagError where it cannot."""
        taken = {path: _size(path) for path in self.folder.iterdir() if path.is_dir()}
        is_hopeless = remote.size > min(self.most_bytes, sum(taken.values()) + shutil.disk_usage(self.folder).free)
        for path in sorted(taken, key=lambda path: path.stat().st_mtime):
            # where nothing helps, nothing is removed
            if is_hopeless or self._fits(remote, taken):
                break
            with open(f"{path}.lock", "a", encoding="utf-8") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                shutil.rmtree(path)
                del taken[path]
        if not self._fits(remote, taken):
            needs, has = f"{remote.size / 1e9:.2f} GB", f"and holds {sum(taken.values()) / 1e9:.2f} GB"
            limits = f"may hold {self.most_bytes / 1e9:.2f} GB ({SIZE_VARIABLE}) {has}"
            free = f"{shutil.disk_usage(self.folder).free / 1e9:.2f} GB of the disk are free"
            raise BagError(f"{remote.url}: takes {needs}; {self.folder} ({FOLDER_VARIABLE}) {limits}; {free}")

    def _fits(self, remote: RemoteFile, taken: dict[Path, int]) -> bool:
        is_within = sum(taken.values()) + remote.size <= self.most_bytes
        return is_within and remote.size <= shutil.disk_usage(self.folder).free


class _NotWrittenError(Exception):
    """The disk's error, told from the store's."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _write(target: IO[bytes], content: bytes) -> None:
    try:
        target.write(content)
    except OSError as error:
        raise _NotWrittenError(error) from error


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(error)}" if str(error) else type(error).__name__
