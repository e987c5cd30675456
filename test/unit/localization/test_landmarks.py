# SPDX-License-Identifier: BSD-3-Clause
"""A bundle with a map: found, followed, fused and lost, on real images of a painted wall."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from colour_bundle import COLOUR_BUNDLE
from helpers import load_benchmark, write_fake_dataset
from painted_wall import CAMERA, MAP_OPTIONS, error_m, flight, paint, stamp, view, write_wall_dataset
from scipy.spatial import cKDTree

from camera_relocalization_ros.bundle.model_bundle import LANDMARKS, SIDECAR, load_bundle, replace_map
from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.geometry import position_quat
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.evaluation.result_files import load_result
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.localization.landmarks.agreement import Prior
from camera_relocalization_ros.localization.landmarks.gate import gate
from camera_relocalization_ros.localization.landmarks.pose_refiner import PoseRefiner
from camera_relocalization_ros.localization.landmarks.refinement_settings import RefinementSettings
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import StagedRelocalizer
from camera_relocalization_ros.localization.landmarks.tracker import TrackingSettings
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.vision.pnp import project

WALL = paint()


def test_every_image_of_another_flight_is_refined_to_a_centimetre(relocalizer):
    staged = StagedRelocalizer(relocalizer, CAMERA)
    for number, T in enumerate(flight(12, seed=5)):
        answer = staged.estimate_stages(view(T, WALL), stamp(number))
        assert answer.fused.stage is Stage.REFINED and answer.fused.state is State.OK
        assert error_m(answer.fused, T) < 0.01 < 0.05 < error_m(answer.regression, T)


def test_a_pose_of_many_features_rests_on_as_many_landmarks(wall_bundle):
    known, T = load_bundle(wall_bundle).landmark_map, flight(1, seed=5)[0]
    refiner = PoseRefiner(known, CAMERA, RefinementSettings(landmarks=50, landmarks_again=50))
    # of the 50 landmarks that the nearest images saw first there would be no more
    assert len(refiner.refine(view(T, WALL), Pose.from_matrix(T)).landmarks) > 75
    # where a flight has 1,000 features at most a search looks for no more than before
    assert RefinementSettings().for_features(1000) == RefinementSettings()
    many = RefinementSettings().for_features(3000)
    assert (many.landmarks, many.landmarks_again) == (9000, 3000)


def test_of_a_scene_of_any_scale_ok_promises_what_its_map_takes_for_metres(wall_bundle, tmp_path):
    path = shutil.copytree(wall_bundle, tmp_path / "bundle")
    own = load_bundle(path)
    replace_map(own, replace(own.landmark_map, metre=7.0))
    scaled, T = Relocalizer.from_bundle(path), flight(1, seed=5)[0]
    assert scaled.contract.limits.position_m == pytest.approx(0.7)
    staged = StagedRelocalizer(scaled, CAMERA)
    answer = staged.estimate(view(T, WALL), stamp(0))
    assert answer.state is State.OK and np.linalg.norm(answer.position - 7 * position_quat(T)[0]) < 0.07
    scaled.set_ok_limits(OkLimits(1e-5))
    # in the scene's units, as all lengths are there
    assert scaled.contract.limits.position_m == pytest.approx(7e-5)
    staged.reset()
    strict = staged.estimate(view(T, WALL), stamp(0))
    assert strict.state is State.DEGRADED and "OK is 7e-05 units" in strict.reason


class ConstantRegression:
    """A relocalizer whose network answers the same pose to every image, far from all of them."""

    def __init__(self, relocalizer):
        self._relocalizer = relocalizer
        self.bundle, self.contract = relocalizer.bundle, relocalizer.contract

    def estimate(self, image_rgb, stamp_ns):
        answer = self._relocalizer.estimate(image_rgb, stamp_ns)
        far = Pose(answer.position + [4.0, -3.0, 2.0], [0.0, 1.0, 0.0, 0.0])
        return replace(answer, pose=far, covariance=np.diag([0.01] * 3 + [0.003] * 3))

    def reset(self):
        self._relocalizer.reset()


def test_recall_does_not_hang_on_the_network(relocalizer):
    """Where the regression is of no use, at most 5 points of the OK share are lost; on another wall nothing is OK."""
    other_wall, share = paint(seed=1), {}
    for name, one in (("regressed", relocalizer), ("constant", ConstantRegression(relocalizer))):
        staged, ok = StagedRelocalizer(one, CAMERA), []
        for number, T in enumerate(flight(5, seed=5)):
            staged.reset()  # each image by itself: nothing is followed
            answer = staged.estimate(view(T, WALL), stamp(number))
            ok.append(answer.state is State.OK and error_m(answer, T) < 0.02)
        share[name] = np.mean(ok)
        staged.reset()
        assert staged.estimate(view(T, other_wall), stamp(0)).state is not State.OK
    assert share["constant"] >= share["regressed"] - 0.05 > 0.9


def test_a_picture_in_a_mirror_is_no_pose_though_what_is_symmetric_fits_one(relocalizer, pipeline):
    T = flight(1, seed=5)[0]
    # a part of the wall looks alike on both sides; all else is the mirror image
    in_mirror, part = WALL[:, ::-1].copy(), (slice(416, 544), slice(524, 676))
    in_mirror[part] = WALL[part]
    picture = view(T, in_mirror)
    regression = replace(relocalizer.estimate(picture, stamp(0)), state=State.OK, reason="")
    refined = pipeline.refine(pipeline.grey(picture), regression, Prior(regression))
    # by what is symmetric alone it would be accepted
    seen = replace(refined.refinement, is_mirrored=False)
    assert gate(regression, seen).is_accepted and seen.evidence > 8
    assert "mirror image" in refined.fused.reason and refined.fused.state is State.DEGRADED
    # of the wall itself as little shows no mirror image
    alone = np.full_like(WALL, 127)
    alone[part] = WALL[part]
    grey = pipeline.grey(view(T, alone))
    assert pipeline.refine(grey, regression, Prior(regression)).decision.is_accepted


def test_what_was_found_without_the_regression_is_followed_without_it(relocalizer, pipeline):
    constant, poses = ConstantRegression(relocalizer), flight(6, seed=5)
    answers = [
        pipeline.estimate(view(T, WALL), constant.estimate(view(T, WALL), stamp(n))) for n, T in enumerate(poses)
    ]
    assert all(answer.fused.stage is Stage.REFINED for answer in answers[1:])
    # the second search is of the whole image too, and confirms the first
    assert [answer.refinement.is_guided for answer in answers] == [False, False] + [True] * (len(answers) - 2)
    grey = pipeline.grey(view(poses[-1], WALL))
    followed = pipeline.track(grey, constant.estimate(view(poses[-1], WALL), stamp(6)))
    assert followed.stage is Stage.TRACKED and error_m(followed, poses[-1]) < 0.02


def test_right_poses_exceed_chance_by_far_and_chance_is_what_features_anywhere_give(relocalizer, pipeline):
    refiner, generator = pipeline.refiner, np.random.default_rng(0)
    T = flight(1, seed=5)[0]
    features = refiner.extractor.extract(pipeline.grey(view(T, WALL)))
    found = refiner.refine_features(features, Pose.from_matrix(T))
    assert len(found.landmarks) > 5 * found.by_chance > 0
    # features anywhere in the image: how many of the landmarks that it shows have one within the errors' area
    points = refiner.points[refiner._near(refiner.lens_pose(Pose.from_matrix(T)), 1000)]
    expected = project(points, refiner.lens_pose(found.pose))[0]
    half = np.abs(refiner.true_rays(features.rays)).max(axis=0)
    expected = expected[(np.abs(expected) < half).all(axis=1)]
    radius = np.sqrt(2) * found.noise_px / refiner.extractor.focal_px
    anywhere = [cKDTree(generator.uniform(-half, half, (len(features.rays), 2))) for _ in range(4000)]
    counts = [np.sum(tree.query_ball_point(expected, radius, return_length=True)) for tree in anywhere]
    assert np.mean(counts) == pytest.approx(found.by_chance, rel=0.2)


def test_what_was_found_is_followed_with_growing_covariance(relocalizer, pipeline):
    poses = flight(12, seed=5)
    images = [view(T, WALL) for T in poses]
    greys = [pipeline.grey(image) for image in images]
    estimates = [relocalizer.estimate(image, stamp(number)) for number, image in enumerate(images)]
    refined = pipeline.refine(greys[0], estimates[0], Prior(estimates[0]))
    assert refined.decision.is_accepted
    pipeline.start_tracking(refined)
    followed = [pipeline.track(grey, estimate) for grey, estimate in zip(greys[1:], estimates[1:])]
    assert all(answer.stage is Stage.TRACKED for answer in followed)
    assert max(error_m(answer, T) for answer, T in zip(followed, poses[1:])) < 0.02
    sizes = [np.trace(answer.covariance[:3, :3]) for answer in (refined.fused, *followed)]
    assert sizes[0] < sizes[1] < sizes[-1]


def test_landmarks_drift_with_time_through_few_images_or_many(relocalizer, pipeline):
    image = view(flight(1, seed=5)[0], WALL)
    grey, first = pipeline.grey(image), relocalizer.estimate(image, stamp(0))
    refined, sizes = pipeline.refine(grey, first, Prior(first)), []
    for every in (1, 4):
        pipeline.reset()
        pipeline.start_tracking(refined)
        for number in range(every, 9, every):
            last = pipeline.track(grey, replace(first, stamp_ns=stamp(number)))
        sizes.append(np.trace(last.covariance[:3, :3]))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1) and sizes[0] > 1.2 * np.trace(refined.fused.covariance[:3, :3])


def moved_bundle(bundle, folder, by):
    """The same with all positions moved, as if the wall stood there."""
    moved = Path(shutil.copytree(bundle, folder / "moved"))
    sidecar = yaml.safe_load((moved / SIDECAR).read_text())
    reach = {key: (np.array(limit) + by).tolist() for key, limit in sidecar["training_range"].items()}
    sidecar.update(version=4, position_origin=by.tolist(), training_range=reach)
    (moved / SIDECAR).write_text(yaml.safe_dump(sidecar))
    loaded = load_bundle(moved)
    replace_map(loaded, replace(loaded.landmark_map, origin=by))
    return moved


def test_poses_far_away_are_as_good_as_at_home(wall_bundle, tmp_path):
    utm_m = np.array([388096.25, 5548996.5, 130.0])
    far = moved_bundle(wall_bundle, tmp_path, utm_m)
    assert load_bundle(far).landmark_map.origin.tolist() == utm_m.tolist()
    pipelines = [StagedRelocalizer(Relocalizer.from_bundle(path), CAMERA) for path in (wall_bundle, far)]
    stages = set()
    for number, T in enumerate(flight(4, seed=5)):
        near, moved = (one.estimate_stages(view(T, WALL), stamp(number)) for one in pipelines)
        for a, b in (
            (near.regression, moved.regression),
            (near.refinement, moved.refinement),
            (near.fused, moved.fused),
        ):
            np.testing.assert_allclose(b.position - utm_m, a.position, atol=1e-6)
            np.testing.assert_allclose(b.quat_xyzw, a.quat_xyzw, atol=1e-9)
        stages.add(moved.fused.stage)
    assert Stage.REFINED in stages


@pytest.mark.parametrize("gap", [-1, 0, 6])
def test_nothing_is_followed_back_in_time_or_over_a_gap(relocalizer, pipeline, gap):
    image = view(flight(1, seed=5)[0], WALL)
    grey, first = pipeline.grey(image), relocalizer.estimate(image, stamp(10))
    pipeline.start_tracking(pipeline.refine(grey, first, Prior(first)))
    later = pipeline.track(grey, relocalizer.estimate(image, stamp(10 + gap)))
    assert later.stage is Stage.REGRESSION and later.state is State.DEGRADED
    assert "no landmarks are followed" in later.reason


def test_a_pose_is_not_carried_on_for_ever(relocalizer, pipeline):
    image = view(flight(1, seed=5)[0], WALL)
    grey, first = pipeline.grey(image), relocalizer.estimate(image, stamp(0))
    pipeline.start_tracking(pipeline.refine(grey, first, Prior(first)))
    # four steps of 0.1 s each
    stages = [pipeline.track(grey, relocalizer.estimate(image, stamp(number))).stage for number in range(4, 60, 4)]
    carried = int(TrackingSettings().longest_s / 0.4)
    assert stages == [Stage.TRACKED] * carried + [Stage.REGRESSION] * (len(stages) - carried)


def test_what_a_late_search_found_is_followed_through_all_images_that_came_meanwhile(relocalizer, pipeline):
    poses = flight(16, seed=5)
    images = [view(T, WALL) for T in poses]
    estimates = [relocalizer.estimate(image, stamp(number)) for number, image in enumerate(images)]
    greys = [pipeline.grey(image) for image in images]
    for number in range(14):
        assert pipeline.track(greys[number], estimates[number]).stage is Stage.REGRESSION
    pipeline.start_tracking(pipeline.refine(greys[0], estimates[0], Prior(estimates[0])))
    # the images of 1.4 s are caught up on within two more, some for each
    assert pipeline.track(greys[14], estimates[14]).stage is Stage.REGRESSION and pipeline.is_catching_up
    last = pipeline.track(greys[15], estimates[15])
    assert last.stage is Stage.TRACKED and not pipeline.is_catching_up
    assert error_m(last, poses[15]) < 0.02 and pipeline.landmarks_age_s == pytest.approx(1.5)


def test_near_a_tracked_pose_landmarks_are_looked_for_where_they_should_be(relocalizer, pipeline):
    T = flight(1, seed=5)[0]
    image = view(T, WALL)
    grey, regression = pipeline.grey(image), relocalizer.estimate(image, stamp(0))
    alone = pipeline.refine(grey, regression, Prior(regression))
    followed = replace(alone.refinement, pose=Pose.from_matrix(T))
    # one search alone is not trusted: another of the whole image must agree, as soon as there is time for it
    pipeline.start_tracking(alone)
    for _ in range(2):
        hurried = pipeline.refine(grey, regression, Prior(alone.fused, followed), is_hurried=True)
        assert hurried.refinement.is_guided and hurried.decision.is_accepted and not hurried.is_confirmed
    # every third search has that time, however long it takes
    again = pipeline.refine(grey, regression, Prior(alone.fused, followed), is_hurried=True)
    assert not again.refinement.is_guided and not alone.is_confirmed and again.is_confirmed
    pipeline.start_tracking(again)
    guided = pipeline.refine(grey, regression, Prior(again.fused, followed))
    assert guided.refinement.is_guided and guided.decision.is_accepted and error_m(guided.fused, T) < 0.01
    assert guided.fused.is_confirmed
    # a tracked pose that is wrong is found out, and all landmarks are searched for
    wrong = replace(followed, pose=Pose(followed.position + 0.5, followed.quat_xyzw))
    searched = pipeline.refine(grey, regression, Prior(again.fused, wrong))
    assert not searched.refinement.is_guided and error_m(searched.refinement, T) < 0.01


def virtual_flight(load, relocalizer, pipeline, count):
    """A flight before the wall as the benchmark of load takes it."""
    poses = flight(count, seed=5)
    images = [view(T, WALL) for T in poses]
    stamps_ns = np.array([stamp(number) for number in range(count)])
    regressions = [relocalizer.estimate(image, int(stamp_ns)) for image, stamp_ns in zip(images, stamps_ns)]
    truth = [Pose.from_matrix(T) for T in poses]
    return load.Flight("wall", stamps_ns, truth, [pipeline.grey(image) for image in images], regressions)


def test_searches_that_take_long_cost_few_ok_poses_and_make_none_wrong(relocalizer, pipeline):
    load = load_benchmark("load")
    wall = virtual_flight(load, relocalizer, pipeline, 60)
    shares = []
    for search_s in (0.1, 0.5, 1.0):
        pipeline.reset()
        answers = list(load.stream(wall, pipeline, search_s))
        is_ok = [answer.estimate.state is State.OK for answer in answers]
        # but for the first search nothing is lost, whatever it takes
        first = is_ok.index(True)
        assert first <= round(10 * search_s) + 1 and all(is_ok[first:])
        assert max(np.linalg.norm(answer.error[:3]) for answer in answers[first:]) < 0.03
        shares.append(np.mean(is_ok))
    assert shares[0] > shares[1] > shares[2] > 0.8


def test_another_wall_is_neither_found_nor_followed(relocalizer, pipeline):
    here, T = view(flight(1, seed=5)[0], WALL), flight(1, seed=5)[0]
    first = relocalizer.estimate(here, stamp(0))
    pipeline.start_tracking(pipeline.refine(pipeline.grey(here), first, Prior(first)))
    other = view(T, paint(seed=9))
    elsewhere = relocalizer.estimate(other, stamp(1))
    assert pipeline.track(pipeline.grey(other), elsewhere).state is State.DEGRADED
    refined = pipeline.refine(pipeline.grey(other), elsewhere, Prior(elsewhere))
    assert not refined.decision.is_accepted and refined.fused.state is State.DEGRADED
    assert refined.fused.reason.startswith("not refined: ")


def test_stages_are_evaluated_side_by_side(wall_bundle, tmp_path, capsys):
    write_wall_dataset(tmp_path / "other", 10, seed=5)
    command = ["evaluate", str(wall_bundle), str(tmp_path / "other")]
    reported = ["-o", str(tmp_path / "r"), "--json", str(tmp_path / "r.json")]
    assert main([*command, "--stages", "fused,regression,refined", *reported]) == 0
    printed = capsys.readouterr().out
    for word in ("mean_colour", "refined, ", "fused, ", "oracle nearest pose", "OK"):
        assert word in printed
    stages = json.loads((tmp_path / "r.json").read_text())["stages"]
    assert stages["fused"]["position_m"]["max"] < 0.01 < stages["regression"]["position_m"]["median"]
    fused = load_result(tmp_path / "r" / "fused")
    assert (fused.stages == Stage.REFINED).all() and fused.has_covariance
    assert (load_result(tmp_path / "r" / "regression").stages == Stage.REGRESSION).all()
    # without the option, what the bundle publishes
    assert main([*command, "-o", str(tmp_path / "one")]) == 0
    assert (load_result(tmp_path / "one").stages == Stage.REFINED).all()


def test_an_image_without_landmarks_has_no_refined_pose(wall_bundle, tmp_path, capsys):
    write_fake_dataset(tmp_path / "set", (4,), camera=CAMERA)
    assert (
        main(["evaluate", str(wall_bundle), str(tmp_path / "set"), "--stages", "refined", "-o", str(tmp_path / "r")])
        == 0
    )
    result = load_result(tmp_path / "r")
    assert result.info.localized == 0 and np.isnan(result.estimate).all() and (result.states == State.LOST).all()
    assert "nan" not in capsys.readouterr().out


def test_what_cannot_be_done_is_said_in_a_line(wall_bundle, tmp_path, capsys):
    data = str(tmp_path / "set")
    write_fake_dataset(tmp_path / "set", (4,), camera=None)
    for command, words in (
        (["evaluate", str(COLOUR_BUNDLE), data, "--stages", "fused"], "reloc map"),
        (
            ["evaluate", str(wall_bundle), data, "--stages", "best"],
            "stage 'best'; expected some of regression,refined,fused",
        ),
        (["evaluate", str(wall_bundle), data], "intrinsics are not known"),
        (["map", data, "--bundle", str(wall_bundle)], "intrinsics are not known"),
    ):
        assert main(command) == 1
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1


def test_a_map_is_replaced_kept_and_checked(wall_bundle, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(wall_bundle, copy)
    sidecar = (copy / SIDECAR).read_text()
    assert LANDMARKS in sidecar
    content = (copy / LANDMARKS).read_bytes()
    (copy / LANDMARKS).write_bytes(content[:-100])
    with pytest.raises(Exception, match="cut short or replaced"):
        load_bundle(copy)
    # whoever makes the map anew need not read the old one
    write_wall_dataset(tmp_path / "wall", 24)
    assert main(["map", str(tmp_path / "wall"), "--bundle", str(copy), *MAP_OPTIONS]) == 0
    assert len(load_bundle(copy).landmark_map) > 300
    # a bundle that does not name a map has none, whatever lies beside it
    shutil.copy(COLOUR_BUNDLE / SIDECAR, copy / SIDECAR)
    assert load_bundle(copy).landmark_map is None
