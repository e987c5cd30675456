# SPDX-License-Identifier: BSD-3-Clause
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_result import made_result

from camera_relocalization_ros.core.errors import ResultError
from camera_relocalization_ros.evaluation.result_files import (
    COVARIANCE,
    FRAMES_FILE,
    MANIFEST,
    load_result,
    write_result,
)
from camera_relocalization_ros.evaluation.results import NO_STATE, ROW_FIELDS


def with_gaps():
    """Localized, never localized, localized without a true pose; and a NaN here and there."""
    result = made_result(60)
    for array, row in ((result.estimate, 3), (result.truth, 5), (result.covariances, 3), (result.covariances, 7)):
        array[row] = np.nan
    result.states[3] = NO_STATE
    result.reasons[3] = 'dropped, it says "late"\nand so on'
    result.images[0] = "sequences/a/images/1.jpg"
    return result


def test_what_is_written_is_read(tmp_path):
    result = with_gaps()
    write_result(tmp_path / "deep" / "result", result)
    read = load_result(tmp_path / "deep" / "result")
    assert read.info == result.info
    for name in ROW_FIELDS:
        np.testing.assert_array_equal(getattr(read, name), getattr(result, name), err_msg=name)
    np.testing.assert_array_equal(read.errors().position_m, result.errors().position_m)
    np.testing.assert_array_equal(read.baselines["constant pose"].orientation_deg, 90.0)
    assert len(COVARIANCE) == 21 and read.compared.sum() == 58
    assert np.isnan(read.errors().position_m[[3, 5]]).all()


def run_evo(folder, program, *arguments):
    """What one of evo's programs prints, with its settings in `folder`."""
    command = [Path(sys.executable).with_name(program), "tum", *arguments]
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=120)
    return done.stdout


@pytest.mark.parametrize("relation, quantity", [("trans_part", "position_m"), ("angle_deg", "orientation_deg")])
def test_evo_finds_the_same_median(tmp_path, relation, quantity):
    evo = pytest.importorskip("evo.tools.file_interface")
    write_result(tmp_path, made_result(60).select(np.arange(30)))
    poses, zipped = (tmp_path / "truth.tum", tmp_path / "estimate.tum"), tmp_path / "ape.zip"
    run_evo(tmp_path, "evo_ape", *poses, "--pose_relation", relation, "--save_results", zipped)
    median = evo.load_res_file(str(zipped)).stats["median"]
    ours = float(np.median(getattr(load_result(tmp_path).errors(), quantity)))
    assert median == pytest.approx(ours, abs=1e-6)


def test_evo_reads_the_trajectories(tmp_path):
    pytest.importorskip("evo.tools.file_interface")
    write_result(tmp_path, made_result(60).select(np.arange(30)))
    report = run_evo(tmp_path, "evo_traj", tmp_path / "estimate.tum", "--ref", tmp_path / "truth.tum", "--full_check")
    assert re.findall(r"nr\. of poses\s+(\d+)", report) == ["30", "30"], report
    # of each: rotations, shapes, stamps, quaternions, times
    assert (report.count("SE(3) conform\tyes"), report.count("\tok\n")) == (2, 8), report


def test_each_of_several_sequences_has_its_trajectories(tmp_path):
    write_result(tmp_path, made_result(60))
    assert {path.name for path in tmp_path.glob("*.tum")} == {
        f"{kind}.{name}.tum" for kind in ("truth", "estimate") for name in ("placement1_a", "placement2_b")
    }
    assert len((tmp_path / "estimate.placement2_b.tum").read_text().splitlines()) == 31


@pytest.mark.parametrize(
    "old, new, complaint",
    [
        ("version: 2", "version: 9", "version 2"),
        ("kind: offline", "kind: dream", "'dream'"),
        ("images: 60", "images: many", "images"),
        ("name: made", "name: made\nhack: 1", "hack"),
        ("name: made", "name: !!python/object/apply:os.system [ls]", "not a readable YAML"),
        ("width: 64", "width: wide", "not a result"),
    ],
)
def test_bad_manifest_is_one_clear_error(tmp_path, old, new, complaint):
    write_result(tmp_path, made_result(60))
    text = (tmp_path / MANIFEST).read_text()
    assert old in text
    (tmp_path / MANIFEST).write_text(text.replace(old, new))
    with pytest.raises(ResultError, match=complaint):
        load_result(tmp_path)


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda text: text.replace("stamp_ns", "time", 1), "columns"),
        (lambda text: text.replace(",OK,", ",FINE,", 1), "FINE"),
        (lambda text: text.replace(",0.5,", ",half,", 1), "column score"),
        (lambda text: text + "1,2,3\n", ":62: 3 fields"),
        (lambda text: text.replace("placement1_a,1,", "placement1_a,1,../../etc/passwd", 1), "plain file name"),
        (lambda text: text.replace("placement1_a,1,", "placement1_a,1,/etc/passwd", 1), "plain file name"),
        (lambda text: text.splitlines()[0] + "\n", "no rows"),
        (lambda text: text.replace("15000000000", "99999999999999999999", 1), "OverflowError"),
        (lambda text: "\0" + text, "not a result|columns"),
    ],
)
def test_bad_rows_are_one_clear_error(tmp_path, change, complaint):
    write_result(tmp_path, made_result(60))
    path = tmp_path / FRAMES_FILE
    path.write_text(change(path.read_text()))
    with pytest.raises(ResultError, match=complaint):
        load_result(tmp_path)


def test_impossible_numbers_are_refused():
    result = made_result(10)
    with pytest.raises(ResultError, match="positive definite"):
        replace(result, covariances=-result.covariances)
    with pytest.raises(ResultError, match="length 1"):
        replace(result, estimate=2 * result.estimate)
    with pytest.raises(ResultError, match="rows"):
        replace(result, scores=result.scores[1:])


def test_folder_without_manifest_is_no_result(tmp_path):
    with pytest.raises(ResultError, match="no result.yaml"):
        load_result(tmp_path)
    write_result(tmp_path, made_result(4))
    assert yaml.safe_load((tmp_path / MANIFEST).read_text())["version"] == 2
