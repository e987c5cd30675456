# SPDX-License-Identifier: BSD-3-Clause
"""A finished run to a bundle, and what its number format costs."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from camera_relocalization_ros.core.progress import Progress, reporting
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.evaluation.evaluate import evaluate
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.pipelines.inputs import DataSpec, loaded
from camera_relocalization_ros.training.export import export
from camera_relocalization_ros.training.run_folder import load_run


@dataclass(frozen=True)
class ExportedBundle:
    """A bundle that was written.

    parity: largest difference between ONNX Runtime and PyTorch, of positions as a share of the place's size.
    """

    path: Path
    run_folder: Path
    precision: str
    size_bytes: int
    parity: float


@dataclass(frozen=True)
class PrecisionCost:
    """Median errors, size of the network and median time of an image of a bundle; `warning` as of its evaluation."""

    position_m: float
    orientation_deg: float
    network_bytes: int
    seconds_per_image: float
    warning: str


def export_bundle(
    run_folder: Path | str, output: Path | str, precision: str = "fp32", calibration: DataSpec | None = None
) -> ExportedBundle:
    """Write the bundle `output` of a finished training, checked against PyTorch.

    precision: fp32, fp16 or int8, which takes its ranges from the training images `calibration`.
    Raises ConfigError, DatasetError or BundleError.
    """
    run_folder, output = Path(run_folder), Path(output)
    run = load_run(run_folder)
    parity = export(run, output, precision, None if calibration is None else loaded(calibration))
    size_bytes = sum(path.stat().st_size for path in output.iterdir())
    return ExportedBundle(output, run_folder, precision, size_bytes, parity)


def precision_costs(
    exported: ExportedBundle, data: DataSpec, progress: Progress | None = None
) -> dict[str, PrecisionCost]:
    """What the bundle is worth on a data set, by precision; that of the same run in fp32 comes first.

    Raises DatasetError or BundleError.
    """
    dataset = loaded(data)
    with tempfile.TemporaryDirectory() as folder, reporting(progress):
        bundles = {exported.precision: exported.path}
        if exported.precision != "fp32":
            bundles = {"fp32": export_bundle(exported.run_folder, Path(folder) / "fp32").path, **bundles}
        return {name: precision_cost(path, dataset) for name, path in bundles.items()}


def precision_cost(bundle: Path, dataset: Dataset) -> PrecisionCost:
    """That of one bundle."""
    relocalizer = Relocalizer.from_bundle(bundle)
    evaluation = evaluate(relocalizer, dataset)
    return PrecisionCost(
        position_m=float(np.median(evaluation.errors.position_m)),
        orientation_deg=float(np.median(evaluation.errors.orientation_deg)),
        network_bytes=len(relocalizer.bundle.network),
        seconds_per_image=float(np.median([estimate.inference_s for estimate in evaluation.estimates])),
        warning=evaluation.warning,
    )
