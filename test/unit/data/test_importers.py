# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from helpers import encoded, fake_image_rgb, fake_trajectory, shared_data, write_fake_dataset

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.trajectory import Trajectory, read_tum, write_tum
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.data.layouts.seven_scenes import import_seven_scenes
from camera_relocalization_ros.data.layouts.tum import export_tum, import_tum
from camera_relocalization_ros.data.splits import split_names


def write_seven_scenes(folder, sequences=("seq-01", "seq-02"), count=4, suffix=".png"):
    T = fake_trajectory(count).matrices()
    for name in sequences:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            stem = folder / name / f"frame-{number:06d}"
            stem.with_suffix(f".color{suffix}").write_bytes(encoded(fake_image_rgb(number), suffix))
            np.savetxt(stem.with_suffix(".pose.txt"), T[number])
            stem.with_suffix(".depth.png").write_bytes(b"")
    return T


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_seven_scenes_gives_poses_images_and_official_split(tmp_path, suffix):
    T = write_seven_scenes(tmp_path / "chess", suffix=suffix)
    (tmp_path / "chess" / "TrainSplit.txt").write_text("sequence1\n")
    (tmp_path / "chess" / "TestSplit.txt").write_text("sequence2\r\n")
    dataset = import_seven_scenes(tmp_path / "chess", tmp_path / "set")
    assert dataset.frame_count == 8 and dataset.camera.fx == 585
    np.testing.assert_allclose(dataset.sequences[1].trajectory().matrices(), T, atol=1e-12)
    source = tmp_path / "chess" / "seq-02" / f"frame-000003.color{suffix}"
    assert dataset.frames[7].image_path.read_bytes() == source.read_bytes()
    assert [s.name for s in Dataset.load(f"{tmp_path}/set@official.test").sequences] == ["seq-02"]


def test_seven_scenes_skips_lost_poses_and_knows_the_gap(tmp_path):
    write_seven_scenes(tmp_path / "chess", sequences=("seq-01",), count=6)
    np.savetxt(tmp_path / "chess" / "seq-01" / "frame-000002.pose.txt", np.full((4, 4), np.inf))
    dataset = import_seven_scenes(tmp_path / "chess", tmp_path / "set")
    assert [frame.number for frame in dataset.frames] == [0, 1, 3, 4, 5]
    assert dataset.sequences[0].info["skipped"] == {"invalid pose": 1}
    assert dataset.sequences[0].windows(2, max_gap_s=0.05).tolist() == [[0, 1], [2, 3], [3, 4]]


@pytest.mark.parametrize(
    "spelling",
    ["-1.#INF", "1.#INF00e+000", "1.#QNAN", "-1.#IND00", "-nan(ind)", "nan(snan)", "-nan", "Infinity", "-1.#J"],
)
def test_seven_scenes_poses_of_no_number_are_counted_in_each_spelling(tmp_path, spelling):
    T = write_seven_scenes(tmp_path / "chess", sequences=("seq-01",), count=3)
    pose = tmp_path / "chess" / "seq-01" / "frame-000001.pose.txt"
    pose.write_text("".join(f"{spelling} " * 4 + "\n" for _ in range(4)))
    dataset = import_seven_scenes(tmp_path / "chess", tmp_path / "set")
    assert [frame.number for frame in dataset.frames] == [0, 2]
    np.testing.assert_allclose(dataset.sequences[0].trajectory().matrices(), T[[0, 2]], atol=1e-12)
    assert dataset.sequences[0].info["skipped"] == {"invalid pose": 1}


def test_seven_scenes_sequence_that_lost_track_throughout_is_in_no_split(tmp_path):
    write_seven_scenes(tmp_path / "chess", count=1)
    for part, number in (("Train", 1), ("Test", 2)):
        (tmp_path / "chess" / f"{part}Split.txt").write_text(f"sequence{number}\n")
    (tmp_path / "chess" / "seq-02" / "frame-000000.pose.txt").write_text("-1.#IND 0 0 0\n" * 4)
    dataset = import_seven_scenes(tmp_path / "chess", tmp_path / "set")
    assert [len(sequence.frames) for sequence in dataset.sequences] == [1, 0]
    assert split_names(dataset.path) == []


