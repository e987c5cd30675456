# SPDX-License-Identifier: BSD-3-Clause
import pytest
import torch

from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.training.config import HeadConfig
from camera_relocalization_ros.training.heads import HEADS, build_head
from camera_relocalization_ros.training.pose_network import PoseHead, PoseNetwork, overlap

CHANNELS = 10


def small(name, **changes):
    sizes = {"grid_rows": 2, "grid_cols": 3, "cell_channels": 8, "hidden": 64, "lstm_hidden": 6, "gru_hidden": 6}
    return HeadConfig(name=name, **{**sizes, **changes})


def small_network(name):
    return PoseNetwork(torch.nn.Identity(), PoseHead(CHANNELS, small(name)))


@pytest.mark.parametrize("time", [1, 2, 5])
@pytest.mark.parametrize("name", sorted(HEADS))
def test_every_head_gives_a_unit_pose_per_frame(name, time):
    network = small_network(name)
    position, quat = network(torch.rand(3, time, CHANNELS, 6))
    assert position.shape == (3, time, 3) and quat.shape == (3, time, 4)
    torch.testing.assert_close(quat.norm(dim=-1), torch.ones(3, time))


def test_thesis_regressor_is_pooled_features_fc_and_two_branches():
    head = build_head(1024, HeadConfig(name="regressor", grid_rows=1, grid_cols=1, cell_channels=0, hidden=2048))
    count = sum(parameter.numel() for parameter in head.parameters())
    assert count == (1024 * 2048 + 2048) + (2048 * 3 + 3) + (2048 * 4 + 4)


def test_thesis_spatial_lstm_sweeps_a_64_by_32_matrix():
    head = build_head(1024, HeadConfig(name="spatial_lstm", hidden=2048))
    assert (head.rows, head.vertical.input_size, head.horizontal.input_size) == (64, 32, 64)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("what", ["rows", "columns", "rows and columns"])
def test_spatial_lstm_sees_the_order_of_rows_and_columns(what, seed):
    torch.manual_seed(seed)
    head = build_head(CHANNELS, small("spatial_lstm", hidden=2048)).eval()
    matrix = torch.rand(64, 32)
    permuted = matrix[torch.randperm(64)] if "rows" in what else matrix
    permuted = permuted[:, torch.randperm(32)] if "columns" in what else permuted
    poses, others = (head.poses(m.reshape(1, 1, 2048)) for m in (matrix, permuted))
    for pose, other in zip(poses, others):
        assert (pose - other).abs().max() > 1e-4


def test_each_sweep_of_the_spatial_lstm_sees_its_own_order():
    torch.manual_seed(0)
    head = build_head(CHANNELS, small("spatial_lstm", hidden=2048)).eval()
    matrix_brc = torch.rand(1, 64, 32)
    flipped = {"vertical": matrix_brc.flip(1), "horizontal": matrix_brc.transpose(1, 2).flip(1)}
    for name, given in (("vertical", matrix_brc), ("horizontal", matrix_brc.transpose(1, 2))):
        lstm = getattr(head, name)
        _, (last_2bh, _) = lstm(given)
        _, (last_of_flipped_2bh, _) = lstm(flipped[name])
        # down and up, right and left: two directions with weights of their own
        assert (last_2bh - last_of_flipped_2bh).abs().amax(dim=(1, 2)).min() > 1e-4
        assert (last_2bh - last_of_flipped_2bh.flip(0)).abs().max() > 1e-4


def test_temporal_gru_looks_at_the_whole_window():
    torch.manual_seed(0)
    network = small_network("temporal_gru").eval()
    cells = torch.rand(1, 2, CHANNELS, 6)
    changed = cells.clone()
    changed[:, 0] += 1.0
    assert (network(cells)[0][:, -1] - network(changed)[0][:, -1]).abs().max() > 1e-6


def test_positions_come_in_the_units_of_the_training_positions():
    head = PoseHead(CHANNELS, small("regressor"))
    head.fit_positions(torch.tensor([[10.0, 0, 0], [12.0, 0, 0], [14.0, 0, 0]]).numpy())
    torch.testing.assert_close(head.position_mean, torch.tensor([12.0, 0, 0]))
    assert head.position_scale.item() == pytest.approx(1.63299, rel=1e-4)


