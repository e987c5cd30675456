# SPDX-License-Identifier: BSD-3-Clause
"""The head whose state goes on from window to window of a sequence: what it sees, trains on, and is tested by."""

from dataclasses import replace
from pathlib import Path

import lightning
import numpy as np
import pytest
import torch
import yaml
from helpers import write_fake_dataset

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.pose_errors import pose_errors
from camera_relocalization_ros.training import checks
from camera_relocalization_ros.training.config import HeadConfig
from camera_relocalization_ros.training.devices import Process
from camera_relocalization_ros.training.features.feature_cache import FeatureCache
from camera_relocalization_ros.training.pose_network import PoseHead, PoseNetwork
from camera_relocalization_ros.training.reproduction import estimate_poses
from camera_relocalization_ros.training.run_folder import load_run
from camera_relocalization_ros.training.samples import ChainedDraws, Chains, StretchDraws, chains_of, stretches_of
from camera_relocalization_ros.training.train import train

CHANNELS, VIEWS = 10, 3


@pytest.fixture
def network():
    torch.manual_seed(0)
    config = HeadConfig("stateful_gru", members=2, grid_rows=1, grid_cols=2, cell_channels=8, hidden=64, gru_hidden=6)
    return PoseNetwork(torch.nn.Identity(), PoseHead(CHANNELS, config)).eval()


def fake_chains(dataset, length, most_frames=72):
    """Chains of a data set whose features and poses tell the frame and, as a tenth, the view."""
    told = np.arange(dataset.frame_count)[:, None] + np.arange(VIEWS) / 10
    cache = FeatureCache(np.tile(told[..., None, None], (1, 1, 2, 4)), np.tile(told[..., None], 7), 2)
    return Chains.of([dataset], [cache], length, 0.5, most_frames, np.zeros(3))


def with_a_gap(dataset, at):
    """The first sequence's frames from one on come 2 s later."""
    first = dataset.sequences[0]
    late = tuple(replace(f, stamp_ns=f.stamp_ns + 2 * 10**9) if i >= at else f for i, f in enumerate(first.frames))
    return replace(dataset, sequences=(replace(first, frames=late), *dataset.sequences[1:]))


def test_windows_one_after_another_are_one_long_sequence_of_the_same_gru(network):
    cells = torch.rand(3, 7, CHANNELS, 2)
    with torch.inference_mode():
        whole = network.continued(cells, None)
        first = network.continued(cells[:, :4], None)
        second, anew = (network.continued(cells[:, 4:], state) for state in (first[2], None))
        for joined, one, other, alone in zip(whole[:2], first, second, anew):
            torch.testing.assert_close(torch.cat([one, other], dim=1), joined)
            assert (other - alone).abs().max() > 1e-3
        torch.testing.assert_close(second[2], whole[2])
        # a GRU of PyTorch with these weights, over all frames at once
        head = network.pose_head.members[0]
        features_btf = network.frame_features(cells)[..., :64]
        gru = torch.nn.GRU(64, 6, batch_first=True)
        gru.load_state_dict(head.gru.state_dict())
        position_bt3, _ = head.branches(gru(features_btf)[0])
        torch.testing.assert_close(whole[0][:, :, 0], position_bt3)
        torch.testing.assert_close(network(cells)[0], whole[0].mean(dim=2))


def test_chains_end_with_a_sequence_a_gap_and_their_longest(tmp_path):
    dataset = with_a_gap(write_fake_dataset(tmp_path / "set", counts=(12, 5, 1)), at=9)
    assert [list(stretch) for stretch in stretches_of(dataset, 0.5)] == [
        list(range(9)),
        [9, 10, 11],
        list(range(12, 17)),
        [17],
    ]
    chains = [chain.tolist() for chain in chains_of(dataset, 2, 0.5, most_frames=6)]
    # frame 8, 11 and 16 fill no window, nor does 17
    assert chains == [[[0, 1], [2, 3], [4, 5]], [[6, 7]], [[9, 10]], [[12, 13], [14, 15]]]


