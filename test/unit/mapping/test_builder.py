# SPDX-License-Identifier: BSD-3-Clause
"""What the builder of maps takes of a data set whose positions lie far from zero."""

from dataclasses import replace

import numpy as np
from painted_wall import write_wall_dataset

from camera_relocalization_ros.core.camera_correction import CameraCorrection
from camera_relocalization_ros.mapping.builder import survey
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
