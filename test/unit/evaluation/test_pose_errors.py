# SPDX-License-Identifier: BSD-3-Clause
import json

import numpy as np
import pytest
from helpers import fake_trajectory
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.bundle.retrieval import RetrievalIndex, load_index, save_index
from camera_relocalization_ros.core.errors import RelocalizationError, SyncError
from camera_relocalization_ros.core.output_files import write_json
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import pose_errors
from camera_relocalization_ros.core.trajectory import Trajectory, match_stamps
from camera_relocalization_ros.evaluation.baselines import baseline_errors
from camera_relocalization_ros.evaluation.summary_text import errors_table


def test_known_errors():
    quats = Rotation.from_euler("z", [[10], [0], [-20]], degrees=True).as_quat()
    identity = np.tile([0, 0, 0, 1.0], (3, 1))
    errors = pose_errors(Poses([[3, 4, 0], [0, 0, 0], [0, 0, 1.0]], -quats), Poses(np.zeros((3, 3)), identity))
    np.testing.assert_allclose(errors.position_m, [5, 0, 1])
    np.testing.assert_allclose(errors.orientation_deg, [10, 0, 20], atol=1e-9)
    summary = errors.summary()
    assert summary["frames"] == 3
    assert summary["position_m"] == pytest.approx({"median": 1, "mean": 2, "max": 5, "std": np.std([5, 0, 1])})
    assert summary["orientation_deg"]["median"] == pytest.approx(10)
    assert json.loads(json.dumps(summary)) == summary
    assert "regressor" in errors_table({"regressor": errors})


@pytest.mark.parametrize("off_ns", [-999_999, -100, 100, 477, 999_999])
def test_truth_whose_stamps_another_program_rounded_is_associated(off_ns):
    estimates = fake_trajectory(20, 0.01)
    truth = Trajectory(estimates.stamps_ns + off_ns, estimates.positions, estimates.quats_xyzw)
    found, of_truth = match_stamps(estimates, truth)
    assert len(found) == 20
    np.testing.assert_array_equal(found.stamps_ns, estimates.stamps_ns)
    np.testing.assert_array_equal(of_truth.positions, found.positions)


def test_two_estimates_do_not_share_one_true_pose():
    truth = fake_trajectory(3)
    doubled = np.sort(np.concatenate([truth.stamps_ns, truth.stamps_ns + 400_000]))
    estimates = Trajectory(doubled, np.zeros((6, 3)), np.tile([0, 0, 0, 1.0], (6, 1)))
    found, of_truth = match_stamps(estimates, truth)
    np.testing.assert_array_equal(found.stamps_ns, truth.stamps_ns)
    np.testing.assert_array_equal(of_truth.stamps_ns, truth.stamps_ns)


def test_stamps_of_other_moments_do_not_match():
    trajectory = fake_trajectory(6)
    estimate, truth = match_stamps(trajectory.select(np.array([1, 4])), trajectory)
    np.testing.assert_array_equal(estimate.stamps_ns, truth.stamps_ns)
    assert len(estimate) == 2
    with pytest.raises(SyncError, match="no stamp is in both"):
        match_stamps(trajectory.select(np.array([0])), trajectory.select(np.array([1])))


def made_up_index(count=300, seed=0):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-3, 3, (count, 3))
    quats = Rotation.random(count, random_state=seed).as_quat()
    descriptors = np.hstack([positions, quats * np.sign(quats[:, 3:]), rng.normal(0, 0.01, (count, 20))])
    return RetrievalIndex.build(descriptors, Poses(positions, quats), size=7), descriptors


def test_retrieval_finds_itself_and_survives_the_file(tmp_path):
    index, descriptors = made_up_index()
    np.testing.assert_array_equal(index.nearest(descriptors), np.arange(300))
    save_index(tmp_path / "index.npz", index)
    np.testing.assert_array_equal(load_index(tmp_path / "index.npz").nearest(descriptors), np.arange(300))
    (tmp_path / "index.npz").write_bytes(b"no zip")
    with pytest.raises(ValueError):
        load_index(tmp_path / "index.npz")


def test_oracle_is_the_brute_force_nearest_pose_and_bounds_retrieval():
    index, _ = made_up_index()
    _, descriptors = made_up_index(40, seed=1)
    truth = made_up_index(40, seed=1)[0].poses
    baselines = baseline_errors(index, descriptors, truth)
    distance = np.linalg.norm(index.positions[None] - truth.positions[:, None], axis=2)
    angle = 2 * np.arccos(np.minimum(np.abs(truth.quats_xyzw @ index.quats_xyzw.T), 1))
    oracle = baselines["oracle nearest pose"]
    np.testing.assert_allclose(
        oracle.position_m + np.radians(oracle.orientation_deg), (distance + angle).min(axis=1), atol=1e-9
    )
    retrieval, constant = baselines["feature retrieval"], baselines["constant pose"]
    assert (oracle.position_m + np.radians(oracle.orientation_deg)).mean() <= (
        retrieval.position_m + np.radians(retrieval.orientation_deg)
    ).mean()
    assert np.median(retrieval.position_m) < np.median(constant.position_m)


def test_json_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RelocalizationError, match="cannot be written"):
        write_json(tmp_path / "file" / "errors.json", {})
