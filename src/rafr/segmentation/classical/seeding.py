"""Putting seed points onto lumps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from rafr.errors import InputError
from rafr.imaging.volume import Volume
from rafr.segmentation.classical.evidence import Evidence
from rafr.segmentation.classical.merging import UNMARKED
from rafr.segmentation.classical.supervoxels import Supervoxels, relabelled
from rafr.segmentation.seeds import Seeds


def plant(
    seeds: Seeds, lumps: Supervoxels, evidence: Evidence, grid: Volume, reach_mm: float
) -> tuple[Supervoxels, NDArray[np.int64]]:
    """The lumps, those with seeds of several labels divided among them, and the label value of each.

    Raises:
        InputError: a seed has no bone within `reach_mm`.
    """
    values = np.concatenate([np.full(len(p), k) for k, p in seeds.points.items()])
    points = np.concatenate(list(seeds.points.values()))
    index = np.argwhere(lumps.labels > 0)
    where = grid.index_to_lps(index[:, ::-1])
    distance, near = cKDTree(where).query(points)
    if distance.max() > reach_mm:
        worst = int(np.argmax(distance))
        shown = ", ".join(f"{c:.1f}" for c in points[worst])
        problem = f"the point [{shown}] of label {values[worst]} lies {distance[worst]:.0f} mm from any bone"
        raise InputError("seeds", problem, "points (LPS mm) inside bone of this CT")
    at = lumps.labels[tuple(index[near].T)]
    shared = [n for n in np.unique(at) if len(set(values[at == n])) > 1]
    if shared:
        lumps = _divided(lumps, evidence, index, where, shared, points, at, values)
        at = lumps.labels[tuple(index[near].T)]
    mark = np.full(lumps.count, UNMARKED, dtype=np.int64)
    mark[at - 1] = values
    return lumps, mark


def _divided(
    lumps: Supervoxels,
    evidence: Evidence,
    index: NDArray[np.int64],
    where: NDArray[np.float64],
    shared: list[int],
    points: NDArray[np.float64],
    at: NDArray[np.int32],
    values: NDArray[np.int64],
) -> Supervoxels:
    """Every voxel of a lump that several labels claim goes to its nearest seed's label."""
    labels = lumps.labels.copy()
    owner = lumps.labels[tuple(index.T)]
    following = lumps.count + 1
    for lump in shared:
        voxels = np.flatnonzero(owner == lump)
        own = np.flatnonzero(at == lump)
        nearest = values[own[cKDTree(points[own]).query(where[voxels])[1]]]
        for value in np.unique(nearest)[1:]:
            labels[tuple(index[voxels[nearest == value]].T)] = following
            following += 1
    return relabelled(labels, evidence)
