# SPDX-License-Identifier: BSD-3-Clause
import gc
import warnings
from pathlib import Path

import numpy as np
import pytest

from camera_relocalization_ros.core.array_files import load_arrays, save_arrays

ARRAYS = {"noise": np.random.default_rng(0).normal(size=(300, 100)), "count": np.array(3)}


def test_what_is_written_is_read(tmp_path):
    save_arrays(tmp_path / "made.npz", ARRAYS)
    with open(tmp_path / "opened.npz", "wb") as file:
        save_arrays(file, ARRAYS)
    for name in ("made.npz", "opened.npz"):
        found = load_arrays(tmp_path / name, ARRAYS)
        assert all(np.array_equal(found[key], value) for key, value in ARRAYS.items())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_one_error_and_nothing_more(monkeypatch):
    unraisable = []
    monkeypatch.setattr("sys.unraisablehook", unraisable.append)
    with pytest.raises(OSError, match="No space left"), open("/dev/full", "wb", buffering=0) as file:
        save_arrays(file, ARRAYS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()
    assert unraisable == []
