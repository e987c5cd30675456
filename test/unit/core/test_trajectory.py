# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from helpers import fake_trajectory

from camera_relocalization_ros.core.errors import SyncError
from camera_relocalization_ros.core.trajectory import Trajectory, read_tum, write_tum


def test_tum_round_trip_keeps_every_nanosecond(tmp_path):
    trajectory = fake_trajectory(20, period_s=0.033333333)
    write_tum(tmp_path / "poses.txt", trajectory)
    back = read_tum(tmp_path / "poses.txt")
    np.testing.assert_array_equal(back.stamps_ns, trajectory.stamps_ns)
    np.testing.assert_allclose(back.positions, trajectory.positions, atol=1e-9)
    np.testing.assert_allclose(back.quats_xyzw, trajectory.quats_xyzw, atol=1e-8)


@pytest.mark.parametrize("line", ["1.0 2 3", "1.0 a b c d e f g", "x 0 0 0 0 0 0 1"])
def test_tum_error_names_the_line(tmp_path, line):
    path = tmp_path / "poses.txt"
    path.write_text(f"# header\n{line}\n")
    with pytest.raises(SyncError, match="poses.txt:2"):
        read_tum(path)


def test_stamps_must_ascend():
    with pytest.raises(SyncError, match="ascending"):
        Trajectory(np.array([1, 1]), np.zeros((2, 3)), np.tile([0, 0, 0, 1.0], (2, 1)))
