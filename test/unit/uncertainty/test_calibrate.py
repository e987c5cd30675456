# SPDX-License-Identifier: BSD-3-Clause
"""reloc calibrate and evaluate on a bundle whose outputs are known, and what its estimates say afterwards."""

import re
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import yaml
from colour_bundle import COLOUR_BUNDLE, COLOUR_BUNDLE_V2, QUAT_XYZW, known_position
from helpers import CAMERA, CHILD_FRAME, PARENT_FRAME, START_NS, encoded, fake_image_rgb, write_fake_dataset
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.bundle.model_bundle import SIDECAR, load_bundle, replace_error_calibration, save_bundle
from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.cli.info import describe
from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import BundleError
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.data.dataset import SURVEY, Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.uncertainty.calibrate import calibrate

# of the truth beside what the bundle estimates: along each axis of the parent
SIGMA_M = np.array([0.3, 0.1, 0.1])


def reddish_image(seed):
    """One of the scene, where everything is red."""
    image_rgb = fake_image_rgb(seed) // 8
    image_rgb[..., 0] += 180
    return image_rgb


def write_scene(path, count, seed, sequences=3):
    rng = np.random.default_rng(seed)
    with DatasetWriter(path, PARENT_FRAME, CHILD_FRAME, CAMERA) as writer:
        for number in range(sequences):
            with writer.sequence(f"flight{number}", {"source": "fake"}) as sequence:
                for row in range(count):
                    image_rgb = reddish_image(seed + 1000 * number + row)
                    quat = (Rotation.from_rotvec(rng.normal(0.0, 0.05, 3)) * Rotation.from_quat(QUAT_XYZW)).as_quat()
                    position = known_position(image_rgb) + rng.normal(0.0, SIGMA_M)
                    sequence.add(START_NS + row * 100_000_000, position, quat, encoded(image_rgb), ".png")
    return path


def patient_relocalizer(bundle):
    """One for which OK promises what errors of decimetres can."""
    relocalizer = Relocalizer.from_bundle(bundle)
    relocalizer.set_ok_limits(OkLimits(5.0, 2.0))
    return relocalizer


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrated")
    before = load_bundle(COLOUR_BUNDLE)
    images = [reddish_image(90_000 + row) for row in range(60)]
    colours = np.array([image.reshape(-1, 3).mean(axis=0) / 255.0 for image in images])
    poses = Poses(np.array([known_position(image) for image in images]), np.tile(QUAT_XYZW, (60, 1)))
    # of three colours one component, as of a backbone's thousand channels a hundred are kept
    index = RetrievalIndex.build(colours, poses, size=1)
    save_bundle(folder / "bundle", before.sidecar, before.network, index, before.reference_outputs)
    data = write_scene(folder / "seen", 100, 0)
    assert main(["calibrate", str(folder / "bundle"), str(data)]) == 0
    return folder


def test_only_the_sidecar_changes_and_says_what_was_used(calibrated):
    bundle, before = load_bundle(calibrated / "bundle"), load_bundle(COLOUR_BUNDLE)
    assert bundle.bundle_id == before.bundle_id and bundle.network == before.network
    assert replace(bundle.sidecar, error_calibration=None) == before.sidecar
    calibration = bundle.sidecar.error_calibration
    # the first image of each of three sequences has no full window
    assert calibration.frames == 297 and [data.name for data in calibration.data] == ["seen"]
    assert sorted(path.name for path in (calibrated / "bundle").iterdir()) == sorted(
        path.name for path in COLOUR_BUNDLE.iterdir()
    )


def test_estimates_have_the_covariance_that_the_errors_had(calibrated):
    relocalizer = patient_relocalizer(calibrated / "bundle")
    estimates = [relocalizer.estimate(reddish_image(50_000 + row), 1 + row * 100_000_000) for row in range(2)]
    assert [estimate.state for estimate in estimates] == [State.DEGRADED, State.OK]
    sigma = np.sqrt(np.diag(estimates[1].covariance))
    np.testing.assert_allclose(sigma, [*SIGMA_M, 0.05, 0.05, 0.05], rtol=0.25)
    assert 0.02 < estimates[1].score <= 1.0 and estimates[1].indicators["spread_position_m"] == pytest.approx(
        0.01, rel=1e-3
    )


def test_covariances_reach_as_far_as_a_survey_may_be_off(calibrated):
    dataset = Dataset.load(calibrated / "seen")
    report = {"scale_error": 0.0, "frame_error_m": 5.0, "frame_error_deg": 0.0}
    few = tuple(replace(one, frames=one.frames[:19], info={SURVEY: report}) for one in dataset.sequences)
    relocalizer = Relocalizer.from_bundle(calibrated / "bundle")
    of_truth = relocalizer.bundle.sidecar.error_calibration
    of_survey = calibrate(relocalizer, [replace(dataset, sequences=few)], [], 0.05).fit.calibration
    usual = {name: float(np.exp(one.mean)) for name, one in of_truth.indicators.items()}
    truth_m, survey_m = (np.sqrt(np.trace(c.covariance(usual, QUAT_XYZW)[:3, :3])) for c in (of_truth, of_survey))
    # the survey's own error is fifteen times that of the bundle
    assert truth_m < 1.0 and 3.0 < survey_m < 12.0


