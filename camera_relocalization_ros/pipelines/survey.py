# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of an object or room to a data set with metric poses, without an arena."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Sequence, Union

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError, DatasetError
from camera_relocalization_ros.data.camera_files import load_camera
from camera_relocalization_ros.data.dataset import METRIC, SURVEY, Dataset
from camera_relocalization_ros.data.layouts.colmap import CHILD_FRAME, PARENT_FRAME, import_colmap
from camera_relocalization_ros.mapping.survey.distances import Distances
from camera_relocalization_ros.mapping.survey.pictures import Pictures, joined_pictures
from camera_relocalization_ros.mapping.survey.tags import Tags
from camera_relocalization_ros.pipelines.inputs import DataSpec, loaded
from camera_relocalization_ros.pipelines.survey_pictures import Selection, pictures_of

__all__ = ["Distances", "Selection", "Tags", "survey", "write_survey"]
Source = Union[Path, str]

logger = logging.getLogger(__name__)


def survey(
    sources: Source | Sequence[Source],
    output: Source,
    *,
    tags: Tags | None = None,
    like: DataSpec | None = None,
    distances: Distances | Source | None = None,
    gps: bool = False,
    camera: CameraIntrinsics | Source | None = None,
    image_topic: str = "",
    gps_topic: str = Selection.gps_topic,
    period_s: float = Selection.period_s,
    one_camera: bool = True,
    features: int = 4096,
    parent_frame: str = "",
    child_frame: str = "",
    object_radius_m: float | None = None,
) -> Dataset:
    """Write the data set `output` of pictures, with poses by structure from motion, and return it.

    sources: folders of pictures, bags, videos of one scene. Scale and axes come from `tags`: those of the tag with the
    lowest number, x to its right, y up, z out of it. Or from `like`, a data set that has some of the pictures: theirs.
    Or from `distances` between picked points. Or from satellites (`gps`: EXIF of photographs, gps_topic of bags): east,
    north, up. Without any the scene is of unknown scale. What is known of the errors is in the sequences' `survey`.
    camera: intrinsics of all pictures, which are found too where neither it nor camera_info brings them; one_camera:
    all pictures of a source have the same; features: in a picture, at most. image_topic, period_s: see Selection.
    object_radius_m: each source shows the same object at another placement, which lies within that of zero in the frame
    of the first; the others are aligned with it by the object's landmarks, and poses are in the object's frame.
    Raises ConfigError, BagError, or DatasetError where the pictures do not hang together or do not show what gives the
    scale.
    """
    from camera_relocalization_ros.mapping.survey.structure import reconstruct

    if sum((tags is not None, like is not None, distances is not None, gps)) > 1:
        raise ConfigError("scale and axes come from tags, a data set, distances or satellites; expected one of them")
    if object_radius_m is not None and not (tags or like or distances or gps):
        raise ConfigError("the object's radius is in metres, which something must tell of the first placement")
    reference = None if like is None else loaded(like)
    given = Distances.load(Path(distances)) if isinstance(distances, (str, Path)) else distances
    selection = Selection(
        image_topic,
        period_s,
        load_camera(Path(camera)) if isinstance(camera, (str, Path)) else camera,
        gps,
        gps_topic,
    )
    several = [sources] if isinstance(sources, (str, Path)) else sources
    with TemporaryDirectory(prefix="survey_") as work:
        (Path(work) / "pictures").mkdir()
        parts = pictures_of([Path(source) for source in several], Path(work) / "pictures", selection)
        # a model for each placement, or one of all
        groups = [[part] for part in parts] if object_radius_m is not None else [parts]
        models = []
        for number, group in enumerate(groups):
            folder = Path(work) / f"model_{number}"
            folder.mkdir()
            models.append((reconstruct(group, folder, one_camera, features), folder))
        pictures = joined_pictures(groups[0])
        cameras_are_known = all(part.camera is not None for part in groups[0])
        report = _scaled(models[0][0], pictures, tags, reference, given, gps, cameras_are_known)
        if object_radius_m is not None:
            report["placements"] = _onto_the_first(models, [part.source for part in parts], object_radius_m)
        pictures = joined_pictures(parts)
        registered = sum(model.num_reg_images() for model, _ in models)
        report = {"pictures": len(pictures.names), "registered": registered, **report}
        own = (reference.parent_frame, reference.child_frame) if reference is not None else (PARENT_FRAME, CHILD_FRAME)
        frames = (parent_frame or own[0], child_frame or own[1])
        in_metres = reference is None or reference.is_metric
        return write_survey([model for model, _ in models], pictures, Path(output), report, frames, in_metres)


def _onto_the_first(models: list[tuple[Any, Path]], sources: list[str], radius_m: float) -> list[dict[str, Any]]:
    """Align the models of an object's other placements with that of the first; what is known of the errors, for each.

    models: reconstructions with the folders of their databases.
    """
    from camera_relocalization_ros.mapping.survey import object_alignment, structure

    points = [object_alignment.scene_points(model, folder / structure.DATABASE) for model, folder in models]
    reports = []
    for (model, _), own, source in zip(models[1:], points[1:], sources[1:]):
        try:
            reports.append({"source": source, **object_alignment.aligned_by_landmarks(model, own, points[0], radius_m)})
        except DatasetError as error:
            raise DatasetError(f"{source}: {error}") from error
    return reports


def write_survey(
    reconstructions: Sequence[Any],
    pictures: Pictures,
    output: Path,
    report: dict[str, Any],
    frames: tuple[str, str] = (PARENT_FRAME, CHILD_FRAME),
    in_metres: bool = True,
) -> Dataset:
    """Write the data set `output` of reconstructions (pycolmap's) of pictures, which are in one frame.

    report: what is known of its errors, for the sequences' `survey`; frames: names of parent and child. in_metres: what
    gave the scale, if anything did, is metres, and not a data set of unknown scale.
    """
    info = {"source": f"survey of {pictures.source}", METRIC: in_metres and "scale_from" in report, SURVEY: report}
    from camera_relocalization_ros.mapping.survey.structure import write_model

    with TemporaryDirectory(prefix="survey_") as model:
        write_model(reconstructions, Path(model))
        return import_colmap(Path(model), output, pictures.folder, info, frames, pictures.stamps_ns)


def _scaled(
    reconstruction: Any,
    pictures: Pictures,
    tags: Tags | None,
    reference: Dataset | None,
    distances: Distances | None,
    gps: bool,
    cameras_are_known: bool,
) -> dict[str, Any]:
    """Bring the reconstruction into metres where something tells them; what is known of its errors."""
    from camera_relocalization_ros.mapping.survey import scaling

    report: dict[str, Any] = {
        "reprojection_px": round(reconstruction.compute_mean_reprojection_error(), 3),
    }
    if tags is not None:
        return {**report, **scaling.scaled_by_tags(reconstruction, pictures.folder, tags, cameras_are_known)}
    if reference is not None:
        return {**report, **scaling.aligned(reconstruction, pictures.folder, reference)}
    if distances is not None:
        return {**report, **scaling.scaled_by_distances(reconstruction, distances)}
    if gps:
        return {**report, **scaling.scaled_by_places(reconstruction, pictures)}
    logger.warning("%s: the scale is not known; positions are in units of the scene", pictures.source)
    return report
