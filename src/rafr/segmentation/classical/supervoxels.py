"""Cutting the bone into lumps of a few millimetres whose borders follow dark lines, and who touches whom."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rafr.geometry.rigid_transform import FloatArray
from rafr.segmentation.classical.evidence import Evidence


@dataclass(frozen=True, slots=True)
class SupervoxelConfig:
    """Attributes:
    apart_mm: least distance of two lumps' middles.
    smooth_mm: of the brightness before it is flooded.
    deep_mm: depth from which on deeper is no better as a middle.
    """

    apart_mm: float = 2.5
    smooth_mm: float = 0.8
    deep_mm: float = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Supervoxels:
    """Lumps 0..n-1 and the faces between them.

    Attributes:
        labels: (nk, nj, ni) int32, 0 outside, lump n has n + 1.
        middles: (n, 3) voxel (k, j, i) where a lump is deepest.
        voxels: (n,) sizes.
        pairs: (m, 2) touching lumps, first < second.
        seen, expected: (m,) brightness summed over their common faces.   faces: (m,) number of them.
    """

    labels: NDArray[np.int32]
    middles: NDArray[np.int64]
    voxels: NDArray[np.int64]
    pairs: NDArray[np.int64]
    seen: FloatArray
    expected: FloatArray
    faces: FloatArray

    @property
    def count(self) -> int:
        return len(self.middles)


def cut_up(evidence: Evidence, spacing_mm: float, config: SupervoxelConfig) -> Supervoxels:
    """Watershed (Vincent & Soille 1991) from the local maxima of brightness and depth."""
    from skimage.segmentation import watershed

    bright = ndimage.gaussian_filter(evidence.continuity, config.smooth_mm / spacing_mm, truncate=2.5)
    inner = bright + np.minimum(evidence.depth / config.deep_mm, 1.0)
    size = 2 * round(config.apart_mm / spacing_mm) + 1
    peaks = (inner == ndimage.maximum_filter(inner, size)) & evidence.bone
    markers, _ = ndimage.label(peaks, np.ones((3, 3, 3)))
    return relabelled(watershed(-inner, markers, mask=evidence.domain).astype(np.int32), evidence)


def relabelled(labels: NDArray[np.int32], evidence: Evidence) -> Supervoxels:
    """Lumps and their faces from any numbering (0 outside)."""
    labels, count = _renumbered(labels)
    index = np.argwhere(labels)
    owner = labels[tuple(index.T)]
    # the deepest voxel of every lump is written last
    order = np.argsort(evidence.depth[tuple(index.T)], kind="stable")
    middles = np.zeros((count, 3), dtype=np.int64)
    middles[owner[order] - 1] = index[order]
    return Supervoxels(
        labels, middles, np.bincount(owner, minlength=count + 1)[1:], *_faces(labels, evidence, count)
    )


def judged(lumps: Supervoxels, evidence: Evidence, where: NDArray[np.bool_]) -> Supervoxels:
    """The lumps with the faces between those of `where` (n,) judged by other evidence on the same domain."""
    _, seen, expected, _ = _faces(lumps.labels, evidence, lumps.count)
    chosen = where[lumps.pairs].all(axis=1)
    return replace(
        lumps, seen=np.where(chosen, seen, lumps.seen), expected=np.where(chosen, expected, lumps.expected)
    )


def _renumbered(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    used = np.flatnonzero(np.bincount(labels.ravel()))
    used = used[used > 0]
    table = np.zeros(int(labels.max()) + 1, np.int32)
    table[used] = np.arange(1, len(used) + 1)
    return table[labels], len(used)


def _faces(
    labels: NDArray[np.int32], evidence: Evidence, count: int
) -> tuple[NDArray[np.int64], FloatArray, FloatArray, FloatArray]:
    """Touching pairs; over their faces, sums of the darker voxel's brightness, of the expected one, of 1."""
    rows, columns, seen, expected = [], [], [], []
    for axis in range(3):
        near = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        far = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        a, b = labels[near], labels[far]
        face = (a != b) & (a > 0) & (b > 0)
        rows.append(np.minimum(a[face], b[face]) - 1)
        columns.append(np.maximum(a[face], b[face]) - 1)
        mean = 0.5 * (evidence.expected[near][face] + evidence.expected[far][face])
        seen.append(np.minimum(np.minimum(evidence.seen[near][face], evidence.seen[far][face]), mean))
        expected.append(mean)
    a, b = np.concatenate(rows).astype(np.int64), np.concatenate(columns).astype(np.int64)
    key, inverse = np.unique(a * count + b, return_inverse=True)
    dark = np.bincount(inverse, weights=np.concatenate(seen)).astype(float)
    total = np.bincount(inverse, weights=np.concatenate(expected)).astype(float)
    return np.stack([key // count, key % count], axis=1), dark, total, np.bincount(inverse).astype(float)
