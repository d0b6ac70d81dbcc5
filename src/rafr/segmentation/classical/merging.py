"""Merging lumps of bone over their most continuous border first, never across different marks."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.geometry.rigid_transform import FloatArray

UNMARKED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """Attributes:
    cluster: (n,) number 0.. of the cluster every lump belongs to.
    mark: (c,) of every cluster, or UNMARKED.
    """

    cluster: NDArray[np.int64]
    mark: NDArray[np.int64]


def merge(
    pairs: NDArray[np.int64],
    seen: FloatArray,
    expected: FloatArray,
    faces: FloatArray,
    marks: NDArray[np.int64],
    *,
    stop: float,
    doubt: float,
) -> Merged:
    """Agglomerate a graph of lumps: average linkage of the share of brightness that is seen.

    Two clusters' continuity is seen / expected, both summed over all of their common faces, times
    faces / (faces + doubt); the pair with the highest merges first. A mark spreads over its cluster;
    different marks never merge.

    Args:
        pairs: (m, 2) touching lumps.   seen, expected: (m,) summed over their `faces` (m,).
        marks: (n,) integers, UNMARKED where free.
        stop: continuity under which nothing merges.
        doubt: number of faces at which a contact counts half.
    """
    links: list[dict[int, tuple[float, float, float]]] = [{} for _ in marks]
    heap: list[tuple[float, int, int, float]] = []

    def offer(a: int, b: int, s: float, e: float, f: float) -> None:
        share = s / e * f / (f + doubt)
        if share >= stop:
            heapq.heappush(heap, (-share, a, b, e))

    for (a, b), *link in zip(pairs.tolist(), seen.tolist(), expected.tolist(), faces.tolist(), strict=True):
        s, e, f = link
        links[a][b] = links[b][a] = (s, e, f)
        offer(a, b, s, e, f)
    parent = np.arange(len(marks))
    mark = marks.copy()
    while heap:
        _, a, b, e = heapq.heappop(heap)
        # an entry is stale once either cluster has grown or gone
        if links[a].get(b, (0.0, -1.0, 0.0))[1] != e or not _fit(mark[a], mark[b]):
            continue
        if len(links[a]) < len(links[b]):
            a, b = b, a
        parent[b] = a
        mark[a] = max(mark[a], mark[b])
        for c, (s2, e2, f2) in links[b].items():
            del links[c][b]
            if c != a:
                s1, e1, f1 = links[a].get(c, (0.0, 0.0, 0.0))
                links[a][c] = links[c][a] = (s1 + s2, e1 + e2, f1 + f2)
                offer(a, c, s1 + s2, e1 + e2, f1 + f2)
        links[b] = {}
    roots = _roots(parent)
    kept, cluster = np.unique(roots, return_inverse=True)
    return Merged(cluster.astype(np.int64), mark[kept])


def _fit(a: int, b: int) -> bool:
    return a == b or UNMARKED in (a, b)


def _roots(parent: NDArray[np.int64]) -> NDArray[np.int64]:
    roots = parent
    while not np.array_equal(roots, roots[roots]):
        roots = roots[roots]
    return roots


def links_of(
    merged: Merged, pairs: NDArray[np.int64], seen: FloatArray, expected: FloatArray
) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """The same graph between clusters: pairs, and brightness over their faces."""
    ends = np.sort(merged.cluster[pairs], axis=1)
    between = ends[:, 0] != ends[:, 1]
    count = len(merged.mark)
    key, inverse = np.unique(ends[between] @ np.array([count, 1]), return_inverse=True)
    found, total = (
        np.bincount(inverse, weights=v[between], minlength=len(key)).astype(float) for v in (seen, expected)
    )
    return np.stack([key // count, key % count], axis=1), found, total


def absorbed(
    merged: Merged,
    pairs: NDArray[np.int64],
    seen: FloatArray,
    expected: FloatArray,
    sizes: Sequence[float] | FloatArray,
    smallest: float,
    least_share: float = 0.0,
) -> Merged:
    """Clusters under `smallest` join the neighbour they share most brightness with.

    Args:
        sizes: (n,) of the lumps.
        least_share: continuity that it takes.
    """
    cluster, mark = merged.cluster.copy(), merged.mark.copy()
    while True:
        now = Merged(cluster, mark)
        volume = np.bincount(cluster, weights=sizes, minlength=len(mark))
        links, found, total = links_of(now, pairs, seen, expected)
        fits = (mark[links[:, 0]] == mark[links[:, 1]]) | (mark[links] == UNMARKED).any(axis=1)
        small = (volume[links] < smallest).any(axis=1) & fits & (found >= least_share * total)
        if not small.any():
            return _compact(now)
        order = np.flatnonzero(small)
        # the smallest first, over its strongest link
        least = volume[links[order]].min(axis=1)
        first = order[np.lexsort((-found[order], least))[0]]
        a, b = links[first]
        cluster[cluster == b] = a
        mark[a] = max(mark[a], mark[b])


def _compact(merged: Merged) -> Merged:
    kept, cluster = np.unique(merged.cluster, return_inverse=True)
    return Merged(cluster.astype(np.int64), merged.mark[kept])
