# SPDX-License-Identifier: BSD-3-Clause
"""Crop and mean of a recipe: the same in features, run, bundle and flight."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from helpers import write_fake_dataset
from toy_backbone import ToyBackbone

from camera_relocalization_ros.bundle.model_bundle import load_bundle
from camera_relocalization_ros.core.errors import BundleError, ConfigError
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import load_image_rgb
from camera_relocalization_ros.data.image_statistics import channel_mean, image_statistics
from camera_relocalization_ros.evaluation.evaluate import evaluate
from camera_relocalization_ros.localization.camera_match import match_camera
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.training.backbones import BACKBONES, build_backbone
from camera_relocalization_ros.training.export import export
from camera_relocalization_ros.training.features.views import ViewMaker
from camera_relocalization_ros.training.pose_network import PooledBackbone
from camera_relocalization_ros.training.run_folder import load_run
from camera_relocalization_ros.training.train import train

SQUARE = {"crop": "square", "channel_mean": "data"}


class MeanBackbone(ToyBackbone):
    """The toy network, of images less a mean."""

    name = "toy_mean"
    subtracts_mean = True

    def __init__(self):
        super().__init__()
        self.mean = torch.full((3,), 127.0)

    def set_mean(self, mean_rgb):
        self.mean = torch.tensor(mean_rgb)

    def trunk(self, image_bhw3):
        return super().trunk(image_bhw3 - self.mean + 127.5)


@pytest.fixture
def trained(tmp_path, toy_config, monkeypatch):
    """Data set and run of a network that sees squares less the mean of the data."""
    monkeypatch.setitem(BACKBONES, "toy_mean", MeanBackbone)
    dataset = write_fake_dataset(tmp_path / "set")
    config = toy_config(backbone="toy_mean", image=SQUARE)
    return dataset, train([dataset], config, tmp_path / "run", cache_folder=tmp_path / "cache")


def test_flight_sees_what_training_saw(tmp_path, trained):
    dataset, run = trained
    assert (run.preprocessing.width, run.preprocessing.height) == (32, 32) and run.preprocessing.is_cropped
    export(load_run(tmp_path / "run"), tmp_path / "bundle")
    values = yaml.safe_load((tmp_path / "bundle/bundle.yaml").read_text(encoding="utf-8"))
    assert values["preprocessing"] == {"width": 32, "height": 32, "whole_width": 42, "whole_height": 32}
    flown = Relocalizer.from_bundle(tmp_path / "bundle")
    frame = dataset.frames[4]
    image_rgb = load_image_rgb(frame.image_path)
    pooled = PooledBackbone(run.backbone(), 32, 32, run.config.head)
    with torch.inference_mode():
        cells = pooled(torch.from_numpy(run.preprocessing.apply(image_rgb))[None].float())
        position, _ = run.pose_head.poses(run.pose_head.frame_features(cells)[:, None])
    np.testing.assert_allclose(flown.estimate(image_rgb, 0).position, position[0, 0].numpy(), atol=1e-4)
    # what retrieval compares with was computed from the cache: every image is its own nearest neighbour
    assert evaluate(flown, dataset).baselines["feature retrieval"].position_m.max() < 1e-5


def test_the_mean_is_that_of_the_data_and_of_what_the_network_sees(tmp_path, trained):
    dataset, run = trained
    found = image_statistics(dataset, 32, square=True).channel_mean
    np.testing.assert_allclose(run.config.image.channel_mean_rgb, found, atol=1e-4)
    np.testing.assert_allclose(load_run(tmp_path / "run").backbone().mean, found, atol=1e-4)
    np.testing.assert_allclose(channel_mean([dataset, dataset], run.preprocessing), found)


def test_numbers_by_hand_are_subtracted_and_give_features_of_their_own(tmp_path, trained, toy_config):
    dataset, run = trained
    recipe = toy_config(backbone="toy_mean", image={**SQUARE, "channel_mean_rgb": [10.0, 20.0, 30.0]})
    other = train([dataset], recipe, tmp_path / "other", cache_folder=tmp_path / "cache")
    assert other.backbone().mean.tolist() == [10.0, 20.0, 30.0]
    assert np.abs(other.index.descriptors - run.index.descriptors).max() > 1e-3


@pytest.mark.parametrize("name", ["googlenet_random", "vgg16_random", "vgg16_imagenet"])
def test_networks_that_subtract_a_mean_take_another(name):
    images = torch.rand(1, 8, 8, 3) * 255
    published, other = (build_backbone(name, pretrained=False, mean_rgb=mean) for mean in ((), (10.0, 20.0, 30.0)))
    change = (published.input(images) - other.input(images))[0, :, 0, 0]
    zero = torch.zeros(1, 1, 1, 3)
    np.testing.assert_allclose(change, (published.input(zero) - other.input(zero))[0, :, 0, 0], atol=1e-3)
    spread = 255 * 0.229 if name == "vgg16_imagenet" else 1.0
    # red is the first channel of torchvision's and the last of Caffe's
    red = other.input(zero)[0, 0 if name == "vgg16_imagenet" else 2, 0, 0].item()
    assert red == pytest.approx(-10.0 / spread)


@pytest.mark.parametrize("name", ["inception_resnet_v2_random", "efficientnet_lite0"])
def test_networks_that_scale_have_no_mean_to_replace(name):
    with pytest.raises(ConfigError, match="subtracts no mean"):
        build_backbone(name, pretrained=False, mean_rgb=(1.0, 2.0, 3.0))


def test_turned_views_show_what_the_crop_leaves_out(tmp_path, toy_config):
    dataset = write_fake_dataset(tmp_path / "set")
    square = Preprocessing.for_image(32, 64, 48, square=True)
    maker = ViewMaker.for_dataset(dataset, square, toy_config(augmentation={"views": 1}).augmentation, 0)
    # the intrinsics of the views are those of the whole image
    assert maker.camera is not None and (maker.camera.width, maker.camera.height) == (84, 64)
    images, _ = maker.views(dataset.frames[0], 0)
    assert images.shape == (2, 32, 32, 3)


def test_the_cameras_intrinsics_are_compared_in_the_whole_image(tmp_path, trained):
    dataset, run = trained
    export(run, tmp_path / "bundle")
    sidecar = load_bundle(tmp_path / "bundle").sidecar
    camera = dataset.camera
    assert match_camera(sidecar, camera.width, camera.height, camera).complaint == ""
    # an image that somebody has cut to a square before is another camera
    assert not match_camera(sidecar, 48, 48, None).is_usable
    wider = replace(camera, fx=0.8 * camera.fx, fy=0.8 * camera.fy)
    assert "deg from side to side" in match_camera(sidecar, camera.width, camera.height, wider).complaint


def test_a_crop_that_is_larger_than_the_image_is_refused(tmp_path, trained):
    export(trained[1], tmp_path / "bundle")
    path = tmp_path / "bundle/bundle.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("whole_width: 42", "whole_width: 20"), encoding="utf-8")
    with pytest.raises(BundleError, match="preprocessing whole_width is 20; expected 32 to 4096"):
        load_bundle(tmp_path / "bundle")
