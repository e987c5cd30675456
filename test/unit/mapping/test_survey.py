# SPDX-License-Identifier: BSD-3-Clause
"""Photographs with tags on a floor: a reconstruction of unknown scale and axes becomes a data set in metres.

How well COLMAP reconstructs is measured by benchmarks/survey.py; here it is given its poses.
"""

import subprocess
import sys

import numpy as np
import pymap3d
import pytest
import yaml
from helpers import encoded, fake_image_rgb, load_benchmark
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.aircraft.local_frame import Geodetic
from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.cli.survey import print_surveyed
from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.doctor.finding import BAD
from camera_relocalization_ros.data.doctor.survey_check import check_survey
from camera_relocalization_ros.mapping.survey.alignment import Similarity, similarity_between
from camera_relocalization_ros.mapping.survey.distances import Distances
from camera_relocalization_ros.mapping.survey.pictures import Pictures
from camera_relocalization_ros.pipelines.survey import Tags, write_survey

pycolmap = pytest.importorskip("pycolmap", reason="structure from motion")
scaling = pytest.importorskip("camera_relocalization_ros.mapping.survey.scaling")
ROOM = load_benchmark("survey")
SCALE, TURN, SHIFT = 0.37, Rotation.from_rotvec([0.3, -1.1, 0.4]), np.array([5.0, -2.0, 1.0])
# what COLMAP has of the room beside the tags
FEATURES = np.random.default_rng(3).uniform([-1.0, -0.2, 0.0], [1.2, 1.2, 1.6], (100, 3))
FOUND = {"pictures": 7, "registered": 6, "reprojection_px": 0.3}


def reconstruction_of(truth, noise_px=0.0):
    """What COLMAP would have found: the true cameras in a scene of its own scale and axes."""
    rng = np.random.default_rng(1)
    camera, found = ROOM.CAMERA, pycolmap.Reconstruction()
    lens = [camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5]
    found.add_camera_with_trivial_rig(
        pycolmap.Camera(model="PINHOLE", width=camera.width, height=camera.height, params=lens, camera_id=1)
    )
    seen = [pycolmap.Track() for _ in FEATURES]
    for number, (name, T_world_camera) in enumerate(truth.items(), 1):
        T_scene_camera = np.eye(4)
        T_scene_camera[:3, :3] = TURN.as_matrix() @ T_world_camera[:3, :3]
        T_scene_camera[:3, 3] = SCALE * TURN.apply(T_world_camera[:3, 3]) + SHIFT
        T_camera_world = invert(T_world_camera)
        pixels = camera.project(FEATURES @ T_camera_world[:3, :3].T + T_camera_world[:3, 3])
        assert np.isfinite(pixels).all()
        pixels += rng.normal(0, noise_px, pixels.shape)
        image = pycolmap.Image(name=name, keypoints=pixels + 0.5, camera_id=1, image_id=number)
        found.add_image_with_trivial_frame(image, pycolmap.Rigid3d(invert(T_scene_camera)[:3]))
        for index, track in enumerate(seen):
            track.add_element(number, index)
    for point, track in zip(SCALE * TURN.apply(FEATURES) + SHIFT, seen):
        found.add_point3D(point, track)
    return found


def pictures_in(folder, **known):
    return Pictures(folder, tuple(f"p{number}.png" for number in range(6)), folder.name, **known)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey") / "photos"
    folder.mkdir()
    return folder, ROOM.photographs(folder, 6)


@pytest.fixture(scope="module")
def surveyed(photos, tmp_path_factory):
    folder, truth = photos
    reconstruction = reconstruction_of(truth)
    report = {**FOUND, **scaling.scaled_by_tags(reconstruction, folder, Tags(ROOM.DICTIONARY, ROOM.TAG_M))}
    return write_survey([reconstruction], pictures_in(folder), tmp_path_factory.mktemp("sets") / "set", report)


def test_poses_are_metric_and_in_the_tags_frame(photos, surveyed):
    metres, degrees, scale = ROOM.errors(surveyed, photos[1])
    assert surveyed.frame_count == 6 and surveyed.is_metric
    assert np.median(metres) < 0.006 and np.median(degrees) < 0.15 and abs(scale) < 0.005
    assert surveyed.camera is not None and abs(surveyed.camera.fx - ROOM.CAMERA.fx) < 1e-6


