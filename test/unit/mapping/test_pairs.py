# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np
import synthetic_scene
from painted_wall import write_wall_dataset

from camera_relocalization_ros.data.dataset import PHOTOGRAPHS
from camera_relocalization_ros.mapping.builder import FEW_PHOTOGRAPHS, Survey, survey, usual_features
from camera_relocalization_ros.vision.local_features import FeatureSettings


def turntable(count, is_photographs):
    """A survey of so many images all around an object, evenly, one after the other."""
    turns = np.linspace(0, 2 * np.pi, count, endpoint=False)
    positions = 3 * np.stack([np.cos(turns), np.sin(turns), np.full(count, 0.1)], axis=1)
    poses = np.array([synthetic_scene.looking_at(position, np.zeros(3)) for position in positions])
    return Survey([], poses, np.zeros(count), is_photographs=is_photographs)


def test_few_photographs_are_matched_with_all_beside_them_and_other_images_are_not():
    recording, photographs = (turntable(44, kind).pairs(np.full(44, 3.0), 8) for kind in (False, True))
    # in steps of eight degrees five to each side are near enough, of which eight are wanted; in a recording three are
    assert np.bincount(photographs.ravel()).min() >= 8
    assert 44 <= len(recording) < 0.5 * len(photographs)
    recording, photographs = (turntable(300, kind).pairs(np.full(300, 3.0), 8) for kind in (False, True))
    np.testing.assert_array_equal(recording, photographs)


def test_a_data_set_says_what_its_images_are(tmp_path):
    recording = write_wall_dataset(tmp_path / "wall", 2)
    seen = [survey(images, FeatureSettings(160, 20)) for images in (recording, as_photographs(recording))]
    assert [one.is_photographs for one in seen] == [False, True]


def test_few_photographs_are_mapped_and_searched_in_full_size_and_a_flight_is_not(tmp_path):
    recording = write_wall_dataset(tmp_path / "wall", 2)
    # what a search in flight costs hangs on these
    assert usual_features(recording) == (FeatureSettings(640, 2000), FeatureSettings(480, 800))
    photographs = as_photographs(recording)
    in_map, in_flight = usual_features(photographs)
    assert in_map == in_flight == FeatureSettings(photographs.camera.width, 4000)
    large = replace(photographs, camera=photographs.camera.scaled(4000, 3000))
    assert usual_features(large)[0] == FeatureSettings(1280, 4000)
    frames = photographs.sequences[0].frames * (FEW_PHOTOGRAPHS // 2 + 1)
    many = replace(photographs, sequences=(replace(photographs.sequences[0], frames=frames),))
    assert usual_features(many) == usual_features(recording)


def test_an_object_at_several_placements_is_searched_for_as_the_shipped_model_does(tmp_path):
    recording = write_wall_dataset(tmp_path / "wall", 2)
    whole = recording.sequences[0]
    stood_at = [{"T_world_parent": np.eye(4).tolist(), "placement": number} for number in (1, 2)]

    def flown_at(*places):
        sequences = (replace(whole, name=str(i), info={**whole.info, **place}) for i, place in enumerate(places))
        return replace(recording, sequences=tuple(sequences))

    assert usual_features(flown_at(*stood_at))[1] == FeatureSettings(640, 1000)
    assert usual_features(flown_at(stood_at[0], stood_at[0])) == usual_features(recording)


def as_photographs(recording):
    """The same images, taken one by one."""
    sequences = tuple(replace(s, info={**s.info, PHOTOGRAPHS: True}) for s in recording.sequences)
    return replace(recording, sequences=sequences)
