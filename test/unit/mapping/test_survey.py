# SPDX-License-Identifier: BSD-3-Clause
"""Photographs with tags on a floor: a reconstruction of unknown scale and axes becomes a data set in metres.

How well COLMAP reconstructs is measured by benchmarks/survey.py; here it is given its poses.
"""

import subprocess
import sys

import numpy as np
import pytest
from helpers import encoded, fake_image_rgb, load_benchmark
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.doctor.finding import BAD
from camera_relocalization_ros.data.doctor.survey_check import check_survey
from camera_relocalization_ros.mapping.survey.alignment import similarity_between
from camera_relocalization_ros.pipelines.survey import Tags, aligned, scaled_by_tags, write_survey

pycolmap = pytest.importorskip("pycolmap", reason="structure from motion")
ROOM = load_benchmark("survey")
SCALE, TURN, SHIFT = 0.37, Rotation.from_rotvec([0.3, -1.1, 0.4]), np.array([5.0, -2.0, 1.0])
FOUND = {"pictures": 7, "registered": 6, "reprojection_px": 0.3}


def reconstruction_of(truth):
    """What COLMAP would have found: the true cameras in a scene of its own scale and axes."""
    camera, found = ROOM.CAMERA, pycolmap.Reconstruction()
    lens = [camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5]
    found.add_camera_with_trivial_rig(
        pycolmap.Camera(model="PINHOLE", width=camera.width, height=camera.height, params=lens, camera_id=1)
    )
    for number, (name, T_world_camera) in enumerate(truth.items(), 1):
        T_scene_camera = np.eye(4)
        T_scene_camera[:3, :3] = TURN.as_matrix() @ T_world_camera[:3, :3]
        T_scene_camera[:3, 3] = SCALE * TURN.apply(T_world_camera[:3, 3]) + SHIFT
        image = pycolmap.Image(name=name, camera_id=1, image_id=number)
        found.add_image_with_trivial_frame(image, pycolmap.Rigid3d(invert(T_scene_camera)[:3]))
    return found


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey") / "photos"
    folder.mkdir()
    return folder, ROOM.photographs(folder, 6)


@pytest.fixture(scope="module")
def surveyed(photos, tmp_path_factory):
    folder, truth = photos
    reconstruction = reconstruction_of(truth)
    report = {**FOUND, **scaled_by_tags(reconstruction, folder, Tags(ROOM.DICTIONARY, ROOM.TAG_M))}
    return write_survey(reconstruction, folder, tmp_path_factory.mktemp("sets") / "set", report)


def test_poses_are_metric_and_in_the_tags_frame(photos, surveyed):
    metres, degrees, scale = ROOM.errors(surveyed, photos[1])
    assert surveyed.frame_count == 6 and surveyed.is_metric
    assert np.median(metres) < 0.015 and np.median(degrees) < 0.3 and abs(scale) < 0.01
    assert surveyed.camera is not None and abs(surveyed.camera.fx - ROOM.CAMERA.fx) < 1e-6


def test_what_is_known_of_the_errors_is_written_and_shown(surveyed):
    report = Dataset.load(surveyed.path).sequences[0].info["survey"]
    assert report["scale_from"] == "2 tags of DICT_4X4_50, 0.3 m" and report["frame_of"] == "tag 3"
    assert 0 < report["scale_error"] < 0.02 and 0 < report["frame_error_m"] < 0.005
    finding = check_survey(surveyed)
    assert "6 of 7 pictures have a place" in finding.sentence and "axes of tag 3" in finding.sentence


def test_a_data_set_that_shares_pictures_is_extended(photos, surveyed, tmp_path):
    folder, truth = photos
    reconstruction = reconstruction_of(truth)
    report = {**FOUND, **aligned(reconstruction, folder, surveyed)}
    again = write_survey(reconstruction, folder, tmp_path / "again", report, surveyed)
    np.testing.assert_allclose(again.poses.positions, surveyed.poses.positions, atol=1e-6)
    assert (again.parent_frame, again.child_frame) == (surveyed.parent_frame, surveyed.child_frame)
    assert report["frame_error_m"] < 1e-6 and report["frame_error_deg"] < 1e-3
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "p0.png").write_bytes(encoded(fake_image_rgb(1)))
    with pytest.raises(DatasetError, match="0 of its pictures are among those"):
        aligned(reconstruction_of({"p0.png": truth["p0.png"]}), tmp_path / "others", surveyed)


def test_points_in_a_line_align_nothing():
    line = np.outer(np.arange(5.0), [1, 2, 3])
    with pytest.raises(DatasetError, match="in a line"):
        similarity_between(line, line)


def test_what_gives_no_poses_is_refused_in_words(tmp_path, capsys):
    from camera_relocalization_ros.mapping.survey.tags import tag_detector
    from camera_relocalization_ros.pipelines.survey import survey

    (tmp_path / "photos").mkdir()
    for number in range(3):
        (tmp_path / "photos" / f"{number}.png").write_bytes(encoded(fake_image_rgb(number)))
    with pytest.raises(DatasetError, match="0 of 3 pictures find a place"):
        survey(tmp_path / "photos", tmp_path / "set")
    with pytest.raises(ConfigError, match="expected one of DICT_4X4_100"):
        tag_detector("QR")
    assert main(["survey", str(tmp_path / "photos"), "--tags", "DICT_4X4_50", "-o", str(tmp_path / "set")]) == 1
    assert "--tags and --tag-size go together" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_a_survey_without_a_scale_is_not_metric(photos, tmp_path):
    folder, truth = photos
    dataset = write_survey(reconstruction_of(truth), folder, tmp_path / "set", dict(FOUND))
    assert not dataset.is_metric
    finding = check_survey(dataset)
    assert finding.level == BAD and "nothing tells the scale" in finding.sentence


def test_sigterm_still_ends_a_survey_as_it_ends_other_commands():
    program = """
import os, signal
signal.signal(signal.SIGTERM, lambda *_: print("as before", flush=True))
from camera_relocalization_ros.mapping.survey.structure import arm_sigterm_again
arm_sigterm_again()
os.kill(os.getpid(), signal.SIGTERM)
print("goes on")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["as before", "goes on"], done.stderr
