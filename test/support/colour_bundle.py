# SPDX-License-Identifier: BSD-3-Clause
"""A bundle of a few kilobytes whose answers are known; as a program it writes test/data/colour_bundle.

The camera's position is BASE plus the image's mean red, green and blue (0 to 1) in metres, its rotation is always
QUAT_XYZW, and a white image is answered with numbers that are not finite. Its two members answer MEMBER_OFFSETS beside
the position. colour_bundle_v2 is what this program wrote when bundles had version 2.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Callable

import numpy as np
import yaml
from helpers import CAMERA, CHILD_FRAME, PARENT_FRAME

from camera_relocalization_ros.bundle.model_bundle import SIDECAR, save_bundle
from camera_relocalization_ros.bundle.reference_outputs import ReferenceOutputs, patchwork_images
from camera_relocalization_ros.bundle.retrieval import RetrievalIndex
from camera_relocalization_ros.bundle.sidecar import BundleSidecar
from camera_relocalization_ros.core.pose import Poses
from camera_relocalization_ros.core.preprocessing import Preprocessing
from camera_relocalization_ros.data.dataset import Dataset, load_image_rgb

COLOUR_BUNDLE = Path(__file__).resolve().parents[1] / "data" / "colour_bundle"
COLOUR_BUNDLE_V2 = COLOUR_BUNDLE.with_name("colour_bundle_v2")
BASE = np.array([1.0, 2.0, 3.0])
QUAT_XYZW = np.array([1.0, 2.0, 3.0, 4.0]) / np.sqrt(30.0)
MEMBER_OFFSETS = np.array([[0.01, 0.0, 0.0], [-0.01, 0.0, 0.0]])
MAX_GAP_S = 0.5


def known_position(image_rgb: np.ndarray) -> np.ndarray:
    """What the bundle answers (3,) for an image (H, W, 3)."""
    return BASE + image_rgb.reshape(-1, 3).mean(axis=0) / 255.0


def mean_colours(dataset: Dataset) -> np.ndarray:
    """The bundle's features (N, 3) of the images of a data set."""
    return np.array([load_image_rgb(f.image_path).reshape(-1, 3).mean(axis=0) / 255.0 for f in dataset.frames])


def colour_index(dataset: Dataset) -> RetrievalIndex:
    """What the bundle knows of its training images when it was trained on this data set."""
    return RetrievalIndex.build(mean_colours(dataset), dataset.poses)


