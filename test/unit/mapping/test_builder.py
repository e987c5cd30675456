# SPDX-License-Identifier: BSD-3-Clause
"""What the builder of maps takes of a data set whose positions lie far from zero, or are of any scale."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import START_NS
from painted_wall import CAMERA, flight, paint, view, write_wall_dataset

from camera_relocalization_ros.core.camera_correction import CameraCorrection
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline
from camera_relocalization_ros.mapping.builder import (
    MapSettings,
    build_landmarks,
    compressed,
    descriptor_axes,
    in_metres,
    survey,
)
from camera_relocalization_ros.vision.local_features import FeatureSettings


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
    return compressed(landmarks, scaled, descriptor_axes(scaled), correction, settings.features)


def test_the_same_scene_has_the_same_map_and_decisions_at_every_scale(tmp_path):
    settings = MapSettings(FeatureSettings(480, 400), correct_camera=False)
    raw = survey(write_wall_dataset(tmp_path / "wall", 10), settings.features)
    T, wall = flight(1, seed=5)[0], paint()
    # beside the right pose, too far for a regression that landmarks may agree with, and one of another picture
    tried = [(0.05, wall), (6.0, wall), (0.05, paint(seed=1))]
    found = {}
    for scale in (1.0, 7.0, 0.02):
        landmark_map = of_any_scale(raw, scale, settings)
        found[scale] = landmark_map, []
        for off, painted in tried:
            pose = Pose.from_matrix(T).shifted(np.array([off, 0, 0])).scaled(scale)
            pipeline = LandmarkPipeline(landmark_map, CAMERA)
            regression = Estimate(START_NS, pose, 1, 0.0, np.zeros(1), State.DEGRADED, "not calibrated")
            staged = pipeline.estimate(view(T, painted), regression)
            found[scale][1].append(staged)
    landmark_map, answers = found[1.0]
    assert [answer.fused.stage for answer in answers] == [Stage.REFINED, Stage.REFINED, Stage.REGRESSION]
    for scale in (7.0, 0.02):
        other_map, others = found[scale]
        assert other_map.metre == pytest.approx(scale * landmark_map.metre, rel=1e-6)
        np.testing.assert_allclose(other_map.points, landmark_map.points, atol=1e-5)
        for answer, other in zip(answers, others):
            assert (other.decision.reason, other.fused.state) == (answer.decision.reason, answer.fused.state)
            np.testing.assert_allclose(other.fused.pose.position / scale, answer.fused.pose.position, atol=1e-5)
            if answer.decision.is_accepted:
                sd_m, other_sd = (np.sqrt(np.diag(e.fused.covariance)[:3]) for e in (answer, other))
                np.testing.assert_allclose(other_sd / scale, sd_m, rtol=1e-3)
