# SPDX-License-Identifier: BSD-3-Clause
import logging
import shlex

import numpy as np
import pytest
import yaml
from helpers import encoded, fake_image_rgb, fake_trajectory, write_fake_dataset

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.data.split_kinds import (
    airframe_ind,
    airframe_mixed,
    blocks,
    periodic,
    placements_of,
    whole_sequences,
)
from camera_relocalization_ros.data.splits import is_within, load_split


def write_dataset(path, sequences):
    """Sequences {name: (frame numbers, info)} at 10 Hz."""
    with DatasetWriter(path, "wing", "camera") as writer:
        for name, (numbers, info) in sequences.items():
            poses = fake_trajectory(max(numbers) + 1)
            with writer.sequence(name, info) as sequence:
                for number in numbers:
                    image = encoded(fake_image_rgb(number, 8, 6))
                    pose = (poses.positions[number], poses.quats_xyzw[number])
                    sequence.add(int(poses.stamps_ns[number]), *pose, image, ".png", number)
    return Dataset.load(path)


def placed(x, quat_xyzw=(0.0, 0.0, 0.0, 1.0)):
    return {"T_world_parent": {"frame": "map", "position": [x, 0.0, 1.6], "quat_xyzw": list(quat_xyzw)}}


def numbers_in(dataset, parts):
    """{part: {(sequence, number)}} of the frames that there are."""
    return {
        part: {
            (s.name, f.number)
            for s in dataset.sequences
            for f in s.frames
            if s.name in ranges and is_within(f.number, ranges[s.name])
        }
        for part, ranges in parts.items()
    }


def test_blocks_with_their_guards(tmp_path):
    dataset = write_dataset(tmp_path / "d", {"f": (range(20), {})})
    parts = blocks(dataset, length=3, every=3, guard=1)
    assert parts["train"]["f"] == [[0, 4], [10, 13], [19, 22]]
    assert parts["test"]["f"] == [[6, 8], [15, 17], [24, 26]]


