# SPDX-License-Identifier: BSD-3-Clause
"""A bag through the live node to its errors, against the bag's TF."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.core.progress import Progress, reporting
from camera_relocalization_ros.data.provenance import training_warning
from camera_relocalization_ros.evaluation.result_files import new_result, write_result_files
from camera_relocalization_ros.evaluation.results import Result
from camera_relocalization_ros.evaluation.verdict import verdict_lines

if TYPE_CHECKING:
    from camera_relocalization_ros.ros.replay.bag_replay import ReplayResult


@dataclass(frozen=True)
class Replay:
    """What came back from the node, and errors of baselines on the same images by name."""

    bundle: Path
    bag: Path
    live: ReplayResult
    baselines: dict[str, PoseErrors]

    @property
    def errors(self) -> PoseErrors:
        """Those of the images that were answered and have a true pose."""
        return self.live.errors

    @property
    def warning(self) -> str:
        """What a reader of the errors must know first, in lines; empty when there is nothing."""
        info = self.live.frames.info
        never = f"{self.bundle}: {info.never_ok}" if info.never_ok else ""
        return "\n".join(text for text in (never, training_warning(info.trained_on, len(self.live.truth))) if text)

    @property
    def verdicts(self) -> list[str]:
        """What to conclude, in lines."""
        from camera_relocalization_ros.ros.replay.live_result import with_baselines

        return verdict_lines(with_baselines(self.live.frames, self.baselines), self.live.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """All numbers, as plain values for JSON."""
        return {**self.live.to_dict(), "baselines": {name: errors.summary() for name, errors in self.baselines.items()}}

    def save(self, folder: Path | str, name: str = "") -> Result:
        """Write the result for reloc compare and reloc report with small copies of the images, and return it.

        name: of the result in tables, else the bag's. Raises ResultError.
        """
        from camera_relocalization_ros.ros.replay.live_result import store_images, with_baselines

        frames = self.live.frames
        if name:
            frames = replace(frames, info=replace(frames.info, name=name))
        with new_result(Path(folder)) as partial:
            stored = store_images(with_baselines(frames, self.baselines), partial, self.bag, self.live.topic)
            write_result_files(partial, stored)
        return stored


def replay(
    bundle: Path | str,
    bag: Path | str,
    image_topic: str,
    parent: str,
    child: str,
    *,
    rate: float = 1.0,
    max_gap_s: float = 0.1,
    refine_first: bool = False,
    any_frames: bool = False,
    rviz: bool = False,
    progress: Progress | None = None,
) -> Replay:
    """Play `bag` into the live node with `bundle`; the bag's TF of `child` in `parent` is the truth.

    The arguments are those of `bag_replay.replay`. One replay per process, in its main thread, which is a ROS node
    afterwards.
    Raises BundleError, BagError or ReplayError; ImportError where ROS or this package's messages are not there.
    """
    from camera_relocalization_ros.ros.bags.image_baselines import bag_baselines
    from camera_relocalization_ros.ros.replay import bag_replay

    bundle, bag = Path(bundle), Path(bag)
    with reporting(progress):
        live = bag_replay.replay(
            *(bundle, bag, image_topic, parent, child),
            rate=rate,
            max_gap_s=max_gap_s,
            refine_first=refine_first,
            any_frames=any_frames,
            rviz=rviz,
        )
        return Replay(bundle, bag, live, bag_baselines(bundle, bag, image_topic, live.truth))
