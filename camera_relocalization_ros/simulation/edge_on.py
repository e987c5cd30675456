# SPDX-License-Identifier: BSD-3-Clause
"""Keeps faces that are seen edge-on from taking minutes to draw.

On such a face millions of textures lie between one pixel and the next. Mesa, which draws where there is no graphics
card, goes through all texels in between for its anisotropic filter (findings/llvmpipe_textures_between_pixels.sh).
"""

from __future__ import annotations

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor

# where VTK's shader of pixels declares their texture coordinates, to use them later under the name in BOUND's last line
DECLARED = "//VTK::TCoord::Dec"
# some 0.15 s for eight pixels, going by that script; less would change the picture of more pixels
TEXELS_APART = 4096
# GLSL's. Where pixels lie farther apart, the coordinates stay within the mesh's. Pixels are drawn four at a time, of
# which some lie beside the face, and which need the same answer: what is far for one of them is far for all.
BOUND = """
vec2 bound(vec2 uv)
{{
  vec2 most = {texels:.1f} / vec2(textureSize(actortexture, 0));
  bool isNear = all(lessThanEqual(abs(dFdx(uv)), most)) && all(lessThanEqual(abs(dFdy(uv)), most));
  float far = isNear ? 0.0 : 1.0;
  far = max(far, abs(dFdx(far)));
  far = max(far, abs(dFdy(far)));
  return far > 0.5 ? clamp(uv, vec2({low[0]:.1f}, {low[1]:.1f}), vec2({high[0]:.1f}, {high[1]:.1f})) : uv;
}}
#define tcoordVCVSOutput bound(tcoordVCVSOutput)
"""


def bound_texture_coordinates(actor: vtkActor, mesh: vtkPolyData) -> None:
    """Have an actor's texture looked up no farther off than its mesh's coordinates, where pixels lie far apart on it.

    Other pixels stay the same to the bit.
    """
    uv = vtk_to_numpy(mesh.GetPointData().GetTCoords())
    uv = uv[np.isfinite(uv).all(axis=1)]
    # whole textures: actors whose shaders have the same text share one
    low, high = np.floor(uv.min(axis=0, initial=0.0)), np.ceil(uv.max(axis=0, initial=1.0))
    text = DECLARED + BOUND.format(texels=TEXELS_APART, low=low, high=high)
    actor.GetShaderProperty().AddFragmentShaderReplacement(DECLARED, True, text, False)
