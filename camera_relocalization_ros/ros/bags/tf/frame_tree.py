# SPDX-License-Identifier: BSD-3-Clause
"""A bag's frames as a tree for people, which of them to extract, and doubts about those that were asked for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from itertools import islice
from typing import Iterator, Sequence

import rosbag

from camera_relocalization_ros.core.frames import bare_frame
from camera_relocalization_ros.ros.bags.reader import read_messages

# of /tf, enough to have seen every publisher once; a flight has a hundred thousand
LOOKED_AT = 3000
DYNAMIC, STATIC = ("/tf", "tf"), ("/tf_static", "tf_static")


@dataclass(frozen=True)
class FrameTree:
    """Parent by child, without leading slashes; `fixed` are those of /tf_static."""

    parents: dict[str, str]
    fixed: frozenset[str]

    @classmethod
    def from_bag(cls, bag: rosbag.Bag) -> FrameTree:
        """That of the beginning of /tf and of all of /tf_static; of a frame with two parents the first that came."""
        parents: dict[str, str] = {}
        fixed: set[str] = set()
        for topic, message, _ in (*read_messages(bag, STATIC), *islice(read_messages(bag, DYNAMIC), LOOKED_AT)):
            for transform in message.transforms:
                child, parent = bare_frame(transform.child_frame_id), bare_frame(transform.header.frame_id)
                if child and parent and child != parent:
                    parents.setdefault(child, parent)
                    fixed.update({child} if topic in STATIC else ())
        return cls(parents, frozenset(fixed))

    @property
    def frames(self) -> set[str]:
        """All of them."""
        return {*self.parents, *self.parents.values()}

    def above(self, frame: str) -> list[str]:
        """The frame and those above it, the root last, as far as none comes twice."""
        names = [frame]
        while (parent := self.parents.get(names[-1])) is not None and parent not in names:
            names.append(parent)
        return names

    def lines(self) -> list[str]:
        """The tree, a frame a line, below its parent."""
        roots = sorted(self.frames - set(self.parents))
        return [line for root in roots for line in self._lines_below(root, "")]

    def _lines_below(self, frame: str, indent: str) -> Iterator[str]:
        yield f"{indent}{frame}{' (fixed)' if frame in self.fixed else ''}"
        for child in sorted(child for child, parent in self.parents.items() if parent == frame):
            yield from self._lines_below(child, indent + "  ")

    def objects(self, camera: str) -> list[str]:
        """Frames that move by themselves, that nothing of the camera hangs on: what poses may be relative to."""
        above = self.above(camera)
        own = {name for name in self.frames if set(self.above(name)) & set(above[:-1])}
        return sorted(name for name in self.parents if name not in own and self.above(name)[-1] == above[-1])


def extract_line(bag: str, topic: str, frame_id: str, tree: FrameTree) -> str:
    """The command that extracts a topic's images, as far as the bag tells; words in capitals are to be filled in."""
    camera = bare_frame(frame_id)
    known = camera in tree.parents
    parent, child = (tree.above(camera)[-1], camera) if known else ("PARENT", "CAMERA")
    words = ["reloc", "extract", bag, "--image-topic", topic, "--parent", parent, "--child", child, "-o", "DATASET"]
    others = tree.objects(camera) if known else []
    note = f"  (or --parent {' or '.join(others)}: poses relative to that)" if others else ""
    if not known:
        note = f"  (the images' frame {frame_id!r} is not in TF: CAMERA is the frame that moves with the camera)"
    return f"{shlex.join(words)}{note}"


def frame_doubts(parent: str, child: str, frame_id: str, above_parent: Sequence[str], known: bool) -> Iterator[str]:
    """What looks wrong with the frames that were asked for, in sentences.

    frame_id: of the images; above_parent: the parent and the frames above it in TF; known: TF has frame_id.
    """
    parent, child, camera = map(bare_frame, (parent, child, frame_id))
    if camera == parent or child in above_parent[1:]:
        reason = "the images' own frame" if camera == parent else f"below {child!r} in TF"
        yield f"--parent {parent!r} is {reason}: are parent and child swapped? the child is the camera"
    elif camera and camera != child:
        advice = f"try --child {camera}" if known else "if it is not, all poses are off by how the camera is mounted"
        yield f"--child is {child!r}, the images' frame_id {camera!r}: is the child the optical frame? {advice}"
