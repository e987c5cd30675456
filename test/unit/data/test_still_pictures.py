# SPDX-License-Identifier: BSD-3-Clause
"""A frozen video link, with noise and exposure still changing, against a camera that rests or flies."""

import cv2
import numpy as np
import pytest
from helpers import CAMERA, CHILD_FRAME, PARENT_FRAME, START_NS
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.data.doctor.image_checks import check_still
from camera_relocalization_ros.data.doctor.image_measures import measure_images
from camera_relocalization_ros.data.still_pictures import (
    MOST_COMPARED,
    compared_step,
    ranges_of,
    recorded_still,
    refuse_still_pictures,
    still_rows,
    texture_of,
    texture_of_content,
    texture_of_picture,
)

RNG = np.random.default_rng(0)
PANORAMA = cv2.resize(RNG.integers(0, 256, (60, 400), dtype=np.uint8), (2400, 360), interpolation=cv2.INTER_CUBIC)
PX_PER_RAD = 400.0


def shown(yaw_rad, gain=1.0, noise=6.0):
    """A picture (360, 480) of a camera at a yaw before the panorama."""
    left = int(round(PX_PER_RAD * yaw_rad))
    return np.clip(gain * PANORAMA[:, left : left + 480] + RNG.normal(0, noise, (360, 480)), 0, 255).astype(np.uint8)


def turning(yaws_rad):
    return Poses(np.zeros((len(yaws_rad), 3)), Rotation.from_euler("z", np.asarray(yaws_rad)[:, None]).as_quat())


YAWS = np.linspace(0, 0.6, 40)


def test_a_frozen_link_is_found_though_noise_and_exposure_change():
    gains = 1.0 + 0.3 * np.sin(np.arange(40))
    pictures = [shown(YAWS[k] if k < 15 else YAWS[15], gains[k]) for k in range(40)]
    found = still_rows([texture_of(picture) for picture in pictures], turning(YAWS))
    assert ranges_of(range(40), found) == [[16, 39]]


@pytest.mark.parametrize("width", [480, 300])
def test_a_picture_shows_the_same_before_and_after_it_is_a_file(width):
    picture = cv2.cvtColor(shown(0.3)[:, :width], cv2.COLOR_GRAY2BGR)
    content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    assert texture_of_picture(picture) @ texture_of_content(content) > 0.98
    assert not texture_of_content(b"no image").any()


@pytest.mark.parametrize("count", [0, 1, 400, 401, 799, 800, 100_000])
def test_no_more_pictures_are_looked_at_than_is_said(count):
    looked_at = len(range(0, count, compared_step(count)))
    assert min(count, MOST_COMPARED // 2) <= looked_at <= MOST_COMPARED


def test_what_was_shown_is_not_read_again(tmp_path):
    still, moving = shown(0.3), [shown(yaw) for yaw in YAWS]
    with DatasetWriter(tmp_path / "set", PARENT_FRAME, CHILD_FRAME, CAMERA) as writer, writer.sequence("a") as sequence:
        for row, pose in enumerate(turning(YAWS)):
            content = cv2.imencode(".png", moving[row])[1].tobytes()
            sequence.add(START_NS + row, pose.position, pose.quat_xyzw, content, ".png")
            # the files move; what is said of every second frame stands still
            if row % 2 == 0:
                sequence.show(row, texture_of(still))
    assert Dataset.load(tmp_path / "set").sequences[0].info["still_picture"] == [[2, 39]]


@pytest.mark.parametrize("seen", [YAWS, YAWS[::-1]])
def test_a_camera_that_turns_is_not_still(seen):
    assert not still_rows([texture_of(shown(yaw)) for yaw in seen], turning(YAWS)).any()


def test_a_camera_at_rest_before_poses_at_rest_is_not_frozen():
    at_rest = turning(0.02 * RNG.normal(size=40))
    assert not still_rows([texture_of(shown(0.3)) for _ in range(40)], at_rest).any()
    # far above the ground a step of a metre is none in the picture, but is small against the way flown
    high = Poses(np.vstack([np.zeros((20, 3)), [[0.5 * k, 0, 0] for k in range(20)]]), np.tile([0, 0, 0, 1.0], (40, 1)))
    pictures = [shown(0.3)] * 20 + [shown(0.3 + 0.01 * k) for k in range(20)]
    assert not still_rows([texture_of(picture) for picture in pictures], high).any()


def test_blank_pictures_tell_nothing():
    wall = [np.full((360, 480), 90 + k, np.uint8) for k in range(40)]
    assert not still_rows([texture_of(picture) for picture in wall], turning(YAWS)).any()


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    path = tmp_path_factory.mktemp("frozen") / "set"
    poses = turning(YAWS)
    with DatasetWriter(path, PARENT_FRAME, CHILD_FRAME, CAMERA) as writer:
        for name, last in (("sound", 39), ("frozen", 9)):
            with writer.sequence(name) as sequence:
                for k, pose in enumerate(poses):
                    data = cv2.imencode(".jpg", shown(YAWS[min(k, last)]))[1].tobytes()
                    sequence.add(START_NS + k * 10**8, pose.position, pose.quat_xyzw, data, ".jpg")
    return Dataset.load(path)


def test_the_data_set_says_which_frames_and_training_refuses_them(frozen):
    assert [s.info.get("still_picture") for s in frozen.sequences] == [None, [[10, 39]]]
    assert recorded_still(frozen) == 30
    with pytest.raises(DatasetError, match="in 30 of 80 frames the picture stands still while the poses move.*--force"):
        refuse_still_pictures([frozen])
    sound = Dataset(frozen.path, frozen.parent_frame, frozen.child_frame, frozen.camera, frozen.sequences[:1])
    refuse_still_pictures([sound])


def test_the_doctor_says_where(frozen):
    finding = check_still(frozen, measure_images(frozen.sequences))
    assert finding.level == "BAD" and finding.values == {"still": 30, "ranges": {"frozen": [[10, 39]]}}
    assert "first in frozen, frames 10 to 39" in finding.sentence
