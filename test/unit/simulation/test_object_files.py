# SPDX-License-Identifier: BSD-3-Clause
"""A board with a red upper and a green lower half, half a metre square, upright across x: as each format writes it."""

import base64
import json

import cv2
import numpy as np
import pytest

from camera_relocalization_ros.core.errors import ConfigError, SimulationError
from camera_relocalization_ros.simulation.airframes.object_files import object_from_file
from camera_relocalization_ros.simulation.camera_kind import X3_CAMERA
from camera_relocalization_ros.simulation.halls.hall import Hall
from camera_relocalization_ros.simulation.renderer import Renderer
from camera_relocalization_ros.simulation.surface import Light
from camera_relocalization_ros.simulation.world import World

# seen from x in front: lower left, lower right, upper right, upper left
CORNERS = [(0, -0.25, -0.25), (0, 0.25, -0.25), (0, 0.25, 0.25), (0, -0.25, 0.25)]
PICTURE = np.full((16, 16, 3), (0, 200, 0), np.uint8)
PICTURE[:8] = (0, 0, 200)  # OpenCV's order: red above green


def obj(folder):
    cv2.imwrite(str(folder / "paint.png"), PICTURE)
    (folder / "coat.mtl").write_text("newmtl coat\nKd 1 1 1\nmap_Kd paint.png\n")
    vertices = "".join("v {} {} {}\n".format(*corner) for corner in CORNERS)
    uv = "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nvn 1 0 0\n"
    path = folder / "board.obj"
    path.write_text(f"mtllib coat.mtl\n{vertices}{uv}usemtl coat\nf 1/1/1 2/2/1 3/3/1 4/4/1\n")
    return path


def ply(folder, texture="comment TextureFile paint.png\n"):
    cv2.imwrite(str(folder / "paint.png"), PICTURE)
    names = "".join(f"property float {name}\n" for name in ("x", "y", "z", "nx", "ny", "nz", "u", "v"))
    uv = [(0, 0), (1, 0), (1, 1), (0, 1)]
    rows = "".join("{} {} {} 1 0 0 {} {}\n".format(*corner, *at) for corner, at in zip(CORNERS, uv))
    path = folder / "board.ply"
    face = "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    path.write_text(f"ply\nformat ascii 1.0\n{texture}element vertex 4\n{names}{face}{rows}4 0 1 2 3\n")
    return path


