# SPDX-License-Identifier: BSD-3-Clause
"""The layout of the TUM RGB-D benchmark (Sturm et al. 2012): rgb/, rgb.txt and groundtruth.txt."""

from __future__ import annotations

import shutil
from pathlib import Path

from camera_relocalization_ros.core.dataset import Dataset
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.trajectory import seconds_text, write_tum


def export_tum(dataset: Dataset, output: Path) -> list[Path]:
    """Write a TUM folder, or one per sequence below `output` when there are several; returns the folders.

    Images keep their bytes and are named by their stamps. Raises DatasetError when `output` exists.
    """
    if output.exists():
        raise DatasetError(f"{output}: exists already; remove it or choose another name")
    several = len(dataset.sequences) > 1
    folders = []
    for sequence in dataset.sequences:
        folder = output / sequence.name if several else output
        (folder / "rgb").mkdir(parents=True)
        lines = ["# color images", "# timestamp filename"]
        for frame in sequence.frames:
            stamp = seconds_text(frame.stamp_ns)
            name = f"rgb/{stamp}{frame.image_path.suffix}"
            try:
                shutil.copyfile(frame.image_path, folder / name)
            except OSError as error:
                raise DatasetError(f"{frame.image_path}: {error.strerror}") from error
            lines.append(f"{stamp} {name}")
        (folder / "rgb.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        write_tum(folder / "groundtruth.txt", sequence.trajectory())
        folders.append(folder)
    return folders
