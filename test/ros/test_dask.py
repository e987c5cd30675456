# SPDX-License-Identifier: BSD-3-Clause
"""`--dask`: a scheduler and worker processes on this machine; the bytes are those of one machine."""

import csv
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial

import pytest
from colour_bundle import COLOUR_BUNDLE
from helpers import fake_trajectory
from ros_helpers import FRAME, IMAGE_TOPIC, image_records, tf_records, write_bag

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import BagError, RelocalizationError
from camera_relocalization_ros.core.shipped_files import NAME
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.evaluation.result_files import TIMES
from camera_relocalization_ros.fleet import engine

distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")

TOPIC = f"{IMAGE_TOPIC}/compressed"
POSES = fake_trajectory(6)
# for a computer that stands still meanwhile; nothing waits so long elsewhere
PATIENCE_S = 300
# read by a worker before it begins: it kills itself at the third frame that it writes
DIES = """
import os, signal
from camera_relocalization_ros.data.dataset_writer import SequenceWriter

def add_or_die(sequence, *row, add=SequenceWriter.add_stored):
    if sequence.frame_count == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    add(sequence, *row)

SequenceWriter.add_stored = add_or_die
"""


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bags")
    records = [*tf_records(POSES, "map", FRAME), *image_records(POSES.stamps_ns)]
    return [write_bag(folder / f"f{number}.bag", records[number:]) for number in range(3)]


@pytest.fixture(scope="module")
def by_one(bags, tmp_path_factory):
    """The data set of one machine; made before the cluster, whose threads would be forked."""
    folder = tmp_path_factory.mktemp("one") / "set"
    assert extract(bags, folder) == 0
    return folder


@pytest.fixture(scope="module")
def cluster(by_one, tmp_path_factory):
    """A scheduler with one sound worker."""
    scheduler = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(n_workers=0, **scheduler) as cluster:
        with worker(cluster, tmp_path_factory.mktemp("worker")):
            yield cluster


@contextmanager
def worker(cluster, folder, *options):
    """One more worker process, there when the block begins; `folder` is its own."""
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        known = len(client.scheduler_info(n_workers=-1)["workers"])
        where = [cluster.scheduler_address, "--no-nanny", "--nthreads", "1", "--no-dashboard"]
        command = [sys.executable, "-m", "distributed.cli.dask_worker", *where, "--local-directory", folder, *options]
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, cwd=folder)
        try:
            client.wait_for_workers(known + 1, timeout=PATIENCE_S)
            yield process
        finally:
            process.kill()
            process.wait()


def extract(bags, output, *more):
    frames = ["--image-topic", TOPIC, "--parent", "map", "--child", FRAME]
    return main(["extract", *map(str, bags), "-o", str(output), *frames, *more])


def content_but_times(folder):
    """As `content`, of a result: how long each image took is no part of it."""
    found = content(folder)
    for path in [path for path in found if path.suffix == ".csv"]:
        rows = csv.DictReader(found[path].decode().splitlines())
        found[path] = [{key: value for key, value in row.items() if key not in TIMES} for row in rows]
    return found


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_killed_worker_costs_its_bag_and_the_bytes_are_those_of_one_machine(cluster, bags, by_one, tmp_path, caplog):
    (tmp_path / "dies.py").write_text(DIES)
    folder = tmp_path / "worker"
    folder.mkdir()
    with worker(cluster, folder, "--preload", tmp_path / "dies.py") as killed:
        assert extract(bags, tmp_path / "set", "--dask", cluster.scheduler_address) == 0
        assert killed.wait(PATIENCE_S) == -signal.SIGKILL
    assert content(tmp_path / "set") == content(by_one)
    left = {path.name for path in tmp_path.iterdir()} - {"__pycache__"}
    assert left == {"dies.py", "set", "worker"}
    assert "Dask: 2 workers, dashboard http" in caplog.text


def test_what_is_wrong_with_a_bag_is_one_line_also_from_a_worker(cluster, bags, tmp_path, capsys):
    broken = tmp_path / "broken.bag"
    broken.write_bytes(b"no bag")
    assert extract([*bags, broken], tmp_path / "set", "--dask", cluster.scheduler_address) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"reloc extract: {broken}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["broken.bag"]