def gltf(folder):
    # y up, z to the front: what lies at y to the left in our frame lies at x there
    points = np.array([(y, z, x) for x, y, z in CORNERS], np.float32)
    uv = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], np.float32)  # glTF counts from the picture's top
    blob = points.tobytes() + np.tile([0, 0, 1], (4, 1)).astype(np.float32).tobytes() + uv.tobytes()
    blob += np.array([0, 1, 2, 0, 2, 3], np.uint16).tobytes()
    image = base64.b64encode(cv2.imencode(".png", PICTURE)[1].tobytes()).decode()
    lengths, starts = [48, 48, 32, 12], [0, 48, 96, 128]
    accessors = [
        {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": points.min(0).tolist(),
         "max": points.max(0).tolist()},
        {"bufferView": 1, "componentType": 5126, "count": 4, "type": "VEC3"},
        {"bufferView": 2, "componentType": 5126, "count": 4, "type": "VEC2"},
        {"bufferView": 3, "componentType": 5123, "count": 6, "type": "SCALAR"},
    ]  # fmt: skip
    document = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [
            {"attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}, "indices": 3, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}], "images": [{"uri": "data:image/png;base64," + image}],
        "buffers": [{"byteLength": len(blob), "uri": "data:application/octet-stream;base64,"
                     + base64.b64encode(blob).decode()}],
        "bufferViews": [{"buffer": 0, "byteOffset": a, "byteLength": n} for a, n in zip(starts, lengths)],
        "accessors": accessors,
    }  # fmt: skip
    path = folder / "board.gltf"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("write", [obj, ply, gltf])
def test_an_object_stands_there_with_its_texture(tmp_path, write):
    hall = Hall(lambda _seed: [], lambda _rng: Light((), ambient=1.0))
    camera = X3_CAMERA.scaled(320, 180)
    renderer = Renderer(camera, np.eye(4), world=World(object_from_file(write(tmp_path)), hall))
    # one metre in front, looking back
    T = np.eye(4)
    T[:3, :3] = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]])
    T[:3, 3] = [1.0, 0.0, 0.0]
    image = renderer.render(T)
    renderer.close()
    half = int(0.25 * camera.fx)
    column, row = 160, 90
    np.testing.assert_allclose(image[row - half // 2, column], [200, 0, 0], atol=2)
    np.testing.assert_allclose(image[row + half // 2, column], [0, 200, 0], atol=2)
    assert (image[row - half + 3, column - half + 3] > 150).any() and not image[row - half - 3, column].any()


def test_colours_of_vertices_are_painted(tmp_path):
    path = ply(tmp_path, texture="")
    text = (
        path.read_text()
        .replace(
            "property float u\nproperty float v\n",
            "".join(f"property uchar {name}\n" for name in ("red", "green", "blue")),
        )
        .replace(" 1 0 0 0 0", " 1 0 0 10 20 30")
    )
    for uv in ("1 0", "1 1", "0 1"):
        text = text.replace(f" 1 0 0 {uv}\n", " 1 0 0 10 20 30\n")
    path.write_text(text)
    board = object_from_file(path, 2.0)()[0]
    np.testing.assert_array_equal(board.paint, [[10, 20, 30]] * 4)
    np.testing.assert_allclose(board.mesh.points, 2 * np.array(CORNERS), atol=1e-6)


def test_colours_of_vertices_in_gltf_are_painted(tmp_path):
    path = gltf(tmp_path)
    document = json.loads(path.read_text())
    document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = 4
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorFactor": [1.0, 0.5, 1.0, 1.0]}}]
    blob = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1], [0.4, 0, 0]], np.float32).tobytes()
    document["buffers"].append(
        {"byteLength": 48, "uri": "data:application/octet-stream;base64," + base64.b64encode(blob).decode()}
    )
    document["bufferViews"].append({"buffer": 1, "byteOffset": 0, "byteLength": 48})
    document["accessors"].append({"bufferView": 4, "componentType": 5126, "count": 4, "type": "VEC3"})
    path.write_text(json.dumps(document))
    board = object_from_file(path)()[0]
    np.testing.assert_allclose(board.paint, [[255, 128, 0], [0, 128, 0], [0, 0, 255], [102, 0, 0]], atol=1)


@pytest.mark.parametrize("suffix", [".gltf", ".glb"])
def test_a_compressed_gltf_is_refused_by_the_name_of_its_extension(tmp_path, suffix):
    document = json.loads(gltf(tmp_path).read_text())
    document["extensionsUsed"] = document["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    content = json.dumps(document).encode()
    if suffix == ".glb":
        content += b" " * (-len(content) % 4)
        sizes = [(20 + len(content)).to_bytes(4, "little"), len(content).to_bytes(4, "little")]
        content = b"glTF" + (2).to_bytes(4, "little") + sizes[0] + sizes[1] + b"JSON" + content
    path = tmp_path / f"compressed{suffix}"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"compressed{suffix}: asks its reader for KHR_draco_mesh_compression"):
        object_from_file(path)


def test_what_cannot_be_flown_around_is_refused(tmp_path):
    with pytest.raises(SimulationError, match="reaches 25 m .* --object-scale 4.96"):
        object_from_file(obj(tmp_path), 100.0)
    with pytest.raises(SimulationError, match="ending in"):
        object_from_file(tmp_path / "board.stl")
    damaged = tmp_path / "damaged.glb"
    damaged.write_bytes(b"glTF nothing of the kind")
    with pytest.raises((SimulationError, ConfigError), match="damaged.glb"):
        object_from_file(damaged)
