# SPDX-License-Identifier: BSD-3-Clause
"""What earlier versions wrote loads, or is refused with the command that makes it again; test/data/old is from them.

Bundles of versions 1 and 2 are in test_bundle.py, feature caches in test_feature_cache.py.
"""

import hashlib
import shutil
from pathlib import Path

import pytest
import yaml
from colour_bundle import COLOUR_BUNDLE

from camera_relocalization_ros.bundle.model_bundle import LANDMARKS, SIDECAR, load_bundle
from camera_relocalization_ros.core.errors import BundleError, ResultError
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.evaluation.result_files import load_result
from camera_relocalization_ros.training.run_folder import load_run

OLD = Path(__file__).resolve().parents[2] / "data" / "old"


def test_a_data_set_of_the_first_version_loads():
    dataset = Dataset.load(OLD / "dataset_v1")
    assert dataset.frame_count == 2
    assert all(load_image_rgb(frame.image_path).shape == (48, 64, 3) for frame in dataset.frames)


def test_a_run_of_before_there_were_checksums_and_an_origin_loads(toy_config):
    run = load_run(OLD / "run_v1")
    assert (run.config.backbone, run.child_frame) == ("toy", "camera_optical_frame")
    assert not run.position_origin.any()


def test_a_result_of_version_1_is_refused_with_what_makes_it_again():
    with pytest.raises(ResultError, match=r"version 1.*`reloc evaluate` or `reloc replay` with -o makes it again"):
        load_result(OLD / "result_v1")


@pytest.mark.parametrize("version", [1, 2])
def test_a_map_of_an_earlier_version_is_refused_with_what_makes_it_again(tmp_path, version):
    path = shutil.copytree(COLOUR_BUNDLE, tmp_path / "bundle")
    content = (OLD / f"landmarks_v{version}.npz").read_bytes()
    (path / LANDMARKS).write_bytes(content)
    values = yaml.safe_load((path / SIDECAR).read_text())
    values["sha256"][LANDMARKS] = hashlib.sha256(content).hexdigest()
    (path / SIDECAR).write_text(yaml.safe_dump(values))
    with pytest.raises(BundleError, match=r"`reloc map DATASET... --bundle BUNDLE` makes it again"):
        load_bundle(path)
    assert load_bundle(path, with_map=False).landmark_map is None