@pytest.mark.parametrize(
    "kind, error, text",
    [
        ("bug", RuntimeError, "a label, on a Dask worker:\n(.*\n)+.*UnpicklableError: no lock crosses"),
        ("user's", BagError, "^no lock crosses$"),
        ("disk", RelocalizationError, "^/x: disk is full"),
    ],
)
def test_errors_cross_whatever_they_are(cluster, kind, error, text):
    # within the test, so that they cross as code: workers know no module of tests
    class UnpicklableError(Exception):
        def __init__(self):
            super().__init__("no lock crosses")
            self.lock = threading.Lock()

    class OfUsersError(UnpicklableError, BagError):
        pass

    def fails(kind):
        raise {"bug": UnpicklableError, "user's": OfUsersError, "disk": lambda: OSError(28, "disk is full", "/x")}[
            kind
        ]()

    with engine.engine_at(cluster.scheduler_address) as dask, pytest.raises(error, match=text):
        list(dask.completed(fails, [kind], ["a label"]))


def test_what_all_units_need_crosses_also_where_it_is_large(cluster):
    with engine.engine_at(cluster.scheduler_address) as dask:
        for content in (b"a" * 200_000, b"b" * 300_000, b"c"):
            found = sorted(dask.completed(partial(bytes.startswith, content), [b"a", b"b", b"c"], list("123")))
            assert [is_it for _, is_it in found] == [content[:1] == letter for letter in (b"a", b"b", b"c")]


def test_sync_check_says_the_same(cluster, bags, capsys):
    command = ["sync-check", *map(str, bags), "--image-topic", TOPIC, "--parent", "map", "--child", FRAME]
    here = main(command), capsys.readouterr().out
    assert (main([*command, "--dask", cluster.scheduler_address]), capsys.readouterr().out) == here
    assert all(str(bag) in here[1] for bag in bags)


def test_evaluate_says_the_same(cluster, by_one, tmp_path, capsys):
    said, files = [], []
    for name, more in (("here", []), ("there", ["--dask", cluster.scheduler_address])):
        command = [
            "evaluate",
            str(COLOUR_BUNDLE),
            str(by_one),
            "--any-frames",
            "--name",
            "n",
            "-o",
            str(tmp_path / name),
        ]
        assert main([*command, *more]) == 0
        said.append(capsys.readouterr().out.replace(str(tmp_path / name), ""))
        files.append(content_but_times(tmp_path / name))
    assert said[0] == said[1]
    assert files[0] == files[1]


def test_a_second_command_does_not_do_the_bags_of_the_first(cluster, bags, tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt), DatasetWriter(tmp_path / "set", "map", FRAME):
        assert extract(bags, tmp_path / "set", "--dask", cluster.scheduler_address) == 1
        assert "another process is writing it" in capsys.readouterr().err
        raise KeyboardInterrupt


def test_a_worker_of_another_version_is_named(cluster, bags, tmp_path, capsys):
    def pretend():
        engine.code_digest, engine.own_digest = lambda: "another", engine.code_digest

    def restore():
        engine.code_digest = engine.own_digest

    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        client.run(pretend)
        try:
            assert extract(bags, tmp_path / "set", "--dask", cluster.scheduler_address) == 1
        finally:
            client.run(restore)
    assert (
        f"another version of {NAME}, or of what it computes with, than this command: tcp://127.0.0.1:"
        in capsys.readouterr().err
    )
    assert not list(tmp_path.iterdir())


def test_a_scheduler_that_is_not_there_is_one_line(bags, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("camera_relocalization_ros.fleet.dask_cluster.CONNECT_S", 1)
    assert extract(bags, tmp_path / "set", "--dask", "tcp://127.0.0.1:1") == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in capsys.readouterr().err


def test_local_is_processes_of_this_computer(bags, by_one, tmp_path, monkeypatch):
    monkeypatch.setattr("distributed.deploy.local.CPU_COUNT", 1)
    # which fetch what lies behind a URL by themselves
    monkeypatch.setenv("RELOC_BAG_CACHE", str(tmp_path / "cache"))
    assert extract([bags[0].as_uri()], tmp_path / "set", "--dask", "local") == 0
    assert [path.name for path in (tmp_path / "cache").glob("*/*")] == ["f0.bag"]
    assert content(tmp_path / "set" / "sequences" / "f0") == content(by_one / "sequences" / "f0")
