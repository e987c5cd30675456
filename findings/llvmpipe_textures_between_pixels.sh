#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The time that Mesa's software renderer takes for a pixel grows with the square of the textures between it and the next.
#
# Guess beforehand: a pixel costs about as much wherever it lies on its texture: VTK asks for an anisotropy of 4, so that
# four or so samples of a fitting mipmap level are enough, and from the coarsest level on, whose one texel is the
# texture's mean, there is nothing left to look up.
# Seen (VTK 9.7.2; Mesa 22.3.6 of Debian 12): the time grows with the square of the textures that lie between neighbouring
# pixels: 0.01, 0.1 and 0.9 s for 16 x 16 pixels of a texture of 64 x 64, at 3, 10 and 30 of them. Without anisotropy it
# does not grow. So camera_relocalization_ros bounds the coordinates where pixels lie far apart on a texture.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check vtk==9.7.2 numpy
cat >"$folder/program.py" <<'PYTHON'
import time

import numpy as np
import vtkmodules.vtkRenderingOpenGL2  # noqa: F401
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkFiltersSources import vtkPlaneSource
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow, vtkTexture

PIXELS = 16


def seconds(textures_per_pixel, anisotropy):
    """The processor's time for a picture of a plane that fills it."""
    plane = vtkPlaneSource()
    plane.Update()
    mesh, grid, texture = plane.GetOutput(), vtkImageData(), vtkTexture()
    # both change along one direction only, as on a face that is seen edge-on
    uv = np.array([[0, 0], [1, 1], [0, 0], [1, 1]], np.float32) * np.float32(textures_per_pixel * PIXELS)
    mesh.GetPointData().SetTCoords(numpy_to_vtk(uv, deep=True))
    grid.SetDimensions(64, 64, 1)
    grid.GetPointData().SetScalars(numpy_to_vtk(np.full((64 * 64, 3), 120, np.uint8), deep=True))
    texture.SetInputData(grid)
    texture.MipmapOn()
    texture.InterpolateOn()
    texture.SetMaximumAnisotropicFiltering(anisotropy)
    mapper, actor, scene, window = vtkPolyDataMapper(), vtkActor(), vtkRenderer(), vtkRenderWindow()
    mapper.SetInputData(mesh)
    actor.SetMapper(mapper)
    actor.SetTexture(texture)
    scene.AddActor(actor)
    scene.GetActiveCamera().SetPosition(0, 0, 1.5)
    window.SetOffScreenRendering(True)
    window.SetMultiSamples(0)
    window.SetSize(PIXELS, PIXELS)
    window.AddRenderer(scene)
    window.Render()  # compiles
    actor.RotateZ(180)
    start = time.process_time()
    window.Render()
    window.WaitForCompletion()
    return time.process_time() - start


taken = {}
for anisotropy in (4, 1):
    for textures in (3, 10, 30):
        taken[anisotropy, textures] = seconds(textures, anisotropy)
        print(f"anisotropy {anisotropy}: {textures:2} textures per pixel {taken[anisotropy, textures]:8.3f} s", flush=True)
assert taken[4, 30] > 20 * taken[4, 3] and taken[1, 30] < 0.1 * taken[4, 30]
PYTHON
"$folder/venv/bin/python" "$folder/program.py"
echo "still so: ten times the textures between two pixels take more than twenty times as long"
