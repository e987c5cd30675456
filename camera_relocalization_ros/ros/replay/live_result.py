# SPDX-License-Identifier: BSD-3-Clause
"""What a replay heard in the form that live and offline results share, and the bag's images beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from camera_relocalization_ros.aircraft.placements import placement_name
from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.core.errors import FrameError, ResultError
from camera_relocalization_ros.core.frames import FramePair
from camera_relocalization_ros.core.output_files import write_bytes
from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.provenance import is_training_pose
from camera_relocalization_ros.evaluation.results import (
    COVARIANCE_SIZE,
    LIVE,
    NO_STAGE,
    NO_STATE,
    POSE_SIZE,
    Result,
    ResultInfo,
)
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import method_name
from camera_relocalization_ros.msg import RelocalizerStatus
from camera_relocalization_ros.ros.bags.reader import open_bag, read_images
from camera_relocalization_ros.ros.conversions import message_to_bgr
from camera_relocalization_ros.ros.replay.plan import ReplayPlan
from camera_relocalization_ros.ros.replay.recorder import ReplayRecorder

IMAGE_FOLDER, IMAGE_WIDTH, QUALITY = "images", 480, 85
NO_IMAGE_STATES = (RelocalizerStatus.WARMING_UP, RelocalizerStatus.STALE)


def live_result(bundle: Bundle, frames: FramePair, plan: ReplayPlan, heard: ReplayRecorder) -> Result:
    """The result of the images that were played, in order; frames: those of the true poses.

    A LOST pose was not published, and has a state but no estimate.
    """
    poses, last = heard.estimates(), heard.statuses[-1]
    bag, stamps_ns, truth = plan.bag, plan.stamps_ns, plan.truth
    by_landmarks = any(status.stage != RelocalizerStatus.REGRESSION for status in heard.statuses)
    localized, lost = int(np.isin(stamps_ns, poses.stamps_ns).sum()), int(last.frames_lost)
    info = ResultInfo(
        kind=LIVE,
        name=bag.stem,
        parent_frame=frames.parent,
        child_frame=frames.child,
        bundle=str(bundle.path),
        bundle_id=bundle.bundle_id,
        method=method_name(bundle, Stage.FUSED if by_landmarks else Stage.REGRESSION),
        data=bag.name,
        images=len(stamps_ns),
        localized=localized,
        lost=lost,
        # by the node, or on the way to it
        dropped=len(stamps_ns) - localized - lost - int(last.frames_rejected),
        rejected={one.kind: int(one.count) for one in last.rejected},
        trained_on=int(is_training_pose(bundle.index, truth.poses).sum()),
        never_ok=bundle.never_ok,
        camera=plan.camera or bundle.sidecar.camera,
    )
    by_stamp = {s.header.stamp.to_nsec(): s for s in heard.statuses if s.state not in NO_IMAGE_STATES}
    statuses = [by_stamp.get(stamp_ns) for stamp_ns in stamps_ns.tolist()]
    no_covariance = np.full((COVARIANCE_SIZE, COVARIANCE_SIZE), np.nan)
    return Result(
        info=info,
        stamps_ns=stamps_ns,
        sequences=_texts(bag.stem, len(stamps_ns)),
        placements=_texts(placement_name(bag.stem, {}), len(stamps_ns)),
        images=_texts("", len(stamps_ns)),
        states=np.array([status.state if status else NO_STATE for status in statuses], dtype=np.int8),
        stages=np.array([s.stage if s and s.window_length else NO_STAGE for s in statuses], dtype=np.int8),
        reasons=np.array([status.reason if status else "" for status in statuses], dtype=object),
        scores=_numbers(statuses, "score"),
        truth=_at(stamps_ns, truth),
        estimate=_at(stamps_ns, poses),
        covariances=np.array([heard.covariances.get(stamp_ns, no_covariance) for stamp_ns in stamps_ns.tolist()]),
        inference_s=_numbers(statuses, "inference_time"),
        latency_s=_numbers(statuses, "latency"),
        age_s=_numbers(statuses, "age"),
    )


def with_baselines(result: Result, baselines: dict[str, PoseErrors]) -> Result:
    """The result with errors of baselines, which are those of its compared rows."""
    rows = result.compared
    for name, errors in baselines.items():
        everywhere = PoseErrors(np.full(len(result), np.nan), np.full(len(result), np.nan))
        everywhere.position_m[rows], everywhere.orientation_deg[rows] = errors.position_m, errors.orientation_deg
        result.baselines[name] = everywhere
    return result


def store_images(result: Result, folder: Path, bag_path: Path, topic: str) -> Result:
    """The result with small JPEG copies of the bag's images of `topic` in `folder`; raises ResultError.

    An image that does not decode is left out, as the node has reported it.
    """
    rows = {stamp_ns: row for row, stamp_ns in enumerate(result.stamps_ns.tolist())}
    images = _texts("", len(result))
    with open_bag(bag_path) as bag:
        for stamp_ns, message in read_images(bag, topic):
            content = _small_jpeg(message)
            if stamp_ns in rows and content:
                images[rows[stamp_ns]] = f"{rows[stamp_ns]:06d}.jpg"
                write_bytes(folder / IMAGE_FOLDER / images[rows[stamp_ns]], content, ResultError)
    return replace(result, images=images, info=replace(result.info, image_folder=IMAGE_FOLDER))


def _small_jpeg(message: Image | CompressedImage) -> bytes:
    """The image as a JPEG file no wider than IMAGE_WIDTH; empty when it does not decode."""
    try:
        image_bgr = message_to_bgr(message)
    except FrameError:
        return b""
    height, width = image_bgr.shape[:2]
    scale = min(IMAGE_WIDTH / width, 1.0)
    small = cv2.resize(image_bgr, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    content: bytes = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    return content


def _numbers(statuses: list[RelocalizerStatus | None], name: str) -> np.ndarray:
    return np.array([getattr(status, name) if status else np.nan for status in statuses])


def _at(stamps_ns: np.ndarray, poses: Trajectory) -> np.ndarray:
    found = np.full((len(stamps_ns), POSE_SIZE), np.nan)
    _, rows, known = np.intersect1d(stamps_ns, poses.stamps_ns, return_indices=True)
    found[rows] = np.hstack([poses.positions[known], poses.quats_xyzw[known]])
    return found


def _texts(text: str, count: int) -> np.ndarray:
    return np.full(count, text, dtype=object)
