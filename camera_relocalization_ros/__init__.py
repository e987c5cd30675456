# SPDX-License-Identifier: BSD-3-Clause
"""Visual relocalization of a drone's camera against an object or a room, for ROS 1.

What a script or notebook needs is here (docs/python_api.md), and loaded when it is asked for: importing the package
loads nothing. A catkin devel space executes this text from elsewhere, so it must not name its own file.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from camera_relocalization_ros.core.errors import RelocalizationError
    from camera_relocalization_ros.core.pose import Pose, Poses
    from camera_relocalization_ros.core.progress import Step
    from camera_relocalization_ros.data.dataset import Dataset
    from camera_relocalization_ros.localization.landmarks.staged_relocalizer import StagedRelocalizer
    from camera_relocalization_ros.localization.relocalizer import Relocalizer
    from camera_relocalization_ros.pipelines.build_map import build_map
    from camera_relocalization_ros.pipelines.calibrate_bundle import calibrate_bundle
    from camera_relocalization_ros.pipelines.evaluate_bundle import evaluate_bundle
    from camera_relocalization_ros.pipelines.export_bundle import export_bundle
    from camera_relocalization_ros.pipelines.extract import extract
    from camera_relocalization_ros.pipelines.replay import replay
    from camera_relocalization_ros.pipelines.train_model import train_model

__all__ = [
    "Dataset",
    "Pose",
    "Poses",
    "RelocalizationError",
    "Relocalizer",
    "StagedRelocalizer",
    "Step",
    "build_map",
    "calibrate_bundle",
    "evaluate_bundle",
    "export_bundle",
    "extract",
    "replay",
    "train_model",
]

_MODULES = {
    "Dataset": "data.dataset",
    "Pose": "core.pose",
    "Poses": "core.pose",
    "RelocalizationError": "core.errors",
    "Relocalizer": "localization.relocalizer",
    "StagedRelocalizer": "localization.landmarks.staged_relocalizer",
    "Step": "core.progress",
    "build_map": "pipelines.build_map",
    "calibrate_bundle": "pipelines.calibrate_bundle",
    "evaluate_bundle": "pipelines.evaluate_bundle",
    "export_bundle": "pipelines.export_bundle",
    "extract": "pipelines.extract",
    "replay": "pipelines.replay",
    "train_model": "pipelines.train_model",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
