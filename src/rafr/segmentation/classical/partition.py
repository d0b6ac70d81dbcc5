"""From lumps to bones and fragments, by marks of the atlas or by seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.segmentation import BONES as VALUES
from rafr.imaging.volume import Volume
from rafr.segmentation.classical.marks import BONES, OTHER, Marks
from rafr.segmentation.classical.merging import UNMARKED, Merged, absorbed, merge
from rafr.segmentation.classical.supervoxels import Supervoxels
from rafr.segmentation.seeds import Seeds, rounded

NOTHING = -1
"""Label of a lump that belongs to nothing that was found."""


@dataclass(frozen=True, slots=True)
class PartitionConfig:
    """What counts as one piece.

    Attributes:
        doubt_mm2: contact of two lumps that counts half.
        least_share: of the volume the atlas lets expect, under which a bone is not in the image.
        bone_stop: continuity under which the search for bones stops.
        piece_stop: per bone, continuity under which two parts are fragments, as a share of that of all
            lumps of the bone. The weakest place of unbroken hips came out at 0.76 and more, of a sacrum with
            its thin cortex and dark marrow at 0.4 and more.
        smallest_mm3: a fragment has at least this much …
        chip_mm3, chip_share: … or this, where its continuity is under that share.
        reach_mm: largest distance of a mean lump from the bone the atlas has nearest.
        speck_mm: crumbs this near to a fragment go with it.
        seed_mm3: a fragment gets one seed per this much bone.   most_seeds: per fragment.
    """

    doubt_mm2: float = 15.0
    least_share: float = 0.4
    bone_stop: float = 0.2
    piece_stop: tuple[float, float, float] = (0.2, 0.74, 0.74)
    smallest_mm3: float = 8000.0
    chip_mm3: float = 2000.0
    chip_share: float = 0.25
    reach_mm: float = 25.0
    speck_mm: float = 6.0
    seed_mm3: float = 8000.0
    most_seeds: int = 40


def absent_bones(
    lumps: Supervoxels, marks: Marks, expected_mm3: FloatArray, spacing_mm: float, config: PartitionConfig
) -> list[int]:
    """Indices in BONES of which hardly anything is there: what bears their marks is of a neighbour.

    Args:
        expected_mm3: (b,) of every bone in the image, had the patient an average pelvis.
    """
    bone = _bones(lumps, marks, spacing_mm, config)
    known = bone >= 0
    found = np.bincount(bone[known], weights=lumps.voxels[known] * spacing_mm**3, minlength=OTHER + 1)
    return [n for n in range(len(BONES)) if found[n] < config.least_share * expected_mm3[n]]


def find_pieces(
    lumps: Supervoxels, marks: Marks, spacing_mm: float, config: PartitionConfig
) -> NDArray[np.int64]:
    """Label value (n,) of every lump: 0 other bone, NOTHING for crumbs.

    The main fragment of a bone, its largest, has the bone's first value; the others follow by volume.
    """
    volume = lumps.voxels.astype(float) * spacing_mm**3
    bone = _bones(lumps, marks, spacing_mm, config)
    label = np.where(bone == OTHER, 0, NOTHING)
    for number, name in enumerate(BONES):
        mine = bone == number
        if volume[mine].sum() < config.smallest_mm3:
            continue
        piece = _pieces(lumps, mine, volume, config.piece_stop[number], spacing_mm, config)
        sizes = np.bincount(piece[mine], weights=volume[mine])
        values = VALUES[name]
        for rank, cluster in enumerate(np.argsort(-sizes)[: len(values)]):
            if rank == 0 or sizes[cluster] >= config.chip_mm3:
                label[mine & (piece == cluster)] = values[rank]
    return label


def _bones(lumps: Supervoxels, marks: Marks, spacing_mm: float, config: PartitionConfig) -> NDArray[np.int64]:
    """Index in BONES, OTHER or NOTHING, per lump."""
    doubt = config.doubt_mm2 / spacing_mm**2
    merged = merge(
        lumps.pairs, lumps.seen, lumps.expected, lumps.faces, marks.mark, stop=config.bone_stop, doubt=doubt
    )
    owner = merged.mark[merged.cluster]
    # what bears no mark goes to the nearest bone of the atlas, as a whole
    weights = lumps.voxels.astype(float)
    total = np.bincount(merged.cluster, weights=weights)
    mean = np.stack([np.bincount(merged.cluster, weights=weights * d) / total for d in marks.distance])
    nearest = np.where(mean.min(axis=0) < config.reach_mm, mean.argmin(axis=0), NOTHING)
    return np.where(owner == UNMARKED, nearest[merged.cluster], owner)


def _pieces(
    lumps: Supervoxels,
    mine: NDArray[np.bool_],
    volume: FloatArray,
    stop: float,
    spacing_mm: float,
    config: PartitionConfig,
) -> NDArray[np.int64]:
    """Cluster per lump; those of other bones are clusters of their own, numbered last."""
    number = np.cumsum(mine) - 1
    inside = mine[lumps.pairs].all(axis=1)
    pairs = number[lumps.pairs[inside]]
    seen, expected, faces = lumps.seen[inside], lumps.expected[inside], lumps.faces[inside]
    free = np.full(int(mine.sum()), UNMARKED, dtype=np.int64)
    usual = float(seen.sum() / max(expected.sum(), 1.0))
    doubt = config.doubt_mm2 / spacing_mm**2
    merged = merge(pairs, seen, expected, faces, free, stop=stop * usual, doubt=doubt)
    chip = min(stop, config.chip_share) * usual
    merged = absorbed(merged, pairs, seen, expected, volume[mine], config.smallest_mm3, chip)
    merged = absorbed(merged, pairs, seen, expected, volume[mine], config.chip_mm3)
    cluster = np.full(lumps.count, len(merged.mark), dtype=np.int64)
    cluster[mine] = merged.cluster
    return cluster


def seeds_for(lumps: Supervoxels, label: NDArray[np.int64], grid: Volume, config: PartitionConfig) -> Seeds:
    """Points spread over every fragment and over the other bone, the deepest places of its lumps."""
    voxel = float(np.prod(grid.spacing))
    points = {}
    for value in np.unique(label[label >= 0]):
        mine = np.flatnonzero(label == value)
        middles = grid.index_to_lps(lumps.middles[mine][:, ::-1])
        wanted = int(np.clip(lumps.voxels[mine].sum() * voxel / config.seed_mm3, 3, config.most_seeds))
        points[int(value)] = middles[_spread(middles, lumps.voxels[mine], wanted)]
    return rounded(Seeds(points))


def _spread(points: FloatArray, size: NDArray[np.int64], count: int) -> list[int]:
    """Indices of points far from each other, the largest lump first (farthest-point sampling)."""
    chosen = [int(np.argmax(size))]
    distance = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen


def grow(
    lumps: Supervoxels, marks: NDArray[np.int64], spacing_mm: float, config: PartitionConfig
) -> NDArray[np.int64]:
    """Label value (n,) of every lump from the lumps that bear seeds (`marks`: value or UNMARKED).

    The same merging as in the search, without an end: only different labels stay apart.
    """
    doubt = config.doubt_mm2 / spacing_mm**2
    merged: Merged = merge(lumps.pairs, lumps.seen, lumps.expected, lumps.faces, marks, stop=0.0, doubt=doubt)
    return merged.mark[merged.cluster]


def with_specks(
    lumps: Supervoxels, label: NDArray[np.int64], spacing_mm: float, reach_mm: float
) -> NDArray[np.int64]:
    """Lumps that touch nothing labelled take the label of the nearest one within `reach_mm`."""
    loose = np.flatnonzero(label == NOTHING)
    known = np.flatnonzero(label > 0)
    if not len(loose) or not len(known):
        return label
    index = np.argwhere(lumps.labels > 0)
    owner = lumps.labels[tuple(index.T)] - 1
    settled = np.isin(owner, known)
    free = np.isin(owner, loose)
    if not free.any():
        return label
    distance, near = cKDTree(index[settled] * spacing_mm).query(
        index[free] * spacing_mm, distance_upper_bound=reach_mm
    )
    result = label.copy()
    order = np.argsort(-distance)
    reached = order[np.isfinite(distance[order])]
    # the nearest voxel of a lump is written last and decides
    result[owner[free][reached]] = label[owner[settled][near[reached]]]
    return result
