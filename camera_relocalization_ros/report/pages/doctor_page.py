# SPDX-License-Identifier: BSD-3-Clause
"""The doctor's findings as one HTML file that needs no other file and no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from camera_relocalization_ros.core.image_files import load_image
from camera_relocalization_ros.core.output_files import write_text
from camera_relocalization_ros.core.pose_errors import length_unit
from camera_relocalization_ros.data.doctor.examination import Examination
from camera_relocalization_ros.data.doctor.finding import BAD, LEVELS, LOOK, OK, worst_level
from camera_relocalization_ros.report.figures.doctor_figures import draw_directions, draw_images, draw_places, draw_time
from camera_relocalization_ros.report.pages.doctor_template import PAGE
from camera_relocalization_ros.report.pages.page import data_source, figure_source, render_page

VERDICTS = {
    OK: "fit for training.",
    LOOK: "no fault was proven; look at the yellow lines before you train.",
    BAD: "do not train on it before the red lines are mended.",
}
THUMBNAIL_WIDTH = 320


def write_doctor_page(path: Path, examination: Examination) -> None:
    """Write the page, with its folder; raises RelocalizationError."""
    write_text(path, doctor_page(examination))


def doctor_page(examination: Examination) -> str:
    """The page; all that comes from the data set is escaped."""
    level = worst_level(examination.findings)
    dataset = examination.dataset
    return render_page(
        PAGE,
        name=dataset.path.resolve().name,
        level=level,
        verdict=VERDICTS[level],
        facts=_facts(examination),
        findings=sorted(examination.findings, key=lambda finding: -LEVELS.index(finding.level)),
        parent=dataset.parent_frame,
        is_around_object=examination.coverage.is_around_object,
        suggestions=[suggestion.sentence for suggestion in examination.coverage.suggestions],
        pictures=_pictures(examination),
        skipped=sorted(examination.finding("gaps").values["skipped"].items()),
        places=examination.finding("pose stream").values.get("places", []),
        worst=_worst(examination),
        parts=sorted(examination.finding("splits").values["parts"].items()),
        sequences=[_row(sequence) for sequence in dataset.sequences],
    )


def _facts(examination: Examination) -> str:
    dataset = examination.dataset
    extent = np.ptp(dataset.poses.positions, axis=0)
    return (
        f"{dataset.frame_count} images, sequences: {len(dataset.sequences)}; poses of {dataset.child_frame} in "
        f"{dataset.parent_frame}, over {extent[0]:.2f} x {extent[1]:.2f} x {extent[2]:.2f} "
        f"{length_unit(dataset.is_metric)} (x, y, z)."
    )


def _pictures(examination: Examination) -> dict[str, str]:
    drawn = {"places": draw_places, "directions": draw_directions, "images": draw_images}
    if not all(sequence.is_photographs for sequence in examination.dataset.sequences):
        drawn["time"] = draw_time
    return {name: figure_source(draw(examination)) for name, draw in drawn.items()}


def _worst(examination: Examination) -> list[dict[str, str]]:
    """Thumbnails of the least sharp and of the worst exposed images."""
    measures = examination.images
    names = [(s.name, f) for s in examination.dataset.sequences for f in s.frames]
    pictures = []
    for check in ("blur", "exposure"):
        for row in examination.finding(check).values.get("worst", []):
            sequence, frame = names[row]
            source = _thumbnail(frame.image_path)
            if source is None:
                continue
            ratio = 100 * measures.relative_sharpness[row]
            caption = f"{check}: {sequence} frame {frame.number}, sharpness {ratio:.0f} % of the typical one, "
            caption += f"mean grey {measures.brightness[row]:.0f}"
            pictures.append({"source": source, "caption": caption})
    return pictures


def _thumbnail(path: Path) -> str | None:
    """The image as the source of an img element; None where it can no longer be read."""
    image_bgr = load_image(path, cv2.IMREAD_COLOR)
    if image_bgr is None:
        return None
    height, width = image_bgr.shape[:2]
    size = (THUMBNAIL_WIDTH, max(round(height * THUMBNAIL_WIDTH / width), 1))
    return data_source(
        cv2.imencode(".png", cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA))[1].tobytes(), "png"
    )


def _row(sequence: Any) -> dict[str, Any]:
    frames = sequence.frames
    seconds = (frames[-1].stamp_ns - frames[0].stamp_ns) * 1e-9 if frames else 0.0
    # stamps of photographs are made up
    lasted = "photographs" if sequence.is_photographs else f"{seconds:.1f}"
    return {"name": sequence.name, "frames": len(frames), "seconds": lasted}
