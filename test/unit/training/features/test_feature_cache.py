# SPDX-License-Identifier: BSD-3-Clause
"""Caching: what is stored, when it is made again, and what kills, rivals and full disks do to it."""

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from helpers import OWN_PROCESS, write_fake_dataset
from mesh_files import write_box_ply
from pickling_engine import PicklingEngine
from toy_frozen import toy_frozen_part

from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.training.config import AugmentationConfig, config_from_dict
from camera_relocalization_ros.training.features import feature_cache, feature_store, sharded_store
from camera_relocalization_ros.training.features.feature_cache import build_cache, onnx_session
from camera_relocalization_ros.training.features.shard_features import PROVIDERS
from camera_relocalization_ros.training.features.views import ViewMaker

PROGRAM = Path(__file__).parents[3] / "support" / "cache_toy.py"
TWO_VIEWS = AugmentationConfig(views=2)
DEADLINE_S = 60


@pytest.fixture
def counted_rows(monkeypatch):
    """The rows whose views were made, in no particular order."""
    real_views, rows = ViewMaker.views, []

    def views(maker, frame, row):
        rows.append(row)
        return real_views(maker, frame, row)

    monkeypatch.setattr(ViewMaker, "views", views)
    return rows


def store_folder(cache_folder):
    (folder,) = cache_folder.iterdir()
    return folder


def start(dataset, cache_folder, stop_before, go):
    arguments = [sys.executable, str(PROGRAM), str(dataset.path), str(cache_folder), str(stop_before), str(go)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=OWN_PROCESS)


def wait_until(condition, process):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_cached_features_are_those_of_the_network_itself(tmp_path):
    dataset, frozen = write_fake_dataset(tmp_path / "set"), toy_frozen_part()
    cache = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "cache")
    assert cache.cells.shape == (12, 3, 16 + 8, 6)
    image = frozen.preprocessing.apply(load_image_rgb(dataset.frames[4].image_path))
    with torch.inference_mode():
        expected = frozen.network(torch.from_numpy(image)[None])[0].numpy()
    np.testing.assert_allclose(cache.cells[4, 0], expected, rtol=2e-3, atol=1e-3)  # float16
    np.testing.assert_allclose(cache.descriptors[4], expected[:16].mean(axis=1), rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(cache.poses[4, 0, :3], dataset.frames[4].position)
    np.testing.assert_allclose(cache.poses[4, 2, :3], dataset.frames[4].position)  # a turned camera stays in place


def test_cells_answer_indices_as_numpy_does(tmp_path):
    cells = build_cache(write_fake_dataset(tmp_path / "set"), toy_frozen_part(), TWO_VIEWS, tmp_path / "cache").cells
    whole = np.load(cells.paths[0])
    rows, views = np.array([[3, 4], [0, 11], [7, 7]]), np.array([[0, 2], [1, 1], [2, 0]])
    for index in ((rows, views), (slice(None), 0), (5, 1), 3, -1, slice(2, 9, 3), (slice(4), slice(1, None))):
        np.testing.assert_array_equal(cells[index], whole[index])
    with pytest.raises(IndexError):
        cells[12, 0]


def test_cells_are_read_and_never_mapped_into_memory(tmp_path):
    cache = build_cache(write_fake_dataset(tmp_path / "set"), toy_frozen_part(), TWO_VIEWS, tmp_path / "cache")
    assert len(cache.cells[:]) == len(cache.descriptors) == 12
    assert str(tmp_path) not in Path("/proc/self/maps").read_text(encoding="utf-8")


def test_a_second_run_reads_and_an_interrupted_one_resumes(tmp_path, counted_rows, monkeypatch):
    dataset, frozen = write_fake_dataset(tmp_path / "set"), toy_frozen_part()
    whole = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "whole").cells[:]
    monkeypatch.setattr(feature_store, "ROWS_PER_COMMIT", 4)
    counting = ViewMaker.views

    def failing(maker, frame, row):
        if row == 9:
            raise KeyboardInterrupt
        return counting(maker, frame, row)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ViewMaker, "views", failing)
        build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "part")
    counted_rows.clear()
    resumed = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "part")
    assert sorted(counted_rows) == [8, 9, 10, 11], "rows that were done are not computed again"
    np.testing.assert_array_equal(resumed.cells[:], whole)
    counted_rows.clear()
    build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "part")
    assert counted_rows == []