def test_what_is_known_of_the_errors_is_written_and_shown(surveyed):
    report = Dataset.load(surveyed.path).sequences[0].info["survey"]
    assert report["scale_from"] == "2 tags of DICT_4X4_50, 0.3 m" and report["frame_of"] == "tag 3"
    assert 0 < report["scale_error"] < 0.02 and 0 < report["frame_error_m"] < 0.005
    assert 0 < report["frame_error_deg"] < 0.5
    finding = check_survey(surveyed)
    assert "6 of 7 pictures have a place" in finding.sentence and "axes of tag 3" in finding.sentence


def test_the_corners_of_tags_correct_the_cameras(photos):
    folder, truth = photos
    reconstruction = reconstruction_of(truth)
    spoilt = reconstruction.images[2]
    # as a picture of blurred features is off: by 0.3 deg
    turn = pycolmap.Rigid3d(pycolmap.Rotation3d(np.array([0.0, 0.005, 0.0])), np.zeros(3))
    before = spoilt.cam_from_world()
    spoilt.frame.set_cam_from_world(spoilt.camera_id, turn * before)
    scaling.scaled_by_tags(reconstruction, folder, Tags(ROOM.DICTIONARY, ROOM.TAG_M))
    found = np.array([np.linalg.inv(T)[:3, :3] for T in map(scaling._T_camera_scene, reconstruction.images.values())])
    true = np.array([truth[image.name][:3, :3] for image in reconstruction.images.values()])
    turns = Rotation.from_matrix(found @ np.swapaxes(true, 1, 2))
    off_deg = np.degrees((turns.mean().inv() * turns).magnitude())
    assert off_deg.max() < 0.1
    # the features are moved with their cameras
    assert reconstruction.compute_mean_reprojection_error() < 0.05


def test_corners_count_by_how_exactly_they_are_seen(photos):
    from camera_relocalization_ros.mapping.survey.corner_adjustment import corner_weight
    from camera_relocalization_ros.mapping.survey.scene_points import intersection

    truth = photos[1]
    for features_px, corners_px, expected in ((0.3, 0.1, range(6, 14)), (0.1, 0.3, [0]), (1.0, 0.05, [16])):
        reconstruction, rng = reconstruction_of(truth, features_px), np.random.default_rng(0)
        images = list(reconstruction.images.values())
        # corners are found on the floor, 0 counts in the middle of a pixel
        corners = SCALE * TURN.apply(np.c_[rng.uniform(-0.5, 0.5, (20, 2)), np.zeros(20)]) + SHIFT
        views = [[(i, i.project_point(c) - 0.5 + rng.normal(0, corners_px, 2)) for i in images] for c in corners]
        assert corner_weight(reconstruction, [intersection(view) for view in views], 0) in expected


def test_a_square_is_as_sure_as_it_says(photos):
    from camera_relocalization_ros.mapping.survey.scene_points import intersection
    from camera_relocalization_ros.mapping.survey.squares import fitted_square

    images = list(reconstruction_of(photos[1]).images.values())
    axes_m, rng = (
        np.array([[-0.15, 0.15, 0], [0.15, 0.15, 0], [0.15, -0.15, 0], [-0.15, -0.15, 0]]),
        np.random.default_rng(0),
    )
    truth = Similarity(SCALE, TURN, SHIFT)
    normalised = []
    for _ in range(12):
        seen = [[(i, i.project_point(c) - 0.5 + rng.normal(0, 0.2, 2)) for i in images] for c in truth.apply(axes_m)]
        square = fitted_square([intersection(views) for views in seen], axes_m)
        turn_rad = (square.to_scene.rotation * TURN.inv()).as_rotvec()
        normalised += [turn_rad / square.turn_rad, (square.to_scene.shift - SHIFT) / square.shift]
        normalised += [np.log(square.to_scene.scale / SCALE)[None] / square.scale]
        assert abs(square.to_scene.scale / SCALE - 1) < 0.01
    assert 0.7 < np.sqrt(np.mean(np.concatenate(normalised) ** 2)) < 1.4