def test_pooling_weights_are_an_average_over_equal_stretches():
    weights = overlap(2, 5)
    assert weights.tolist() == [[0.4, 0.4, 0.2, 0, 0], [0, 0, 0.2, 0.4, 0.4]]


def test_unknown_head_and_odd_sizes_are_refused():
    with pytest.raises(ConfigError, match="regressor, spatial_lstm, stateful_gru, temporal_gru"):
        build_head(CHANNELS, small("transformer"))
    with pytest.raises(ConfigError, match="multiple of 32"):
        build_head(CHANNELS, small("spatial_lstm", hidden=100))


@pytest.mark.parametrize("name", sorted(HEADS))
def test_the_answer_is_the_mean_of_members_that_differ(name):
    torch.manual_seed(0)
    head = PoseHead(CHANNELS, small(name, members=3))
    features = head.frame_features(torch.rand(4, CHANNELS, 6))[:, None]
    assert features.shape == (4, 1, head.feature_size)
    position_btm3, quat_btm4 = head.member_poses(features)
    assert (position_btm3.std(dim=2) > 1e-4).all()
    position, quat = head.poses(features)
    torch.testing.assert_close(position, position_btm3.mean(dim=2))
    for answer, members in zip(quat[:, 0].detach(), quat_btm4[:, 0].detach()):
        signs = torch.where(members @ members[0] < 0, -1.0, 1.0)
        torch.testing.assert_close(answer, torch.nn.functional.normalize((signs[:, None] * members).sum(0), dim=0))


def test_the_sign_of_a_members_quaternion_makes_no_difference(monkeypatch):
    head = PoseHead(CHANNELS, small("regressor", members=2))
    quat_btm4 = torch.nn.functional.normalize(torch.tensor([[[[0.1, 0.2, 0.3, 0.9], [0.12, 0.2, 0.28, 0.9]]]]), dim=3)
    answers = []
    for sign in (1.0, -1.0):
        turned = quat_btm4 * torch.tensor([1.0, sign])[:, None]
        monkeypatch.setattr(head, "member_poses", lambda _, turned=turned: (torch.zeros(1, 1, 2, 3), turned))
        answers.append(head.poses(torch.zeros(1, 1, head.feature_size))[1])
    torch.testing.assert_close(*answers)


@pytest.mark.parametrize(
    ("size", "value"),
    [
        ("members", 0),
        ("members", 65),
        ("grid_rows", 0),
        ("grid_cols", -1),
        ("cell_channels", -1),
        ("hidden", 0),
        ("hidden", 10**7),
        ("lstm_hidden", 0),
        ("gru_hidden", 0),
        ("window_length", 0),
        ("window_length", 65),
        ("max_gap_s", 0.0),
        ("max_gap_s", -1.0),
        ("max_gap_s", float("nan")),
    ],
)
def test_sizes_that_make_no_head_are_refused(size, value):
    with pytest.raises(ConfigError, match=f"head.{size} is {value}; expected"):
        small("temporal_gru", **{size: value})


def test_dropout_is_of_training_alone():
    for name in HEADS:
        head = build_head(4, HeadConfig(name=name, grid_rows=1, grid_cols=1, hidden=64, dropout=0.5))
        features = torch.rand(2, 2, 64)
        trained, flown = head.train().poses(features)[0], head.eval().poses(features)[0]
        assert not torch.allclose(trained, flown) and torch.equal(flown, head.poses(features)[0])


def test_sweeps_along_columns_have_a_width_of_their_own():
    sizes = {"name": "spatial_lstm", "hidden": 64, "grid_rows": 1, "grid_cols": 1, "lstm_hidden": 6}
    alike, apart = (build_head(4, HeadConfig(**sizes, lstm_columns_hidden=units)) for units in (0, 5))
    assert (alike.horizontal.hidden_size, apart.horizontal.hidden_size, apart.vertical.hidden_size) == (6, 5, 6)
    assert apart.branches.position.in_features == 2 * 6 + 2 * 5
    assert apart.poses(torch.rand(2, 3, 64))[0].shape == (2, 3, 3)
