# SPDX-License-Identifier: BSD-3-Clause
"""A map from pictures of several cameras, a window and a fisheye among them, and poses of others by it."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from colour_bundle import COLOUR_BUNDLE
from helpers import CHILD_FRAME, PARENT_FRAME, START_NS, encoded
from painted_wall import CAMERA, STEP_NS, flight, paint, view

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import position_quat
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.data.doctor.axes import check_convention
from camera_relocalization_ros.data.doctor.image_checks import check_files
from camera_relocalization_ros.data.doctor.image_measures import measure_images
from camera_relocalization_ros.pipelines.build_map import build_map
from camera_relocalization_ros.pipelines.evaluate_bundle import evaluate_bundle

WINDOW = CAMERA.cropped(60, 40, 400, 300).scaled(440, 330)
FISHEYE = CameraIntrinsics(480, 360, 520.0, 520.0, 236.0, 182.0, (0.05, -0.02, 0.0, 0.0), "equidistant")
BARREL = replace(CAMERA, fx=480.0, fy=482.0, distortion=(-0.15, 0.03, 0.001, -0.001, 0.0))
CAMERAS = (CAMERA, WINDOW, FISHEYE, BARREL)


def taken_by(camera, image_rgb):
    """What a camera sees where CAMERA sees an image."""
    rows, columns = np.mgrid[0 : camera.height, 0 : camera.width]
    rays = camera.rays(np.column_stack([columns.ravel(), rows.ravel()]))
    source = CAMERA.project(np.column_stack([rays, np.ones(len(rays))])).astype(np.float32)
    return cv2.remap(image_rgb, source.reshape(camera.height, camera.width, 2), None, cv2.INTER_LINEAR)


def write_flight(path, count, seed):
    """A flight before the wall, each picture by the next of the cameras."""
    wall = paint()
    with DatasetWriter(path, PARENT_FRAME, CHILD_FRAME, CAMERAS) as writer, writer.sequence("flight", {}) as sequence:
        for number, T in enumerate(flight(count, seed)):
            camera = CAMERAS[number % len(CAMERAS)]
            image_rgb = taken_by(camera, view(T, wall))
            stamp_ns = START_NS + number * STEP_NS
            sequence.add(stamp_ns, *position_quat(T), encoded(image_rgb), ".png", camera=camera)
    return Dataset.load(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cameras")
    shutil.copytree(COLOUR_BUNDLE, folder / "bundle")
    dataset = write_flight(folder / "train", 24, 1)
    sizes = {"width": CAMERA.width, "features": 400, "flight_width": CAMERA.width, "flight_features": 300}
    build_map(folder / "bundle", dataset, correct_camera=False, **sizes)
    return folder


def test_poses_are_as_exact_as_with_one_camera(folder):
    dataset = write_flight(folder / "test", 4, 5)
    found = evaluate_bundle(folder / "bundle", dataset, stages="refined").stages["refined"].evaluation.errors
    assert np.median(found.position_m) < 0.01 and found.position_m.max() < 0.03
    # the same pictures as if all were by the first camera
    one = replace(dataset, camera=CAMERA, sequences=tuple(without_cameras(s) for s in dataset.sequences))
    wrong = evaluate_bundle(folder / "bundle", one, stages="refined").stages["refined"].evaluation.errors
    own = np.arange(4) % len(CAMERAS) == 0
    assert np.nanmax(wrong.position_m[own]) < 0.03 < 0.05 < np.nanmedian(wrong.position_m[~own])


def without_cameras(sequence):
    return replace(sequence, frames=tuple(replace(frame, camera=None) for frame in sequence.frames))


def test_a_frame_without_intrinsics_is_named(folder):
    dataset = Dataset.load(folder / "train")
    sequence = without_cameras(dataset.sequences[0])
    frames = (*dataset.sequences[0].frames[:3], *sequence.frames[3:5])
    with pytest.raises(DatasetError, match=r"000003\.png: the camera's intrinsics are not known"):
        build_map(folder / "bundle", replace(dataset, sequences=(replace(sequence, frames=frames),)))


def test_the_doctor_sees_sizes_and_axes_of_several_cameras(folder):
    dataset = Dataset.load(folder / "train")
    measures = measure_images(dataset.sequences)
    cameras = [dataset.camera_of(frame) for frame in dataset.frames]
    files = check_files(measures, cameras)
    assert files.level == "OK" and "18 of 480x360, 6 of 440x330, by 4 cameras" in files.sentence
    assert check_files(measures, [CAMERA] * 24).level == "BAD"
    assert check_files(measures, [*cameras[1:], cameras[0]]).level == "BAD"
    assert check_convention(dataset, {}).values["name"] == "optical"
