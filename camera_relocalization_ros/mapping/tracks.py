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
    # of each feature its track, named by one of its features, and the next one of it in a ring; by name how many it
    # has, and a bit for each image. When tracks are joined the fewer features are renamed: nothing has to be searched
    name, following, count = list(range(len(image))), list(range(len(image))), [1] * len(image)
    seen = [1 << number for number in image.tolist()]
    for a, b in features[np.argsort(-strengths, kind="stable")].tolist():
        a, b = name[a], name[b]
        if a == b or seen[a] & seen[b]:
            continue
        if count[a] < count[b]:
            a, b = b, a
        feature = b
        while name[feature] != a:
            name[feature] = a
            feature = following[feature]
        following[a], following[b] = following[b], following[a]
        count[a] += count[b]
        seen[a], seen[b] = seen[a] | seen[b], 0
    track = np.full(len(image), -1)
    matched = np.unique(features)
    _, numbers, sizes = np.unique(np.array(name)[matched], return_inverse=True, return_counts=True)
    track[matched] = np.where(sizes[numbers] > 1, numbers, -1)
    return track
