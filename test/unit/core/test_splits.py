# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from helpers import encoded, fake_image_rgb, fake_trajectory, shared_data, write_fake_dataset

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.dataset import Dataset
from camera_relocalization_ros.core.dataset_writer import DatasetWriter
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.leakage import find_leakage
from camera_relocalization_ros.core.split_kinds import (
    airframe_ind,
    airframe_mixed,
    blocks,
    periodic,
    placements_of,
    whole_sequences,
)
from camera_relocalization_ros.core.splits import is_within, load_split, save_split


def write_dataset(path, sequences, same_image=False):
    """Sequences {name: (frame numbers, info)} at 10 Hz."""
    with DatasetWriter(path, "wing", "camera") as writer:
        for name, (numbers, info) in sequences.items():
            poses = fake_trajectory(max(numbers) + 1)
            with writer.sequence(name, info) as sequence:
                for number in numbers:
                    image = encoded(fake_image_rgb(0 if same_image else number, 8, 6))
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


def test_unknown_placement_says_how_to_give_it(tmp_path):
    dataset = write_dataset(tmp_path / "d", {"f": (range(4), {})})
    with pytest.raises(DatasetError, match="--placement f=NUMBER"):
        placements_of(dataset)


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


def leak_between(dataset, parts):
    save_split(dataset.path, "s", parts, "test")
    return find_leakage(Dataset.load(f"{dataset.path}@s.train"), Dataset.load(f"{dataset.path}@s.test"))


def test_neighbouring_frames_leak_and_guarded_blocks_do_not(tmp_path):
    dataset = write_dataset(tmp_path / "d", {"f": (range(60), {})})
    found = leak_between(dataset, periodic(dataset, 5, {"train": (0, 3), "test": (4, 4)}))
    assert (found.beside, found.closest, found.same_images) == (12, 1, 0)
    assert found.sentence().startswith("LEAK: 12 of 12 lie beside a training frame")
    guarded = leak_between(dataset, blocks(dataset, 8, 3, 3))
    assert not guarded.leaks and guarded.closest == 4
    assert guarded.oracle_m > found.oracle_m


def test_same_images_leak_even_from_other_sequences(tmp_path):
    dataset = write_dataset(tmp_path / "d", {"a": (range(5), {}), "b": (range(5), {})})
    found = leak_between(dataset, whole_sequences(dataset, {"train": ["a"], "test": ["b"]}))
    assert (found.beside, found.closest, found.same_images) == (0, np.inf, 5)
    assert "5 images are training images too" in found.sentence()


def test_command_writes_splits_and_tells_of_leaks(tmp_path, capsys):
    write_fake_dataset(tmp_path / "d", counts=(60, 60))
    arguments = ["split", str(tmp_path / "d")]
    assert main([*arguments, "blocks", "--block", "8", "--every", "3", "--guard", "3"]) == 0
    assert "@holdout.test: 32 frames, no leak (4 frames apart); nearest training pose" in capsys.readouterr().out
    assert main([*arguments, "check"]) == 0
    assert main([*arguments, "--period", "5", "--part", "train=0-3", "--part", "test=4-4", "--name", "bad"]) == 0
    assert "LEAK: 24 of 24" in capsys.readouterr().out
    assert main([*arguments, "check", "--name", "bad"]) == 1
    assert main([*arguments, "sequences", "--part", "test=flight1", "--part", "train=rest", "--name", "whole"]) == 0
    assert sorted(load_split(tmp_path / "d", "whole")["train"]) == ["flight0"]
    given = ["--placement", "flight0=1", "--placement", "flight1=6"]
    assert main([*arguments, "leave-one-placement-out", *given, "--name", "lopo"]) == 0
    assert sorted(load_split(tmp_path / "d", "lopo_6")["test"]) == ["flight1"]
    assert "reloc split leave-one-placement-out" in (tmp_path / "d" / "splits" / "lopo_6.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "periodic needs --period N"),
        (["--period", "5", "--part", "test=a"], "'test=a' is not NAME=FIRST-LAST"),
        (["--period", "500", "--part", "test=100-200"], "part 'test' would have no frames"),
        (["sequences"], "sequences needs --part"),
        (["airframe-ind"], "--placement flight0=NUMBER"),
        (["airframe-ind", "--placement", "flight0"], "'flight0' is not SEQUENCE=NUMBER"),
        (["check", "--name", "nothing"], "no split 'nothing'"),
        (["blocks", "--block", "2", "--guard", "1", "--name", "../out"], "is not a plain file name"),
    ],
)
def test_command_says_what_is_wrong_and_writes_nothing(tmp_path, capsys, words, says):
    write_fake_dataset(tmp_path / "d")
    assert main(["split", str(tmp_path / "d"), *words]) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "d" / "splits").exists()


def test_red_kitchen_blocks_are_fair_and_every_fifth_frame_is_not(tmp_path):
    source = shared_data("7scenes", "redkitchen")
    if not source.is_dir():
        pytest.skip(f"no {source}")
    from camera_relocalization_ros.core.layouts.seven_scenes import import_seven_scenes

    dataset = import_seven_scenes(source, tmp_path / "kitchen")
    leaking = leak_between(dataset, periodic(dataset, 5, {"train": (0, 3), "test": (4, 4)}))
    bare = leak_between(dataset, blocks(dataset, 50, 4, 0))
    guarded = leak_between(dataset, blocks(dataset, 50, 4, 5))
    assert leaking.beside == leaking.frames and leaking.oracle_m < 0.01 and leaking.oracle_deg < 0.5
    # the frames at both ends of a block: three on each side
    assert 0 < bare.beside <= 6 * 4 and 0.06 < bare.oracle_m < 0.1 and 3 < bare.oracle_deg < 6
    assert not guarded.leaks and guarded.oracle_m > bare.oracle_m and guarded.oracle_deg > bare.oracle_deg
