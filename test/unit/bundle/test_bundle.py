# SPDX-License-Identifier: BSD-3-Clause
"""Bundles of old versions load; edited, absurd and hostile ones are refused in one line."""

import hashlib
import io
import os
import re
import resource
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from colour_bundle import BASE, COLOUR_BUNDLE, COLOUR_BUNDLE_V2, as_version_1, edited_copy

from camera_relocalization_ros.bundle.model_bundle import SIDECAR, load_bundle
from camera_relocalization_ros.cli.info import describe
from camera_relocalization_ros.core.array_files import load_arrays
from camera_relocalization_ros.core.errors import BundleError

NOBODY = 65534


def refusal(path):
    with pytest.raises(BundleError) as caught:
        load_bundle(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


def test_a_bundle_of_version_1_loads_and_its_range_comes_from_the_training_poses(tmp_path):
    bundle = load_bundle(edited_copy(tmp_path / "old", as_version_1, COLOUR_BUNDLE_V2))
    assert bundle.reference_outputs is None and bundle.sidecar.training_data == ()
    np.testing.assert_allclose([bundle.training_range.min, bundle.training_range.max], [BASE, BASE + 1])
    assert bundle.index.positions.shape == (3, 3)
    assert "none (a bundle of version 1)" in describe(str(tmp_path / "old"))


@contextmanager
def no_privileges():
    """As nobody, where the tests are root's: root may read everything."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_a_pinned_bundle_is_that_bundle_and_nothing_is_read_before_that_is_known(tmp_path):
    digest = hashlib.sha256((COLOUR_BUNDLE / SIDECAR).read_bytes()).hexdigest()
    assert f"sha256 of bundle.yaml: {digest}" in describe(str(COLOUR_BUNDLE))
    assert load_bundle(COLOUR_BUNDLE, sha256=digest).bundle_id == load_bundle(COLOUR_BUNDLE).bundle_id
    (tmp_path / SIDECAR).write_text("{: no YAML at all")
    with pytest.raises(BundleError, match=f"bundle.yaml: sha256 [0-9a-f]{{64}}; expected {digest}"):
        load_bundle(tmp_path, sha256=digest)


@pytest.mark.parametrize("name", [SIDECAR, "network.onnx", "training.npz", "test_vector.npz"])
def test_a_file_of_gigabytes_is_refused_before_memory_is_taken(tmp_path, name):
    path = shutil.copytree(COLOUR_BUNDLE, tmp_path / "bundle")
    os.truncate(path / name, 6 * 10**9)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert f"{name}: " in refusal(path) and "6000000000 bytes; expected at most" in refusal(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**16


@pytest.mark.parametrize("closed", ["", "bundle", f"bundle/{SIDECAR}", "bundle/network.onnx"])
def test_what_the_user_may_not_read_is_refused_in_one_line(closed):
    # not in tmp_path, which is one user's
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        edited_copy(top / "bundle")
        top.chmod(0o755)
        mode = (top / closed).stat().st_mode
        (top / closed).chmod(0o000)
        with no_privileges():
            assert "Permission" in refusal(top / "bundle")
        (top / closed).chmod(mode)


def setting(*keys, to):
    def edit(values):
        for key in keys[:-1]:
            values = values[key]
        values[keys[-1]] = to

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (setting("version", to=5), "version 5; expected .* version 1 or 2 or 3 or 4"),
        (setting("preprocessing", "width", to=10**9), "preprocessing width is 1000000000; expected 8 to 4096"),
        (setting("preprocessing", "height", to=-1), "preprocessing height is -1"),
        (setting("preprocessing", "height", to=float("inf")), "not a valid sidecar"),
        (setting("preprocessing", "depth", to=3), "not a valid sidecar"),
        (setting("window_length", to=-2), "window_length is -2; expected 1 to 64"),
        (setting("window_length", to=10**6), "window_length is 1000000"),
        (setting("max_gap_s", to=float("nan")), "max_gap_s is nan"),
        (setting("max_gap_s", to=0), "max_gap_s is 0"),
        (setting("camera", "fx", to=float("nan")), "camera fx is nan; expected above 0"),
        (setting("camera", "width", to=10**9), "camera width is 1000000000"),
        (setting("parent_frame", to="map\nroot"), "parent_frame is .*; expected a printable text"),
        (setting("parent_frame", to=["map"]), "parent_frame is .*; expected a printable text"),
        (setting("precision", to="fp8"), "precision is 'fp8'; expected one of fp32"),
        (setting("test_vector", "tolerance", to=1e9), "tolerance is 1000000000.0; expected above 0, at most 0.1"),
        (setting("test_vector", to=None), "not a valid sidecar"),
        (setting("training_data", to=[{"name": "a"}]), "not a valid sidecar .KeyError"),
        (setting("training_range", "max", to=[9.0, 9.0, 9.0]), "training_range is .*9.0.*; expected"),
        (setting("training_range", to="wide"), "training_range is wide; expected"),
        (setting("sha256", to={}), "not a valid sidecar .KeyError: 'network.onnx'"),
    ],
)
def test_absurd_values_are_refused_by_name(tmp_path, edit, message):
    path = edited_copy(tmp_path / "bundle", edit)
    refused = refusal(path)
    assert re.search(message, refused), refused


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.mkdir [HERE/made]",
        "[" * 5000,
        "a: &a [x, x]\nb: &b [*a, *a]\nformat: *b",
        "\x00",
        "- 1",
        "",
    ],
)
def test_yaml_that_is_no_sidecar_runs_nothing(tmp_path, text):
    path = edited_copy(tmp_path / "bundle")
    (path / SIDECAR).write_text(text.replace("HERE", str(tmp_path)))
    assert "not a valid sidecar" in refusal(path)
    assert not (tmp_path / "made").exists()


def test_a_sidecar_of_megabytes_is_not_parsed(tmp_path):
    path = edited_copy(tmp_path / "bundle", setting("origin", to={"text": "x" * 2**20}))
    assert "expected at most 1048576" in refusal(path)


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def known_arrays(name):
    with np.load(COLOUR_BUNDLE / name) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", ["training.npz", "test_vector.npz"])
def test_pickled_objects_are_not_loaded(tmp_path, name):
    for key in known_arrays(name):
        arrays = {**known_arrays(name), key: np.array([Hostile(tmp_path / "made")], dtype=object)}
        path = edited_copy(tmp_path / key, **{name[:-4]: npz(**arrays)})
        assert name in refusal(path)
        assert not (tmp_path / "made").exists()


def test_an_array_that_claims_more_than_it_holds_takes_no_memory(tmp_path):
    lying = io.BytesIO()
    np.lib.format.write_array_header_1_0(lying, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 3)})
    with zipfile.ZipFile(tmp_path / "lying.npz", "w") as archive:
        archive.writestr("positions.npy", lying.getvalue())
    with pytest.raises(ValueError, match="0 bytes; its header says .1000000000000, 3."):
        load_arrays(tmp_path / "lying.npz", ["positions"])


def test_a_small_file_of_huge_arrays_is_refused_before_it_is_unpacked(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", positions=np.zeros((10**6, 3), np.float32))
    assert (tmp_path / "bomb.npz").stat().st_size < 20_000
    with pytest.raises(ValueError, match="12000128 bytes of arrays; expected at most 10000000"):
        load_arrays(tmp_path / "bomb.npz", ["positions"], max_bytes=10**7)


@pytest.mark.parametrize("damage", [b"", b"PK", npz(positions=np.zeros(3))])
def test_files_that_are_no_arrays_of_a_bundle_are_refused(tmp_path, damage):
    for name in ("training", "test_vector"):
        assert f"{name}.npz" in refusal(edited_copy(tmp_path / name, **{name: damage}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("position", np.full((2, 3), np.nan, np.float32)),
        ("position", np.zeros((3, 3), np.float32)),
        ("quat_xyzw", np.zeros((2, 3), np.float32)),
        ("descriptor", np.zeros((2, 3))),
        ("images", np.zeros((2, 10, 10, 3), np.uint8)),
        ("images", np.zeros((0, 48, 64, 3), np.uint8)),
    ],
)
def test_a_test_vector_of_wrong_shape_is_refused(tmp_path, key, value):
    arrays = {**known_arrays("test_vector.npz"), key: value}
    assert "test_vector.npz" in refusal(edited_copy(tmp_path / "bundle", test_vector=npz(**arrays)))


def test_training_poses_and_descriptors_must_be_of_the_same_images(tmp_path):
    arrays = known_arrays("training.npz")
    arrays["quats_xyzw"] = arrays["quats_xyzw"][:2]
    assert "not an index: shapes" in refusal(edited_copy(tmp_path / "bundle", training=npz(**arrays)))
