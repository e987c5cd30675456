# SPDX-License-Identifier: BSD-3-Clause
import json

import cv2
import numpy as np
import pytest
from helpers import write_fake_dataset

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import load_image_rgb
from camera_relocalization_ros.data.image_statistics import image_statistics


def test_statistics_equal_those_of_all_pixels_at_once(tmp_path):
    dataset = write_fake_dataset(tmp_path / "d", counts=(5, 4))
    pixels = np.stack([Preprocessing(32, 24).apply(load_image_rgb(frame.image_path)) for frame in dataset.frames])
    found = image_statistics(dataset, 32)
    np.testing.assert_allclose(found.mean_rgb, pixels.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.channel_mean, pixels.mean(axis=(0, 1, 2)), atol=1e-9)
    np.testing.assert_allclose(found.channel_std, pixels.std(axis=(0, 1, 2)), atol=1e-9)


def test_command_writes_picture_and_numbers(tmp_path, capsys):
    dataset = write_fake_dataset(tmp_path / "d")
    assert main(["stats", str(tmp_path / "d"), "--width", "32", "-o", str(tmp_path / "out")]) == 0
    found = image_statistics(dataset, 32)
    picture = cv2.imread(str(tmp_path / "out" / "mean.png"))[..., ::-1]
    np.testing.assert_allclose(picture, found.mean_rgb, atol=0.5)
    values = json.loads((tmp_path / "out" / "statistics.json").read_text())
    assert values["frames"] == 12
    np.testing.assert_allclose(values["channel_mean_rgb"], found.channel_mean, atol=1e-4)
    assert "of 12 images" in capsys.readouterr().out


def test_one_colour_has_no_spread(tmp_path):
    dataset = write_fake_dataset(tmp_path / "d", counts=(3,))
    for frame in dataset.frames:
        cv2.imwrite(str(frame.image_path), np.full((48, 64, 3), (30, 20, 10), dtype=np.uint8))
    found = image_statistics(dataset, 32)
    assert (found.channel_mean.tolist(), found.channel_std.tolist()) == ([10, 20, 30], [0, 0, 0])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["d", "--width", "0"], "a width of 0 pixels; expected 1 or more"),
        (["d@x.train"], "no split 'x'"),
        (["broken"], "000001.png: a file that does not decode"),
        (["mixed"], "expected the aspect ratio of 320x240"),
    ],
)
def test_command_says_what_is_wrong_and_writes_nothing(tmp_path, monkeypatch, capsys, words, says):
    monkeypatch.chdir(tmp_path)
    for name in ("d", "broken", "mixed"):
        dataset = write_fake_dataset(tmp_path / name, counts=(3,))
    cv2.imwrite(str(dataset.frames[2].image_path), np.zeros((64, 64, 3), dtype=np.uint8))
    (tmp_path / "broken" / "sequences" / "flight0" / "images" / "000001.png").write_bytes(b"no image")
    assert main(["stats", *words, "-o", "out"]) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
