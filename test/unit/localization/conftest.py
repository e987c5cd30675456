# SPDX-License-Identifier: BSD-3-Clause
import pytest
from painted_wall import CAMERA, write_wall_bundle
from shared_work import made_once

from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline
from camera_relocalization_ros.localization.relocalizer import Relocalizer


@pytest.fixture(scope="session")
def wall_bundle(tmp_path_factory):
    """A bundle whose map has the landmarks of the painted wall."""
    return made_once(tmp_path_factory, "wall", write_wall_bundle) / "wall_bundle"


@pytest.fixture
def relocalizer(wall_bundle):
    return Relocalizer.from_bundle(wall_bundle)


@pytest.fixture
def pipeline(relocalizer):
    return LandmarkPipeline(relocalizer.bundle.landmark_map, CAMERA)
