# SPDX-License-Identifier: BSD-3-Clause
"""Data sets as models of COLMAP and as transforms.json, read back to the last digits."""

import struct
from dataclasses import replace

import numpy as np
import pytest
from helpers import CAMERA, write_fake_dataset

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.layouts.colmap import import_colmap
from camera_relocalization_ros.data.layouts.colmap_export import export_colmap
from camera_relocalization_ros.data.layouts.transforms_json import export_transforms_json, import_transforms_json
from camera_relocalization_ros.data.splits import save_split

OPENCV = replace(CAMERA, fx=61.5, cx=31.25, distortion=(0.1, -0.02, 0.003, 0.004, 0.0))
FISHEYE = replace(CAMERA, distortion=(0.01, -0.002, 0.0003, 0.00004), distortion_model="equidistant")
K3 = replace(OPENCV, distortion=(0.1, -0.02, 0.003, 0.004, 0.05))
LENSES = {"pinhole": CAMERA, "opencv": OPENCV, "k3": K3, "fisheye": FISHEYE}
UTM_M = (388096.25, 5548996.5, 130.0)


def assert_same(found, dataset):
    np.testing.assert_allclose(found.poses.positions, dataset.poses.positions, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.poses.quats_xyzw, dataset.poses.quats_xyzw, rtol=0, atol=1e-9)
    for name in ("width", "height"):
        assert getattr(found.camera, name) == getattr(dataset.camera, name)
    for name in ("fx", "fy", "cx", "cy"):
        assert getattr(found.camera, name) == pytest.approx(getattr(dataset.camera, name), abs=1e-9)
    wanted = dataset.camera.distortion
    assert found.camera.distortion_model == dataset.camera.distortion_model
    assert found.camera.distortion[: len(wanted)] == pytest.approx(wanted, abs=1e-12)
    assert not any(found.camera.distortion[len(wanted) :])
    assert [f.image_path.read_bytes() for f in found.frames] == [f.image_path.read_bytes() for f in dataset.frames]


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("binary", [False, True])
def test_colmap_reads_back_what_was_written(tmp_path, lens, binary):
    dataset = write_fake_dataset(tmp_path / "set", (4, 3), LENSES[lens])
    (model,) = export_colmap(dataset, tmp_path / "out", binary)
    suffix = "bin" if binary else "txt"
    assert sorted(p.name for p in model.iterdir()) == [f"{name}.{suffix}" for name in ("cameras", "images", "points3D")]
    found = import_colmap(model, tmp_path / "again")
    assert [sequence.name for sequence in found.sequences] == ["flight0", "flight1"]
    assert_same(found, dataset)


LAYOUTS = [(export_colmap, import_colmap), (export_transforms_json, import_transforms_json)]


@pytest.mark.parametrize(("write", "read"), LAYOUTS)
def test_each_picture_keeps_its_own_camera(tmp_path, write, read):
    one = write_fake_dataset(tmp_path / "set", (4,), None)
    frames = tuple(replace(f, camera=camera) for f, camera in zip(one.frames, (CAMERA, FISHEYE, OPENCV, FISHEYE)))
    several = replace(one, sequences=(replace(one.sequences[0], frames=frames),))
    found = read(write(several, tmp_path / "out")[0], tmp_path / "again")
    for frame, wanted in zip(found.frames, frames):
        camera = found.camera_of(frame)
        assert camera.distortion_model == wanted.camera.distortion_model
        assert camera.distortion == pytest.approx(wanted.camera.distortion)
        assert (camera.fx, camera.cx) == pytest.approx((wanted.camera.fx, wanted.camera.cx), abs=1e-9)


def test_binary_models_have_colmaps_layout(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", (2,), OPENCV)
    (model,) = export_colmap(dataset, tmp_path / "out", binary=True)
    # colmap.github.io/format.html: count, then id, model, width, height and parameters
    count, number, kind, width, height, fx = struct.unpack_from("<QiiQQd", (model / "cameras.bin").read_bytes())
    assert (count, number, kind, width, height, fx) == (1, 1, 4, CAMERA.width, CAMERA.height, 61.5)
    images = (model / "images.bin").read_bytes()
    assert struct.unpack_from("<Qi", images) == (2, 1) and images[72:].startswith(b"flight0/000000.png\0")


def test_transforms_json_reads_back_with_its_split(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", (6,), LENSES["k3"])
    save_split(dataset.path, "official", {"train": {"flight0": [[0, 3]]}, "test": {"flight0": [[4, 5]]}}, "test")
    (path,) = export_transforms_json(dataset, tmp_path / "out")
    found = import_transforms_json(path, tmp_path / "again")
    assert_same(found, dataset)
    for part, numbers in (("train", [0, 1, 2, 3]), ("test", [4, 5])):
        assert [f.number for f in Dataset.load(f"{found.path}@official.{part}").frames] == numbers


def test_positions_in_utm_keep_their_nanometres(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", (4,), CAMERA, offset_m=UTM_M)
    (path,) = export_transforms_json(dataset, tmp_path / "out")
    found = import_transforms_json(path, tmp_path / "again")
    np.testing.assert_array_equal(found.poses.positions, dataset.poses.positions)
    # COLMAP keeps the scene in the camera: a rotation over thousands of kilometres costs the last digits of float64
    (model,) = export_colmap(dataset, tmp_path / "model")
    found = import_colmap(model, tmp_path / "from_model")
    np.testing.assert_allclose(found.poses.positions, dataset.poses.positions, rtol=0, atol=1e-8)


def test_what_cannot_be_exported_is_one_line(tmp_path, capsys):
    unknown = write_fake_dataset(tmp_path / "set", (2,), None)
    with pytest.raises(DatasetError, match="intrinsics are not known"):
        export_colmap(unknown, tmp_path / "out")
    assert main(["export-dataset", str(tmp_path / "set"), "transforms", "--binary", "-o", str(tmp_path / "out")]) == 1
    assert "takes no option --binary" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
