# SPDX-License-Identifier: BSD-3-Clause
"""Pictures that are not by the intrinsics of camera_info, such as cropped or squeezed ones, are told by landmarks."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from painted_wall import CAMERA, flight, paint, stamp, view

from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.landmarks.intrinsics_watch import IntrinsicsWatch, deviations_off
from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import StagedRelocalizer
from camera_relocalization_ros.localization.refinement import nothing_found
from camera_relocalization_ros.vision.pnp import CameraPart, refine_pose

WALL = paint()


def cropped(picture, share):
    """The middle of a picture in its full size, as stabilisation or a digital zoom has it."""
    height, width = picture.shape[:2]
    y, x = (round(size * (1 - share) / 2) for size in (height, width))
    return cv2.resize(picture[y : height - y, x : width - x], (width, height))


def moved(picture, matrix):
    """A picture under an affine transform (2, 3) of its pixels."""
    height, width = picture.shape[:2]
    return cv2.warpAffine(picture, np.array(matrix, float), (width, height), borderMode=cv2.BORDER_REPLICATE)


def bulging(picture):
    """As a lens sees it whose distortion nobody told of."""
    height, width = picture.shape[:2]
    x, y = np.meshgrid((np.arange(width) - CAMERA.cx) / CAMERA.fx, (np.arange(height) - CAMERA.cy) / CAMERA.fy)
    grown = 1 + 0.3 * (x * x + y * y)
    columns, rows = CAMERA.fx * x * grown + CAMERA.cx, CAMERA.fy * y * grown + CAMERA.cy
    return cv2.remap(picture, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR)


OTHER_CAMERAS = {
    "cropped": (lambda picture: cropped(picture, 0.8), "times that of camera_info: is the picture cropped"),
    "widened": (lambda p: moved(p, [[1.2, 0, -0.1 * p.shape[1]], [0, 1, 0]]), "times as wide as camera_info"),
    "heightened": (lambda p: moved(p, [[1, 0, 0], [0, 1.2, -0.1 * p.shape[0]]]), "times as high as camera_info"),
    "shifted": (lambda p: moved(p, [[1, 0, 0.12 * p.shape[1]], [0, 1, 0]]), "the principal point is off by about"),
    "of another lens": (bulging, "distortion: is the picture rectified"),
}


@pytest.mark.parametrize("kind", OTHER_CAMERAS)
@pytest.mark.parametrize("first", [0, 3])
def test_no_pose_of_another_cameras_picture_is_ok_and_nothing_is_followed_into_it(relocalizer, kind, first):
    change, _ = OTHER_CAMERAS[kind]
    staged = StagedRelocalizer(relocalizer, CAMERA)
    for number, T in enumerate(flight(first + 6, seed=5)):
        is_changed = first <= number < first + 2
        picture = view(T, WALL)
        answer = staged.estimate(change(picture) if is_changed else picture, stamp(number))
        if is_changed:
            assert answer.state is State.DEGRADED and answer.stage is Stage.REGRESSION
            assert "landmarks say that" in answer.reason, answer.reason
        elif number < first or number > first + 3:
            # the first two of the right camera again are not believed
            assert answer.state is State.OK, answer.reason


def test_landmarks_that_do_not_agree_tell_a_focal_length_that_the_others_make_up_for(relocalizer):
    """Of a wall straight ahead: a camera zoomed by 1.25 sees it as from nearer by, but not what stands before it."""
    refiner = StagedRelocalizer(relocalizer, CAMERA).refiner
    generator = np.random.default_rng(0)
    rays, depths = generator.uniform(-0.35, 0.35, (100, 2)), np.full(100, 2.0)
    depths[70:] = generator.uniform(1.0, 1.6, 30)
    refiner.points = np.column_stack([rays, np.ones(100)]) * depths[:, None]
    pixels = refiner.extractor.pixels(1.25 * rays) + generator.normal(0, 0.3, rays.shape)
    nearer = np.eye(4)
    nearer[2, 3] = 2.0 * (1 - 1 / 1.25)
    wall = np.arange(70)
    by_wall = refine_pose(refiner.points[wall], refiner.extractor.rays(pixels[wall]), nearer, 0.01)
    found = refiner.refinement_from(by_wall, wall, pixels[wall])
    changes, deviations = refiner.camera_changes(found)
    assert deviations_off(changes, deviations).max() < 3
    everything = replace(found, around=np.arange(100), around_pixels=pixels)
    changes, deviations = refiner.camera_changes(everything)
    assert changes[CameraPart.FOCAL_LENGTH] == pytest.approx(0.25, abs=0.02)
    assert deviations_off(changes, deviations)[CameraPart.FOCAL_LENGTH] > 10
    assert not refiner.denied_changes(everything, np.full(5, 0.25))[CameraPart.FOCAL_LENGTH]
    unzoomed = refiner.extractor.pixels(rays) + generator.normal(0, 0.3, rays.shape)
    found = refiner.refinement_from(refine_pose(refiner.points, rays, np.eye(4), 0.01), np.arange(100), unzoomed)
    as_it_is = replace(found, around=np.arange(100), around_pixels=unzoomed)
    assert deviations_off(*refiner.camera_changes(as_it_is)).max() < 3
    assert refiner.denied_changes(as_it_is, np.full(5, 0.25)).all()


CERTAIN = np.full(5, 0.01)


def change(part, value):
    """Of one part of a camera."""
    changes = np.zeros(5)
    changes[part] = value
    return changes


def denied(suspected):
    """The whole picture rules out any change."""
    return np.ones(5, dtype=bool)


def nothing_denied(suspected):
    """The whole picture rules out none."""
    return np.zeros(5, dtype=bool)


def test_pictures_that_say_so_are_taken_back_by_as_many_that_deny_it_at_most_three():
    watch = IntrinsicsWatch(4.0)
    assert not watch.complaint(change(0, 0.06), CERTAIN) and not watch.complaint(change(0, -0.06), CERTAIN)
    assert not watch.complaint(change(0, 0.5), np.full(5, np.inf))
    # one is enough, and one more
    assert "about 1.08 times" in watch.complaint(change(0, 0.08), CERTAIN)
    assert not watch.complaint(change(0, 0.01), CERTAIN, denied)
    # what landmarks that are tracked tell, how often ever, one picture that is looked at as a whole takes back
    for _ in range(5):
        assert "about 1.08 times" in watch.complaint(change(0, 0.08), CERTAIN)
    assert not watch.complaint(change(0, 0.01), CERTAIN, denied)
    for _ in range(5):
        assert "about 1.08 times" in watch.complaint(change(0, 0.08), CERTAIN, nothing_denied)
    # pictures that tell next to nothing, and of less than half, do not deny it
    for told, deviation in ((0.0, 0.05), (0.03, 0.01), (0.0, 0.05)):
        assert "about 1.08 times" in watch.complaint(change(0, told), np.full(5, deviation), denied)
    # nor those of which only what agrees with the pose was looked at, nor which may as well be of the other camera
    for _ in range(5):
        assert "about 1.08 times" in watch.complaint(change(0, 0.01), CERTAIN)
        assert "about 1.08 times" in watch.complaint(change(0, 0.01), CERTAIN, lambda suspected: ~denied(suspected))
    # nor do two of three
    for told in (0.01, -0.01, 0.03, 0.0, 0.015):
        assert "about 1.08 times" in watch.complaint(change(0, told), CERTAIN, denied), told
    assert not watch.complaint(change(0, 0.01), CERTAIN, denied) and not watch.complaint(change(0, 0.06), CERTAIN)
    assert "about 0.92 times" in watch.complaint(change(0, -0.08), CERTAIN, nothing_denied)
    # each part is denied by itself
    assert "principal point is off by about 9%" in watch.complaint(change(2, 0.09), CERTAIN)
    for _ in range(3):
        said = watch.complaint(change(0, -0.04), CERTAIN, denied)
    assert "about 0.92 times" in said
    # the newest value counts
    assert "about 1.12 times" in watch.complaint(change(0, 0.12), CERTAIN)
    watch.reset()
    assert not watch.complaint(np.zeros(5), np.full(5, 0.05))
    # a map whose left-out images differed by more tolerates more
    wide = IntrinsicsWatch(8.0)
    assert not wide.complaint(change(0, 0.08), CERTAIN) and wide.complaint(change(0, 0.11), CERTAIN)


def test_the_camera_is_known_after_two_whole_pictures_in_a_row_until_one_doubts_it_or_nothing_is_followed():
    watch = IntrinsicsWatch(4.0)

    def is_settled_after(said, *denials):
        for denial in denials:
            watch.complaint(said, CERTAIN, denial)
        return watch.is_settled

    right, wrong = change(0, 0.01), change(0, 0.08)
    assert not is_settled_after(right, denied)
    assert is_settled_after(right, denied)
    watch.lost_sight()
    # what is followed or searched near a pose tells nothing for the camera, but it tells against it
    assert not is_settled_after(right, None, None, denied)
    assert is_settled_after(right, None, denied)
    assert not is_settled_after(wrong, None)
    # this one takes the doubt back
    assert not is_settled_after(right, nothing_denied, nothing_denied, denied)
    assert is_settled_after(right, denied)
    watch.reset()
    assert not watch.is_settled


def test_a_little_that_another_camera_explains_better_tells_nothing_where_the_camera_is_known(relocalizer):
    """Of 60 landmarks around two lie where only a camera with another principal point would see them."""
    refiner = StagedRelocalizer(relocalizer, CAMERA).refiner
    generator = np.random.default_rng(1)
    count, odd = 60, np.arange(2)
    rays = generator.uniform([-0.3, -0.05], [0.3, 0.05], (count, 2))
    rays[odd] = [[0.1, 0.28], [-0.05, 0.3]]
    refiner.points = np.column_stack([rays, np.ones(count)]) * generator.uniform(1.5, 3.0, (count, 1))
    # by a camera of another distortion, which does next to nothing where the others are
    seen = np.where(np.isin(np.arange(count), odd)[:, None], 1 + 0.3 * np.sum(rays**2, axis=1, keepdims=True), 1.0)
    pixels = refiner.extractor.pixels(rays * seen) + generator.normal(0, 0.2, rays.shape)
    others = np.arange(len(odd), count)
    by_others = refine_pose(refiner.points[others], refiner.extractor.rays(pixels[others]), np.eye(4), 0.01)
    found = refiner.refinement_from(by_others, others, pixels[others])
    found = replace(found, around=np.arange(count), around_pixels=pixels)
    reach = 3.25
    assert deviations_off(*refiner.camera_changes(found)).max() > reach
    assert deviations_off(*refiner.camera_changes(found, is_known=True)).max() < reach


def test_the_camera_is_known_while_what_it_was_known_by_is_followed(relocalizer, monkeypatch):
    asked = []

    def camera_changes(self, found, is_known=False):
        if len(found.around):
            asked.append(is_known)
        return real(self, found, is_known)

    real = PoseRefiner.camera_changes
    monkeypatch.setattr(PoseRefiner, "camera_changes", camera_changes)
    # each image is searched as a whole
    monkeypatch.setattr(PoseRefiner, "refine_guided", lambda self, grey, prior: nothing_found(0))
    staged = StagedRelocalizer(relocalizer, CAMERA)
    for number, T in enumerate(flight(6, seed=5)):
        # from the fourth to the fifth nothing is followed
        assert staged.estimate(view(T, WALL), stamp(number + 100 * (number > 3))).state is State.OK
    assert asked == [False, False, True, True, False, False]


@pytest.mark.parametrize(
    "part, value, says",
    [
        (1, 0.06, "about 1.13 times as wide"),
        (1, -0.06, "about 1.13 times as high"),
        (2, -0.08, "off by about 8% of the focal length"),
        (3, 0.08, "off by about 8% of the focal length"),
        (4, 0.1, "camera_info has too little distortion"),
        (4, -0.1, "camera_info has too much distortion"),
    ],
)
def test_what_differs_most_is_named(part, value, says):
    both = change(part, value) + change(0, 0.03)
    assert says in IntrinsicsWatch(4.0).complaint(both, CERTAIN)


def test_some_difference_is_tolerated_of_each_part():
    off = deviations_off(np.array([0.03, -0.03, 0.02, 0.01, -0.04]), np.array([0.01, 0.01, 0.01, 0.01, np.inf]))
    np.testing.assert_allclose(off, [1, 2, 0, 0, 0])


def settled_watch():
    """One that has seen the camera."""
    watch = IntrinsicsWatch(4.0)
    for _ in range(2):
        assert not watch.complaint(np.zeros(5), CERTAIN, nothing_denied)
    return watch


def test_what_one_picture_told_of_a_known_camera_is_taken_back_by_one_that_would_show_it_and_does_not():
    watch, off = settled_watch(), change(4, 0.07)
    assert "too little distortion" in watch.complaint(off, CERTAIN, nothing_denied)
    # neither what is followed, nor a picture that shows it in part, or that would not show it
    assert watch.complaint(np.zeros(5), CERTAIN)
    assert watch.complaint(change(4, 0.05), CERTAIN, nothing_denied)
    assert watch.complaint(np.zeros(5), np.full(5, 0.03), nothing_denied)
    assert not watch.complaint(change(4, 0.03), CERTAIN, nothing_denied)
    assert not watch.is_alarmed
    # told twice
    watch = settled_watch()
    for _ in range(2):
        assert watch.complaint(off, CERTAIN, nothing_denied)
    assert watch.complaint(np.zeros(5), CERTAIN, nothing_denied)
    # of a camera that is not known yet
    watch = IntrinsicsWatch(4.0)
    assert watch.complaint(off, CERTAIN, nothing_denied) and watch.complaint(np.zeros(5), CERTAIN, nothing_denied)