def test_a_process_killed_in_mid_caching_is_taken_up_where_it_was(tmp_path, counted_rows):
    dataset, frozen = write_fake_dataset(tmp_path / "set", counts=(14,)), toy_frozen_part()
    process = start(dataset, tmp_path / "cache", 10, tmp_path / "never")
    done = lambda: [path.read_text() for path in (tmp_path / "cache").glob("*/rows_done")]  # noqa: E731
    wait_until(lambda: done() == ["8"], process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    resumed = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "cache")
    assert min(counted_rows) == 8
    undisturbed = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "undisturbed")
    for part in (feature_store.CELLS, feature_store.POSES):
        files = [store_folder(tmp_path / name) / part for name in ("cache", "undisturbed")]
        assert files[0].read_bytes() == files[1].read_bytes()
    np.testing.assert_array_equal(resumed.poses, undisturbed.poses)


def test_of_two_processes_one_caches_and_the_other_waits_and_reads(tmp_path):
    dataset, go = write_fake_dataset(tmp_path / "set"), tmp_path / "go"
    first = start(dataset, tmp_path / "cache", 6, go)
    wait_until(lambda: list((tmp_path / "cache").glob("*/rows_done")), first)
    second = start(dataset, tmp_path / "cache", -1, go)
    assert "another process is caching" in second.stderr.readline()
    assert second.poll() is None
    go.touch()
    assert first.communicate(timeout=DEADLINE_S)[0].strip() == "12"
    assert second.communicate(timeout=DEADLINE_S)[0].strip() == "0"
    assert (first.returncode, second.returncode) == (0, 0)
    cells = build_cache(dataset, toy_frozen_part(), TWO_VIEWS, tmp_path / "cache").cells
    alone = build_cache(dataset, toy_frozen_part(), TWO_VIEWS, tmp_path / "alone").cells
    np.testing.assert_array_equal(cells[:], alone[:])


def test_shards_hold_what_one_store_holds_and_only_one_that_is_damaged_is_made_again(
    tmp_path, counted_rows, monkeypatch
):
    dataset, frozen = write_fake_dataset(tmp_path / "set"), toy_frozen_part()
    whole = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "whole")
    monkeypatch.setattr(sharded_store, "SHARD_ROWS", 5)
    cache = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "shards")
    for index in ((slice(None), 0), (np.array([[4, 5], [11, 0]]), 1), -1):
        np.testing.assert_array_equal(cache.cells[index], whole.cells[index])
    np.testing.assert_array_equal(cache.poses, whole.poses)
    np.testing.assert_array_equal(cache.descriptors, whole.descriptors)
    counted_rows.clear()
    build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "whole")
    assert counted_rows == [], "a store of before there were shards is read as it is"
    cut(store_folder(tmp_path / "shards") / "shard_001" / feature_store.CELLS)
    again = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "shards")
    assert sorted(counted_rows) == [5, 6, 7, 8, 9]
    np.testing.assert_array_equal(again.cells[:], whole.cells[:])


def test_other_processes_make_the_same_files(tmp_path, counted_rows, monkeypatch):
    monkeypatch.setattr(sharded_store, "SHARD_ROWS", 5)
    dataset, frozen = write_fake_dataset(tmp_path / "set"), toy_frozen_part()
    here = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "here")
    counted_rows.clear()
    there = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "there", PicklingEngine())
    assert counted_rows == [10, 11, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4]
    for one, other in zip(here.cells.paths, there.cells.paths):
        for name in (feature_store.CELLS, feature_store.POSES, feature_store.SUMS):
            assert (one.parent / name).read_bytes() == (other.parent / name).read_bytes()


