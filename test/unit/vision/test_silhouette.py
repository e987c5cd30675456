# SPDX-License-Identifier: BSD-3-Clause
import os
import signal

import cv2
import numpy as np
import pytest
from mesh_files import BOX_FACES, box_corners, write_box_obj, write_box_ply, write_box_stl
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.geometry import invert, pose_matrix, transform_points
from camera_relocalization_ros.data import mesh_files
from camera_relocalization_ros.data.mesh_files import load_mesh
from camera_relocalization_ros.vision.silhouette import NEAR_M, ObjectMesh

CAMERA = CameraIntrinsics(320, 180, 194.0, 194.0, 159.5, 89.5)


def box_mesh(size=0.6, centre=(0.1, -0.1, 2.0)):
    return ObjectMesh(box_corners(size, centre)[BOX_FACES])


def points_on(mesh, count, rng):
    """Points (N, 3) spread over the triangles."""
    weights = rng.dirichlet([1, 1, 1], count)
    return np.einsum("nc,ncx->nx", weights, mesh.triangles[rng.integers(len(mesh.triangles), size=count)])


def seen(mask, points_camera):
    """Whether the mask covers, to a pixel, those points that are in front and within the image."""
    mask = cv2.dilate(mask, np.ones((3, 3)))
    pixels = CAMERA.project(points_camera)
    inside = (points_camera[:, 2] > NEAR_M) & (pixels >= 0).all(axis=1) & (pixels <= [319, 179]).all(axis=1)
    columns, rows = np.round(pixels[inside]).astype(int).T
    return mask[rows, columns] > 0


@pytest.mark.parametrize("write", [write_box_ply, write_box_obj, write_box_stl])
def test_a_mesh_file_gives_its_triangles(tmp_path, write):
    pytest.importorskip("vtkmodules")
    path = write(tmp_path / f"box.{write.__name__[-3:]}", 0.5, (1.0, 2.0, 3.0))
    triangles = load_mesh(path).triangles
    assert triangles.shape == (12, 3, 3)
    np.testing.assert_allclose(triangles.reshape(-1, 3).min(axis=0), [0.75, 1.75, 2.75], atol=1e-6)
    np.testing.assert_allclose(triangles.reshape(-1, 3).max(axis=0), [1.25, 2.25, 3.25], atol=1e-6)


@pytest.mark.parametrize(
    "name, content", [("none.ply", None), ("a.txt", b""), ("a.ply", b"not a mesh"), ("a.stl", b"")]
)
def test_what_is_no_mesh_is_named(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=name):
        load_mesh(tmp_path / name)


@pytest.mark.parametrize("seed", range(6))
def test_the_silhouette_covers_the_object_and_no_more(seed):
    rng = np.random.default_rng(seed)
    T_parent_camera = pose_matrix(rng.normal(0, 0.3, 3), Rotation.from_rotvec(rng.normal(0, 0.15, 3)).as_quat())
    mesh = box_mesh()
    mask = mesh.silhouette(CAMERA, T_parent_camera)
    assert set(np.unique(mask)) == {0, 255}
    T_camera_parent = invert(T_parent_camera)
    assert seen(mask, transform_points(T_camera_parent, points_on(mesh, 2000, rng))).all()
    # a box is convex: its silhouette is the hull of its corners
    corners = CAMERA.project(transform_points(T_camera_parent, mesh.triangles.reshape(-1, 3)))
    hull = cv2.convexHull(corners.astype(np.float32)).reshape(-1, 2)
    rows, columns = np.nonzero(mask)
    outside = [-cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x, y in zip(columns, rows)]
    assert max(outside) < 1.0
    widened = mesh.silhouette(CAMERA, T_parent_camera, margin_px=4)
    rows, columns = np.nonzero(widened)
    outside = [-cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x, y in zip(columns, rows)]
    assert 3.0 < max(outside) < 5.5
    assert (widened >= mask).all()


def test_what_is_behind_the_camera_is_not_seen_and_what_reaches_there_is_cut():
    assert not box_mesh(centre=(0.0, 0.0, -2.0)).silhouette(CAMERA, np.eye(4)).any()
    # a long beam from behind the camera to the front, to the right of it
    beam = box_mesh(size=1.0, centre=(0.0, 0.0, 0.0)).triangles * [0.2, 0.2, 6.0] + [0.4, 0.0, 0.0]
    mesh = ObjectMesh(beam)
    mask = mesh.silhouette(CAMERA, np.eye(4))
    covered = seen(mask, points_on(mesh, 5000, np.random.default_rng(0)))
    assert len(covered) > 1000
    assert covered.all()
    assert not mask[:, :150].any()


def test_a_camera_inside_the_object_sees_nothing_else():
    assert box_mesh(size=1.0, centre=(0.0, 0.0, 0.0)).silhouette(CAMERA, np.eye(4)).all()


def test_a_box_has_twelve_edges_however_its_faces_are_cut_and_wound():
    box = ObjectMesh.of_box(np.array([[-0.2, -0.4, 1.7], [0.4, 0.2, 2.3]]))
    for mesh in (box, box_mesh(), ObjectMesh(box.triangles[::-1, ::-1])):
        edges = np.sort(mesh.edges(), axis=1)
        assert edges.shape == (12, 2, 3)
        np.testing.assert_allclose(np.linalg.norm(edges[:, 0] - edges[:, 1], axis=1), 0.6)
        assert len(np.unique(edges.reshape(12, 6).round(6), axis=0)) == 12
    np.testing.assert_array_equal(
        box.silhouette(CAMERA, np.eye(4)), box_mesh(centre=(0.1, -0.1, 2.0)).silhouette(CAMERA, np.eye(4))
    )


def test_a_sheet_has_its_border_and_a_fold_shows_from_twenty_degrees_on():
    for angle, count in ((0.0, 4), (18.0, 4), (22.0, 5), (162.0, 4), (158.0, 5)):
        bend = Rotation.from_euler("y", angle, degrees=True)
        left = np.array([[[0, 0, 0], [0, 1, 0], [-1, 0.5, 0]]])
        right = bend.apply(np.array([[0, 0, 0], [0, 1, 0], [1, 0.5, 0]]))[None]
        assert len(ObjectMesh(np.concatenate([left, right]).astype(float)).edges()) == count


def test_a_reader_that_dies_or_fails_takes_nobody_with_it(tmp_path):
    def dies(_path):
        os.kill(os.getpid(), signal.SIGKILL)

    def fails(_path):
        raise IndexError("corner 7 of\n3")

    with pytest.raises(ConfigError, match="a.ply: a damaged mesh, which ended the process that read it"):
        mesh_files.isolated(dies, tmp_path / "a.ply")
    with pytest.raises(ConfigError, match=r"a.ply: a damaged mesh \(corner 7 of 3\)"):
        mesh_files.isolated(fails, tmp_path / "a.ply")
