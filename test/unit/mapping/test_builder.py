# SPDX-License-Identifier: BSD-3-Clause
"""What the builder of maps takes of a data set whose positions lie far from zero, or are of any scale."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import START_NS
from painted_wall import CAMERA, flight, paint, view, write_wall_dataset
from pickling_engine import PicklingEngine

from camera_relocalization_ros.core.camera_correction import CameraCorrection
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline
from camera_relocalization_ros.mapping.builder import (
    MapSettings,
    Survey,
    build_landmarks,
    compressed,
    in_metres,
    match_all,
    survey,
    worth_storing,
)
from camera_relocalization_ros.mapping.feature_codes import FeatureCodes
from camera_relocalization_ros.mapping.landmark_points import Landmarks
from camera_relocalization_ros.mapping.triangulation import Observations
from camera_relocalization_ros.vision.local_features import FeatureSettings, LocalFeatures


def test_a_map_is_made_from_an_origin_on(tmp_path):
    utm_m = np.array([388096.25, 5548996.5, 130.0])
    near = write_wall_dataset(tmp_path / "near", 3)
    poses = near.poses.shifted(utm_m)
    frames = [replace(frame, position=pose.position) for frame, pose in zip(near.frames, poses)]
    sequence = replace(near.sequences[0], frames=tuple(frames))
    far = replace(near, sequences=(sequence,), position_origin=np.round(utm_m))
    seen_near, seen_far = (survey(dataset, FeatureSettings(480, 200)) for dataset in (near, far))
    np.testing.assert_allclose(seen_far.T_parent_child[:, :3, 3] + seen_far.origin, poses.positions, rtol=0, atol=1e-8)
    assert np.abs(seen_far.T_parent_child[:, :3, 3]).max() < 10 and not seen_near.origin.any()
    assert seen_far.corrected(CameraCorrection()).origin.tolist() == np.round(utm_m).tolist()


def of_any_scale(raw, scale, settings):
    """The map of a survey whose poses are in units of which so many are a metre, nobody knows."""
    T = raw.T_parent_child.copy()
    T[:, :3, 3] *= scale
    scaled = in_metres(replace(raw, T_parent_child=T, is_metric=False), settings)
    landmarks, correction = build_landmarks(scaled, settings)
    return compressed(
        landmarks, scaled, FeatureCodes.of(scaled.features, landmarks.feature), correction, settings.features
    )


def test_the_same_scene_has_the_same_map_and_decisions_at_every_scale(tmp_path):
    settings = MapSettings(FeatureSettings(480, 300), correct_camera=False)
    raw = survey(write_wall_dataset(tmp_path / "wall", 8), settings.features)
    T, wall = flight(1, seed=5)[0], paint()
    # too far for a regression that landmarks may agree with, and another picture
    tried, found = [(6.0, wall), (0.05, paint(seed=1))], {}
    for scale in (0.02, 7.0):
        landmark_map = of_any_scale(raw, scale, settings)
        found[scale] = landmark_map, []
        for off, painted in tried:
            pose = Pose.from_matrix(T).shifted(np.array([off, 0, 0])).scaled(scale)
            pipeline = LandmarkPipeline(landmark_map, CAMERA)
            regression = Estimate(START_NS, pose, 1, 0.0, np.zeros(1), State.DEGRADED, "not calibrated")
            staged = pipeline.estimate(view(T, painted), regression)
            found[scale][1].append(staged)
    (one_map, answers), (other_map, others) = found[0.02], found[7.0]
    assert other_map.metre == pytest.approx(350 * one_map.metre, rel=1e-6)
    np.testing.assert_allclose(other_map.points, one_map.points, atol=1e-5)
    assert [answer.fused.stage for answer in answers] == [Stage.REFINED, Stage.REGRESSION]
    for answer, other in zip(answers, others):
        assert (other.decision.reason, other.fused.state) == (answer.decision.reason, answer.fused.state)
        np.testing.assert_allclose(other.fused.position / 350, answer.fused.position, atol=2e-7)
    sd_m, other_sd_m = (np.sqrt(np.diag(e[0].fused.covariance)[:3]) for e in (answers, others))
    np.testing.assert_allclose(other_sd_m / 350, sd_m, rtol=1e-3)


def made_survey(images, is_photographs=False):
    features = [LocalFeatures(np.zeros((0, 2)), np.zeros((0, 128)), np.zeros((0, 2)), 100.0)] * images
    return Survey(features, np.tile(np.eye(4), (images, 1, 1)), np.zeros(images), is_photographs=is_photographs)


def test_landmarks_of_two_images_are_stored_where_one_of_these_sees_few_others():
    # images 0 to 2 see the same 300 landmarks, image 3 a hundred of these; two more are seen by two images each
    many = [(image, landmark) for image in range(3) for landmark in range(300)]
    few = [(3, landmark) for landmark in range(100)]
    image, landmark = np.array([*many, *few, (0, 300), (1, 300), (2, 301), (3, 301)]).T
    seen = Observations(image, landmark, np.zeros((len(image), 2)))
    landmarks = Landmarks(np.arange(302.0)[:, None] * np.ones(3), seen, np.arange(len(image)), np.zeros(len(image)))
    stored = worth_storing(landmarks, made_survey(4))
    assert stored.points[:, 0].tolist() == [*range(300), 301]
    assert len(stored.seen) == len(seen) - 2
    assert len(worth_storing(landmarks, made_survey(4, is_photographs=True))) == 302


def test_other_processes_take_and_match_the_same_features(tmp_path, monkeypatch):
    monkeypatch.setattr("camera_relocalization_ros.mapping.builder.BLOCK_IMAGES", 3)
    monkeypatch.setattr("camera_relocalization_ros.mapping.pair_matching.BLOCK_PAIRS", 5)
    dataset, engine = write_wall_dataset(tmp_path / "wall", 8), PicklingEngine()
    settings = MapSettings(FeatureSettings(480, 200), correct_camera=False)
    here, there = (match_all(survey(dataset, settings.features, each), settings) for each in (None, engine))
    assert here[0].features.tobytes() == there[0].features.tobytes()
    assert here[0].cosines.tobytes() == there[0].cosines.tobytes() and len(here[0].cosines) > 100
    assert [label.split(" ")[0] for label in engine.labels[:3]] == ["features"] * 3
    assert "landmarks, 5 pairs" in engine.labels