def test_a_tag_that_the_picture_cuts_off_is_not_taken():
    from camera_relocalization_ros.mapping.survey.tags import tag_detector

    picture = ROOM.floor_with_tags()
    detect = tag_detector(ROOM.DICTIONARY)
    whole = detect(picture)[7]
    lowest = int(whole[:, 1].max())
    np.testing.assert_allclose(detect(picture[: lowest + 12])[7], whole, atol=0.01)
    # OpenCV finds all of these, with corners up to 10 pixels off
    assert not any(7 in detect(picture[: lowest + rows]) for rows in (-4, -2, 0, 2))


def test_a_data_set_that_shares_pictures_is_extended(photos, surveyed, tmp_path):
    folder, truth = photos
    reconstruction = reconstruction_of(truth)
    report = {**FOUND, **scaling.aligned(reconstruction, folder, surveyed)}
    again = write_survey(
        [reconstruction], pictures_in(folder), tmp_path / "again", report, (surveyed.parent_frame, surveyed.child_frame)
    )
    np.testing.assert_allclose(again.poses.positions, surveyed.poses.positions, atol=1e-6)
    assert (again.parent_frame, again.child_frame) == (surveyed.parent_frame, surveyed.child_frame)
    assert report["frame_error_m"] < 1e-6 and report["frame_error_deg"] < 1e-3
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "p0.png").write_bytes(encoded(fake_image_rgb(1)))
    with pytest.raises(DatasetError, match="0 of its pictures are among those"):
        scaling.aligned(reconstruction_of({"p0.png": truth["p0.png"]}), tmp_path / "others", surveyed)


def test_a_distance_between_picked_points_is_a_scale(photos, tmp_path):
    folder, truth = photos
    ends = {"first": [0.0, 0.0, 0.0], "second": [0.9, -0.3, 0.2]}
    picks = {
        end: {
            name: ROOM.CAMERA.project(invert(truth[name])[:3] @ np.append(point, 1.0))[0]
            for name in ("p0.png", "p5.png")
        }
        for end, point in ends.items()
    }
    plain = {end: {name: pixel.tolist() for name, pixel in views.items()} for end, views in picks.items()}
    metres = float(np.linalg.norm(np.subtract(*ends.values())))
    (tmp_path / "picks.yaml").write_text(yaml.safe_dump({"distances": [{"metres": metres, **plain}]}))
    reconstruction = reconstruction_of(truth)
    report = {**FOUND, **scaling.scaled_by_distances(reconstruction, Distances.load(tmp_path / "picks.yaml"))}
    dataset = write_survey([reconstruction], pictures_in(folder), tmp_path / "set", report)
    assert abs(ROOM.errors(dataset, truth)[2]) < 1e-6 and dataset.is_metric
    # a point to a pixel, in some 2.5 m: 6 mm of a metre
    assert 0.002 < report["scale_error"] < 0.02 and report["scale_from"] == "a picked distance"
    # zero is the first point, up is up: the cameras, which look down on it, are above it
    assert all(0.8 < frame.position[2] < 2.5 for frame in dataset.frames)
    assert "axes of the first picked point" in check_survey(dataset).sentence
    plain["first"]["p5.png"] = [10.0, 10.0]
    for spoilt, message in (
        ({**plain}, "do not show the same point"),
        ({**plain, "first": {"p0.png": [1.0, 2.0], "p9.png": [1.0, 2.0]}}, "'p9.png' is no picture with a place"),
    ):
        (tmp_path / "spoilt.yaml").write_text(yaml.safe_dump({"distances": [{"metres": metres, **spoilt}]}))
        with pytest.raises(DatasetError, match=message):
            scaling.scaled_by_distances(reconstruction, Distances.load(tmp_path / "spoilt.yaml"))


