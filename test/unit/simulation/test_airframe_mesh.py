# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
import pyvista

from camera_relocalization_ros.core.errors import SimulationError
from camera_relocalization_ros.simulation import airframe_shape
from camera_relocalization_ros.simulation.airframe import save_airframe_mesh


@pytest.mark.parametrize("suffix", [".ply", ".stl", ".obj"])
def test_the_written_mesh_is_the_airframe_on_its_stand(tmp_path, suffix):
    path = tmp_path / f"airframe{suffix}"
    save_airframe_mesh(path)
    mesh = pyvista.read(str(path))
    assert mesh.is_all_triangles
    for landmark in airframe_shape.LANDMARKS.values():
        assert np.linalg.norm(mesh.points - landmark, axis=1).min() < 0.02
    x_min, x_max, y_min, y_max, z_min, z_max = mesh.bounds
    np.testing.assert_allclose([x_min, x_max, y_min, y_max], [-1.34, 1.30, -1.25, 1.25], atol=0.01)
    np.testing.assert_allclose([z_min, z_max], [-1.61, 0.60], atol=0.01)


@pytest.mark.parametrize("name", ["airframe.txt", "missing/airframe.ply"])
def test_a_mesh_that_cannot_be_written_is_refused(tmp_path, name):
    with pytest.raises(SimulationError, match=name):
        save_airframe_mesh(tmp_path / name)
