# SPDX-License-Identifier: BSD-3-Clause
"""A bag's frames in words: the tree, the command that extracts, and doubts about frames that were asked for."""

import shlex

import pytest
from ros_helpers import FRAME, IMAGE_TOPIC, image_records, transform, write_bag
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.cli.main import parser
from camera_relocalization_ros.ros.bags.description import describe_bag
from camera_relocalization_ros.ros.bags.reader import open_bag
from camera_relocalization_ros.ros.bags.tf.frame_tree import FrameTree, extract_line, frame_doubts

STAMP_NS = 10**18


def flight(path, camera=FRAME):
    moving = [transform(STAMP_NS, "/map", "drone"), transform(STAMP_NS, "map", "wing/base_link")]
    records = [
        ("/tf", TFMessage(moving), STAMP_NS),
        ("/tf_static", TFMessage([transform(0, "drone", camera)]), STAMP_NS),
    ]
    return write_bag(path, [*records, *image_records([STAMP_NS])])


def test_tree_and_the_line_to_type(tmp_path):
    path = flight(tmp_path / "flight.bag")
    text = describe_bag(path)
    assert f"frames in TF:\n  map\n    drone\n      {FRAME} (fixed)\n    wing/base_link\n" in text
    line = text.splitlines()[-1]
    assert line.endswith("  (or --parent wing/base_link: poses relative to that)")
    arguments = parser().parse_args(shlex.split(line.partition("  (")[0])[2:])
    assert (arguments.bags, arguments.image_topic) == ([path], f"{IMAGE_TOPIC}/compressed")
    assert (arguments.parent, arguments.child) == ("map", FRAME)


def test_an_image_frame_that_tf_does_not_know_is_left_open(tmp_path):
    with open_bag(flight(tmp_path / "flight.bag", "gimbal")) as bag:
        tree = FrameTree.from_bag(bag)
    line = extract_line("a.bag", "/image", FRAME, tree)
    assert "--parent PARENT --child CAMERA" in line
    assert f"'{FRAME}' is not in TF" in line


def test_frames_below_each_other_end():
    tree = FrameTree({"a": "b", "b": "a", "d": "c"}, frozenset())
    assert tree.above("a") == ["a", "b"]
    assert tree.lines() == ["c", "  d"]


@pytest.mark.parametrize(
    "parent, child, frame_id, above_parent, says",
    [
        ("map", "camera", "/camera", ["map"], ""),
        ("map", "camera", "", ["map"], ""),
        (
            "map",
            "drone",
            "camera",
            ["map"],
            "--child is 'drone', the images' frame_id 'camera': is the child the optical",
        ),
        (
            "camera",
            "map",
            "camera",
            ["camera", "drone", "map"],
            "--parent 'camera' is the images' own frame: are parent",
        ),
        (
            "drone",
            "map",
            "camera",
            ["drone", "map"],
            "--parent 'drone' is below 'map' in TF: are parent and child swapped?",
        ),
    ],
)
def test_doubts(parent, child, frame_id, above_parent, says):
    found = " ".join(frame_doubts(parent, child, frame_id, above_parent, known=True))
    assert found.startswith(says) and bool(found) == bool(says)
