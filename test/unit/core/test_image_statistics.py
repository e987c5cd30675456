# SPDX-License-Identifier: BSD-3-Clause
import json

import cv2
import numpy as np
from helpers import write_fake_dataset

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.dataset import load_image_rgb
from camera_relocalization_ros.core.image_statistics import image_statistics
from camera_relocalization_ros.core.preprocessing import Preprocessing


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
