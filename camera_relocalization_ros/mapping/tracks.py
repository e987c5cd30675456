# SPDX-License-Identifier: BSD-3-Clause
"""Matches of image pairs joined to tracks: all places where one point of the scene was seen."""

from __future__ import annotations

import numpy as np


def join_matches(features: np.ndarray, strengths: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Track (f,) of every feature, tracks numbered from 0; -1 for features that match none.

    features (m, 2): of each match; strengths (m,): how alike they are; image (f,) of every feature. The most alike are
    joined first, and tracks that would then hold two features of one image stay apart (Kruskal's spanning forest with
    a conflict rule): joined without it, a few wrong matches make one track of half the scene.
    """
    root = list(range(len(image)))
    members: dict[int, dict[int, None]] = {}
    image_of = image.tolist()

    def find(feature: int) -> int:
        while root[feature] != feature:
            root[feature] = root[root[feature]]
            feature = root[feature]
        return feature

    for a, b in features[np.argsort(-strengths, kind="stable")].tolist():
        a, b = find(a), find(b)
        if a == b:
            continue
        of_a, of_b = members.get(a) or {image_of[a]: None}, members.get(b) or {image_of[b]: None}
        if len(of_a) < len(of_b):
            a, b, of_a, of_b = b, a, of_b, of_a
        if of_a.keys().isdisjoint(of_b):
            root[b] = a
            of_a.update(of_b)
            members[a] = of_a
            members.pop(b, None)
    track = np.full(len(image), -1)
    joined = np.array([find(feature) for feature in np.unique(features)], dtype=np.int64)
    names, numbers, sizes = np.unique(joined, return_inverse=True, return_counts=True)
    track[np.unique(features)] = np.where(sizes[numbers] > 1, numbers, -1)
    return track