def test_satellites_give_metres_and_east_north_up(photos, tmp_path):
    folder, truth = photos
    origin = Geodetic(48.26, 11.67, 480.0)
    names = list(truth)
    positions = np.array([T[:3, 3] for T in truth.values()])
    east, north, up = (10 * (positions - positions[0])).T
    lla = np.stack(pymap3d.enu2geodetic(east, north, up, origin.latitude_deg, origin.longitude_deg, origin.height_m), 1)
    places = {name: Geodetic(*row) for name, row in zip(names, lla.tolist())}
    # a fix that jumped by 30 m
    places["p3.png"] = Geodetic(places["p3.png"].latitude_deg + 30 / 111_000, *lla[3, 1:].tolist())
    reconstruction = reconstruction_of(truth)
    report = {**FOUND, **scaling.scaled_by_places(reconstruction, pictures_in(folder, places=places))}
    dataset = write_survey([reconstruction], pictures_in(folder), tmp_path / "set", report)
    np.testing.assert_allclose(dataset.poses.positions, 10 * (positions - positions[0]), atol=1e-5)
    assert report["scale_from"] == "satellite positions of 5 of 6 pictures" and report["frame_of"] == "east, north, up"
    np.testing.assert_allclose(report["origin"], [48.26, 11.67, 480.0], atol=1e-9)
    assert report["scale_error"] < 1e-6 and report["frame_error_deg"] < 1e-3
    few = {name: places[name] for name in names[:3]}
    with pytest.raises(DatasetError, match="3 pictures with a place in the scene have one by satellites"):
        scaling.scaled_by_places(reconstruction, pictures_in(folder, places=few))


def test_the_landmarks_of_an_object_align_its_placements():
    from camera_relocalization_ros.mapping.survey.object_alignment import ScenePoints, landmark_similarity

    rng = np.random.default_rng(0)
    object_points, surroundings = rng.normal(0, 0.4, (60, 3)), rng.normal(0, 3.0, (200, 3))
    descriptors = rng.uniform(0, 255, (260, 128)).astype(np.float32)
    first = ScenePoints(np.concatenate([object_points, surroundings]), descriptors)
    # the surroundings stay where they are while the object is moved: they agree with each other, too, but not with it
    moved = [
        TURN.inv().apply((points - shift) / SCALE) for points, shift in ((object_points, SHIFT), (surroundings, 0))
    ]
    noise = rng.normal(0, 2, descriptors.shape).astype(np.float32)
    other = ScenePoints(np.concatenate(moved), descriptors + noise)
    similarity, residuals = landmark_similarity(other, first.within(1.2), 1.2)
    np.testing.assert_allclose(similarity.apply(moved[0]), object_points, atol=1e-9)
    assert abs(similarity.scale - SCALE) < 1e-9 and len(residuals) >= 50 and residuals.max() < 1e-9
    with pytest.raises(DatasetError, match="landmarks of the object"):
        landmark_similarity(ScenePoints(other.points, descriptors[::-1].copy()), first.within(1.2), 1.2)


def test_a_scale_by_a_data_set_of_unknown_scale_is_not_metric(photos, tmp_path):
    report = {**FOUND, "scale_from": "4 pictures of set", "scale_error": 0.001, "frame_of": "scene"}
    names = ("scene", "camera_optical_frame")
    one = write_survey([reconstruction_of(photos[1])], pictures_in(photos[0]), tmp_path / "set", report, names, False)
    assert not one.is_metric


def test_points_in_a_line_align_nothing():
    line = np.outer(np.arange(5.0), [1, 2, 3])
    with pytest.raises(DatasetError, match="in a line"):
        similarity_between(line, line)


def test_a_similarity_has_an_inverse():
    similarity = Similarity(SCALE, TURN, SHIFT)
    np.testing.assert_allclose(similarity.inverse().apply(similarity.apply(FEATURES)), FEATURES, atol=1e-12)


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


def test_a_survey_without_a_scale_is_not_metric(photos, tmp_path, capsys):
    folder, truth = photos
    dataset = write_survey([reconstruction_of(truth)], pictures_in(folder), tmp_path / "set", dict(FOUND))
    assert not dataset.is_metric
    finding = check_survey(dataset)
    assert finding.level == BAD and "the scale is not known" in finding.sentence
    print_surveyed(dataset)
    assert capsys.readouterr().out.splitlines()[1] == f"BAD: {finding.sentence}"


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
