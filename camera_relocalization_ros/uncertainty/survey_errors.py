# SPDX-License-Identifier: BSD-3-Clause
"""Poses of a survey are no truth: what is fitted to them must also reach as far as they may be off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.data.dataset import SURVEY, Dataset, Frame


def with_survey_errors(dataset: Dataset, seed: int = 0) -> Dataset:
    """The data set with each pose drawn from those that its survey holds for possible; poses of other origin stay.

    Errors of a survey are alike in all its frames, of which nobody knows the value: each frame gets another one, so
    that errors against these poses spread as those against the truth may. Drawn are the scale about zero, and the turn
    and shift of the axes.
    """
    generator = np.random.default_rng(seed)
    sequences = []
    for sequence in dataset.sequences:
        report = sequence.info.get(SURVEY)
        if isinstance(report, dict) and "scale_error" in report:
            frames = tuple(_moved(frame, report, generator) for frame in sequence.frames)
            sequence = replace(sequence, frames=frames)
        sequences.append(sequence)
    return replace(dataset, sequences=tuple(sequences))


def _moved(frame: Frame, report: dict[str, Any], generator: np.random.Generator) -> Frame:
    scale = 1 + float(report["scale_error"]) * generator.normal()
    turn = Rotation.from_rotvec(np.radians(float(report.get("frame_error_deg", 0.0))) * generator.normal(size=3))
    # the report has lengths, a shift has three parts
    shift = float(report.get("frame_error_m", 0.0)) / np.sqrt(3) * generator.normal(size=3)
    quat_xyzw = (turn * Rotation.from_quat(frame.quat_xyzw)).as_quat()
    return replace(frame, position=scale * turn.apply(frame.position) + shift, quat_xyzw=quat_xyzw)