@pytest.mark.parametrize("batch_size", [2, 4, 100])
def test_each_row_goes_on_where_a_row_of_the_batch_before_ended(tmp_path, batch_size):
    chains = fake_chains(with_a_gap(write_fake_dataset(tmp_path / "set", counts=(12, 5, 1)), at=9), 2, most_frames=6)
    draws, orders = ChainedDraws(chains, batch_size, seed=1), []
    for epoch in (0, 1, 0):
        draws.set_epoch(epoch)
        seen, ends = [], np.empty(0)
        batches = [chains.samples[draw] for draw in draws]
        assert len(batches) == len(draws)
        for cells, _, _, before in batches:
            frames = cells[:, :, 0, 0].numpy()
            seen += frames.ravel().round(1).tolist()
            goes_on = before.numpy() >= 0
            # the frame before, of that row; a row that begins anew has the first frame of a chain
            np.testing.assert_array_equal(frames[goes_on, 0].astype(int), ends[before[goes_on]] + 1)
            assert set(frames[~goes_on, 0].astype(int)) <= {0, 6, 9, 12}
            assert len(cells) <= batch_size and len(set(before[goes_on].tolist())) == goes_on.sum()
            ends = frames[:, 1].astype(int)
        # every frame of a window once in every view
        expected = [f + v / 10 for f in (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13, 14, 15) for v in range(VIEWS)]
        np.testing.assert_allclose(sorted(seen), sorted(expected))
        orders.append(seen)
    assert orders[0] != orders[1] and orders[0] == orders[2]


def test_held_out_frames_come_once_in_order(tmp_path):
    dataset = with_a_gap(write_fake_dataset(tmp_path / "set", counts=(12, 5, 1)), at=9)
    batches = [fake_chains(dataset, 1).samples[draw] for draw in StretchDraws(fake_chains(dataset, 1), batch_size=4)]
    assert torch.cat([cells[:, 0, 0, 0] for cells, *_ in batches]).tolist() == list(range(18))
    assert [(len(cells), *before.tolist()) for cells, _, _, before in batches] == [
        (4, -1),
        (4, 0),
        (1, 0),
        (3, -1),
        (4, -1),
        (1, 0),
        (1, -1),
    ]


class Watch(lightning.Callback):
    """What the GRU of the first member is given in training, as the state before each batch."""

    def __init__(self):
        self.states, self.batches = [], []

    def on_train_start(self, trainer, module):
        gru = module.network.pose_head.members[0].gru
        gru.register_forward_pre_hook(lambda _, given: self.states.append(given[1]) if module.training else None)

    def on_train_batch_start(self, trainer, module, batch, index):
        self.batches.append((trainer.current_epoch, batch[3].tolist()))


@pytest.mark.parametrize("loss", ["qeh", "nh"])
def test_training_carries_the_state_and_begins_anew_with_sequences_and_epochs(tmp_path, toy_config, loss):
    dataset = write_fake_dataset(tmp_path / "set", counts=(12, 7))
    test = with_a_gap(write_fake_dataset(tmp_path / "test", counts=(9, 4)), at=5)
    config = toy_config(
        "stateful_gru", head={"window_length": 2, "state_frames": 6}, loss={"name": loss}, optimiser={"epochs": 40}
    )
    watch = Watch()
    run = train(
        [dataset], config, tmp_path / "run", val_datasets=[test], cache_folder=tmp_path / "cache", callbacks=[watch]
    )
    assert {before for epoch, rows in watch.batches if epoch == 1 for before in rows} > {-1, 0}
    assert len(watch.states) == len(watch.batches)
    for (_, before), given in zip(watch.batches, watch.states):
        norms = given[0].norm(dim=1)
        assert [norm > 0 for norm in norms] == [row >= 0 for row in before] and not given.requires_grad
    first_of_epoch = [rows for (epoch, rows), (last, _) in zip(watch.batches[1:], watch.batches) if epoch != last]
    assert len(first_of_epoch) == 39 and all(row == -1 for rows in first_of_epoch for row in rows)

    # measured in training as by the test of the finished run: frame by frame, from gap to gap
    poses = estimate_poses(run, test, tmp_path / "cache")
    errors = pose_errors(poses, test.poses).summary()
    assert run.results["val_position_m"] == pytest.approx(errors["position_m"]["median"], abs=1e-3)
    assert run.results["val_orientation_deg"] == pytest.approx(errors["orientation_deg"]["median"], abs=1e-2)
    for alone in stretches_of(test, 0.5):
        part = replace(test, sequences=tuple(_only(test, alone)))
        same = estimate_poses(run, part, tmp_path / "cache")
        np.testing.assert_allclose(same.positions, poses.positions[alone], atol=1e-5)
    # it has learnt, and from more than one frame
    mean = Poses(np.tile(dataset.poses.positions.mean(axis=0), (13, 1)), poses.quats_xyzw)
    assert errors["position_m"]["median"] < np.median(pose_errors(mean, test.poses).position_m)


