# SPDX-License-Identifier: BSD-3-Clause
"""A bundle over images of which one part was changed, the object or the background, frame by frame as in flight."""

from __future__ import annotations

import numpy as np

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import pose_matrix
from camera_relocalization_ros.core.progress import Task
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb
from camera_relocalization_ros.data.provenance import check_frames
from camera_relocalization_ros.evaluation.background_reliance import ORIGINAL, VARIANTS, Reliance, variant
from camera_relocalization_ros.evaluation.part_changes import CHANGES, PARTS, Cutout, changed, swap_partners
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.vision.silhouette import ObjectMesh

# frames that show less of the object, or less of the background, say nothing about which of them is read
LEAST_SHARE = 0.01


class ChangedImages:
    """The frames of a data set as they are and changed; the object is `mesh` at the true pose, widened by `margin_px`.

    Raises DatasetError when the camera of a frame is not known.
    """

    def __init__(self, dataset: Dataset, mesh: ObjectMesh, margin_px: int) -> None:
        if not dataset.cameras:
            raise DatasetError(f"{dataset.path}: no camera intrinsics; expected them to know where the object is seen")
        self.frames = dataset.frames
        self.partners = swap_partners(dataset.poses.positions)
        self._cameras = [dataset.known_camera_of(frame) for frame in self.frames]
        self._mesh, self._margin_px = mesh, margin_px

    def cutout(self, row: int) -> Cutout:
        """A frame and its object's silhouette."""
        frame = self.frames[row]
        image_rgb = load_image_rgb(frame.image_path)
        camera = self._cameras[row].scaled(*image_rgb.shape[1::-1])
        T_parent_camera = pose_matrix(frame.position, frame.quat_xyzw)
        return Cutout(image_rgb, self._mesh.silhouette(camera, T_parent_camera, self._margin_px))

    def variants(self, row: int) -> tuple[dict[str, np.ndarray], bool]:
        """Image (H, W, 3) of each of VARIANTS, and whether object and background are both to be seen."""
        image, other = self.cutout(row), self.cutout(int(self.partners[row]))
        images = {variant(part, change): changed(image, part, change, other) for part in PARTS for change in CHANGES}
        seen = all(LEAST_SHARE <= each.object_share <= 1 - LEAST_SHARE for each in (image, other))
        return {ORIGINAL: image.image_rgb, **images}, seen


def part_estimates(relocalizer: Relocalizer, dataset: Dataset, images: ChangedImages) -> tuple[Reliance, np.ndarray]:
    """What the bundle estimates for each kind of images, each a stream of its own, and the rows (n,) that count.

    Raises BundleError when the poses are of other frames, DatasetError when no frame shows object and background.
    """
    check_frames(relocalizer.bundle, dataset)
    estimates: dict[str, list[np.ndarray]] = {name: [] for name in VARIANTS}
    seen: list[bool] = []
    with Task("background", dataset.frame_count, "frame") as progress:
        for sequence in dataset.sequences:
            streams = {name: relocalizer.sibling() for name in VARIANTS}
            for frame in sequence.frames:
                variants, both_seen = images.variants(len(seen))
                for name, image_rgb in variants.items():
                    estimate = streams[name].estimate(image_rgb, frame.stamp_ns)
                    estimates[name].append(np.concatenate([estimate.position, estimate.quat_xyzw]))
                seen.append(both_seen)
                progress.advance()
    rows = np.flatnonzero(seen)
    if not len(rows):
        raise DatasetError(
            f"{dataset.path}: no frame shows both object and background; is the mesh or box that of the parent frame?"
        )
    names = np.array([sequence.name for sequence in dataset.sequences for _ in sequence.frames], dtype=object)
    poses = {name: np.array(of_name)[rows] for name, of_name in estimates.items()}
    truth = dataset.poses.rows[rows]
    return Reliance(truth, names[rows], poses, len(seen) - len(rows), dataset.is_metric), rows
