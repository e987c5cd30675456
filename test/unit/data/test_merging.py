# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np
import pytest
from helpers import CAMERA, write_fake_dataset

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.data.dataset import METRIC, Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.data.merging import merge
from camera_relocalization_ros.data.splits import save_split

UTM_M = (388_096.25, 5_548_996.5, 0.0)


def same_but_named(frames, others):
    assert [(f.number, f.stamp_ns) for f in frames] == [(f.number, f.stamp_ns) for f in others]
    for frame, other in zip(frames, others):
        np.testing.assert_array_equal(frame.position, other.position)
        np.testing.assert_array_equal(frame.quat_xyzw, other.quat_xyzw)
        assert frame.image_path.read_bytes() == other.image_path.read_bytes()


def test_everything_of_two_data_sets_is_in_the_merged_one(tmp_path, caplog):
    tele = replace(CAMERA, fx=90.0)
    one = write_fake_dataset(tmp_path / "one", (4, 3), offset_m=UTM_M)
    two = write_fake_dataset(tmp_path / "two", (5,), camera=tele, period_s=0.2, offset_m=(UTM_M[0] + 400.0, *UTM_M[1:]))
    for dataset, name in ((one, "flight1"), (two, "flight0")):
        save_split(dataset.path, "held", {"test": {name: [[1, 2]]}}, "hand")
    save_split(one.path, "alone", {"test": {"flight0": [[0, 1]]}}, "hand")
    command = ["merge", str(one.path), str(two.path), "-o", str(tmp_path / "all")]
    assert main(command) == 0
    merged = Dataset.load(tmp_path / "all")
    assert [sequence.name for sequence in merged.sequences] == ["one_flight0", "flight1", "two_flight0"]
    same_but_named(merged.frames, [*one.frames, *two.frames])
    assert [merged.camera_of(frame) for frame in merged.frames] == [CAMERA] * 7 + [tele] * 5
    # one origin for all, and no digit lost by it
    assert merged.position_origin.any() and np.abs(merged.poses.positions - merged.position_origin).max() < 1000.0
    held = Dataset.load(f"{tmp_path / 'all'}@held.test")
    assert [(s.name, [f.number for f in s.frames]) for s in held.sequences] == [
        ("flight1", [1, 2]),
        ("two_flight0", [1, 2]),
    ]
    assert "left out: alone" in caplog.text


def test_counts_of_what_was_skipped_are_carried(tmp_path):
    one, two = write_fake_dataset(tmp_path / "one", (3,)), tmp_path / "two"
    with DatasetWriter(two, one.parent_frame, one.child_frame, CAMERA) as writer, writer.sequence("b", {"k": 1}) as b:
        b.skip("no stamp")
        b.leave_out("nan", 2)
        frame = one.frames[1]
        b.add(frame.stamp_ns, frame.position, frame.quat_xyzw, frame.image_path.read_bytes(), ".png", 7)
    info = merge([one, Dataset.load(two)], tmp_path / "all").sequences[1].info
    assert info == {"k": 1, "skipped": {"no stamp": 1}, "left_out_rows": {"nan": 2}}


def test_what_cannot_be_one_data_set_is_refused(tmp_path):
    one = write_fake_dataset(tmp_path / "one", (3,))
    again = write_fake_dataset(tmp_path / "again", (3,))
    with pytest.raises(DatasetError, match="the same frames are in .*one .flight0. and .*again .flight0."):
        merge([one, again], tmp_path / "all")
    with pytest.raises(DatasetError, match="expected, as in"):
        merge([one, replace(again, parent_frame="map")], tmp_path / "all")
    scene = replace(again, sequences=tuple(replace(s, info={METRIC: False}) for s in again.sequences))
    with pytest.raises(DatasetError, match="own scale and axes"):
        merge([one, scene], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_info_says_the_conventions(tmp_path, capsys):
    write_fake_dataset(tmp_path / "one", (3,), offset_m=UTM_M)
    assert main(["info", str(tmp_path / "one")]) == 0
    said = capsys.readouterr().out
    for text in ("maps points of 'camera_optical_frame' into 'wing/base_link'", "metres", "qx, qy, qz, qw"):
        assert text in said
    assert "trainings take 388" in said
