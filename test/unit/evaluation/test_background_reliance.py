# SPDX-License-Identifier: BSD-3-Clause
"""Bundles that read nothing but the object, or nothing but the background, are told apart exactly."""

import json

import cv2
import numpy as np
import pytest
from colour_bundle import QUAT_XYZW, write_colour_bundle
from helpers import CAMERA, CHILD_FRAME, PARENT_FRAME, START_NS, encoded, fake_image_rgb
from mesh_files import write_box_ply

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.evaluation.background_reliance import ORIGINAL, QUANTITIES, Reliance, variant
from camera_relocalization_ros.evaluation.part_changes import (
    BACKGROUND,
    CHANGES,
    MASK_RGB,
    MASKED,
    OBJECT,
    PARTS,
    SWAPPED,
    Cutout,
    changed,
    swap_partners,
)
from camera_relocalization_ros.evaluation.part_estimates import ChangedImages, part_estimates
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.vision.silhouette import ObjectMesh

# the camera looks along z at a box of 0.5 m, 1.5 m and more away: always in the middle, never in the top rows
BOX = np.array([[-0.25, -0.25, 1.5], [0.25, 0.25, 2.0]])
MIDDLE, TOP = np.array([[20, 28], [28, 36]]), np.array([[0, 0], [6, CAMERA.width]])
COUNT = 24


def write_flight(path, camera=CAMERA, turned_away=0):
    """Frames of the box from a few places; the last `turned_away` see nothing of it."""
    with DatasetWriter(path, PARENT_FRAME, CHILD_FRAME, camera) as writer:
        with writer.sequence("flight", {}) as sequence:
            for row in range(COUNT):
                position = np.array([0.1 * np.sin(row), 0.1 * np.cos(row), -0.01 * row])
                quat = [0.0, 1.0, 0.0, 0.0] if row >= COUNT - turned_away else [0.0, 0.0, 0.0, 1.0]
                image = encoded(fake_image_rgb(row, CAMERA.width, CAMERA.height))
                sequence.add(START_NS + row * 10**8, position, np.array(quat), image, ".png")
    return Dataset.load(path)


def answers_of(tmp_path, region, **flight):
    dataset = write_flight(tmp_path / "flight", **flight)
    write_colour_bundle(tmp_path / "bundle", region)
    images = ChangedImages(dataset, ObjectMesh.of_box(BOX), margin_px=1)
    return part_estimates(Relocalizer.from_bundle(tmp_path / "bundle"), dataset, images)


@pytest.mark.parametrize("region, read, expected", [(MIDDLE, OBJECT, 0.0), (TOP, BACKGROUND, 1.0)])
def test_what_a_bundle_reads_is_told(tmp_path, region, read, expected):
    found, rows = answers_of(tmp_path, region)
    assert found.left_out == 0 and len(rows) == COUNT
    for change in CHANGES:
        share = found.share(change, "position_m")
        assert (share.value, share.low, share.high) == (expected, expected, expected)
        for part in PARTS:
            moved = found.moved(variant(part, change)).position_m
            assert (moved.min() > 1e-3) if part == read else (moved.max() == 0.0)
        # the rotation is always the same: there is nothing to share
        assert np.isnan(found.share(change, "orientation_deg").value)
    np.testing.assert_allclose(found.estimates[ORIGINAL][:, 3:], np.tile(QUAT_XYZW, (COUNT, 1)), atol=1e-6)


def test_frames_that_do_not_show_the_object_are_left_out(tmp_path):
    found, rows = answers_of(tmp_path, MIDDLE, turned_away=3)
    # those three, and the three whose partners they are
    assert found.left_out == 6
    assert len(rows) == len(found.truth) == COUNT - 6 and rows.max() < COUNT - 3


