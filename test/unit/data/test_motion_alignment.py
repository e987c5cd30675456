# SPDX-License-Identifier: BSD-3-Clause
import cv2
import numpy as np
import pytest
from helpers import START_NS
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import SyncError
from camera_relocalization_ros.core.geometry import angular_distance, invert, position_quat
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.doctor.pose_convention import check_axes
from camera_relocalization_ros.data.motion_alignment import estimate_delay
from camera_relocalization_ros.vision.visual_rotation import RAYS, RotationPairs, visual_rotations

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
CAMERA = CameraIntrinsics(width=320, height=240, fx=260.0, fy=260.0, cx=159.5, cy=119.5)


def T_world_camera(t_s, liveliness=1.0):
    """A lively camera that looks about and wanders before a cloud of points."""
    t_s = np.atleast_1d(t_s)
    angles = liveliness * np.stack(
        [0.3 * np.sin(1.3 * t_s), 0.4 * np.sin(0.9 * t_s + 1), 0.2 * np.sin(1.7 * t_s)], axis=1
    )
    T = np.tile(np.eye(4), (len(t_s), 1, 1))
    T[:, :3, :3] = Rotation.from_euler("YXZ", liveliness * angles).as_matrix()
    T[:, :3, 3] = liveliness * np.stack([np.sin(0.7 * t_s), 0.4 * np.cos(0.5 * t_s), 0.3 * np.sin(0.4 * t_s)], axis=1)
    return T


def trajectory(rate_hz=100.0, duration_s=24.0, liveliness=1.0, start_s=-2.0):
    t_s = start_s + np.arange(int(duration_s * rate_hz)) / rate_hz
    stamps_ns = START_NS + np.round(t_s * 1e9).astype(np.int64)
    return Trajectory(stamps_ns, *position_quat(T_world_camera(t_s, liveliness)))


def changed(poses, T_child_new):
    return Trajectory(poses.stamps_ns, *position_quat(poses.matrices() @ T_child_new))


def seen_pairs(delay_s=0.0, liveliness=1.0, noise=5e-4, gap_s=0.4, turns_late_s=0.0):
    """What tracking would give, from true geometry: images at 10 Hz, stamped delay_s late.

    turns_late_s: the turns, which images tell from movements badly, are those of so long before.
    """
    rng = np.random.default_rng(1)
    first_s = np.arange(0, 19.5, 0.1)
    T_1_2 = invert(T_world_camera(first_s, liveliness)) @ T_world_camera(first_s + gap_s, liveliness)
    depth = rng.uniform(2, 8, (len(first_s), RAYS, 1))
    first = np.concatenate([rng.uniform(-0.5, 0.5, (len(first_s), RAYS, 2)), np.ones((len(first_s), RAYS, 1))], axis=2)
    T_2_1 = invert(T_1_2)
    second = np.einsum("pij,pnj->pni", T_2_1[:, :3, :3], first * depth) + T_2_1[:, None, :3, 3]
    rays = [first[..., :2], second[..., :2] / second[..., 2:]]
    rays = [ray + rng.normal(0, noise, ray.shape) for ray in rays]
    turns_s = first_s - turns_late_s
    turns = invert(T_world_camera(turns_s, liveliness)) @ T_world_camera(turns_s + gap_s, liveliness)
    rotvecs = Rotation.from_matrix(turns[:, :3, :3]).as_rotvec() + rng.normal(0, 2e-3, (len(first_s), 3))
    first_ns = START_NS + np.round((first_s + delay_s) * 1e9).astype(np.int64)
    return RotationPairs(first_ns, first_ns + round(gap_s * 1e9), rotvecs, *rays)


@pytest.mark.parametrize("delay_s", [-0.2, 0.0, 0.043, 0.6])
def test_planted_delay_is_found(delay_s):
    found = estimate_delay(seen_pairs(delay_s), trajectory())
    assert not found.doubt
    assert abs(found.delay_s - delay_s) < 0.003
    assert found.sigma_s < 0.005
    np.testing.assert_allclose(found.R_camera_child, np.eye(3), atol=0.01)


def test_points_tell_the_delay_where_turns_alone_are_far_off():
    found = estimate_delay(seen_pairs(turns_late_s=0.12), trajectory())
    assert found.delays_s[found.costs.argmin()] == pytest.approx(0.12, abs=0.021)
    assert abs(found.delay_s) < 0.003 and not found.doubt


