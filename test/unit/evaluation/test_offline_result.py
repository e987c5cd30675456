# SPDX-License-Identifier: BSD-3-Clause
import json

import numpy as np
import yaml
from calibrated_bundle import write_calibrated_bundle
from colour_bundle import COLOUR_BUNDLE, QUAT_XYZW, known_position
from helpers import PARENT_FRAME, write_fake_dataset

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.data.dataset import load_image_rgb
from camera_relocalization_ros.evaluation.result_files import image_path, load_result


def test_evaluate_writes_what_each_image_got(tmp_path, capsys):
    dataset = write_fake_dataset(tmp_path / "set", (6, 4))
    command = ["evaluate", str(COLOUR_BUNDLE), str(tmp_path / "set"), "-o", str(tmp_path / "told")]
    assert main([*command, "--json", str(tmp_path / "errors.json")]) == 0
    assert str(tmp_path / "told") in capsys.readouterr().out
    result = load_result(tmp_path / "told")
    info = result.info
    assert (info.name, info.kind, info.images, info.localized) == ("told", "offline", 10, 10)
    for row, frame in enumerate(dataset.frames):
        position = known_position(load_image_rgb(frame.image_path))
        np.testing.assert_allclose(result.estimate[row], [*position, *QUAT_XYZW], atol=1e-5)
        np.testing.assert_array_equal(result.truth[row, :3], frame.position)
        # a result of others must not show files that lie elsewhere on this machine, unless the user names their folder
        assert image_path(tmp_path / "told", result, row) is None
        assert image_path(tmp_path / "told", result, row, tmp_path / "set").samefile(frame.image_path)
    assert result.sequences.tolist() == ["flight0"] * 6 + ["flight1"] * 4
    # the first image of each sequence has no earlier one
    assert result.reasons.tolist() == [
        "seen in 1 of 2 images" if row in (0, 6) else "not calibrated" for row in range(10)
    ]
    assert (result.states == State.DEGRADED).all() and not result.has_covariance and np.isnan(result.latency_s).all()
    assert info.never_ok.startswith("not calibrated")
    summary = json.loads((tmp_path / "errors.json").read_text())
    assert np.median(result.errors().position_m) == summary["position_m"]["median"]
    assert {"p95", "max"} < set(summary["position_m"]) and set(summary["within"]) < set(summary["intervals"])
    assert summary["stages"]["regression"]["counts"]["lost"] == 0
    assert (
        np.median(result.baselines["constant pose"].position_m)
        == (summary["baselines"]["constant pose"]["position_m"]["median"])
    )


def test_frames_of_other_names_are_refused_unless_wanted(tmp_path, capsys):
    write_fake_dataset(tmp_path / "set", (6,))
    manifest = tmp_path / "set" / "dataset.yaml"
    manifest.write_text(manifest.read_text().replace(f"parent_frame: {PARENT_FRAME}", "parent_frame: hall"))
    command = ["evaluate", str(COLOUR_BUNDLE), str(tmp_path / "set")]
    assert main(command) == 1
    assert "in 'hall'" in capsys.readouterr().err
    assert main([*command, "--any-frames"]) == 0


def test_covariances_and_scores_of_a_calibrated_bundle(tmp_path, capsys):
    write_fake_dataset(tmp_path / "set", (6,))
    bundle = write_calibrated_bundle(tmp_path / "bundle")
    command = ["evaluate", str(bundle), str(tmp_path / "set"), "-o", str(tmp_path / "told"), "--name", "mine"]
    assert main(command) == 0
    assert "OK: 0 % of images" in capsys.readouterr().out
    reasons = load_result(tmp_path / "told").reasons
    assert reasons[1] == "promises 10.9 m and 180 deg; OK is 0.1 m and 3 deg"
    assert main([*command, "--ok-position", "20", "--ok-orientation", "180", "--overwrite"]) == 0
    assert "OK: 83 % of images; median " in capsys.readouterr().out
    result = load_result(tmp_path / "told")
    assert result.info.name == "mine" and result.has_covariance and result.has_states
    assert (result.info.ok_position_m, result.info.ok_orientation_deg) == (20.0, 180.0)
    rows = yaml.safe_load((tmp_path / "told" / "result.yaml").read_text())["reliability"]
    assert [(row["state"], row["promised"], row["kept"], row["count"]) for row in rows] == [
        ("OK", 0.999, 5, 5),
        ("DEGRADED", None, 1, 1),
    ]
