# SPDX-License-Identifier: BSD-3-Clause
"""reloc info: what is in a bag, data set, run or bundle."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from camera_relocalization_ros.core.errors import RelocalizationError, printable

if TYPE_CHECKING:
    from camera_relocalization_ros.bundle.model_bundle import Bundle
    from camera_relocalization_ros.core.camera import CameraIntrinsics
    from camera_relocalization_ros.core.preprocessing import Preprocessing
    from camera_relocalization_ros.data.dataset import Dataset

NAME = "info"
HELP = "Show what is in a bag, data set, run or bundle."
EXAMPLE = "reloc info out/flight1.bag"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", help="bag (also of ROS 2, or .mcap), data set (or DATASET@SPLIT.PART), run or bundle")


def run(arguments: argparse.Namespace) -> int:
    print(printable(describe(arguments.path)))
    return 0


def describe(spec: str) -> str:
    """A text about the thing at `spec`; raises RelocalizationError when it is none of ours."""
    from camera_relocalization_ros.bundle import model_bundle
    from camera_relocalization_ros.data import dataset
    from camera_relocalization_ros.ros.bags.containers.source import is_other_container

    path = Path(spec)
    if path.suffix in (".bag", ".active") or is_other_container(path):
        from camera_relocalization_ros.ros.bags.description import describe_bag

        return describe_bag(path)
    if (path / model_bundle.SIDECAR).is_file():
        return _describe_bundle(path)
    if (path / "run.yaml").is_file():
        return _describe_run(path)
    if (path / dataset.MANIFEST).is_file() or "@" in path.name:
        return _describe_dataset(spec)
    if (path / "result.yaml").is_file():
        shown = shlex.join(["reloc", "compare", spec])
        raise RelocalizationError(f"{spec}: a result; tables of it: {shown}, a page: reloc report")
    found = "none of those" if path.exists() else "no such file or folder"
    raise RelocalizationError(f"{spec}: {found}; expected a bag, data set, run or bundle")


def _describe_run(path: Path) -> str:
    from camera_relocalization_ros.core.plain_values import MAX_YAML_BYTES, read_text

    try:
        return f"run {path}\n{read_text(path / 'run.yaml', MAX_YAML_BYTES)}"
    except (OSError, ValueError) as error:
        raise RelocalizationError(f"{path / 'run.yaml'}: not the summary of a run ({error})") from error


def _describe_bundle(path: Path) -> str:
    import hashlib

    import yaml

    from camera_relocalization_ros.bundle.model_bundle import SIDECAR, load_bundle

    bundle = load_bundle(path)
    pinned = hashlib.sha256((path / SIDECAR).read_bytes()).hexdigest()
    sidecar, camera, size = bundle.sidecar, bundle.sidecar.camera, bundle.sidecar.preprocessing
    low, high = bundle.training_range.min, bundle.training_range.max
    lens = f"{camera.width}x{camera.height}, fx {camera.fx:.1f} fy {camera.fy:.1f}" if camera else "unknown"
    window = f", windows of {sidecar.window_length} frames" if sidecar.window_length > 1 else ""
    lines = [
        f"bundle {path}, id {bundle.bundle_id}: pose of {sidecar.child_frame!r} in {sidecar.parent_frame!r}",
        f"sha256 of {SIDECAR}: {pinned}",
        f"network: {sidecar.backbone}, {sidecar.head}{window}, {sidecar.precision}, {len(bundle.network) / 1e6:.1f} MB",
        f"weights licence: {sidecar.weights_licence or 'unknown'}",
        f"input: {size.width}x{size.height}, {_origin_of(size)}",
        f"camera of training: {lens}",
        f"trained on: {len(bundle.index.positions)} images",
        *(
            f"  {data.name}{'@' if data.part else ''}{data.part}: {data.frames} frames, "
            f"sha256 {data.sha256[:12] or 'unknown'}"
            + (f", of the split {data.split_sha256[:12] or 'unknown'}" if data.part else "")
            for data in sidecar.training_data
        ),
        "training positions: " + ", ".join(f"{axis} {a:.2f} to {b:.2f} m" for axis, a, b in zip("xyz", low, high)),
        _describe_test_vector(bundle),
        _describe_calibration(bundle),
        _describe_map(bundle),
        "origin:",
    ]
    origin = yaml.safe_dump(sidecar.origin, sort_keys=False)
    return "\n".join([*lines, *(f"  {line}" for line in origin.splitlines())])


def _origin_of(size: Preprocessing) -> str:
    if not size.is_cropped:
        return "resized from any image of that aspect ratio"
    return f"the middle of an image that is resized to {size.whole_width}x{size.whole_height}"


def _describe_test_vector(bundle: Bundle) -> str:
    outputs = bundle.reference_outputs
    if outputs is None:
        return "test vector: none (a bundle of version 1)"
    poses = [
        f"  image {number}: position {', '.join(f'{value:.4f}' for value in position)}; "
        f"quat_xyzw {', '.join(f'{value:.4f}' for value in quat)}"
        for number, (position, quat) in enumerate(zip(outputs.position, outputs.quat_xyzw), 1)
    ]
    sidecar = bundle.sidecar
    head = f"test vector: {len(poses)} images, by {sidecar.tested_with}, relative tolerance {sidecar.tolerance:g}"
    return "\n".join([head, *poses])


def _describe_calibration(bundle: Bundle) -> str:
    calibration = bundle.sidecar.error_calibration
    if calibration is None:
        never = "" if bundle.landmark_map is not None else ", and no pose is OK"
        return f"calibration: none, so no covariance of the network's poses and no score{never} (reloc calibrate)"
    data = ", ".join(f"{used.name}{'@' if used.part else ''}{used.part}" for used in calibration.data)
    held = ", ".join(f"{kind} {shares['0.9']:.1%}" for kind, shares in calibration.coverage.items())
    return (
        f"calibration: {calibration.frames} frames of {data}; left-out truths in 90 % ellipsoids: {held}\n"
        f"  score below {calibration.degraded_below:.3g} is DEGRADED, below {calibration.lost_below:.3g} LOST; "
        f"{calibration.false_accept:.1%} of {calibration.out_of_distribution_count} images of other things score higher"
    )


def _describe_map(bundle: Bundle) -> str:
    landmark_map = bundle.landmark_map
    if landmark_map is None:
        return "landmarks: none, so poses are not refined (reloc map)"
    features = landmark_map.feature_settings
    metre = f"; {landmark_map.metre:.4g} of the scene's units are taken for a metre" if landmark_map.metre != 1 else ""
    return (
        f"landmarks: {len(landmark_map)} of {len(landmark_map.positions)} images; "
        f"in flight {features.limit} features at {features.width} pixels width are matched with them{metre}"
    )


def _describe_cameras(cameras: Sequence[CameraIntrinsics]) -> str:
    if not cameras:
        return "camera: unknown"
    camera, others = cameras[0], cameras[1:]
    lens = f" ({camera.distortion_model})" if camera.is_fisheye else ""
    text = f"camera: {camera.width}x{camera.height}, fx {camera.fx:.1f} fy {camera.fy:.1f}{lens}"
    if not others:
        return text
    focal = [each.fx for each in cameras]
    return f"{text}, and {len(others)} more; of all, fx {min(focal):.1f} to {max(focal):.1f}"


def _describe_conventions(dataset: Dataset) -> list[str]:
    """What the numbers of a data set mean."""
    parent, child = dataset.parent_frame, dataset.child_frame
    units = "metres" if dataset.is_metric else "units of the scene, of unknown scale (no metres unless it was made so)"
    stamps = "made up, to order photographs" if any(s.is_photographs for s in dataset.sequences) else "of the recording"
    lines = [
        "conventions:",
        f"  pose: T_parent_child, maps points of {child!r} into {parent!r}; cameras look along z, x right, y down",
        f"  position: x, y, z of {child!r} in {parent!r}, {units}",
        "  orientation: unit quaternion qx, qy, qz, qw (q and -q are the same)",
        f"  stamps: integer nanoseconds, {stamps}",
        "  intrinsics: pixels, the centre of the first pixel is (0, 0); distortion in OpenCV's order",
    ]
    if dataset.position_origin.any():
        origin = ", ".join(f"{value:.3f}" for value in dataset.position_origin)
        lines.append(f"  far from zero: trainings take {origin} off; what is written and published is whole")
    return lines


def _describe_dataset(spec: str) -> str:
    from camera_relocalization_ros.data.dataset import Dataset

    dataset = Dataset.load(spec)
    positions = dataset.poses.positions
    extent = positions.max(axis=0) - positions.min(axis=0)
    unit = "m" if dataset.is_metric else "units"
    lines = [
        f"data set {spec}: pose of {dataset.child_frame!r} in {dataset.parent_frame!r}",
        _describe_cameras(dataset.cameras),
        f"extent: {extent[0]:.2f} x {extent[1]:.2f} x {extent[2]:.2f} {unit}, {dataset.frame_count} frames",
    ]
    for sequence in dataset.sequences:
        stamps_ns = [frame.stamp_ns for frame in sequence.frames]
        duration_s = (stamps_ns[-1] - stamps_ns[0]) / 1e9 if stamps_ns else 0.0
        # stamps of photographs are made up
        lasted = "photographs" if sequence.is_photographs else f"{duration_s:.1f} s"
        skipped = ", ".join(f"{n} {reason}" for reason, n in sequence.info.get("skipped", {}).items()) or "none"
        lines.append(f"  {sequence.name}: {len(stamps_ns)} frames, {lasted}, skipped: {skipped}")
    lines += _describe_conventions(dataset)
    splits = sorted(p.stem for p in (dataset.path / "splits").glob("*.yaml"))
    return "\n".join([*lines, f"splits: {', '.join(splits) or 'none'}"])
