# SPDX-License-Identifier: BSD-3-Clause
"""Fits the calibrated covariance of poses by landmarks to errors on images that the map was made without.

What is fitted, and how it is used in flight, is `bundle.error_calibration.landmark_covariance`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Iterable, Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.bundle.error_calibration import widened
from camera_relocalization_ros.bundle.landmark_map import LandmarkMap, usual_camera_reach
from camera_relocalization_ros.core.chi_square import chi_square_quantile, squared_distance
from camera_relocalization_ros.core.pose import Pose, pose_residual
from camera_relocalization_ros.data.dataset import Dataset, Frame, load_image_rgb
from camera_relocalization_ros.localization.landmarks.intrinsics_watch import deviations_off
from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner
from camera_relocalization_ros.uncertainty.survey_errors import with_survey_errors

# priors are the true poses, moved by about what a regressor errs
PRIOR_SD_M, PRIOR_SD_RAD = 0.1, 0.05
# the share of errors that an ellipsoid of this probability must hold
LEVEL = 0.9
# poses further off than this are wrong, not inaccurate; what publishes must find them out otherwise
OUTLIER_M, OUTLIER_RAD = 0.25, 0.17
LEAST_SAMPLES = 20
# cameras may differ by so many times as many deviations as they did at most in images that were left out, and by the
# least reach: what is left out of one visit does not show all there is (a light aircraft's map: 1.6 there, and 2.3 at a
# placement that it did not know)
CAMERA_MARGIN, LEAST_CAMERA_REACH = 1.25, 3.0
# scale and deviation, of position and rotation, where there are fewer: least squares alone claim too little
UNMEASURED = (2.0, 0.0, 2.0, 0.0)
# logarithms of the map's own part of errors over that of the normal equations; beyond these one of the two is nothing
RATIOS = np.log(10.0) * np.linspace(-3, 4, 29)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """An image with the pose that the map takes it to have, and one that it may really have: that, of motion capture.

    The poses of a survey have errors of their own, see `survey_errors`.
    """

    frame: Frame
    truth: Pose


def trials_of(dataset: Dataset) -> list[Trial]:
    """Of each image of a data set, with its own camera."""
    return [
        Trial(replace(frame, camera=dataset.camera_of(frame)), possible.pose)
        for frame, possible in zip(dataset.frames, with_survey_errors(dataset).frames)
    ]


def with_measured_deviation(
    landmark_map: LandmarkMap,
    trials: Iterable[tuple[PoseRefiner, Sequence[Trial]]],
    seed: int = 0,
) -> tuple[LandmarkMap, np.ndarray]:
    """The map with its covariances and reach of cameras calibrated, and errors (m, 2) in the scene's units and
    radians of the poses found.

    Covariances reach to the truth; errors are beside the frames' own poses, as the map is. trials: what refines with a
    map that was made without their frames. Where too few of them get a pose, the covariances are made wide, and the log
    warns.
    """
    in_map = np.repeat([landmark_map.metre, 1.0], 3)
    generator = np.random.default_rng(seed)
    errors, from_truth, covariances, counts, camera_off = [], [], [], [], []
    for refiner, tried in trials:
        for frame, truth in ((trial.frame, trial.truth) for trial in tried):
            position = frame.position + generator.normal(0, PRIOR_SD_M * landmark_map.metre, 3)
            turn = Rotation.from_rotvec(generator.normal(0, PRIOR_SD_RAD, 3))
            quat_xyzw = (turn * Rotation.from_quat(frame.quat_xyzw)).as_quat()
            own = refiner if frame.camera is None else refiner.for_camera(frame.camera)
            refined = own.refine(load_image_rgb(frame.image_path), Pose(position, quat_xyzw))
            if refined.found:
                errors.append(pose_residual(refined.pose, frame.pose) / in_map)
                from_truth.append(pose_residual(refined.pose, truth) / in_map)
                covariances.append(refined.covariance / np.outer(in_map, in_map))
                counts.append(len(refined.landmarks))
                camera_off.append(float(np.max(deviations_off(*own.camera_changes(refined)))))
    errors_n6, covariances_n66 = np.array(errors).reshape(-1, 6), np.array(covariances).reshape(-1, 6, 6)
    sizes = np.stack([np.linalg.norm(errors_n6[:, :3], axis=1), np.linalg.norm(errors_n6[:, 3:], axis=1)], axis=1)
    usual = (sizes < (OUTLIER_M, OUTLIER_RAD)).all(axis=1)
    if usual.sum() < LEAST_SAMPLES:
        logger.warning(
            "covariances are guessed: %d left-out images got a pose, measuring takes %d", usual.sum(), LEAST_SAMPLES
        )
        deviation, camera_reach = np.array(UNMEASURED), usual_camera_reach(UNMEASURED)
    else:
        deviation = fitted_deviation(np.array(from_truth)[usual], covariances_n66[usual], np.array(counts)[usual])
        camera_reach = max(CAMERA_MARGIN * float(np.max(np.array(camera_off)[usual])), LEAST_CAMERA_REACH)
    return replace(landmark_map, deviation=deviation, camera_reach=camera_reach), sizes * in_map[[0, 3]]


_PARTS = (slice(0, 3), slice(3, 6))


def fitted_deviation(errors_n6: np.ndarray, covariances_n66: np.ndarray, counts_n: np.ndarray) -> np.ndarray:
    """The deviation (4,) that makes covariances of normal equations, of so many landmarks each, as large as errors."""
    return np.concatenate([_fit(errors_n6[:, s], covariances_n66[:, s, s], counts_n) for s in _PARTS])


def _fit(errors_n3: np.ndarray, covariances_n33: np.ndarray, counts_n: np.ndarray) -> np.ndarray:
    """Scale and deviation of one landmark (2,), under which LEVEL of the errors lie in their ellipsoid.

    Normal equations take the errors of landmarks for independent, and those of the map for none: how much of the
    truth either is follows from the likelihood of the errors. A factor on both makes up for their not being Gaussian.
    """

    def covariances(ratio: float) -> np.ndarray:
        return widened(covariances_n33, counts_n, np.ones(3), np.full(3, ratio))

    def loss(log_ratio: float) -> float:
        unscaled = covariances(np.exp(log_ratio))
        # the likeliest factor on them follows from the errors: so one number is left to look for, all along its range
        log_factor = np.log(np.mean(squared_distance(errors_n3, unscaled)))
        return float(np.mean(np.linalg.slogdet(unscaled)[1]) + 3 * log_factor)

    own = np.sqrt(np.trace(covariances_n33, axis1=1, axis2=2) / 3) * counts_n
    log_ratios = np.log(np.median(own)) + RATIOS
    best = int(np.argmin([loss(log_ratio) for log_ratio in log_ratios]))
    between = log_ratios[max(best - 1, 0)], log_ratios[min(best + 1, len(RATIOS) - 1)]
    ratio = np.exp(minimize_scalar(loss, bounds=between, method="bounded").x)
    # the quantile of a finite sample, as conformal prediction takes it
    level = min(1.0, LEVEL * (len(errors_n3) + 1) / len(errors_n3))
    squares = squared_distance(errors_n3, covariances(ratio))
    factor = np.sqrt(np.quantile(squares, level) / chi_square_quantile(LEVEL, 3))
    return np.array([factor, factor * ratio])
