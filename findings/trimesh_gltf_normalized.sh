#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# trimesh reads a glTF's whole numbers as they are where the file says that they are fractions.
#
# Guess beforehand: a mesh whose colours or corners are stored as normalized 16-bit numbers, as glTF 2.0 allows for colours
# and its extension KHR_mesh_quantization for corners (gltfpack writes them), is the mesh that the same file with floats
# is. A file that requires an extension which a reader does not know is refused, as the specification demands.
# Seen (trimesh 5.2.0): `normalized` is not looked at. A square of 1 m is 32,767 m wide, and of colours of 16 bits the lower
# eight are kept, so that a grey of 0.5 is black; those of 8 bits are right. KHR_draco_mesh_compression, required and
# never applied by the file, is passed over without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check trimesh==5.2.0 "numpy<2.5"
cat >"$folder/program.py" <<'PYTHON'
import base64
import json

import numpy as np
import trimesh

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
GREY = np.tile(np.float32([0.5, 0.5, 0.5, 1.0]), (4, 1))
TYPES = {np.dtype("f4"): 5126, np.dtype("u1"): 5121, np.dtype("i2"): 5122, np.dtype("u2"): 5123}


def stored(values, kind):
    """The numbers as glTF stores them as floats, or normalized in a type of whole numbers."""
    kind = np.dtype(kind)
    return values if kind.kind == "f" else np.round(values * np.iinfo(kind).max).astype(kind)


def load(corner_type, colour_type, required=()):
    content, views, accessors = b"", [], []
    for values, kind, shape in (
        (stored(SQUARE, corner_type), corner_type, "VEC3"),
        (stored(GREY, colour_type), colour_type, "VEC4"),
        (np.array([0, 1, 2, 0, 2, 3], np.uint16), None, "SCALAR"),
    ):
        row = values.nbytes // len(values)
        gap = -row % 4 if shape != "SCALAR" else 0
        data = b"".join(value.tobytes() + bytes(gap) for value in values)
        views.append({"buffer": 0, "byteOffset": len(content), "byteLength": len(data)})
        if shape != "SCALAR":
            views[-1]["byteStride"] = row + gap
        accessors.append(
            {"bufferView": len(views) - 1, "componentType": TYPES[values.dtype], "count": len(values), "type": shape}
        )
        if kind is not None and kind != "f4":
            accessors[-1]["normalized"] = True
        if shape == "VEC3":
            accessors[-1].update(min=values.min(0).tolist(), max=values.max(0).tolist())
        content += data
    uri = "data:application/octet-stream;base64," + base64.b64encode(content).decode()
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "COLOR_0": 1}, "indices": 2}]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(content), "uri": uri}],
    }
    if required:
        document.update(extensionsUsed=list(required), extensionsRequired=list(required))
    with open("made.gltf", "w") as file:
        json.dump(document, file)
    mesh = trimesh.load("made.gltf", force="mesh", process=False)
    return float(mesh.extents[0]), int(mesh.visual.vertex_colors[0, 0])


for arguments in (
    ("f4", "f4"),
    ("f4", "u1"),
    ("f4", "u2"),
    ("i2", "f4", ["KHR_mesh_quantization"]),
    ("f4", "f4", ["KHR_draco_mesh_compression"]),
):
    print(*arguments, "-> width and colour", load(*arguments))
assert load("f4", "f4")[0] == load("f4", "u1")[0] == 1.0
assert all(abs(load("f4", kind)[1] - 127.5) < 1 for kind in ("f4", "u1"))
# 32768 is 0x8000
assert load("f4", "u2") == (1.0, 0)
assert load("i2", "f4", ["KHR_mesh_quantization"])[0] == 32767.0
assert load("f4", "f4", ["KHR_draco_mesh_compression"])[0] == 1.0
PYTHON
cd "$folder"
venv/bin/python program.py
echo "still so: fractions are read as whole numbers"