def test_a_process_makes_and_reads_the_shards_of_its_own_frames_alone(tmp_path, counted_rows, monkeypatch):
    monkeypatch.setattr(sharded_store, "SHARD_ROWS", 5)
    dataset, frozen = write_fake_dataset(tmp_path / "set"), toy_frozen_part()
    own = np.array([3, 10])
    part = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "cache", own=own)
    assert sorted(counted_rows) == [0, 1, 2, 3, 4, 10, 11]
    counted_rows.clear()
    whole = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "cache")
    assert sorted(counted_rows) == [5, 6, 7, 8, 9]
    np.testing.assert_array_equal(part.cells[own], whole.cells[own])
    np.testing.assert_array_equal(part.poses[own], whole.poses[own])
    assert np.isnan(part.poses[5:10]).all() and np.isfinite(whole.poses).all()
    np.testing.assert_array_equal(part.descriptors_of(own), whole.descriptors[own])


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def overwrite(path):
    path.write_bytes(b"\xffnot what was here")


@pytest.mark.parametrize("name", [feature_store.CELLS, feature_store.POSES, feature_store.ROWS_DONE])
@pytest.mark.parametrize("damage", [cut, overwrite, os.unlink])
def test_a_damaged_store_is_made_again(tmp_path, counted_rows, caplog, name, damage):
    dataset, frozen = write_fake_dataset(tmp_path / "set"), toy_frozen_part()
    whole = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "cache").cells[:]
    counted_rows.clear()
    damage(store_folder(tmp_path / "cache") / name)
    again = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "cache").cells
    assert sorted(counted_rows) == list(range(1 if (name, damage) == (feature_store.ROWS_DONE, cut) else 0, 12))
    assert (damage is os.unlink or name == feature_store.ROWS_DONE) or "damaged feature cache" in caplog.text
    np.testing.assert_array_equal(again[:], whole)


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", [feature_store.CELLS, feature_store.POSES, feature_store.SUMS])
def test_a_changed_byte_in_a_store_is_not_trained_on(tmp_path, counted_rows, caplog, monkeypatch, name):
    monkeypatch.setattr(feature_store, "CHECKED_BYTES", 1000)  # a row or two at a time
    dataset, frozen = write_fake_dataset(tmp_path / "set"), toy_frozen_part()
    whole = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "cache").cells[:]
    path = store_folder(tmp_path / "cache") / name
    for at in (200, path.stat().st_size - 3):
        flip(path, at)
        counted_rows.clear()
        again = build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "cache").cells
        assert len(counted_rows) == 12
        np.testing.assert_array_equal(again[:], whole)
    assert "damaged feature cache" in caplog.text


def test_a_store_of_before_there_were_checksums_is_made_again_and_said(tmp_path, counted_rows, caplog):
    dataset, frozen = write_fake_dataset(tmp_path / "set"), toy_frozen_part()
    build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "cache")
    (store_folder(tmp_path / "cache") / feature_store.SUMS).unlink()
    counted_rows.clear()
    build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "cache")
    assert len(counted_rows) == 12
    assert "without checksums, as made before; it is made again" in caplog.text


def test_cells_that_are_cut_while_training_reads_are_an_error(tmp_path):
    cells = build_cache(write_fake_dataset(tmp_path / "set"), toy_frozen_part(), TWO_VIEWS, tmp_path / "cache").cells
    cut(cells.paths[0])
    cells[10]
    with pytest.raises(DatasetError, match="cells.npy: cut short"):
        cells[11, 2]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set")
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="file.*cannot be written.*[Nn]ot a directory"):
        build_cache(dataset, toy_frozen_part(), TWO_VIEWS, tmp_path / "file")


def test_features_that_do_not_fit_on_the_disk_are_refused_before_any_work(tmp_path, counted_rows, monkeypatch):
    dataset = write_fake_dataset(tmp_path / "set")
    usage = os.statvfs_result((1, 1, 0, 0, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: usage)
    with pytest.raises(DatasetError, match=r"12 images in 3 views take 0.00 GB; 0.00 GB are free"):
        build_cache(dataset, toy_frozen_part(), TWO_VIEWS, tmp_path / "cache")
    assert counted_rows == []


def test_a_disk_that_fills_while_caching_is_one_line_and_what_was_stored_stays(tmp_path, counted_rows, monkeypatch):
    dataset, frozen = write_fake_dataset(tmp_path / "set"), toy_frozen_part()
    monkeypatch.setattr(feature_store, "ROWS_PER_COMMIT", 4)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))  # 6.8 rows; Python is not killed, the write fails
    try:
        with pytest.raises(DatasetError, match="cannot be written.*File too large"):
            build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    counted_rows.clear()
    build_cache(dataset, frozen, TWO_VIEWS, tmp_path / "cache")
    assert sorted(counted_rows) == list(range(4, 12))


