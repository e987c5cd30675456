#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What reloc replay says of a flight: numbers, covariances, and live as offline."""

import json
import subprocess
from dataclasses import replace

import numpy as np
import rostest
from calibrated_bundle import SIGMA_M, write_calibrated_bundle
from colour_bundle import COLOUR_BUNDLE
from helpers import CHILD_FRAME, PARENT_FRAME
from live import known_trajectory, write_known_bag
from painted_wall import CAMERA, write_wall_bundle, write_wall_dataset
from replay_case import COMPRESSED, COUNT, FRAMES, RAW, ReplayCase
from ros_helpers import image_records, tf_records, write_bag

from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.evaluation.result_files import image_path, load_result
from camera_relocalization_ros.evaluation.results import LIVE


class ReplayTest(ReplayCase):
    def assert_replayed(self, topic, raw):
        bag = write_known_bag(self.folder / "f.bag", COUNT, raw)
        result_path = self.folder / "result.json"
        code, output, errors = self.replay(
            bag, "--image-topic", topic, *FRAMES, "--rate", "0.5", "--json", str(result_path), "-o", "told"
        )
        assert code == 0, errors
        self.assert_result(load_result(self.folder / "told"))
        result = json.loads(result_path.read_text(encoding="utf-8"))
        assert (result["frames"], result["images"], result["answered"]) == (COUNT, COUNT, COUNT), output
        assert (result["answered_share"], result["rejected"], result["dropped"]) == (1.0, 0, 0)
        assert set(result["position_m"]) > {"median", "mean", "max", "std", "p95"}
        assert set(result["intervals"]) == {"position_m", "orientation_deg", *result["within"]}
        assert result["position_m"]["max"] < 1e-05
        assert result["orientation_deg"]["max"] < 0.001
        assert 0 < result["latency_s"]["p50"] <= result["latency_s"]["p95"] < 1.0
        assert f"answered {COUNT} of {COUNT} images (100.0 %)" in output
        assert "ROS_MASTER_URI=http://127.0.0.1:" in errors

    def assert_result(self, result):
        info = result.info
        assert (info.kind, info.name, info.data) == (LIVE, "told", "f.bag")
        assert (info.images, info.localized, info.lost, info.dropped, info.rejected) == (COUNT, COUNT, 0, 0, {})
        assert result.compared.all()
        assert result.errors().position_m.max() < 1e-05
        assert np.isfinite([result.inference_s, result.latency_s, result.age_s]).all()
        assert set(result.baselines) >= {"constant pose", "feature retrieval"}
        assert all(image_path(self.folder / "told", result, row).is_file() for row in range(COUNT))

    def test_covariances_are_heard(self):
        bundle = write_calibrated_bundle(self.folder / "bundle")
        bag = write_known_bag(self.folder / "f.bag", COUNT)
        options = ("--image-topic", COMPRESSED, *FRAMES, "-o", "told")
        code, output, errors = self.replay(bag, *options, bundle=bundle)
        assert code == 0, errors
        result = load_result(self.folder / "told")
        assert result.has_covariance and result.has_states
        # errors of a metre promise no 10 cm
        assert "OK: 0 % of images" in output and "DEGRADED  regression  nothing   100.0 %" in output
        np.testing.assert_allclose(result.covariances[0, :3, :3], np.eye(3) * SIGMA_M**2, atol=1e-6)

    def test_live_and_offline_agree(self):
        bag = write_known_bag(self.folder / "f.bag", COUNT)
        options = ("--image-topic", COMPRESSED, *FRAMES)
        code, _, errors = self.replay(bag, *options, "--rate", "0.5", "-o", "live")
        assert code == 0, errors
        for command in (
            ("extract", str(bag), *options, "-o", "set"),
            ("evaluate", str(COLOUR_BUNDLE), "set", "-o", "offline"),
        ):
            subprocess.run(["reloc", *command], cwd=str(self.folder), env=self.environment, check=True, timeout=120)
        live, offline = (load_result(self.folder / name) for name in ("live", "offline"))
        np.testing.assert_array_equal(live.stamps_ns, offline.stamps_ns)
        np.testing.assert_allclose(live.truth, offline.truth, atol=1e-9)
        np.testing.assert_allclose(live.estimate, offline.estimate, atol=1e-9)
        np.testing.assert_array_equal(live.states, offline.states)

    def test_with_landmarks_live_is_offline_where_the_node_refines_first(self):
        bundle, reported = write_wall_bundle(self.folder), write_wall_dataset(self.folder / "set", COUNT, seed=7)
        options = ("--image-topic", COMPRESSED, *FRAMES, "-o", "live", "--refine-first", "--rate", "5")
        for command in (("to-bag", "set", "-o", "f.bag"), ("evaluate", str(bundle), "set", "-o", "offline")):
            subprocess.run(["reloc", *command], cwd=str(self.folder), env=self.environment, check=True, timeout=120)
        code, output, errors = self.replay(self.folder / "f.bag", *options, bundle=bundle)
        assert code == 0, errors
        live, offline = (load_result(self.folder / name) for name in ("live", "offline"))
        assert f"answered {reported.frame_count} of {reported.frame_count} images" in output
        np.testing.assert_array_equal(live.stamps_ns, offline.stamps_ns)
        np.testing.assert_array_equal(live.stages, offline.stages)
        assert (live.stages == Stage.REFINED).mean() > 0.9
        assert live.info.method == offline.info.method and live.info.method.startswith("fused, ")
        assert live.info.camera.fx == CAMERA.fx
        np.testing.assert_allclose(live.covariances, offline.covariances, atol=1e-6)
        apart = replace(live, truth=offline.estimate).errors()
        assert apart.position_m.max() < 0.002 and apart.orientation_deg.max() < 0.1

    def test_raw_images(self):
        self.assert_replayed(RAW, raw=True)

    def test_compressed_images(self):
        self.assert_replayed(COMPRESSED, raw=False)

    def test_compressed_topic_of_another_name_and_recorded_answers(self):
        truth = known_trajectory(COUNT)
        images = [("/gimbal/jpeg", m, t) for topic, m, t in image_records(truth.stamps_ns) if topic == COMPRESSED]
        poses = tf_records(truth, PARENT_FRAME, CHILD_FRAME)
        # answers of an earlier flight lie in the bag, and must not be taken for today's
        old = [("/relocalizer/pose", m.transforms[0], t) for _, m, t in poses]
        bag = write_bag(self.folder / "f.bag", [*images, *poses, *old])
        code, output, errors = self.replay(bag, "--image-topic", "/gimbal/jpeg", *FRAMES, "--rate", "0.5")
        assert code == 0, errors
        assert f"answered {COUNT} of {COUNT} images" in output


if __name__ == "__main__":
    rostest.rosrun("camera_relocalization_ros", "test_replay", ReplayTest)