def test_another_scene_is_lost_and_the_next_good_images_are_not(calibrated):
    relocalizer = patient_relocalizer(calibrated / "bundle")
    states = []
    for row in range(6):
        image_rgb = reddish_image(row) if row < 2 or row > 3 else np.full((48, 64, 3), (40, 60, 200), np.uint8)
        estimate = relocalizer.estimate(image_rgb, 1 + row * 100_000_000)
        states.append(estimate.state)
        if row == 3:
            assert "descriptor_residual" in estimate.reason and estimate.score < 0.005
    assert states == [State.DEGRADED, State.OK, State.LOST, State.LOST, State.OK, State.OK]


def test_evaluation_tells_coverage_states_and_what_passes(calibrated, capsys):
    data = write_scene(calibrated / "unseen", 60, 7_000_000)
    negatives = calibrated / "negatives"
    negatives.mkdir()
    for row in range(5):
        cv2.imwrite(str(negatives / f"{row}.png"), np.full((60, 60, 3), (200, 10 * row, 30), np.uint8))
    arguments = ["evaluate", str(calibrated / "bundle"), str(data), "--json", str(calibrated / "errors.json")]
    assert main([*arguments, "--negatives", str(negatives), "--ok-position", "5", "--ok-orientation", "120"]) == 0
    printed = capsys.readouterr().out
    trust = yaml.safe_load((calibrated / "errors.json").read_text())["trust"]
    for kind in ("position", "orientation"):
        assert 0.82 < trust["coverage"][kind]["0.9"] < 0.97
    assert trust["states"]["OK"] > 0.9 and sum(trust["states"].values()) == pytest.approx(1.0)
    assert re.search(r"^OK +regression +99.9 % +100.0 % +\d+ of \d+", printed, re.MULTILINE)
    assert "100.0%  100.0%" in printed and "area under it 1.0000" in printed


def test_training_images_old_bundles_and_few_frames_are_refused(tmp_path, capsys):
    bundle = tmp_path / "bundle"
    shutil.copytree(COLOUR_BUNDLE, bundle)
    before = (bundle / SIDECAR).read_bytes()
    index = load_bundle(bundle).index
    with DatasetWriter(tmp_path / "trained", PARENT_FRAME, CHILD_FRAME, CAMERA) as writer:
        with writer.sequence("flight", {}) as sequence:
            sequence.add(START_NS, index.positions[0], index.quats_xyzw[0], encoded(fake_image_rgb(0)), ".png")
    write_fake_dataset(tmp_path / "few")
    # of three sequences two are single images
    write_fake_dataset(tmp_path / "uneven", counts=(80, 1, 1))
    for arguments, says in (
        ((bundle, tmp_path / "trained"), "was trained on 1 of the 1 frames"),
        ((bundle, tmp_path / "few"), "11 frames with full windows of 2; expected at least 50"),
        ((bundle, tmp_path / "uneven"), "all frames with full windows are of one sequence"),
        ((COLOUR_BUNDLE_V2, tmp_path / "few"), "of an old version"),
        ((bundle, tmp_path / "few", "--negatives", tmp_path / "nothing"), "no image in it"),
        ((bundle, tmp_path / "few", "--false-accept", "2"), "expected a share from 0 to 1"),
    ):
        assert main(["calibrate", *map(str, arguments)]) == 1
        assert says in capsys.readouterr().err
    assert (bundle / SIDECAR).read_bytes() == before
    assert main(["evaluate", str(bundle), str(tmp_path / "few"), "--negatives", str(tmp_path)]) == 1
    assert "--negatives needs a calibrated bundle" in capsys.readouterr().err


def test_a_calibration_does_not_fit_into_an_old_bundle(calibrated):
    calibration = load_bundle(calibrated / "bundle").sidecar.error_calibration
    with pytest.raises(BundleError, match="before version 3"):
        replace_error_calibration(load_bundle(COLOUR_BUNDLE_V2), calibration)


def test_info_tells_the_calibration(calibrated):
    assert "calibration: 297 frames of seen; left-out truths in 90 % ellipsoids" in describe(str(calibrated / "bundle"))
    assert "calibration: none" in describe(str(COLOUR_BUNDLE))


def test_an_edited_calibration_is_refused_by_name(calibrated, tmp_path):
    shutil.copytree(calibrated / "bundle", tmp_path / "bundle")
    path = tmp_path / "bundle" / SIDECAR
    values = yaml.safe_load(path.read_text())
    values["calibration"]["shape"][0][0] = -1.0
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(BundleError, match="calibration shape is"):
        load_bundle(tmp_path / "bundle")
