"""How bright every voxel is against what unbroken bone would show there: fractures and joints are dark.

Cortex is bright, marrow may be as dark as muscle. So brightness is compared with other voxels nearby at a
like depth below the surface: a fracture shows as a gap, or, impacted, as cortex that stops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rafr.geometry.rigid_transform import FloatArray

_LEAST_HU = 30.0  # of expected brightness: below, noise would decide


@dataclass(frozen=True, slots=True)
class EvidenceConfig:
    """Lengths in mm.

    Attributes:
        closing_mm: gaps up to twice this are looked into.
        shells_mm: depths that part cortex, what lies below it, and marrow.
        window_mm: how far voxels are compared.
    """

    closing_mm: float = 2.0
    shells_mm: tuple[float, float] = (1.8, 3.6)
    window_mm: float = 18.0


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """On the working grid, (nk, nj, ni).

    Attributes:
        domain: bone and the narrow gaps in it.   bone: bone alone.
        seen: HU above what counts as dark, 0 outside bone.   expected: what unbroken bone shows there.
        depth: mm below the domain's surface.
    """

    domain: NDArray[np.bool_]
    bone: NDArray[np.bool_]
    seen: NDArray[np.float32]
    expected: NDArray[np.float32]
    depth: NDArray[np.float32]

    @property
    def continuity(self) -> NDArray[np.float32]:
        """seen / expected, 0..1."""
        share: NDArray[np.float32] = np.minimum(self.seen / self.expected, 1.0).astype(np.float32)
        return share


def gather(
    hu: NDArray[np.float32],
    bone: NDArray[np.bool_],
    spacing_mm: float,
    dark_hu: float,
    config: EvidenceConfig,
) -> Evidence:
    """Compare every voxel of the closed bone with its surroundings.

    Args:
        hu: grey values on the isotropic working grid.   bone: its bone voxels.
        dark_hu: what counts as no bone at all.
    """
    domain = closed(bone, config.closing_mm / spacing_mm)
    depth = np.maximum(depth_inside(domain), 0.0) * np.float32(spacing_mm)
    return looked_at(hu, domain, bone, depth, spacing_mm, dark_hu, config)


def looked_at(
    hu: NDArray[np.float32],
    domain: NDArray[np.bool_],
    bone: NDArray[np.bool_],
    depth: NDArray[np.float32],
    spacing_mm: float,
    dark_hu: float,
    config: EvidenceConfig,
) -> Evidence:
    """Evidence of a domain already known, with another idea of dark; see `gather`."""
    seen = np.where(bone, np.maximum(hu - dark_hu, 0.0), 0.0).astype(np.float32)
    expected = np.full(seen.shape, _LEAST_HU, np.float32)
    low, high = config.shells_mm
    for shell in (depth <= low, (depth > low) & (depth <= high), depth > high):
        here = shell & domain
        expected[here] = _local_mean(seen, here & bone, config.window_mm / spacing_mm)[here]
    return Evidence(domain, bone, seen, np.maximum(expected, _LEAST_HU), depth)


def closed(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Morphological closing with a ball of `radius` voxels."""
    pad = int(np.ceil(radius)) + 1
    grown = depth_inside(np.pad(mask, pad)) >= -radius
    inner: NDArray[np.bool_] = (depth_inside(grown) > radius)[(slice(pad, -pad),) * 3] | mask
    return inner


def depth_inside(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Voxels to the nearest false voxel; outside, negative, to the nearest true one (Maurer 2003)."""
    import SimpleITK as sitk

    if mask.all() or not mask.any():
        return np.full(mask.shape, np.inf if mask.all() else -np.inf, np.float32)
    outside = sitk.GetImageFromArray((~mask).astype(np.uint8))
    # distances are to the edge voxels of the true object: one map for either side of the edge
    far = sitk.SignedMaurerDistanceMap(outside, insideIsPositive=False, squaredDistance=False)
    near = sitk.SignedMaurerDistanceMap(1 - outside, insideIsPositive=False, squaredDistance=False)
    depth: NDArray[np.float32] = np.where(
        mask, sitk.GetArrayViewFromImage(far), -sitk.GetArrayViewFromImage(near)
    )
    return depth


def _local_mean(values: NDArray[np.float32], where: NDArray[np.bool_], window: float) -> FloatArray:
    """Mean of `values` over the true voxels within a cube of `window` voxels.

    Made on a grid of half the resolution: it varies slowly.
    """
    total, count = _halved(np.where(where, values, np.float32(0.0))), _halved(where.astype(np.float32))
    size = max(3, round(window / 2) | 1)
    total, count = (ndimage.uniform_filter(a, size, mode="constant") for a in (total, count))
    fine = (total / np.maximum(count, 1e-4)).repeat(2, 0).repeat(2, 1).repeat(2, 2)
    nk, nj, ni = values.shape
    cut: FloatArray = fine[:nk, :nj, :ni]
    return cut


def _halved(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over blocks of two voxels along every axis."""
    even = np.pad(array, [(0, n % 2) for n in array.shape])
    nk, nj, ni = (n // 2 for n in even.shape)
    mean: NDArray[np.float32] = even.reshape(nk, 2, nj, 2, ni, 2).mean(axis=(1, 3, 5), dtype=np.float32)
    return mean
