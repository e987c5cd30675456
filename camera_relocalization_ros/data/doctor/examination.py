# SPDX-License-Identifier: BSD-3-Clause
"""All checks of one data set, in the order in which a reader wants them; knows nothing of how they are shown."""

from __future__ import annotations

from dataclasses import dataclass

from camera_relocalization_ros.data.dataset import SCALED_FROM, Dataset
from camera_relocalization_ros.data.doctor.axes import as_optical, check_convention, check_up_axis, first_looked_at
from camera_relocalization_ros.data.doctor.coverage import Coverage, check_coverage, measure_coverage
from camera_relocalization_ros.data.doctor.finding import Finding
from camera_relocalization_ros.data.doctor.image_checks import (
    check_blur,
    check_duplicates,
    check_exposure,
    check_files,
    check_still,
)
from camera_relocalization_ros.data.doctor.image_measures import ImageMeasures, measure_images
from camera_relocalization_ros.data.doctor.recording_checks import (
    check_gaps,
    check_quaternions,
    check_scale,
    check_stream,
)
from camera_relocalization_ros.data.doctor.split_checks import check_splits
from camera_relocalization_ros.data.doctor.survey_check import check_survey


@dataclass(frozen=True)
class Examination:
    """A data set, its poses those of optical frames where that is known, what was measured of it, and the findings.

    Rows of `images` are `dataset.frames`.
    """

    dataset: Dataset
    images: ImageMeasures
    coverage: Coverage
    findings: tuple[Finding, ...]

    def finding(self, check: str) -> Finding:
        """The finding of one check; raises KeyError."""
        return {finding.check: finding for finding in self.findings}[check]


def examine(dataset: Dataset) -> Examination:
    """Read every image once, and more of a few where these do not tell; never raises because of what the data are."""
    images = measure_images(dataset.sequences, first_looked_at(dataset))
    scaled_from = ", ".join(sorted({str(s.info[SCALED_FROM]) for s in dataset.sequences if SCALED_FROM in s.info}))
    convention, quaternions = check_convention(dataset, images.greys), check_quaternions(dataset)
    # one fault, one finding: poses in another convention would look like cameras that hang upside down
    dataset = as_optical(dataset, convention.values.get("name", ""))
    coverage = measure_coverage(dataset.poses, dataset.is_metric)
    findings = (
        check_files(images, [dataset.camera_of(frame) for frame in dataset.frames], scaled_from),
        convention,
        check_up_axis(dataset),
        quaternions,
        check_stream(dataset),
        check_scale(dataset),
        check_still(dataset, images),
        check_gaps(dataset),
        check_blur(images),
        check_exposure(images),
        check_duplicates(images),
        check_coverage(coverage),
        check_splits(dataset.path),
        *filter(None, [check_survey(dataset)]),
    )
    return Examination(dataset, images, coverage, findings)
