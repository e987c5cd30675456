# SPDX-License-Identifier: BSD-3-Clause
"""How large tags are in a scene by the pixels of their corners, and how sure that is.

A picture shows the black square of a tag larger or smaller than it is: where white paper is overexposed, each edge lies
a tenth of a pixel or two inside. That is alike in all pictures, so it looks like another scale; but near tags suffer
less than far ones, which tells it from one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np

from camera_relocalization_ros.mapping.survey.scene_points import ScenePoint
from camera_relocalization_ros.mapping.survey.squares import pixel_fit

# standard deviation of what edges are shifted by before pictures tell; light and blur of benchmarks shift them by 0.15
EDGE_SHIFT_PX = 0.1


@dataclass(frozen=True)
class TagSizes:
    """Logarithm of the scene's units for a metre, and pixels by which pictures show edges of tags shifted outwards.

    error: standard deviation of the logarithm, by how well tags fit to their pixels and are alike in size (Birge 1932),
    with what is not known of the shift. unlike: how much more sizes differ than pixels explain, 1 or less if not.
    """

    log_units_per_m: float
    edge_shift_px: float
    error: float
    unlike: float


def tag_sizes(tags: Sequence[Sequence[ScenePoint]], axes_m: np.ndarray) -> TagSizes:
    """The common size, and shift, under which tags, each by its corners, fit best; axes_m: corners (4, 3) of a tag."""
    fits = [_Fit.of(corners, axes_m) for corners in tags]
    variance_px2 = sum(fit.squares_px2 for fit in fits) / sum(fit.free for fit in fits)
    normal = sum(fit.normal for fit in fits) + np.diag([0.0, variance_px2 / EDGE_SHIFT_PX**2])
    # sizes are counted from that of the first tag
    start = fits[0].log_size
    offsets = np.array([fit.log_size - start for fit in fits])
    pull = sum(fit.normal[:, 0] * offset + fit.gradient for fit, offset in zip(fits, offsets))
    solution = np.linalg.solve(normal, pull)
    covariance = variance_px2 * np.linalg.inv(normal)
    # with the shift as it was found
    weights = np.array([fit.normal[0, 0] for fit in fits]) / variance_px2
    own = offsets - np.array([fit.normal[0, 1] / fit.normal[0, 0] for fit in fits]) * solution[1]
    unlike = np.sqrt((weights * (own - solution[0]) ** 2).sum() / max(len(fits) - 1, 1))
    error = np.sqrt(covariance[0, 0] + (max(unlike, 1.0) ** 2 - 1) / weights.sum())
    return TagSizes(start + float(solution[0]), float(solution[1]), float(error), float(unlike))


def without_shift(corners: Sequence[ScenePoint], shift_px: float) -> list[ScenePoint]:
    """Corners of a tag at pixels where they would be seen if no edge were shifted outwards."""
    seen_px = np.array([[px for _, px in corner.views] for corner in corners])
    true_px = seen_px - shift_px * _outwards(seen_px)
    return [
        ScenePoint(corner.position, [(image, px) for (image, _), px in zip(corner.views, pixels)])
        for corner, pixels in zip(corners, true_px)
    ]


@dataclass(frozen=True)
class _Fit:
    """A tag fitted alone, by its corners as they are seen: how large it is then, and what residuals are left.

    normal (2, 2), gradient (2,): normal equations about log_size and no shift, of the size and of the shift of edges,
    without its turn and place, which are eliminated. free: residuals beyond what the fit takes up.
    """

    log_size: float
    normal: np.ndarray
    gradient: np.ndarray
    squares_px2: float
    free: int

    @classmethod
    def of(cls, corners: Sequence[ScenePoint], axes_m: np.ndarray) -> _Fit:
        fit = pixel_fit(corners, axes_m)
        seen_px = np.array([[px for _, px in corner.views] for corner in corners])
        projected_px = seen_px + fit.residuals_px.reshape(seen_px.shape)
        # seven unknowns of the fit, the last of which is the size, and the shift, which a residual grows with
        jacobian = np.column_stack([fit.jacobian, _outwards(projected_px).ravel()])
        full, down = jacobian.T @ jacobian, -jacobian.T @ fit.residuals_px
        gains = np.linalg.solve(full[:6, :6], full[:6, 6:]).T
        normal, gradient = full[6:, 6:] - gains @ full[:6, 6:], down[6:] - gains @ down[:6]
        free = len(fit.residuals_px) - len(fit.jacobian.T)
        return cls(float(np.log(fit.to_scene.scale)), normal, gradient, float((fit.residuals_px**2).sum()), free)


def _outwards(corners_px: np.ndarray) -> np.ndarray:
    """Where corners (4, N, 2) go, in their order around each of N squares, when all edges move outwards by one."""
    edges = np.roll(corners_px, -1, axis=0) - corners_px
    edges /= np.linalg.norm(edges, axis=2, keepdims=True)
    normals = np.stack([edges[..., 1], -edges[..., 0]], axis=2)
    middles = corners_px + np.roll(corners_px, -1, axis=0)
    side = np.sum(normals * (middles - middles.mean(axis=0)), axis=2, keepdims=True)
    normals *= np.sign(side)
    before = np.roll(normals, 1, axis=0)
    moved: np.ndarray = (normals + before) / (1 + np.sum(normals * before, axis=2, keepdims=True))
    return moved
