#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""reloc replay as a user calls it: numbers, one-line errors, and no process left behind."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np
import rospkg
import rostest
from calibrated_bundle import SIGMA_M, write_calibrated_bundle
from colour_bundle import BASE, COLOUR_BUNDLE
from helpers import CHILD_FRAME, PARENT_FRAME
from live import known_trajectory, wait_for, write_known_bag
from painted_wall import CAMERA, write_wall_bundle, write_wall_dataset
from ros_helpers import image_records, tf_records, write_bag

from camera_relocalization_ros.core.state import Stage
from camera_relocalization_ros.evaluation.result_files import image_path, load_result
from camera_relocalization_ros.evaluation.results import LIVE

COUNT = 20
FRAMES = ("--parent", PARENT_FRAME, "--child", CHILD_FRAME)
RAW, COMPRESSED = "/camera/image_raw", "/camera/image_raw/compressed"


class ReplayTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "tmp").mkdir()
        # the children's temporary folder marks them, wherever they end up in the process tree
        self.environment = {**os.environ, "TMPDIR": str(self.folder / "tmp")}
        self.environment.pop("ROS_MASTER_URI", None)

    def start(self, bag, *options, bundle=COLOUR_BUNDLE):
        command = ["reloc", "replay", str(bundle), str(bag), *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=self.environment, cwd=str(self.folder), **pipes)

    def replay(self, bag, *options, **changes):
        process = self.start(bag, *options, **changes)
        output, errors = process.communicate(timeout=120)
        self.assert_nothing_left()
        return process.returncode, output, errors

    def children(self):
        """Command lines of living processes that were started by the replay."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if f"TMPDIR={self.folder}".encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue  # it ended meanwhile, or is not ours
        return found

    def assert_nothing_left(self):
        wait_for(lambda: not self.children(), "all processes of the replay have ended", 5.0)
        assert list((self.folder / "tmp").iterdir()) == []

    def assert_fails(self, says, bag, *options, also="", **changes):
        code, _, errors = self.replay(bag, *options, **changes)
        assert code == 1, errors
        lines = [line for line in errors.splitlines() if line.startswith("reloc replay: ")]
        assert len(lines) == 1, errors
        assert "Traceback" not in errors
        assert says in lines[0] and also in lines[0]

    def assert_replayed(self, topic, raw):
        bag = write_known_bag(self.folder / "f.bag", COUNT, raw)
        result_path = self.folder / "result.json"
        code, output, errors = self.replay(
            bag, "--image-topic", topic, *FRAMES, "--json", str(result_path), "-o", "told"
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
        code, _, errors = self.replay(bag, *options, "-o", "live")
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
        code, output, errors = self.replay(bag, "--image-topic", "/gimbal/jpeg", *FRAMES, "--rate", "2")
        assert code == 0, errors
        assert f"answered {COUNT} of {COUNT} images" in output

    def test_wrong_topic_and_frame_names(self):
        bag = write_known_bag(self.folder / "f.bag", 3)
        self.assert_fails(COMPRESSED, bag, "--image-topic", "/nowhere", *FRAMES)
        wrong = ("--parent", "map", "--child", CHILD_FRAME)
        self.assert_fails(
            f"no frame 'map' in TF; its frames are: {CHILD_FRAME}, ", bag, "--image-topic", COMPRESSED, *wrong
        )

    def test_frames_of_other_names_are_refused_unless_wanted(self):
        truth = known_trajectory(COUNT)
        records = [*image_records(truth.stamps_ns), *tf_records(truth, "hall", CHILD_FRAME)]
        bag = write_bag(self.folder / "f.bag", records)
        options = ("--image-topic", COMPRESSED, "--parent", "hall", "--child", CHILD_FRAME)
        self.assert_fails(f"the truth is asked for of '{CHILD_FRAME}' in 'hall'; --any-frames", bag, *options)
        code, output, errors = self.replay(bag, *options, "--any-frames", "--refine-first")
        assert code == 0, errors
        assert f"{COUNT} of {COUNT} images compared" in output

    def test_a_flight_that_was_trained_on_is_warned_of(self):
        truth = known_trajectory(4)
        truth.positions[2] = BASE + (1.0, 0.0, 0.0)  # that of a training image of the colour bundle
        records = [*image_records(truth.stamps_ns), *tf_records(truth, PARENT_FRAME, CHILD_FRAME)]
        bag = write_bag(self.folder / "f.bag", records)
        code, output, errors = self.replay(bag, "--image-topic", COMPRESSED, *FRAMES, "-o", "told")
        assert code == 0, errors
        assert "WARNING: 1 of 4 frames" in output
        assert load_result(self.folder / "told").info.trained_on == 1

    def test_answers_without_truth(self):
        truth = known_trajectory(3)
        # only the first image has a true pose, and it is damaged
        records = image_records(truth.stamps_ns)
        next(message for topic, message, _ in records if topic == COMPRESSED).data = b"damaged"
        first = tf_records(truth.select(np.array([0])), PARENT_FRAME, CHILD_FRAME)
        bag = write_bag(self.folder / "f.bag", [*records, *first])
        self.assert_fails("no answered image has a true pose", bag, "--image-topic", COMPRESSED, *FRAMES)

    def test_missing_truth(self):
        truth = known_trajectory(6)
        late = tf_records(known_trajectory(3), PARENT_FRAME, CHILD_FRAME)
        bag = write_bag(self.folder / "f.bag", [*image_records(truth.stamps_ns[3:]), *late])
        options = ("--image-topic", COMPRESSED, *FRAMES)
        self.assert_fails("none of 3 images has a pose", bag, *options, also="3 outside the pose stream")
        self.assert_fails("no TF in it", write_bag(self.folder / "g.bag", image_records(truth.stamps_ns)), *options)

    def test_bad_bundle_and_missing_bag(self):
        bag, options = write_known_bag(self.folder / "f.bag", 3), ("--image-topic", COMPRESSED, *FRAMES)
        self.assert_fails("/nowhere: no such bundle", bag, *options, bundle="/nowhere")
        self.assert_fails("none.bag: no such file", self.folder / "none.bag", *options)

    def test_a_node_that_dies_at_start_tells_why(self):
        bundle = self.folder / "bundle"
        shutil.copytree(COLOUR_BUNDLE, bundle)
        sidecar = bundle / "bundle.yaml"
        # a network for windows as one of single frames: the files are sound, and only the node opens the network
        text = sidecar.read_text(encoding="utf-8")
        single = text.replace("window_length: 2", "window_length: 1")
        assert single != text
        sidecar.write_text(single, encoding="utf-8")
        bag = write_known_bag(self.folder / "f.bag", 3)
        self.assert_fails("inputs ['image', 'previous']", bag, "--image-topic", COMPRESSED, *FRAMES, bundle=bundle)

    def test_no_image_that_can_be_answered(self):
        truth = known_trajectory(4)
        records = image_records(truth.stamps_ns)
        for topic, message, _ in records:
            if topic == COMPRESSED:
                message.data = message.data[:100]
        bag = write_bag(self.folder / "f.bag", [*records, *tf_records(truth, PARENT_FRAME, CHILD_FRAME)])
        self.assert_fails("answered no image: compressed image of 100 bytes", bag, "--image-topic", COMPRESSED, *FRAMES)

    def test_rviz_is_asked_for_in_vain(self):
        if "rviz" in rospkg.RosPack().list():
            self.skipTest("rviz is installed here")
        bag = write_known_bag(self.folder / "f.bag", 3)
        self.assert_fails("rviz is not installed", bag, "--image-topic", COMPRESSED, *FRAMES, "--rviz")

    def assert_ends_on(self, number, code):
        bag = write_known_bag(self.folder / "long.bag", 300)
        process = self.start(bag, "--image-topic", COMPRESSED, *FRAMES)
        wait_for(lambda: any("rosbag/play" in command for command in self.children()), "the bag is being played", 60.0)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == code, errors
        assert "Traceback" not in errors
        self.assert_nothing_left()

    def test_interrupt_leaves_no_process(self):
        self.assert_ends_on(signal.SIGINT, 1)

    def test_termination_leaves_no_process(self):
        self.assert_ends_on(signal.SIGTERM, 143)


if __name__ == "__main__":
    rostest.rosrun("camera_relocalization_ros", "test_replay", ReplayTest)
