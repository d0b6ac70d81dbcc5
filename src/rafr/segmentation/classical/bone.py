"""Which voxels are bone: by the file's own background in a bone CT, by threshold in a whole one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.imaging.volume import Volume

_AIR_HU = -300.0


@dataclass(frozen=True, slots=True)
class BoneConfig:
    """Grey values in HU.

    Attributes:
        certain_hu: bone without doubt.   possible_hu: bone where it is joined to certain bone.
        marrow_hu: what may be marrow, inside the fitted bones and enclosed by bone.
        edge_share: of the brightest voxel beside it, from which on a voxel of the surface is bone.
        constant_share: of all voxels, from which on one single value is a background cut away.
    """

    certain_hu: float = 250.0
    possible_hu: float = 150.0
    marrow_hu: float = -100.0
    edge_share: float = 0.4
    constant_share: float = 0.5


def background_value(ct: Volume, config: BoneConfig) -> float | None:
    """The value a bone CT has outside bone, or None for a CT that shows the whole body.

    A whole CT has constant voxels too (air and padding), but never as dense as soft tissue.
    """
    sample = ct.array[::3, ::3, ::3]
    values, counts = np.unique(sample, return_counts=True)
    most = int(np.argmax(counts))
    value = float(values[most])
    if counts[most] < config.constant_share * sample.size:
        return None
    if value > _AIR_HU:
        return value
    # bone cut out onto air: nothing between air and bone is left
    rest = sample[sample != values[most]]
    soft = np.mean((rest > -200.0) & (rest < 80.0)) if rest.size else 1.0
    return value if soft < 0.35 else None


def bone_mask(ct: Volume, background: float | None, config: BoneConfig) -> NDArray[np.bool_]:
    """True where there is bone, on the CT's grid."""
    if background is not None:
        return np.asarray(ct.array != background)
    import SimpleITK as sitk

    image = ct.to_sitk()
    smooth = sitk.DiscreteGaussian(sitk.Cast(image, sitk.sitkFloat32), 0.36, maximumKernelWidth=5)
    grown = sitk.DoubleThreshold(
        smooth, config.possible_hu, config.certain_hu, 1e5, 1e5, insideValue=1, outsideValue=0
    )
    return np.asarray(sitk.GetArrayFromImage(grown) > 0)


def enclosed(bone: NDArray[np.bool_], *, directions: int = 5) -> NDArray[np.bool_]:
    """True where there is bone, near or far, in at least that many of the six directions of the axes."""
    count = np.zeros(bone.shape, np.uint8)
    for axis in range(3):
        count += np.maximum.accumulate(bone, axis)
        count += np.flip(np.maximum.accumulate(np.flip(bone, axis), axis), axis)
    return count >= directions


def faint_edge(hu: NDArray[np.float32], bone: NDArray[np.bool_], config: BoneConfig) -> NDArray[np.bool_]:
    """Voxels of the surface that bone fills in part only: a share as bright as the brightest beside them."""
    from scipy import ndimage

    surface = bone & ~ndimage.minimum_filter(bone, 3, mode="nearest")
    brightest = ndimage.maximum_filter(hu, 3, mode="nearest")
    return np.asarray(surface & (hu < config.edge_share * brightest))
