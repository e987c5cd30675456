#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What reloc replay refuses or warns of, each in one line, and how it is ended."""

import shutil
import signal

import numpy as np
import rospkg
import rostest
from colour_bundle import BASE, COLOUR_BUNDLE
from helpers import CHILD_FRAME, PARENT_FRAME
from live import known_trajectory, wait_for, write_known_bag
from replay_case import COMPRESSED, COUNT, FRAMES, ReplayCase
from ros_helpers import image_records, tf_records, write_bag

from camera_relocalization_ros.evaluation.result_files import load_result


class ReplayRefusalsTest(ReplayCase):
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
        assert process.returncode == code, f"{process.returncode}: {errors}"
        assert "Traceback" not in errors
        self.assert_nothing_left()

    def test_interrupt_leaves_no_process(self):
        self.assert_ends_on(signal.SIGINT, 1)

    def test_termination_leaves_no_process(self):
        self.assert_ends_on(signal.SIGTERM, 143)


if __name__ == "__main__":
    rostest.rosrun("camera_relocalization_ros", "test_replay_refusals", ReplayRefusalsTest)
