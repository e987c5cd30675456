# SPDX-License-Identifier: BSD-3-Clause
"""What is known of the errors of surveyed poses."""

from __future__ import annotations

from typing import Any

from camera_relocalization_ros.data.dataset import SURVEY, Dataset
from camera_relocalization_ros.data.doctor.finding import BAD, LOOK, OK, Finding

# relative errors of the scale, and shares of pictures without a place, beyond which a survey is worth a look
SCALE_LOOK, SCALE_BAD, MISSING_LOOK, MISSING_BAD = 0.005, 0.02, 0.1, 0.5
# degrees by which the axes may be off
TURN_LOOK, TURN_BAD = 0.5, 5.0


def check_survey(dataset: Dataset) -> Finding | None:
    """How good the poses of a survey are, by what it measured itself; None where there was none."""
    reports = [sequence.info[SURVEY] for sequence in dataset.sequences if isinstance(sequence.info.get(SURVEY), dict)]
    if not reports:
        return None
    report = reports[0]
    pictures, registered = int(report.get("pictures", 0)), int(report.get("registered", 0))
    text = f"{registered} of {pictures} pictures have a place, points agree to {report.get('reprojection_px')} px"
    if "scale_from" not in report:
        return Finding(
            "survey", BAD, f"{text}; the scale is not known: survey with --tags, --gps, --distances or --like", report
        )
    error, turn_deg = float(report["scale_error"]), float(report.get("frame_error_deg", 0.0))
    text += f"; scale by {report['scale_from']}, to {100 * error:.2f} %; {_frame_text(report, dataset.is_metric)}"
    is_worth_a_look = error > SCALE_LOOK or turn_deg > TURN_LOOK or registered < (1 - MISSING_LOOK) * pictures
    is_bad = error > SCALE_BAD or turn_deg > TURN_BAD or registered < (1 - MISSING_BAD) * pictures
    return Finding("survey", BAD if is_bad else LOOK if is_worth_a_look else OK, text, report)


def _frame_text(report: dict[str, Any], metric: bool) -> str:
    turn = f", {report['frame_error_deg']:g} deg" if "frame_error_deg" in report else ""
    fit = f", which fits to {_length(report['frame_error_m'], metric)}{turn}" if "frame_error_m" in report else ""
    others = [float(other["frame_error_m"]) for other in report.get("placements", [])]
    aligned = f"; {len(others)} more placements, aligned to {_length(max(others), metric)}" if others else ""
    return f"axes of {report['frame_of']}{fit}{aligned}"


def _length(length: float, metric: bool) -> str:
    return f"{1000 * float(length):.1f} mm" if metric else f"{float(length):.3g} units of the scene"