def _only(dataset, rows):
    """The sequences with some of the data set's frames alone."""
    first = 0
    for sequence in dataset.sequences:
        kept = tuple(f for i, f in enumerate(sequence.frames) if first + i in rows)
        first += len(sequence.frames)
        if kept:
            yield replace(sequence, frames=kept)


def test_taken_up_again_it_finds_the_same_weights(tmp_path, toy_config):
    dataset = write_fake_dataset(tmp_path / "set", counts=(12, 7))
    config = toy_config("stateful_gru", head={"state_frames": 6}, optimiser={"epochs": 4, "ema_decay": 0.9})

    class Killed(lightning.Callback):
        def on_train_batch_start(self, trainer, module, batch, index):
            if (trainer.current_epoch, index) == (2, 1):
                raise KeyboardInterrupt

    def trained(name, *callbacks):
        folder, cache = tmp_path / name, tmp_path / "cache"
        return train([dataset], config, folder, val_datasets=[dataset], cache_folder=cache, callbacks=callbacks)

    whole = trained("whole")
    with pytest.raises(KeyboardInterrupt):
        trained("killed", Killed())
    resumed, weights = trained("killed").pose_head.state_dict(), whole.pose_head.state_dict()
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)
    assert load_run(tmp_path / "killed").pose_head.carries_state


def test_the_shell_trains_it_and_says_why_it_does_not_fly(tmp_path, toy_config, capsys):
    write_fake_dataset(tmp_path / "set", counts=(12,))
    recipe, run, bundle = (str(tmp_path / name) for name in ("recipe.yaml", "run", "bundle"))
    Path(recipe).write_text(yaml.safe_dump(toy_config("stateful_gru", optimiser={"epochs": 1}).to_dict()))
    assert main(["train", str(tmp_path / "set"), "--config", recipe, "-o", run]) == 0
    assert "next:" not in capsys.readouterr().out
    for command in (["export", run, "-o", bundle], ["explain", run, str(tmp_path / "set"), "-o", bundle]):
        assert main(command) == 1
        assert "this head carries its state through a whole sequence; " in capsys.readouterr().err
    assert not Path(bundle).exists()


def test_what_cannot_carry_a_state_is_refused(tmp_path, toy_config, monkeypatch):
    dataset = write_fake_dataset(tmp_path / "set", counts=(12,))

    def check(**changes):
        checks.check_training([dataset], [], toy_config("stateful_gru", **changes), None)

    with pytest.raises(ConfigError, match="head.state_frames is 3; expected at least head.window_length, 4"):
        check(head={"state_frames": 3, "window_length": 4})
    with pytest.raises(ConfigError, match="found 1 processes and optimiser.parts 2"):
        check(optimiser={"parts": 2})
    monkeypatch.setattr(checks, "process", lambda: Process(0, 2))
    with pytest.raises(ConfigError, match="trained by one process; found 2 processes"):
        check()
