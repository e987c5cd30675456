# SPDX-License-Identifier: BSD-3-Clause
"""Sequences estimated by other processes: the same numbers, whoever does them."""

import dataclasses
import shutil
import threading

import pytest
from colour_bundle import COLOUR_BUNDLE, edited_copy
from painted_wall import write_wall_bundle, write_wall_dataset
from pickling_engine import PicklingEngine
from shared_work import made_once

from camera_relocalization_ros.core.errors import BundleError
from camera_relocalization_ros.core.progress import reporting
from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.data.dataset import PHOTOGRAPHS, Dataset, joined
from camera_relocalization_ros.evaluation.evaluate import evaluate_stages
from camera_relocalization_ros.evaluation.sequence_estimates import one_ahead
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.localization.relocalizer import Relocalizer

STAGES = (Stage.REGRESSION, Stage.REFINED, Stage.FUSED)


@pytest.fixture
def dataset(tmp_path):
    return joined([write_wall_dataset(tmp_path / name, 3, seed) for name, seed in (("a", 5), ("b", 6))])


def plain(estimates):
    """All but the time that it took."""
    return [repr(dataclasses.astuple(dataclasses.replace(each, inference_s=0.0))) for each in estimates]


@pytest.mark.parametrize("stages", [STAGES, STAGES[:1]])
def test_other_processes_estimate_the_same(tmp_path_factory, dataset, stages):
    relocalizer = Relocalizer.from_bundle(made_once(tmp_path_factory, "wall", write_wall_bundle) / "wall_bundle")
    relocalizer.set_ok_limits(OkLimits(0.001, 0.001))
    steps, engine = [], PicklingEngine()
    here = evaluate_stages(relocalizer, dataset, stages)
    with reporting(steps.append):
        there = evaluate_stages(relocalizer, dataset, stages, engine=engine)
    assert list(there) == list(here) == list(stages)
    for stage in stages:
        assert plain(there[stage].estimates) == plain(here[stage].estimates)
    assert engine.labels == [f"{dataset.path}, sequence {number}/flight" for number in (1, 2)]
    assert [step.done for step in steps] == [0, 3, 6, 6]


def test_landmarks_are_not_followed_from_one_photograph_to_another(tmp_path_factory, tmp_path):
    relocalizer = Relocalizer.from_bundle(made_once(tmp_path_factory, "wall", write_wall_bundle) / "wall_bundle")
    stream = write_wall_dataset(tmp_path / "set", 4, 5)
    (sequence,) = stream.sequences
    photographs = dataclasses.replace(stream, sequences=(dataclasses.replace(sequence, info={PHOTOGRAPHS: True}),))
    alone = []
    for frame in sequence.frames:
        one = dataclasses.replace(photographs, sequences=(dataclasses.replace(sequence, frames=(frame,)),))
        alone += evaluate_stages(relocalizer, one, STAGES[2:])[Stage.FUSED].estimates
    together = evaluate_stages(relocalizer, photographs, STAGES[2:])[Stage.FUSED].estimates
    followed = evaluate_stages(relocalizer, stream, STAGES[2:])[Stage.FUSED].estimates
    assert [e.landmarks for e in together] == [e.landmarks for e in alone]
    assert [e.landmarks for e in followed[1:]] != [e.landmarks for e in alone[1:]]


def test_paths_cross_whole(tmp_path, monkeypatch):
    write_wall_dataset(tmp_path / "set", 1)
    monkeypatch.chdir(tmp_path)
    dataset = Dataset.load("set")
    shutil.copytree(COLOUR_BUNDLE, "bundle")
    relocalizer = Relocalizer.from_bundle("bundle")
    here = evaluate_stages(relocalizer, dataset, STAGES[:1])[Stage.REGRESSION]
    there = evaluate_stages(relocalizer, dataset, STAGES[:1], engine=PicklingEngine())[Stage.REGRESSION]
    assert plain(there.estimates) == plain(here.estimates)
    assert not dataset.path.is_absolute()


class LaterEngine(PicklingEngine):
    """One that has another bundle by the time at which the work is done."""

    def __init__(self, bundle):
        super().__init__()
        self._bundle = bundle

    def completed(self, *given):
        shutil.rmtree(self._bundle)
        edited_copy(self._bundle, lambda values: values.update(max_gap_s=0.125))
        return super().completed(*given)


def test_another_bundle_at_the_same_path_is_refused(tmp_path):
    dataset = write_wall_dataset(tmp_path / "set", 1)
    relocalizer = Relocalizer.from_bundle(edited_copy(tmp_path / "bundle"))
    with pytest.raises(BundleError, match="bundle.yaml: sha256 .* expected"):
        evaluate_stages(relocalizer, dataset, STAGES[:1], engine=LaterEngine(tmp_path / "bundle"))


def test_the_next_item_is_done_while_the_one_before_is_used_and_faults_come_in_turn():
    begun = {item: threading.Event() for item in range(4)}

    def root(item):
        begun[item].set()
        return 1 / (2 - item)

    found = one_ahead(root, range(4))
    assert next(found) == 0.5
    assert begun[1].wait(10) and not begun[2].is_set()
    assert next(found) == 1.0
    with pytest.raises(ZeroDivisionError):
        next(found)
    assert list(one_ahead(root, [])) == []