def test_the_fingerprint_follows_all_that_decides_the_features(tmp_path, monkeypatch):
    mesh, backgrounds = write_box_ply(tmp_path / "box.ply"), tmp_path / "backgrounds"
    backgrounds.mkdir()
    (backgrounds / "a.png").write_bytes(b"one")
    one, two = write_fake_dataset(tmp_path / "one"), write_fake_dataset(tmp_path / "two", counts=(11,))
    replaced = AugmentationConfig(background_share=0.5, object_mesh=str(mesh), backgrounds=str(backgrounds))
    other_seed = config_from_dict({"seed": 1}, "test")
    prints = [
        toy_frozen_part().fingerprint(one, AugmentationConfig(views=1)),
        toy_frozen_part(other_seed).fingerprint(one, AugmentationConfig(views=1)),
        toy_frozen_part().fingerprint(one, TWO_VIEWS),
        toy_frozen_part().fingerprint(two, AugmentationConfig(views=1)),
        toy_frozen_part().fingerprint(one, replaced),
        toy_frozen_part().fingerprint(replace(one, camera=one.camera.scaled(32, 24)), replaced),
    ]
    write_box_ply(mesh, size=0.7)
    prints.append(toy_frozen_part().fingerprint(one, replaced))
    (backgrounds / "b.png").write_bytes(b"two")
    prints.append(toy_frozen_part().fingerprint(one, replaced))
    os.utime(one.frames[3].image_path, (1, 1))
    prints.append(toy_frozen_part().fingerprint(one, replaced))
    monkeypatch.setitem(feature_cache.LIBRARIES, "onnxruntime", "another")
    prints.append(toy_frozen_part().fingerprint(one, replaced))
    assert len(set(prints)) == len(prints)
    assert toy_frozen_part().fingerprint(one, replaced) == prints[-1]


def test_originals_are_shared_between_seeds_and_survive_a_move_of_the_data_set(tmp_path):
    dataset, originals = write_fake_dataset(tmp_path / "set"), AugmentationConfig(views=0)
    expected = toy_frozen_part().fingerprint(dataset, originals)
    assert toy_frozen_part(config_from_dict({"seed": 1}, "test")).fingerprint(dataset, originals) == expected
    dataset.path.rename(tmp_path / "moved")
    assert toy_frozen_part().fingerprint(Dataset.load(tmp_path / "moved"), originals) == expected


def test_a_gpu_computes_in_whole_float32(tmp_path, monkeypatch):
    asked = []

    def session(model, options, providers):
        asked.extend(providers)

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(reversed(PROVIDERS)))
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    onnx_session(toy_frozen_part())
    assert asked == [("CUDAExecutionProvider", {"use_tf32": "0"}), ("CPUExecutionProvider", {})]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    onnx_session(toy_frozen_part())
    assert asked[2:] == [("CPUExecutionProvider", {})]


def test_a_missing_mesh_is_named(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set")
    missing = AugmentationConfig(background_share=0.5, object_mesh=str(tmp_path / "none.ply"))
    with pytest.raises(ConfigError, match="none.ply"):
        build_cache(dataset, toy_frozen_part(), missing, tmp_path / "cache")


def test_turned_views_need_intrinsics_and_others_do_not(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", camera=None)
    with pytest.raises(DatasetError, match="no camera intrinsics"):
        build_cache(dataset, toy_frozen_part(), AugmentationConfig(views=1), tmp_path / "cache")
    unturned = AugmentationConfig(views=1, rotation_sd_deg=0.0, in_plane_sd_deg=0.0, occlusion_share=1.0)
    cache = build_cache(dataset, toy_frozen_part(), unturned, tmp_path / "cache")
    np.testing.assert_array_equal(cache.poses[:, 0], cache.poses[:, 1])
    assert (cache.cells[:, 0] != cache.cells[:, 1]).any()
