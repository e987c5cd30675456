# SPDX-License-Identifier: BSD-3-Clause
"""Bags behind URLs: fetched once, whole, into a folder that stays below its bound."""

import fcntl
import os
import re
from pathlib import Path

import pytest
from helpers import fake_trajectory
from ros_helpers import FRAME, IMAGE_TOPIC, image_records, tf_records, write_bag

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import BagError
from camera_relocalization_ros.ros.bags.containers.remote_bags import identity, local_bag, url_of

fsspec = pytest.importorskip("fsspec", reason="needs the extra `cluster`")

POSES = fake_trajectory(4)
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder of the cache."""
    monkeypatch.setenv("RELOC_BAG_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def bag(tmp_path):
    return write_bag(tmp_path / "f.bag", [*tf_records(POSES, "map", FRAME), *image_records(POSES.stamps_ns)])


def stored(name, content=b"0123456789"):
    """A file in fsspec's store in memory, as the path that a command makes of its URL."""
    fsspec.filesystem("memory").pipe(f"/bags/{name}", content)
    return Path(f"memory://bags/{name}")


def held(cache):
    return sorted(path.name for path in cache.glob("*/*"))


def extract(bag, output):
    frames = ["--image-topic", f"{IMAGE_TOPIC}/compressed", "--parent", "map", "--child", FRAME]
    return main(["extract", str(bag), "-o", str(output), *frames])


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bag_behind_a_url_becomes_the_same_data_set(bag, tmp_path, cache, capsys):
    assert extract(bag, tmp_path / "local") == 0
    stored("f.bag", bag.read_bytes())
    for number, url in enumerate(("memory://bags/f.bag", bag.as_uri())):
        assert extract(url, tmp_path / f"remote{number}") == 0
        assert content(tmp_path / f"remote{number}") == content(tmp_path / "local")
    assert held(cache) == ["f.bag", "f.bag"]
    assert main(["info", "memory://bags/f.bag"]) == 0
    assert "tf" in capsys.readouterr().out


def test_of_paths_only_those_with_a_scheme_are_urls(tmp_path, monkeypatch):
    urls = {"s3://b/f.bag": "s3://b/f.bag", "file:///f.bag": "file:///f.bag", "gs+x://b/f": "gs+x://b/f"}
    assert {text: url_of(Path(text)) for text in urls} == urls
    assert not any(map(url_of, map(Path, ("f.bag", "/a/f.bag", "a:b", "C:/f.bag", "./s3:x"))))
    monkeypatch.chdir(tmp_path)
    Path("s3:").mkdir()
    Path("s3:/f.bag").touch()
    assert not url_of(Path("s3:/f.bag")), "a file that is there"


def test_what_was_fetched_is_read_again_and_what_changed_is_fetched_anew(cache):
    path = stored("f.bag")
    with local_bag(path) as first, local_bag(path) as again:
        assert first == again and first.read_bytes() == b"0123456789"
    before = identity(path)
    stored("f.bag", b"9876543210")
    assert identity(path) != before
    with local_bag(path) as changed:
        assert changed.read_bytes() == b"9876543210"


def test_what_was_used_longest_ago_makes_room_but_nothing_that_is_in_use(cache, monkeypatch):
    monkeypatch.setenv("RELOC_BAG_CACHE_GB", str(25e-9))
    for number, name in enumerate(("a.bag", "b.bag")):
        with local_bag(stored(name)) as local:
            pass
        os.utime(local.parent, (number, number))
    with local_bag(stored("a.bag")):  # the one whose time is the oldest no more
        pass
    with local_bag(stored("c.bag")) as one:
        assert held(cache) == ["a.bag", "c.bag"]
        with local_bag(stored("a.bag")):
            with pytest.raises(BagError, match=r"memory://bags/d.bag: takes 0.00 GB; .*may hold 0.00 GB"):
                with local_bag(stored("d.bag")):
                    pass
        with local_bag(stored("d.bag")):
            assert held(cache) == ["c.bag", "d.bag"] and one.is_file()


def test_a_file_that_does_not_fit_costs_no_other(cache, monkeypatch):
    with local_bag(stored("a.bag")):
        pass
    monkeypatch.setenv("RELOC_BAG_CACHE_GB", str(5e-9))
    with pytest.raises(BagError, match="b.bag: takes"), local_bag(stored("b.bag")):
        pass
    assert held(cache) == ["a.bag"]
    monkeypatch.setenv("RELOC_BAG_CACHE_GB", "much")
    with pytest.raises(BagError, match="RELOC_BAG_CACHE_GB is 'much'"), local_bag(stored("b.bag")):
        pass


@pytest.mark.parametrize(
    "url, text",
    [
        ("memory://bags/none.bag", "memory://bags/none.bag: no such file"),
        ("memory://bags", "memory://bags: a folder"),
        ("nonsense://bags/f.bag", "nonsense://bags/f.bag: cannot be found out about .*nonsense"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(url, text, tmp_path, capsys):
    stored("f.bag")
    assert extract(url, tmp_path / "set") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("reloc extract: ") and re.search(text, line)
    with pytest.raises(BagError, match=text), local_bag(Path(url)):
        pass


class Failing(fsspec.get_filesystem_class("memory")):
    """A store that ends, or breaks, after five bytes."""

    protocol = "failing"

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("failing://", "memory://"))

    def _open(self, path, mode="rb", **_):
        file = super()._open(path, mode)
        file.seek(0)

        def read(count, read=file.read):
            if file.tell() >= 5 and "break" in path:
                raise ConnectionResetError("by the store")
            return read(min(count, 5 - file.tell()))

        file.read = read
        return file


@pytest.mark.parametrize(
    "name, text", [("end", "5 bytes came; expected 10"), ("break", "broke off after 5 bytes .*by")]
)
def test_what_does_not_come_whole_is_not_kept(name, text, cache):
    fsspec.register_implementation("failing", Failing, clobber=True)
    stored(f"{name}.bag")
    with pytest.raises(BagError, match=f"failing://bags/{name}.bag: {text}"), local_bag(
        Path(f"failing://bags/{name}.bag")
    ):
        pass
    assert held(cache) == []


def test_one_that_another_process_fetches_is_waited_for(cache):
    """What it left when it was killed is no file."""
    with local_bag(stored("f.bag")) as local:
        pass
    local.rename(local.with_name("f.bag.partial"))
    with local_bag(stored("f.bag")) as again:
        assert again.read_bytes() == b"0123456789"
        with open(cache / f"{again.parent.name}.lock", "a") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_s3_by_a_real_server(bag, tmp_path, monkeypatch):
    pytest.importorskip("s3fs", reason="needs s3fs")
    server_module = pytest.importorskip("moto.server", reason="needs moto[server]")
    server = server_module.ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
            monkeypatch.setenv(name, value)
        store = fsspec.filesystem("s3", skip_instance_cache=True)
        store.mkdir("bags")
        store.put_file(str(bag), "bags/f.bag")
        assert extract(bag, tmp_path / "local") == extract("s3://bags/f.bag", tmp_path / "remote") == 0
        assert content(tmp_path / "remote") == content(tmp_path / "local")
        with pytest.raises(BagError, match="s3://bags/none.bag: no such file"), local_bag(Path("s3://bags/none.bag")):
            pass
    finally:
        server.stop()
