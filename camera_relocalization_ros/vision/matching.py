# SPDX-License-Identifier: BSD-3-Clause
"""Which of two sets of descriptors belong together: each the other's best, and better than the next (Lowe 2004)."""

from __future__ import annotations

import numpy as np

NONE = -1.0
# of descriptors compared at once: a matrix of 1,000 rows takes 32 MB
CHUNK = 8192


def mutual_matches_of_pairs(
    rows: np.ndarray, columns: np.ndarray, similarity: np.ndarray, least_similarity: float, distance_ratio: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (k,), columns (k,) and cosines (k,) of the matches among pairs: rows (p,), columns (p,), cosines (p,).

    A row's best must be at least so similar, and its distance less than so many times that of the row's second best.
    """
    if not len(rows):
        return rows, columns, similarity
    # a row's pairs side by side; sorted by similarity too all this takes four times as long
    order = np.argsort(rows, kind="stable")
    rows, columns, similarity = rows[order], columns[order], similarity[order]
    is_first = np.append(True, rows[1:] != rows[:-1])
    first, of_row = np.flatnonzero(is_first), np.cumsum(is_first) - 1
    highest = np.flatnonzero(similarity == np.maximum.reduceat(similarity, first)[of_row])
    best = first.copy()
    best[of_row[highest]] = highest  # the last of those that are equally similar
    others = similarity.copy()
    others[best] = NONE
    second = np.maximum.reduceat(others, first)
    best_of_column = np.full(columns.max() + 1, NONE, dtype=similarity.dtype)
    np.maximum.at(best_of_column, columns, similarity)
    rows, columns, similarity = rows[best], columns[best], similarity[best]
    is_good = similarity == best_of_column[columns]
    is_good &= _is_distinct(similarity, second, least_similarity, distance_ratio)
    return rows[is_good], columns[is_good], similarity[is_good]


def mutual_matches_of_codes(
    codes: np.ndarray, others: np.ndarray, least_similarity: float, distance_ratio: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `mutual_matches_of_pairs`, of all pairs of unit vectors (n, k) and others (m, k), CHUNK of these at a time.

    Every pair is looked at, which takes 6 us for each of `others` and 800 codes. OpenCV's FLANN (four k-d trees) finds
    the nearest of 17,000 for 59 % of SIFT codes in 0.4 of that time, for 86 % in as much; docs/refinement.md.
    """
    rows = np.arange(len(codes))
    best, best_similarity, second = np.zeros(len(codes), dtype=np.int64), *np.full((2, len(codes)), NONE)
    of_column = [np.empty(0)]
    for first in range(0, len(others), CHUNK):
        similarity = codes @ others[first : first + CHUNK].T
        column = similarity.argmax(axis=1)
        highest = similarity[rows, column]
        of_column.append(similarity.max(axis=0, initial=NONE))
        similarity[rows, column] = NONE
        second = np.maximum(second, similarity.max(axis=1))
        second = np.maximum(second, np.minimum(best_similarity, highest))
        is_better = highest > best_similarity
        best = np.where(is_better, first + column, best)
        best_similarity = np.maximum(best_similarity, highest)
    if not len(rows) or not len(others):
        return rows[:0], rows[:0], np.empty(0)
    is_good = best_similarity == np.concatenate(of_column)[best]
    is_good &= _is_distinct(best_similarity, second, least_similarity, distance_ratio)
    return rows[is_good], best[is_good], best_similarity[is_good]


def _is_distinct(best: np.ndarray, second: np.ndarray, least_similarity: float, distance_ratio: float) -> np.ndarray:
    # distances of unit vectors: the root of 2 - 2 cosine
    ratio = np.sqrt(np.maximum(1 - best, 0) / np.maximum(1 - second, 1e-9))
    is_distinct: np.ndarray = (best > least_similarity) & (ratio < distance_ratio)
    return is_distinct
