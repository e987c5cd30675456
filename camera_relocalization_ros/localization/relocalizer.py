# SPDX-License-Identifier: BSD-3-Clause
"""Image in, pose out: owns the ONNX Runtime session and the two-frame buffer; knows no ROS."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Callable, Sequence

import numpy as np
import onnxruntime

from camera_relocalization_ros.bundle.indicators import IndicatorMeter
from camera_relocalization_ros.bundle.model_bundle import Bundle, load_bundle
from camera_relocalization_ros.core.errors import AnswerError, FrameError
from camera_relocalization_ros.core.geometry import canonical_quat
from camera_relocalization_ros.core.pose import Pose, Poses, is_pose
from camera_relocalization_ros.localization.classify import OkContract, OkLimits, classify_state
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.onnx_session import feature_count, logger, open_session


class Relocalizer:
    """Localizes images in the order of their stamps; not thread-safe. `contract` says which estimates are OK.

    The CNN runs once per image: what the window needs of earlier images is kept. The buffer is dropped when stamps
    do not advance (a looped bag) or a gap exceeds the bundle's max_gap_s.
    """

    def __init__(self, bundle: Bundle, session: onnxruntime.InferenceSession) -> None:
        self.bundle = bundle
        self._session = session
        self._frame_features: list[np.ndarray] = []
        self._last_stamp_ns: int | None = None
        self._output_names = [node.name for node in session.get_outputs()]
        self._empty: np.ndarray | None = None
        if bundle.sidecar.window_length > 1:
            self._empty = np.zeros((1, 0, feature_count(session)), dtype=np.float32)
        self._indicator_meter = IndicatorMeter(bundle.index) if bundle.has_members else None
        self._calibration = bundle.sidecar.error_calibration
        self._origin = np.array(bundle.sidecar.position_origin)
        # scenes of structure from motion have any scale: their maps say what is taken for a metre
        self._metre = 1.0 if bundle.landmark_map is None else bundle.landmark_map.metre
        self.contract = OkContract(self._calibration, OkLimits().in_units(self._metre))

    @classmethod
    def from_bundle(
        cls,
        path: Path | str,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        threads: int = 0,
        warn: Callable[[str], None] = logger.warning,
        sha256: str = "",
    ) -> Relocalizer:
        """Load a bundle folder and check its test vector, so that the first image is neither wrong nor slow.

        providers, threads and warn as in open_session, sha256 as in load_bundle. Raises BundleError.
        """
        bundle = load_bundle(path, sha256=sha256)
        return cls(bundle, open_session(bundle, providers, threads, warn))

    def sibling(self) -> Relocalizer:
        """Another one on the same session, with a buffer of its own; both may be used at once."""
        other = Relocalizer(self.bundle, self._session)
        other._calibration, other.contract = self._calibration, self.contract
        return other

    def set_thresholds(self, lost_below: float | None = None, degraded_below: float | None = None) -> None:
        """Scores below which estimates are LOST or DEGRADED from now on; None: as the bundle was calibrated.

        What is LOST is never DEGRADED, so the second counts only where it is above the first. A bundle without
        calibration has no scores, and nothing changes.
        """
        calibrated = self.bundle.sidecar.error_calibration
        if calibrated is not None:
            lost = calibrated.lost_below if lost_below is None else lost_below
            degraded = calibrated.degraded_below if degraded_below is None else degraded_below
            self._calibration = replace(calibrated, lost_below=lost, degraded_below=max(lost, degraded))

    def set_ok_limits(self, limits: OkLimits) -> None:
        """What OK promises from now on: metres, or what the map of a scene of any scale takes for them."""
        self.contract = replace(self.contract, limits=limits.in_units(self._metre))

    @property
    def providers(self) -> list[str]:
        """The execution providers that ONNX Runtime really uses."""
        return list(self._session.get_providers())

    def reset(self) -> None:
        """Forget earlier images."""
        self._frame_features = []
        self._last_stamp_ns = None

    def estimate(self, image_rgb: np.ndarray, stamp_ns: int) -> Estimate:
        """Pose for an image (H, W, 3) uint8 in RGB order; raises FrameError and leaves the buffer empty then."""
        started = time.perf_counter()
        self._drop_stale_frames(stamp_ns)
        try:
            outputs = self._run(self.bundle.sidecar.preprocessing.apply(image_rgb))
        except FrameError:
            self.reset()
            raise
        self._last_stamp_ns = stamp_ns
        used = len(self._frame_features) or 1
        self._frame_features = self._frame_features[-(self.bundle.sidecar.window_length - 1) :]
        pose, indicators = Pose(outputs["position"], outputs["quat_xyzw"]), {}
        if self._indicator_meter is not None:
            members = Poses(outputs["member_position"], outputs["member_quat_xyzw"])
            indicators = self._indicator_meter.measure(pose, outputs["descriptor"], members)
        calibration = self._calibration
        score, covariance = math.nan, None
        if calibration is not None:
            score, covariance = calibration.score(indicators), calibration.covariance(indicators, pose.quat_xyzw)
        state, reason = classify_state(calibration, indicators, score, used, self.bundle.sidecar.window_length)
        estimate = Estimate(
            stamp_ns=stamp_ns,
            pose=pose.shifted(self._origin),
            window_length=used,
            inference_s=time.perf_counter() - started,
            descriptor=outputs["descriptor"],
            state=state,
            reason=reason,
            covariance=covariance,
            score=score,
            indicators=indicators,
        )
        return self.contract.settle(estimate)

    def _drop_stale_frames(self, stamp_ns: int) -> None:
        if self._last_stamp_ns is None:
            return
        step_ns = stamp_ns - self._last_stamp_ns
        if not 0 < step_ns <= self.bundle.sidecar.max_gap_s * 1e9:
            self.reset()

    def _run(self, network_input: np.ndarray) -> dict[str, np.ndarray]:
        """The network's outputs by the names of docs/bundle_format.md, without the frame features, which are kept."""
        feeds = {"image": network_input[None]}
        if self._empty is not None:
            feeds["previous"] = np.concatenate([self._empty, *self._frame_features], axis=1)
        outputs = dict(zip(self._output_names, self._session.run(None, feeds)))
        position, quat_xyzw = outputs["position"], outputs["quat_xyzw"]
        if not is_pose(position, quat_xyzw).all():
            raise AnswerError("the network answered with what is no pose (not finite, too far, a zero quaternion)")
        if "frame_features" in outputs:
            self._frame_features.append(outputs.pop("frame_features"))
        outputs = {name: values[0] for name, values in outputs.items()}
        return {**outputs, "position": position[0].astype(np.float64), "quat_xyzw": canonical_quat(quat_xyzw[0])}
