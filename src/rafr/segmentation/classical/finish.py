"""From labels on the working grid to labels on the CT's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rafr.imaging.segmentation import BONES
from rafr.imaging.volume import Volume
from rafr.segmentation.classical.evidence import closed, depth_inside
from rafr.segmentation.classical.working_grid import onto

# marrow as dark as muscle is closed over this distance: mm, or voxels of the CT, which leave thin cortex out
_MARROW_MM, _MARROW_VOXELS = 2.0, 1.5
_REACH_MM = 2.5  # how far a label is carried to bone voxels that fell between those of the working grid


def marrow_filled(
    labels: NDArray[np.uint8], other: NDArray[np.bool_], spacing_mm: float, voxel_mm: float
) -> NDArray[np.uint8]:
    """Every bone with the dark marrow inside it, which no threshold finds.

    Args:
        other: bone that is none of these; neither it nor what lies nearer to it is filled.
        spacing_mm: of the grid.   voxel_mm: the CT's widest voxel side.
    """
    reach = max(_MARROW_MM, _MARROW_VOXELS * voxel_mm) / spacing_mm
    filled = labels.copy()
    for values in BONES.values():
        bone = (labels >= values.start) & (labels < values.stop)
        if not bone.any():
            continue
        box = _box(bone, int(2 * reach) + 2)
        whole = ndimage.binary_fill_holes(closed(bone[box], reach))
        known = bone[box] | other[box]
        nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        free = whole & (labels[box] == 0) & ~other[box]
        filled[box][free] = np.where(bone[box], labels[box], 0)[tuple(nearest)][free]
    return filled


def on_ct(labels: Volume, bone: Volume, *, keep_marrow: bool) -> NDArray[np.uint8]:
    """Labels on the grid of `bone` (bool, the CT's grid).

    Args:
        keep_marrow: what was filled is labelled too, not the bone voxels alone.
    """
    wide = labels.array
    for _ in range(round(_REACH_MM / float(labels.spacing[0]))):
        wide = np.where(wide > 0, wide, ndimage.maximum_filter(wide, 3))
    result = onto(labels.with_array(wide), bone, nearest=True)
    allowed = bone.array
    if keep_marrow:
        inner = depth_inside(labels.array > 0) * labels.spacing[0] > 1.2
        allowed = allowed | (onto(labels.with_array(inner.astype(np.uint8)), bone, nearest=True) > 0)
    return np.where(allowed, result, 0).astype(np.uint8)


def _box(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice, slice]:
    box = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append(slice(max(0, int(used[0]) - margin), int(used[-1]) + margin + 1))
    return box[0], box[1], box[2]
