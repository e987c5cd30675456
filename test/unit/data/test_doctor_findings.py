# SPDX-License-Identifier: BSD-3-Clause
"""A fault planted in a sound data set is found, and nothing else is."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from helpers import write_fake_dataset
from sound_dataset import shared_sound_dataset, with_frames, with_images, with_poses

from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.doctor import axes
from camera_relocalization_ros.data.doctor.examination import examine
from camera_relocalization_ros.data.doctor.finding import BAD, LOOK, OK
from camera_relocalization_ros.data.doctor.image_measures import BRIGHTEST, DARKEST, measure_images
from camera_relocalization_ros.data.doctor.split_checks import check_splits
from camera_relocalization_ros.data.splits import save_split

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
# x forwards, y to the left, z up
T_OPTICAL_BODY = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
MIRROR = np.diag([1.0, -1.0, 1.0, 1.0])
# maps points of a z-up world into a y-up one
T_YUP_ZUP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return shared_sound_dataset(tmp_path_factory)


@pytest.fixture(autouse=True)
def _few_pairs(monkeypatch):
    monkeypatch.setattr(axes, "LOOKS", ((40, 320),))


def faults(examination):
    return {finding.check: finding.level for finding in examination.findings if finding.level != OK}


def test_sound_set_is_all_ok(sound):
    assert faults(examine(sound)) == {}


def test_blurred_images(sound, tmp_path):
    found = examine(with_images(sound, tmp_path, range(100, 140), lambda image: cv2.GaussianBlur(image, (0, 0), 4.0)))
    assert faults(found) == {"blur": BAD}
    values = found.finding("blur").values
    assert values["blurred"] == 40
    assert set(values["worst"]) <= set(range(100, 140))


def test_lamp_in_the_images(sound, tmp_path):
    def with_lamp(image):
        image[:, :70] = 255
        return image

    assert faults(examine(with_images(sound, tmp_path, range(20), with_lamp))) == {"exposure": LOOK}


def test_image_that_does_not_decode(sound, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not an image")

    def break_one(frames):
        frames[7] = replace(frames[7], image_path=broken)
        frames[8] = replace(frames[8], image_path=tmp_path / "missing.png")
        return frames

    assert faults(examine(with_frames(sound, break_one))) == {"image files": BAD}


def test_images_of_another_size_than_the_intrinsics(sound):
    assert faults(examine(replace(sound, camera=sound.camera.scaled(320, 240)))) == {"image files": BAD}


def test_image_that_is_there_twice(sound):
    def repeat(frames):
        frames[11] = replace(frames[11], image_path=frames[10].image_path)
        return frames

    def repeat_far(frames):
        frames[30] = replace(frames[30], image_path=frames[10].image_path)
        return frames

    assert faults(examine(with_frames(sound, repeat))) == {"duplicates": LOOK}
    assert faults(examine(with_frames(sound, repeat_far))) == {"duplicates": BAD}


def test_frozen_poses(sound):
    def freeze(frames):
        for row in range(51, 60):
            frames[row] = replace(frames[row], position=frames[50].position, quat_xyzw=frames[50].quat_xyzw)
        return frames

    found = examine(with_frames(sound, freeze))
    assert faults(found) == {"pose stream": BAD}
    values = found.finding("pose stream").values
    assert (values["repeats"], values["jumps"]) == (9, 0)
    assert values["places"] == ["flight: repeats the pose before: frames 51, 52, 53, 54, 55, 56, 57, 58, ..."]


def test_quaternions_of_another_order_and_length(sound):
    def mix_up(frames):
        frames[80] = replace(frames[80], quat_xyzw=np.roll(frames[80].quat_xyzw, 1))
        return frames

    def lengthen(frames):
        frames[80] = replace(frames[80], quat_xyzw=frames[80].quat_xyzw * 1.0005)
        return frames

    assert faults(examine(with_frames(sound, mix_up))) == {"quaternions": LOOK}
    assert faults(examine(with_frames(sound, lengthen))) == {"quaternions": LOOK}


def test_gaps(sound):
    def thin_out(frames):
        return [frame for frame in frames if frame.number % 100 < 85]

    found = examine(with_frames(sound, thin_out))
    assert faults(found) == {"gaps": LOOK}
    assert found.finding("gaps").values["gaps"] == 2


def test_skipped_frames_are_told_by_reason(sound):
    sequence = replace(sound.sequences[0], info={"skipped": {"stale pose": 250, "no pose": 3}})
    found = examine(replace(sound, sequences=(sequence,)))
    assert faults(found) == {"gaps": BAD}
    assert "250 stale pose, 3 no pose" in found.finding("gaps").sentence


def test_world_with_y_up(sound):
    assert faults(examine(with_poses(sound, lambda T: T_YUP_ZUP @ T))) == {"up axis": LOOK}


@pytest.mark.parametrize(
    "name, change",
    [
        ("opengl", lambda T: T @ FLIP),
        ("inverted", invert),
        ("inverted opengl", lambda T: invert(T @ FLIP)),
        ("body", lambda T: T @ T_OPTICAL_BODY),
        ("left-handed", lambda T: MIRROR @ T @ MIRROR),
    ],
)
def test_other_conventions(sound, name, change):
    found = examine(with_poses(sound, change))
    assert faults(found) == {"axes of the camera": BAD}
    assert found.finding("axes of the camera").values["name"] == name
    positions = found.dataset.poses.positions
    np.testing.assert_allclose(positions, sound.poses.positions, atol=1e-9)


def test_unknown_intrinsics(sound):
    found = examine(replace(sound, camera=None))
    assert faults(found) == {"axes of the camera": LOOK}
    assert "unknown intrinsics: not checked" in found.finding("axes of the camera").sentence


def test_leak_and_missing_split(sound, tmp_path):
    dataset = Dataset.load(shutil.copytree(sound.path, tmp_path / "set"))
    ranges = [[start, start + 3] for start in range(0, 300, 5)]
    every_fifth = {"train": {"flight": ranges}, "test": {"flight": [[n, n] for n in range(4, 300, 5)]}}
    save_split(dataset.path, "shuffled", every_fifth, "test")
    examination = examine(dataset)
    assert faults(examination) == {"splits": BAD}
    found = examination.finding("splits")
    assert found.values["leaking"] == ["shuffled.test"]
    assert set(found.values["parts"]) == {"shuffled.test", "holdout.test"}


def test_splits_that_are_missing_or_of_no_use(tmp_path):
    path = write_fake_dataset(tmp_path / "set").path
    found = check_splits(path)
    assert found.level == LOOK and "reloc split" in found.sentence
    save_split(path, "mine", {"train": {"flight0": [[0, 11]]}}, "test")
    assert check_splits(path).level == LOOK
    for text in ("parts: 7", "parts: {train: {flight0: [[0, 5]]}, test: {nowhere: [[6, 9]]}}"):
        (path / "splits" / "mine.yaml").write_text(text, encoding="utf-8")
        assert check_splits(path).level == BAD


def test_axes_that_a_few_pairs_do_not_tell_are_looked_at_again(sound, monkeypatch):
    monkeypatch.setattr(axes, "LOOKS", ((10, 160),))
    assert axes.check_convention(sound, {}).values["name"] == ""
    monkeypatch.setattr(axes, "LOOKS", ((10, 160), (40, 160)))
    assert axes.check_convention(sound, {}).values["name"] == "optical"


def test_axes_are_told_by_what_is_in_memory_as_by_the_files(sound, monkeypatch):
    looked_at = axes.first_looked_at(sound)
    assert 40 <= len(looked_at) <= 80
    greys = measure_images(sound.sequences, looked_at).greys
    assert set(greys) == looked_at
    by_files, _ = axes._pairs_and_poses(sound, 40, 320, {})
    monkeypatch.setattr(axes, "decode_grey", None)
    in_memory, _ = axes._pairs_and_poses(sound, 40, 320, greys)
    assert len(by_files) > 20
    np.testing.assert_array_equal(in_memory.rotvecs, by_files.rotvecs)
    np.testing.assert_array_equal(in_memory.second_rays, by_files.second_rays)


def test_large_pictures_are_not_kept_in_memory(sound, tmp_path):
    large = with_images(sound, tmp_path, (3, 4), lambda image: cv2.resize(image, None, fx=5, fy=5))
    paths = [frame.image_path for frame in large.frames[3:6]]
    assert set(measure_images(large.sequences, paths).greys) == {paths[2]}


def test_of_many_sequences_together_no_more_pairs_are_looked_at(sound):
    frames = sound.sequences[0].frames
    pieces = tuple(
        replace(sound.sequences[0], name=str(at), frames=frames[at : at + 6]) for at in range(0, len(frames), 6)
    )
    pairs, _ = axes._pairs_and_poses(replace(sound, sequences=pieces), 20, 160, {})
    assert 5 < len(pairs) <= 20


def test_measures_of_images_are_what_their_names_say(sound, tmp_path):
    def clipped(image):
        return np.clip(5 * (image.astype(int) - 128) + 128, 0, 255).astype(np.uint8)

    harsh = with_images(sound, tmp_path, (0, 150), clipped)
    measures = measure_images(harsh.sequences)
    for row in (0, 150):
        grey = cv2.imread(str(harsh.frames[row].image_path), cv2.IMREAD_GRAYSCALE)
        assert measures.sharpness[row] == pytest.approx(cv2.Laplacian(grey, cv2.CV_64F).var(), rel=1e-12)
        assert measures.brightness[row] == pytest.approx(grey.mean(), rel=1e-12)
        assert measures.shadows[row] == pytest.approx(np.mean(grey <= DARKEST), rel=1e-12)
        assert measures.highlights[row] == pytest.approx(np.mean(grey >= BRIGHTEST), rel=1e-12)
        assert 0 < measures.shadows[row] < 0.5 and 0 < measures.highlights[row] < 0.5