@pytest.mark.parametrize("text", ["1 0 0 0\n0 1 0\n0 0 1 0\n0 0 0 1\n", "", "1.#2 0 0 0\n" * 4, "-1.INF 0 0 0\n" * 4])
def test_seven_scenes_poses_of_another_form_are_refused(tmp_path, text):
    write_seven_scenes(tmp_path / "chess", sequences=("seq-01",), count=2)
    (tmp_path / "chess" / "seq-01" / "frame-000001.pose.txt").write_text(text)
    with pytest.raises(DatasetError, match=r"frame-000001.pose.txt: (not a 4x4|numbers of shape)"):
        import_seven_scenes(tmp_path / "chess", tmp_path / "set")


def test_seven_scenes_errors_name_the_file(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        import_seven_scenes(tmp_path / "nothing", tmp_path / "set")
    with pytest.raises(DatasetError, match="no folder seq-XX"):
        import_seven_scenes(tmp_path, tmp_path / "set")
    write_seven_scenes(tmp_path / "chess")
    (tmp_path / "chess" / "seq-01" / "frame-000001.pose.txt").write_text("1 2 three")
    with pytest.raises(DatasetError, match=r"frame-000001.pose.txt: not a 4x4"):
        import_seven_scenes(tmp_path / "chess", tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_the_recorded_kitchen_imports(tmp_path):
    source = shared_data("7scenes", "redkitchen")
    if not source.is_dir():
        pytest.skip("needs the Red Kitchen recording")
    dataset = import_seven_scenes(source, tmp_path / "kitchen")
    assert dataset.frame_count == 800
    # ten runs of 80 frames: 79 pairs in each, none across a gap
    assert len(dataset.sequences[0].windows(2, max_gap_s=0.5)) == 10 * 79
    assert load_image_rgb(dataset.frames[-1].image_path).shape == (480, 640, 3)


def test_tum_folder_has_what_its_lists_say(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", counts=(5,))
    (folder,) = export_tum(dataset, tmp_path / "tum")
    found = read_tum(folder / "groundtruth.txt")
    expected = dataset.sequences[0].trajectory()
    np.testing.assert_array_equal(found.stamps_ns, expected.stamps_ns)
    np.testing.assert_allclose(found.positions, expected.positions, atol=1e-9)
    listed = [line.split()[1] for line in (folder / "rgb.txt").read_text().splitlines() if not line.startswith("#")]
    assert [(folder / name).read_bytes() for name in listed] == [f.image_path.read_bytes() for f in dataset.frames]


@pytest.mark.parametrize(("off_ns", "period_s"), [(100, 0.1), (-100, 0.1), (400_000, 0.5)])
def test_tum_truth_with_rewritten_stamps_keeps_every_frame(tmp_path, off_ns, period_s):
    dataset = write_fake_dataset(tmp_path / "set", counts=(20,), period_s=period_s)
    (folder,) = export_tum(dataset, tmp_path / "tum")
    poses = dataset.sequences[0].trajectory()
    write_tum(folder / "groundtruth.txt", Trajectory(poses.stamps_ns + off_ns, poses.positions, poses.quats_xyzw))
    found = import_tum(folder, tmp_path / "again")
    assert found.frame_count == 20
    np.testing.assert_array_equal([f.stamp_ns for f in found.frames], poses.stamps_ns)
    np.testing.assert_allclose(found.poses.positions, poses.positions, atol=1e-3)


def test_tum_writes_a_folder_per_sequence_and_overwrites_nothing(tmp_path):
    dataset = write_fake_dataset(tmp_path / "set", counts=(3, 2))
    assert [folder.name for folder in export_tum(dataset, tmp_path / "tum")] == ["flight0", "flight1"]
    with pytest.raises(DatasetError, match="exists already"):
        export_tum(dataset, tmp_path / "tum")