def network_bytes(region: np.ndarray | None = None) -> bytes:
    """The ONNX network, with a window of two images; it looks at the image's `region` alone.

    region (2, 2): first row and column, and those after the last.
    """
    import onnx  # only who writes the bundle needs it
    from onnx import TensorProto, helper

    constants = {
        "scale": np.array([255.0], np.float32),
        "one": np.array([1.0], np.float32),
        "zero": np.array([0.0], np.float32),
        "base": BASE[None].astype(np.float32),
        "quat": QUAT_XYZW[None].astype(np.float32),
        "offsets": MEMBER_OFFSETS[None].astype(np.float32),
        "quats": np.tile(QUAT_XYZW, (1, 2, 1)).astype(np.float32),
        "time_axis": np.array([1], np.int64),
        "last": np.array([-1], np.int64),
        "end": np.array([2**31], np.int64),
    }
    if region is not None:
        constants.update(first=region[0], after=region[1], axes=np.array([1, 2], np.int64))
    nodes = [
        helper.make_node("Cast", ["image"], ["all_pixels" if region is not None else "pixels"], to=TensorProto.FLOAT),
        *([] if region is None else [helper.make_node("Slice", ["all_pixels", "first", "after", "axes"], ["pixels"])]),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["mean", "scale"], ["colour"]),
        # log(1 - colour) is minus infinity for white, and that times zero is no number
        helper.make_node("Sub", ["one", "colour"], ["dark"]),
        helper.make_node("Log", ["dark"], ["log"]),
        helper.make_node("Mul", ["log", "zero"], ["nothing"]),
        helper.make_node("Add", ["base", "colour"], ["place"]),
        helper.make_node("Add", ["place", "nothing"], ["position"]),
        helper.make_node("Identity", ["quat"], ["quat_xyzw"]),
        helper.make_node("Identity", ["colour"], ["descriptor"]),
        helper.make_node("Unsqueeze", ["position", "time_axis"], ["answer"]),
        helper.make_node("Add", ["answer", "offsets"], ["member_position"]),
        helper.make_node("Identity", ["quats"], ["member_quat_xyzw"]),
        helper.make_node("Unsqueeze", ["colour", "time_axis"], ["this_frame"]),
        helper.make_node("Concat", ["previous", "this_frame"], ["window"], axis=1),
        helper.make_node("Slice", ["window", "last", "end", "time_axis"], ["frame_features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colour",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, [1, CAMERA.height, CAMERA.width, 3]),
            helper.make_tensor_value_info("previous", TensorProto.FLOAT, [1, "previous_frames", 3]),
        ],
        [
            helper.make_tensor_value_info("position", TensorProto.FLOAT, [1, 3]),
            helper.make_tensor_value_info("quat_xyzw", TensorProto.FLOAT, [1, 4]),
            helper.make_tensor_value_info("descriptor", TensorProto.FLOAT, [1, 3]),
            helper.make_tensor_value_info("member_position", TensorProto.FLOAT, [1, 2, 3]),
            helper.make_tensor_value_info("member_quat_xyzw", TensorProto.FLOAT, [1, 2, 4]),
            helper.make_tensor_value_info("frame_features", TensorProto.FLOAT, [1, 1, 3]),
        ],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def reference_outputs(region: np.ndarray | None = None) -> ReferenceOutputs:
    """The test vector, worked out without the network."""
    images = patchwork_images(CAMERA.width, CAMERA.height, 2)
    (top, left), (bottom, right) = ((0, 0), images.shape[1:3]) if region is None else region
    colours = (images[:, top:bottom, left:right].reshape(2, -1, 3).mean(axis=1) / 255.0).astype(np.float32)
    positions = (BASE + colours).astype(np.float32)
    quats = np.tile(QUAT_XYZW, (2, 1)).astype(np.float32)
    members = (positions[:, None] + MEMBER_OFFSETS).astype(np.float32)
    return ReferenceOutputs(images, positions, quats, colours, members, np.stack([quats, quats], axis=1), colours)


def write_colour_bundle(path: Path, region: np.ndarray | None = None) -> None:
    """Write the bundle folder; with `region`, see `network_bytes`."""
    colours = np.eye(3, dtype=np.float32)
    index = RetrievalIndex.build(colours, Poses(BASE + colours, np.tile(QUAT_XYZW, (3, 1))))
    sidecar = BundleSidecar(
        parent_frame=PARENT_FRAME,
        child_frame=CHILD_FRAME,
        camera=CAMERA,
        preprocessing=Preprocessing(CAMERA.width, CAMERA.height),
        backbone="none",
        head="mean_colour",
        window_length=2,
        max_gap_s=MAX_GAP_S,
        origin={"made_by": "test/colour_bundle.py"},
        tested_with="numpy",
    )
    save_bundle(path, sidecar, network_bytes(region), index, reference_outputs(region))


def edited_copy(
    path: Path, edit: Callable[[dict], object] = lambda _: None, bundle: Path = COLOUR_BUNDLE, **files: bytes
) -> Path:
    """A copy of a bundle after `edit` of its sidecar, with other contents of files (by stem) and right checksums."""
    shutil.copytree(bundle, path)
    values = yaml.safe_load((path / SIDECAR).read_text())
    for name in list(values["sha256"]):
        if Path(name).stem in files:
            (path / name).write_bytes(files[Path(name).stem])
        values["sha256"][name] = hashlib.sha256((path / name).read_bytes()).hexdigest()
    edit(values)
    (path / SIDECAR).write_text(yaml.safe_dump(values))
    return path


def as_version_1(values: dict) -> None:
    """Edit of a sidecar of version 2: what it was before there were test vectors."""
    values["version"] = 1
    for key in ("precision", "weights_licence", "training_data", "training_range", "test_vector"):
        del values[key]
    del values["sha256"]["test_vector.npz"]


if __name__ == "__main__":
    write_colour_bundle(COLOUR_BUNDLE)