@pytest.mark.parametrize("seed", range(8))
def test_blocks_never_overlap_and_the_guard_separates(tmp_path, seed):
    rng = np.random.default_rng(seed)
    length, every = int(rng.integers(2, 12)), int(rng.integers(2, 6))
    guard = int(rng.integers(0, ((every - 1) * length + 1) // 2))
    kept = np.flatnonzero(rng.random(150) < 0.7) + int(rng.integers(0, 40))
    dataset = write_dataset(tmp_path / "d", {"f": (kept.tolist(), {})})
    found = numbers_in(dataset, blocks(dataset, length, every, guard))
    train, test = (np.array([number for _, number in sorted(found[part])]) for part in ("train", "test"))
    assert len(train) and len(test)
    assert np.abs(train[:, None] - test[None]).min() > guard


def test_blocks_of_short_and_patchy_sequences(tmp_path):
    sequences = {"one": ([0], {}), "late": ([9], {}), "odd": ([1, 2, 7, 8, 17], {})}
    dataset = write_dataset(tmp_path / "d", sequences)
    found = numbers_in(dataset, blocks(dataset, length=3, every=3, guard=1))
    assert found["train"] == {("one", 0), ("late", 9), ("odd", 1), ("odd", 2)}
    assert found["test"] == {("odd", 7), ("odd", 8), ("odd", 17)}


def test_blocks_that_leave_nothing_to_train_on_are_refused(tmp_path):
    dataset = write_dataset(tmp_path / "d", {"f": (range(20), {})})
    with pytest.raises(DatasetError, match="nothing would be left"):
        blocks(dataset, length=3, every=2, guard=2)


def test_periodic_stretches_are_counted_from_number_zero(tmp_path):
    dataset = write_dataset(tmp_path / "d", {"f": (range(7, 23), {})})
    parts = periodic(dataset, 10, {"train": (0, 5), "test": (7, 8)})
    assert parts == {"train": {"f": [[0, 5], [10, 15], [20, 25]]}, "test": {"f": [[7, 8], [17, 18], [27, 28]]}}


def test_whole_sequences_by_pattern_and_the_rest(tmp_path):
    dataset = write_dataset(tmp_path / "d", {name: (range(4), {}) for name in ("a1", "a2", "b1", "c")})
    parts = whole_sequences(dataset, {"test": ["a*"], "train": ["rest"]})
    assert {part: sorted(sequences) for part, sequences in parts.items()} == {
        "test": ["a1", "a2"],
        "train": ["b1", "c"],
    }
    with pytest.raises(DatasetError, match="no sequence 'x"):
        whole_sequences(dataset, {"test": ["x*"]})
    with pytest.raises(DatasetError, match="'a1' is in the parts 'test' and 'train'"):
        whole_sequences(dataset, {"test": ["a1"], "train": ["a*"]})


def test_placements_are_told_by_where_the_object_stood(tmp_path):
    turned = (0.0, 0.0, float(np.sin(0.3)), float(np.cos(0.3)))
    dataset = write_dataset(
        tmp_path / "d",
        {
            "one": (range(4), placed(0.0)),
            "two": (range(4), placed(2.0, turned)),
            "one_again": (range(4), placed(0.05, (0.0, 0.0, 0.0, -1.0))),
            "two_turned": (range(4), placed(2.0)),
        },
    )
    assert placements_of(dataset) == {"one": 1, "two": 2, "one_again": 1, "two_turned": 3}
    assert placements_of(dataset, {"two*": 1}) == {"one": 2, "two": 1, "one_again": 2, "two_turned": 1}


@pytest.mark.parametrize(
    "pose",
    [
        None,
        [1, 2, 3],
        {"frame": "map"},
        {"position": [0, 0], "quat_xyzw": [0, 0, 0, 1]},
        {"position": [0, 0, "x"], "quat_xyzw": [0, 0, 0, 1]},
        {"position": [0, 0, float("nan")], "quat_xyzw": [0, 0, 0, 1]},
        {"position": [0, 0, 0], "quat_xyzw": [0, 0, 0, 0]},
    ],
)
def test_unknown_placement_says_how_to_give_it(tmp_path, pose):
    dataset = write_dataset(tmp_path / "d", {"f": (range(4), {"T_world_parent": pose})})
    with pytest.raises(DatasetError, match="--placement f=NUMBER"):
        placements_of(dataset)
    assert placements_of(dataset, {"f": 3}) == {"f": 3}


def test_placements_that_cannot_be_told_are_refused(tmp_path):
    elsewhere = placed(0.0)
    elsewhere["T_world_parent"]["frame"] = "odom"
    dataset = write_dataset(tmp_path / "d", {"f": (range(4), placed(0.0)), "g": (range(4), elsewhere)})
    with pytest.raises(DatasetError, match="'odom' in sequence 'g' and in 'map' in 'f'.*--placement g=NUMBER"):
        placements_of(dataset)
    with pytest.raises(DatasetError, match="no sequence 'h"):
        placements_of(dataset, {"h*": 1})
    with pytest.raises(DatasetError, match="'g' is given the placements 1 and 2"):
        placements_of(dataset, {"*": 1, "g": 2})


def test_airframe_splits(tmp_path):
    dataset = write_dataset(tmp_path / "d", {f"f{k}": (range(320), placed(float(k))) for k in range(3)})
    placements = placements_of(dataset)
    ind = numbers_in(dataset, airframe_ind(dataset, placements, 3))
    assert {name for name, _ in ind["test"]} == {"f2"} and {name for name, _ in ind["train"]} == {"f0", "f1"}
    with pytest.raises(DatasetError, match="placement 7 cannot be held out"):
        airframe_ind(dataset, placements, 7)
    mixed = numbers_in(dataset, airframe_mixed(dataset))
    for name in ("f0", "f1", "f2"):
        train, test = (np.array([n for s, n in mixed[part] if s == name]) for part in ("train", "test"))
        assert 0.2 < len(test) / 320 < 0.3
        assert np.abs(train[:, None] - test[None]).min() > 10  # a second at 10 Hz


@pytest.mark.parametrize("seed", range(6))
def test_mixed_split_tests_every_sequence_behind_guards(tmp_path, seed):
    rng = np.random.default_rng(seed)
    sequences = {}
    for name in ("a", "b", "c"):
        start, count = int(rng.integers(0, 90)), int(rng.integers(90, 400))
        kept = np.flatnonzero(rng.random(count) < 0.8) + start
        sequences[name] = (kept.tolist(), {})
    dataset = write_dataset(tmp_path / "d", sequences)
    found = numbers_in(dataset, airframe_mixed(dataset))
    for name in sequences:
        train, test = (np.array([n for s, n in found[part] if s == name]) for part in ("train", "test"))
        assert 0.15 < len(test) / (len(train) + len(test)) < 0.4
        assert np.abs(train[:, None] - test[None]).min() > 10


def test_mixed_split_only_trains_on_what_is_too_short_to_test(tmp_path, caplog):
    dataset = write_dataset(tmp_path / "d", {"long": (range(160), {}), "short": (range(30), {}), "one": ([5], {})})
    with caplog.at_level(logging.WARNING):
        parts = airframe_mixed(dataset)
    assert parts == {
        "train": {"long": [[0, 109]], "short": [[0, 29]], "one": [[5, 5]]},
        "test": {"long": [[120, 159]]},
    }
    assert "'short' lasts 2.9 s" in caplog.text and "'one' lasts 0.0 s" in caplog.text


def test_command_writes_splits_and_tells_of_leaks(tmp_path, capsys):
    write_fake_dataset(tmp_path / "d", counts=(90, 90))
    arguments = ["split", str(tmp_path / "d")]
    assert main([*arguments, "blocks", "--block", "15", "--every", "3"]) == 0
    assert "@holdout.test: 60 frames, no leak (11 frames, 1.10 s apart); nearest" in capsys.readouterr().out
    assert main([*arguments, "check"]) == 0
    assert main([*arguments, "check", "--apart", "1.5"]) == 1
    assert main([*arguments, "--period", "5", "--part", "train=0-3", "--part", "test=4-4", "--name", "bad"]) == 0
    assert f"WARNING {tmp_path / 'd'}@bad.test: CLOSE: 36 of 36" in capsys.readouterr().out
    assert main([*arguments, "check", "--name", "bad"]) == 1
    assert main([*arguments, "sequences", "--part", "test=flight1", "--part", "train=rest", "--name", "whole"]) == 0
    assert sorted(load_split(tmp_path / "d", "whole")["train"]) == ["flight0"]
    given = ["--placement", "flight0=1", "--placement", "flight1=6"]
    assert main([*arguments, "airframe-ind", *given, "--name", "ind"]) == 0
    assert sorted(load_split(tmp_path / "d", "ind")["test"]) == ["flight1"]
    assert main([*arguments, "leave-one-placement-out", *given, "--name", "lopo"]) == 0
    assert sorted(load_split(tmp_path / "d", "lopo_1")["test"]) == ["flight0"]
    assert sorted(load_split(tmp_path / "d", "lopo_6")["test"]) == ["flight1"]


@pytest.mark.parametrize(
    ("words", "made_by"),
    [
        (["blocks"], "blocks --block 50 --every 4 --guard 10"),
        (["--period", "50", "--part", "train=0-9", "--part", "test=20-29"], None),
        (["airframe-ind", "--placement", "*0=1", "--placement", "*1=2"], None),
        (["airframe-mixed"], "airframe-mixed"),
    ],
)
def test_made_by_is_the_command_that_makes_it_again(tmp_path, words, made_by):
    path = write_fake_dataset(tmp_path / "d", counts=(200, 200)).path
    assert main(["split", str(path), *words]) == 0
    first = yaml.safe_load((path / "splits" / "holdout.yaml").read_text())
    assert made_by is None or first["made_by"] == f"reloc split DATASET {made_by} --name holdout"
    again = shlex.split(first["made_by"].replace("DATASET", str(path)).replace("holdout", "again"))
    assert main(again[1:]) == 0
    assert load_split(path, "again") == first["parts"]


def test_blocks_fit_short_recordings_where_their_length_is_left_out(tmp_path):
    short = write_fake_dataset(tmp_path / "short", counts=(60, 100)).path
    assert main(["split", str(short), "blocks", "--guard", "2"]) == 0
    assert load_split(short, "holdout")["test"]["flight1"] == [[75, 99]]
    long = write_fake_dataset(tmp_path / "long", counts=(400,)).path
    assert main(["split", str(long), "blocks", "--guard", "2"]) == 0
    assert load_split(long, "holdout")["test"]["flight0"] == [[150, 199], [350, 399]]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "periodic needs --period N"),
        (["--period", "5", "--part", "test=a"], "'test=a' is not NAME=FIRST-LAST"),
        (["--period", "500", "--part", "test=100-200"], "part 'test' of split 'holdout' would have no frames"),
        (["--period", "5", "--part", "test=1-2", "--part", "test=3-4"], "--part test is given twice: '1-2' and '3-4'"),
        (["sequences"], "sequences needs --part"),
        (["sequences", "--part", "test=flight7"], "no sequence 'flight7'"),
        (["sequences", "--part", "test=*", "--part", "train=rest"], "part 'train' of split 'holdout' would have no"),
        (["sequences", "--part", "test=*", "--period", "5"], "--period is no option of a split of kind sequences"),
        (["airframe-mixed"], "part 'test' of split 'holdout' would have no frames"),
        (["airframe-ind", "--placement", "*=1", "--held-out", "0"], "placement 0 cannot be held out"),
        (["airframe-ind"], "--placement flight0=NUMBER"),
        (["airframe-ind", "--placement", "flight0"], "'flight0' is not SEQUENCE=NUMBER"),
        (["check", "--name", "nothing"], "no split 'nothing'"),
        (["blocks", "--block", "2", "--guard", "1", "--name", "../out"], "is not a plain file name"),
        (["blocks", "--block", "2", "--guard", "1", "--name", "a.b"], "'a.b' is not a plain name"),
    ],
)
def test_command_says_what_is_wrong_and_writes_nothing(tmp_path, capsys, words, says):
    write_fake_dataset(tmp_path / "d")
    assert main(["split", str(tmp_path / "d"), *words]) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "d" / "splits").exists()