def test_frame_that_is_turned_in_the_camera_is_told_and_changes_nothing():
    R_camera_link = Rotation.from_euler("xyz", [-90, 0, -90], degrees=True).inv()
    T_camera_link = np.eye(4)
    T_camera_link[:3, :3] = R_camera_link.as_matrix()
    found = estimate_delay(seen_pairs(0.1), changed(trajectory(), T_camera_link))
    assert abs(found.delay_s - 0.1) < 0.003
    np.testing.assert_allclose(found.R_camera_child, R_camera_link.as_matrix(), atol=0.01)


def test_camera_that_only_turns_is_enough():
    still = trajectory()
    still = Trajectory(still.stamps_ns, np.zeros_like(still.positions), still.quats_xyzw)
    found = estimate_delay(seen_pairs(0.15), still)
    assert not found.doubt
    assert abs(found.delay_s - 0.15) < 0.01


def test_motion_that_is_too_small_is_told():
    pairs = seen_pairs(0.1, liveliness=0.003)
    assert "too little" in estimate_delay(pairs, trajectory(liveliness=0.003)).doubt


def test_poses_of_something_else_are_told():
    other = trajectory(start_s=40.0)
    other = Trajectory(trajectory().stamps_ns, other.positions, other.quats_xyzw)
    assert estimate_delay(seen_pairs(), other).doubt


def test_delay_at_the_end_of_the_search_is_told():
    assert "end of what was searched" in estimate_delay(seen_pairs(0.5), trajectory(), (-0.3, 0.3)).doubt


def test_pairs_over_gaps_are_not_used():
    poses = trajectory()
    seconds = (poses.stamps_ns - START_NS) * 1e-9
    holed = poses.select((seconds < 8) | (seconds > 9))
    found = estimate_delay(seen_pairs(0.1), holed)
    assert found.pair_count < len(seen_pairs()) - 10
    assert abs(found.delay_s - 0.1) < 0.003
    with pytest.raises(SyncError, match="expected at least 20: record .* for longer"):
        estimate_delay(seen_pairs(), poses.select(seconds < 2))


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("optical", lambda T: T),
        ("opengl", lambda T: T @ FLIP),
        ("inverted", invert),
        ("inverted opengl", lambda T: invert(T @ FLIP)),
    ],
)
def test_axes_conventions_are_told_apart(name, stored):
    pairs = seen_pairs()
    stamps_ns = np.unique(np.concatenate([pairs.first_ns, pairs.second_ns]))
    T = T_world_camera((stamps_ns - START_NS) * 1e-9)
    verdict = check_axes(pairs, Trajectory(stamps_ns, *position_quat(stored(T))))
    assert verdict.name == name
    assert verdict.residuals_deg[name] < 0.5


def test_axes_of_a_camera_that_does_not_turn_cannot_be_told():
    pairs = seen_pairs(liveliness=0.001)
    stamps_ns = np.unique(np.concatenate([pairs.first_ns, pairs.second_ns]))
    verdict = check_axes(pairs, Trajectory(stamps_ns, *position_quat(T_world_camera(stamps_ns * 0.0))))
    assert verdict.name == ""
    assert verdict.sentence.startswith("cannot tell")


def textured(width, height):
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (height // 6, width // 6), dtype=np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def test_turns_are_read_from_images_of_a_turning_camera():
    picture = textured(960, 720)
    K_picture = np.array([[260.0, 0, 480], [0, 260.0, 360], [0, 0, 1]])
    t_s = np.arange(0, 3, 0.1)
    R_world_camera = T_world_camera(t_s, 0.4)[:, :3, :3]
    frames = []
    for t, R in zip(t_s, R_world_camera):
        H_camera_picture = CAMERA.matrix @ R.T @ np.linalg.inv(K_picture)  # a picture on the sphere at infinity
        frames.append((START_NS + round(t * 1e9), cv2.warpPerspective(picture, H_camera_picture, (320, 240))))
    pairs = visual_rotations(frames, CAMERA)
    assert len(pairs) == len(frames) - 4
    expected = Rotation.from_matrix(np.swapaxes(R_world_camera[:-4], 1, 2) @ R_world_camera[4:])
    errors = angular_distance(Rotation.from_rotvec(pairs.rotvecs).as_quat(), expected.as_quat())
    assert np.degrees(np.median(errors)) < 0.1
    assert np.degrees(errors.max()) < 0.5


def test_images_without_texture_give_no_pairs():
    grey = np.full((240, 320), 128, np.uint8)
    assert len(visual_rotations([(START_NS + k * 10**8, grey) for k in range(10)], CAMERA)) == 0
