# SPDX-License-Identifier: BSD-3-Clause
"""A bundle with a map is calibrated by poses made as in flight, and not by those of another frame."""

import shutil

from calibrated_bundle import calibration
from painted_wall import write_wall_dataset

from camera_relocalization_ros.bundle import stage_calibration
from camera_relocalization_ros.bundle.model_bundle import SIDECAR
from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.data.dataset import load_image_rgb
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.uncertainty import stage_fit
from camera_relocalization_ros.uncertainty.stage_fit import Regressions, with_stages


def test_stages_are_calibrated_by_poses_made_as_in_flight(wall_bundle, tmp_path, monkeypatch):
    """Every image is searched both ways; what every second shows is followed into the next ones, at once or later."""
    monkeypatch.setattr(stage_fit, "LEAST_SAMPLES", 11)
    dataset = write_wall_dataset(tmp_path / "flight", 36, seed=5)
    relocalizer = Relocalizer.from_bundle(wall_bundle)
    estimates = [relocalizer.estimate(load_image_rgb(f.image_path), f.stamp_ns) for f in dataset.frames]
    stages = with_stages(relocalizer.bundle, calibration(), [Regressions(dataset, estimates)]).stages
    # by one search alone: every image by itself, and the six tracked before two searches agree; confirmed: all but one
    assert {name: stage.frames for name, stage in stages.items()} == {"refined": 42, "confirmed": 35, "tracked": 29}
    assert all(value >= 1 for stage in stages.values() for value in stage.reach)
    # those of few landmarks by themselves, if they are many
    monkeypatch.setattr(stage_calibration, "FEW_LANDMARKS", 1000)
    stages = with_stages(relocalizer.bundle, calibration(), [Regressions(dataset, estimates)]).stages
    assert {name: stage.frames for name, stage in stages.items()} == {"refined": 42, "confirmed": 35, "tracked_few": 29}


def test_a_calibration_is_not_fitted_to_poses_of_another_frame_of_that_name(wall_bundle, tmp_path, capsys):
    bundle, dataset = shutil.copytree(wall_bundle, tmp_path / "bundle"), write_wall_dataset(tmp_path / "flight", 24, 5)
    before = (bundle / SIDECAR).read_bytes()
    # with its own poses it goes on to what else a calibration needs
    assert main(["calibrate", str(bundle), str(dataset.path)]) == 1
    assert "expected at least 50 to calibrate" in capsys.readouterr().err
    (frames,) = dataset.path.rglob("frames.csv")
    header, *rows = frames.read_text(encoding="utf-8").splitlines()
    x = header.split(",").index("x")
    moved = [",".join([*(row := line.split(","))[:x], str(float(row[x]) + 0.5), *row[x + 1 :]]) for line in rows]
    frames.write_text("\n".join([header, *moved, ""]), encoding="utf-8")
    assert main(["calibrate", str(bundle), str(dataset.path)]) == 1
    assert "is not the bundle's, though it has the name: one motion of it (50" in capsys.readouterr().err
    assert (bundle / SIDECAR).read_bytes() == before
