# SPDX-License-Identifier: BSD-3-Clause
"""What the doctor says of a survey's own numbers."""

from dataclasses import replace

import pytest
from helpers import write_fake_dataset

from camera_relocalization_ros.data.doctor.finding import BAD, LOOK, OK
from camera_relocalization_ros.data.doctor.survey_check import check_survey


@pytest.mark.parametrize(
    ("registered", "metric", "level", "says"),
    [(10, True, OK, "fits to 20.0 mm"), (8, True, LOOK, ""), (4, True, BAD, ""), (10, False, OK, "fits to 0.02 units")],
)
def test_the_doctor_of_surveys_counts_pictures_and_knows_units(tmp_path, registered, metric, level, says):
    dataset = write_fake_dataset(tmp_path / "set")
    report = {"pictures": 10, "registered": registered, "scale_from": "tags", "scale_error": 0.001}
    report.update(frame_of="tag 0", frame_error_m=0.02)
    info = {"survey": report, "metric": metric}
    (sequence,) = dataset.sequences
    finding = check_survey(replace(dataset, sequences=(replace(sequence, info=info),)))
    assert finding.level == level and says in finding.sentence
