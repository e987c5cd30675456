# SPDX-License-Identifier: BSD-3-Clause
"""The delay between a bag's images and its poses, from the motion that both show."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Iterator, Sequence

import cv2
import numpy as np
import rosbag
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import BagError, FrameError, RelocalizationError, SyncError
from camera_relocalization_ros.core.progress import tracked
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.motion_alignment import DelayEstimate, estimate_delay
from camera_relocalization_ros.data.still_pictures import still_rows, texture_of
from camera_relocalization_ros.fleet.engine import Engine
from camera_relocalization_ros.ros.bags.containers.remote_bags import absolute, shown
from camera_relocalization_ros.ros.bags.extraction import ExtractionOptions
from camera_relocalization_ros.ros.bags.reader import (
    image_topic,
    open_bag,
    places,
    read_recorded_image,
)
from camera_relocalization_ros.ros.bags.recorded_cameras import read_camera
from camera_relocalization_ros.ros.bags.transforms import BagTransforms, FrameChain
from camera_relocalization_ros.ros.conversions import message_to_bgr
from camera_relocalization_ros.vision.visual_rotation import RotationPairs, visual_rotations

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SyncCheck:
    """What was found, and what it was found from: turns seen in the images, and the poses.

    still: of the images, those whose picture stood still while the poses moved.
    """

    estimate: DelayEstimate
    pairs: RotationPairs
    poses: Trajectory
    still: int = 0

    def report(self) -> str:
        """The result in words, and what to type next."""
        found = self.estimate
        turned_deg = np.degrees(Rotation.from_matrix(found.R_camera_child).magnitude())
        lines = [
            f"images are stamped {1e3 * found.delay_s:+.1f} +- {1e3 * found.sigma_s:.1f} ms after the poses of the "
            f"same moment ({found.pair_count} pairs of images, turns agree to {np.degrees(found.residual_rad):.2f} deg)"
        ]
        if self.still:
            lines.append(f"in {self.still} images the picture stands still while the poses move (a frozen video link?)")
        if found.doubt:
            return f"cannot tell: {found.doubt}\nbest guess, not to be used: {chr(10).join(lines)}"
        if turned_deg > 5.0:
            lines.append(f"the poses' frame is turned by {turned_deg:.0f} deg in the camera: no optical frame of it")
        if abs(found.delay_s) > max(3 * found.sigma_s, 0.005):
            lines.append(f"take it off with: reloc extract --image-delay {found.delay_s:.3f}")
        else:
            lines.append("no delay that matters")
        return "\n".join(lines)


def check_bags(
    paths: Sequence[Path], options: ExtractionOptions, search_s: tuple[float, float], max_images: int, engine: Engine
) -> list[SyncCheck | RelocalizationError]:
    """`check_sync` of each bag, in their order, done by an engine; the error of a bag that has none.

    Raises ConfigError or BagError where the engine cannot.
    """
    found = engine.completed(
        partial(_checked, options=options, search_s=search_s, max_images=max_images),
        # workers have another working directory
        [absolute(path) for path in paths] if engine.is_elsewhere else paths,
        list(map(shown, paths)),
        "bag",
    )
    checks = dict(found)
    return [checks[number] for number in range(len(paths))]


def _checked(
    path: Path, options: ExtractionOptions, search_s: tuple[float, float], max_images: int
) -> SyncCheck | RelocalizationError:
    try:
        return check_sync(path, options, search_s, max_images)
    except RelocalizationError as error:
        # a new one: what it was raised with may not cross between processes
        return RelocalizationError(str(error))


def check_sync(path: Path, options: ExtractionOptions, search_s: tuple[float, float], max_images: int) -> SyncCheck:
    """Estimate the delay of the images on options.image_topic; raises BagError or SyncError.

    At most max_images are looked at: the stretch in which the poses turn most.
    """
    with open_bag(path, options.reindex, options.stamps) as bag:
        topic, _ = image_topic(bag, options.image_topic)
        camera = read_camera(bag, topic, options.camera_choice)
        if camera is None:
            raise BagError(f"{path}: no intrinsics; expected a camera_info topic, or --camera FILE")
        chain = BagTransforms.from_bag(bag, options.sources, image_topic=topic).chain(
            options.parent, options.child, options.limits
        )
        poses = chain.recorded_trajectory()
        if len(poses) < 2:
            raise BagError(f"{path}: {options.child!r} does not move in {options.parent!r}; expected poses along time")
        textures: dict[int, np.ndarray] = {}
        images = _with_textures(_grey_images(bag, topic, camera, poses, max_images), textures)
        pairs = visual_rotations(images, camera)
        still = _still_count(textures, chain)
    if 2 * still > len(textures):
        raise SyncError(
            f"{path}: in {still} of {len(textures)} images the picture stands still while the poses move (a frozen "
            "video link?); there is no motion to compare"
        )
    estimate = estimate_delay(pairs, poses, search_s, options.limits.max_gap_s)
    return SyncCheck(estimate, pairs, poses, still)


def _with_textures(
    images: Iterator[tuple[int, np.ndarray]], textures: dict[int, np.ndarray]
) -> Iterator[tuple[int, np.ndarray]]:
    """The same images; what each shows is put into `textures` by its stamp."""
    for stamp_ns, grey in images:
        textures[stamp_ns] = texture_of(grey)
        yield stamp_ns, grey


def _still_count(textures: dict[int, np.ndarray], chain: FrameChain) -> int:
    """How many of the images with a pose stood still while it moved."""
    poses, _ = chain.trajectory(np.array(list(textures), dtype=np.int64))
    return int(still_rows([textures[int(stamp_ns)] for stamp_ns in poses.stamps_ns], poses.poses).sum())


def _grey_images(
    bag: rosbag.Bag, topic: str, camera: CameraIntrinsics, poses: Trajectory, max_images: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Stamps and grey images of the most lively stretch, in the order of the stamps, each stamp once."""
    images = sorted((read_recorded_image(bag, place).stamp_ns, place) for place in places(bag, [topic]))
    start = _liveliest(np.array([stamp_ns for stamp_ns, _ in images]), poses, max_images)
    last_ns = -1
    for stamp_ns, place in tracked(images[start : start + max_images], "sync-check", "image"):
        if stamp_ns <= last_ns:
            continue
        last_ns = stamp_ns
        try:
            image_bgr = message_to_bgr(read_recorded_image(bag, place).message())
        except FrameError as error:
            logger.debug("stamp %d: %s", stamp_ns, error)
            continue
        if image_bgr.shape[1::-1] == (camera.width, camera.height):
            yield stamp_ns, cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY)


def _liveliest(stamps_ns: np.ndarray, poses: Trajectory, count: int) -> int:
    """First of the `count` images during which the poses turn most."""
    if len(stamps_ns) <= count:
        return 0
    steps = (Rotation.from_quat(poses.quats_xyzw[:-1]).inv() * Rotation.from_quat(poses.quats_xyzw[1:])).magnitude()
    turned = np.interp(
        stamps_ns - poses.stamps_ns[0], poses.stamps_ns - poses.stamps_ns[0], np.append(0, steps.cumsum())
    )
    return int(np.argmax(turned[count - 1 :] - turned[: len(turned) - count + 1]))
