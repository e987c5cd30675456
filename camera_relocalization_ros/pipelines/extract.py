# SPDX-License-Identifier: BSD-3-Clause
"""Bags to a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from camera_relocalization_ros.core.camera import AUTO, CameraIntrinsics
from camera_relocalization_ros.core.progress import Progress, reporting
from camera_relocalization_ros.data.camera_files import load_camera
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.pose_stream import StreamLimits
from camera_relocalization_ros.fleet.engine import engine_at

if TYPE_CHECKING:
    from camera_relocalization_ros.ros.bags.pose_sources import PoseSources


@dataclass(frozen=True)
class Extraction:
    """The data set that was written; by sequence, how many images were skipped for each reason."""

    dataset: Dataset
    skipped: dict[str, dict[str, int]]


def extract(
    bags: Sequence[Path | str],
    output: Path | str,
    *,
    image_topic: str,
    parent: str,
    child: str,
    limits: StreamLimits | None = None,
    camera: CameraIntrinsics | Path | str | None = None,
    camera_info_topic: str = "",
    rectification: str = AUTO,
    sources: PoseSources | Path | str | None = None,
    image_format: str = "jpg",
    resize: tuple[int, int] | None = None,
    undistort: bool = False,
    image_delay_s: float = 0.0,
    reindex: bool = False,
    stamps: str = "header",
    progress: Progress | None = None,
    dask: str = "",
) -> Extraction:
    """Write the data set `output`, one sequence per bag: each image with the pose of `child` in `parent` at its stamp.

    The settings are those of ExtractionOptions; `camera` and `sources` may be YAML files. When it is interrupted, what
    is done stays beside `output`, and the same call resumes. dask: the address of a Dask scheduler whose workers do the
    bags, or "local" for processes of this computer; workers see bags and output under the same paths.
    Raises BagError, ConfigError or DatasetError; ImportError where ROS is not installed.
    """
    from camera_relocalization_ros.ros.bags import extraction
    from camera_relocalization_ros.ros.bags.pose_sources import PoseSources

    options = extraction.ExtractionOptions(
        image_topic=image_topic,
        parent=parent,
        child=child,
        limits=limits or StreamLimits(),
        image_format=image_format,
        resize=resize,
        undistort=undistort,
        image_delay_s=image_delay_s,
        camera=load_camera(Path(camera)) if isinstance(camera, (str, Path)) else camera,
        camera_info_topic=camera_info_topic,
        rectification=rectification,
        sources=PoseSources.load(Path(sources)) if isinstance(sources, (str, Path)) else sources or PoseSources(),
        reindex=reindex,
        stamps=stamps,
    )
    with reporting(progress), engine_at(dask) as engine:
        dataset = extraction.extract([Path(bag) for bag in bags], options, Path(output), engine)
    return Extraction(dataset, {sequence.name: dict(sequence.info["skipped"]) for sequence in dataset.sequences})
