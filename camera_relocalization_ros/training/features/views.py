# SPDX-License-Identifier: BSD-3-Clause
"""The stored views of a frame: the original and its augmented copies, each with the pose that is true of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import pose_matrix, position_quat
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import Dataset, Frame, load_image_rgb
from camera_relocalization_ros.data.mesh_files import load_mesh
from camera_relocalization_ros.training.config import AugmentationConfig
from camera_relocalization_ros.training.features import augmentation as change
from camera_relocalization_ros.training.features.backgrounds import Backgrounds
from camera_relocalization_ros.vision.image_parts import with_background
from camera_relocalization_ros.vision.silhouette import ObjectMesh

# views are made at twice the network's input size: sharp enough, and a quarter of the work at full size
WORKING_SCALE = 2
# where less of the object is seen, its surroundings are all that tells the pose, and stay
MIN_OBJECT_SHARE = 0.01


@dataclass(frozen=True)
class ViewMaker:
    """Makes the views of frames; `camera` is that of the working size, None when intrinsics are unknown.

    A frame that names its own camera is turned by that one.
    """

    preprocessing: Preprocessing
    augmentation: AugmentationConfig
    seed: int
    camera: CameraIntrinsics | None = None
    mesh: ObjectMesh | None = None
    backgrounds: Backgrounds | None = None

    @classmethod
    def for_dataset(
        cls, dataset: Dataset, preprocessing: Preprocessing, augmentation: AugmentationConfig, seed: int
    ) -> ViewMaker:
        """With the mesh and backgrounds that the augmentation asks for.

        Raises DatasetError when a view needs camera intrinsics and there are none, ConfigError for mesh and folder.
        """
        if not augmentation.needs_camera:
            return cls(preprocessing, augmentation, seed)
        if any(dataset.camera_of(frame) is None for frame in dataset.frames):
            raise DatasetError(
                f"{dataset.path}: no camera intrinsics; expected them for virtual rotations and silhouettes "
                "(extract with camera_info, or train with augmentation.views: 0)"
            )
        camera = dataset.known_camera_of(dataset.frames[0]).scaled(*_working(preprocessing).whole)
        if not augmentation.replaces_backgrounds:
            return cls(preprocessing, augmentation, seed, camera)
        mesh = load_mesh(Path(augmentation.object_mesh))
        if augmentation.backgrounds:
            backgrounds = Backgrounds.from_folder(Path(augmentation.backgrounds), camera, seed)
        else:
            margin_px = WORKING_SCALE * augmentation.object_margin_px
            backgrounds = Backgrounds.from_dataset(dataset, camera, mesh, margin_px, seed)
        return cls(preprocessing, augmentation, seed, camera, mesh, backgrounds)

    def views(self, frame: Frame, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Images (V, h, w, 3) uint8 and poses (V, 7) xyz + xyzw of the frame; view 0 is the original.

        Chance comes from the seed, `row` and the view alone, so it does not matter which rows were made before.
        """
        image_rgb = load_image_rgb(frame.image_path)
        T_parent_camera = pose_matrix(frame.position, frame.quat_xyzw)
        images, poses = [self.preprocessing.apply(image_rgb)], [T_parent_camera]
        camera = self._camera_of(frame)
        if self.augmentation.views:
            source_rgb = _working(self.preprocessing).apply(image_rgb)
            silhouette = self._silhouette(camera, T_parent_camera)
        for view in range(1, self.augmentation.views + 1):
            rng = np.random.default_rng([self.seed, row, view])
            changed_rgb, R_camera_virtual = self._changed(source_rgb, camera, silhouette, frame.position, rng)
            images.append(self._finished(changed_rgb, rng))
            T_camera_virtual = np.eye(4)
            T_camera_virtual[:3, :3] = R_camera_virtual
            poses.append(T_parent_camera @ T_camera_virtual)
        return np.stack(images), np.concatenate(position_quat(np.stack(poses)), axis=1)

    def _camera_of(self, frame: Frame) -> CameraIntrinsics | None:
        """That of the frame's image in the working size; None where no view needs it."""
        if self.camera is None or frame.camera is None:
            return self.camera
        return frame.camera.scaled(self.camera.width, self.camera.height)

    def _silhouette(self, camera: CameraIntrinsics | None, T_parent_camera: np.ndarray) -> np.ndarray | None:
        if self.mesh is None or camera is None:
            return None
        margin_px = WORKING_SCALE * self.augmentation.object_margin_px
        return self.mesh.silhouette(camera, T_parent_camera, margin_px)

    def _changed(
        self,
        image_rgb: np.ndarray,
        camera: CameraIntrinsics | None,
        silhouette: np.ndarray | None,
        position: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The turned image with another background, light and things in the way; and R_camera_virtual (3, 3)."""
        settings = self.augmentation
        R_camera_virtual = change.random_rotation(
            rng, np.radians(settings.rotation_sd_deg), np.radians(settings.in_plane_sd_deg)
        )
        # these three numbers are drawn in any case, so that one setting does not shift another's chance
        exposure_rng, background_draw, occlusion_draw = np.random.default_rng(rng.integers(2**63)), *rng.random(2)
        if camera is not None:
            image_rgb = change.virtual_rotation(image_rgb, camera, R_camera_virtual)
            if silhouette is not None and background_draw < settings.background_share:
                turned = change.virtual_rotation(silhouette, camera, R_camera_virtual, cv2.BORDER_CONSTANT)
                image_rgb = self._before_another_background(image_rgb, turned, position, rng)
        image_rgb = change.random_exposure(image_rgb, exposure_rng, settings.exposure)
        if occlusion_draw < settings.occlusion_share:
            image_rgb = change.random_occlusion(image_rgb, rng)
        return image_rgb, R_camera_virtual

    def _before_another_background(
        self, image_rgb: np.ndarray, silhouette: np.ndarray, position: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        if self.backgrounds is None or np.count_nonzero(silhouette) <= MIN_OBJECT_SHARE * silhouette.size:
            return image_rgb
        return with_background(image_rgb, silhouette, self.backgrounds.draw(rng, position))

    def _finished(self, image_rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The network's input: blurred, made small, then noisy, as in a camera."""
        image_rgb = change.random_blur(image_rgb, rng, WORKING_SCALE * self.augmentation.blur_px)
        return change.random_noise(self.preprocessing.apply(image_rgb), rng, self.augmentation.noise)


def _working(preprocessing: Preprocessing) -> Preprocessing:
    """Of the whole image: a view that is turned away shows what the crop leaves out."""
    return preprocessing.uncropped().scaled(WORKING_SCALE)