def test_the_share_is_that_of_the_medians_and_its_interval_holds_it():
    rng = np.random.default_rng(0)
    truth = np.tile([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0], (200, 1))

    def moved_by(metres):
        poses = truth.copy()
        poses[:, 0] += metres * rng.uniform(0.5, 1.5, 200)
        return poses

    estimates = {ORIGINAL: truth}
    estimates.update({variant(BACKGROUND, change): moved_by(0.3) for change in CHANGES})
    estimates.update({variant(OBJECT, change): moved_by(0.1) for change in CHANGES})
    found = Reliance(truth, np.full(200, "flight", dtype=object), estimates, 0)
    share = found.share(SWAPPED, "position_m")
    assert share.value == pytest.approx(0.75, abs=0.03)
    assert share.low < share.value < share.high and share.high - share.low < 0.1
    # the estimates as they are have no error, of which no other could be a multiple
    assert np.isnan(found.growth(variant(OBJECT, SWAPPED), "position_m").value)
    assert json.loads(json.dumps(found.summary()))["background_reliance"][SWAPPED]["orientation_deg"] == [None] * 3


def test_the_other_part_stays_to_the_pixel():
    images = [fake_image_rgb(seed, 64, 48) for seed in (0, 1)]
    masks = [cv2.circle(np.zeros((48, 64), np.uint8), centre, 9, 255, -1) for centre in ((20, 24), (45, 20))]
    image, other = (Cutout(*pair) for pair in zip(images, masks))
    for change in CHANGES:
        kept = changed(image, BACKGROUND, change, other)
        assert np.array_equal(kept[masks[0] > 0], images[0][masks[0] > 0])
        rest = (masks[0] == 0) & ((masks[1] == 0) | (change != SWAPPED))
        assert np.array_equal(changed(image, OBJECT, change, other)[rest], images[0][rest])
    assert (changed(image, OBJECT, MASKED, other)[masks[0] > 0] == MASK_RGB).all()
    assert np.array_equal(changed(image, OBJECT, SWAPPED, other)[masks[1] > 0], images[1][masks[1] > 0])
    behind = (masks[0] == 0) & (masks[1] == 0)
    assert np.array_equal(changed(image, BACKGROUND, SWAPPED, other)[behind], images[1][behind])


def test_partners_are_far_and_neighbours_stay_neighbours():
    angles = np.linspace(0, 4 * np.pi, 100, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles), np.zeros(100)], axis=1)
    partners = swap_partners(circle)
    assert set(np.diff(partners) % 100) == {1}
    # two rounds: half of the frames later the camera is back where it was
    assert np.linalg.norm(circle - circle[partners], axis=1).min() > 1.9


def test_command(tmp_path, capsys):
    pytest.importorskip("vtkmodules")
    write_flight(tmp_path / "flight")
    write_flight(tmp_path / "blind", camera=None)
    write_colour_bundle(tmp_path / "bundle", TOP)
    mesh = write_box_ply(tmp_path / "box.ply", 0.5, (0.0, 0.0, 1.75))
    bundle, out = str(tmp_path / "bundle"), tmp_path / "out"
    assert main(["background", bundle, str(tmp_path / "flight"), "--mesh", str(mesh), "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "swapped    position 1.00 (1.00 to 1.00)" in printed
    values = json.loads((out / "background.json").read_text())
    assert values["frames"] == COUNT and values["background_reliance"]["masked"]["position_m"] == [1.0, 1.0, 1.0]
    assert values["images"]["object masked"]["moved"] == dict.fromkeys(QUANTITIES, 0.0)
    assert cv2.imread(str(out / "background.png")).shape[1] > 1000
    box = ["--box", *map(str, BOX.ravel())]
    assert main(["background", bundle, str(tmp_path / "blind"), *box, "-o", str(out), "--overwrite"]) == 1
    assert "no camera intrinsics" in capsys.readouterr().err
    behind = ["--box", "0", "0", "-9", "1", "1", "-8"]
    assert main(["background", bundle, str(tmp_path / "flight"), *behind, "-o", str(out), "--overwrite"]) == 1
    assert "no frame shows both object and background" in capsys.readouterr().err
