"""How far a registration may be off, judged from the images alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume
from rafr.registration.edges import EdgeConfig, Matches, SurfaceProfiles, solve_motion

_SCALE = 1e-3  # standard deviation of a scanner's lengths: what quality assurance of mobile CBCT tolerates
_FLOOR_MM = 0.05  # no two images of a bone agree better: interpolation and segmentation


def jackknife_error(
    surface: SurfaceProfiles,
    matches: Matches,
    T_cbct_ct: RigidTransform,
    target_mm: FloatArray,
    config: EdgeConfig,
    rng: np.random.Generator,
    blocks: int = 12,
) -> float:
    """Root mean square standard error of the pose over targets (n, 3), CT LPS mm, by leaving out regions.

    Residuals of neighbouring samples are not independent (shading, streaks, soft tissue), so whole
    patches of the surface are left out, not single samples: delete-a-group jackknife (Efron, Tibshirani
    1993, ch. 11). Patches without a match count too: the pose leans on the others there.
    """
    from scipy.cluster.vq import kmeans2

    used = np.flatnonzero(matches.good(config))
    _, patch = kmeans2(surface.points[used], blocks, minit="++", seed=rng)
    placed = T_cbct_ct.apply(target_mm)
    moved = []
    for block in range(blocks):
        weights = np.ones(len(surface.points))
        weights[used[patch == block]] = 0.0
        moved.append(solve_motion(surface, matches, T_cbct_ct, config, weights).apply(placed))
    spread = np.array(moved) - np.mean(moved, axis=0)
    variance = (blocks - 1) / blocks * (spread**2).sum(axis=(0, 2))
    return float(np.sqrt(variance.mean()))


def repeat_spread(poses: Sequence[RigidTransform], mean: RigidTransform, target_mm: FloatArray) -> float:
    """Root mean square distance over targets (n, 3) of repeated registrations from their mean, mm."""
    gaps = [np.linalg.norm(T.apply(target_mm) - mean.apply(target_mm), axis=1) for T in poses]
    return float(np.sqrt(np.mean(np.square(gaps))))


def scale_error(target_mm: FloatArray, cbct: Volume) -> float:
    """Root mean square error (mm) over targets (n, 3), CBCT LPS mm, of a scanner whose lengths are off.

    No agreement of the images shows it: every body would shift together, away from the volume's middle.
    """
    middle = cbct.index_to_lps((np.array(cbct.size) - 1) / 2.0)
    return _SCALE * float(np.sqrt(((target_mm - middle) ** 2).sum(axis=1).mean()))


def combined_error(jackknife_mm: float, spread_mm: float, scale_mm: float) -> float:
    """The expected TRE (mm): all findings and a floor add as independent errors."""
    return float(np.sqrt(jackknife_mm**2 + spread_mm**2 + scale_mm**2 + _FLOOR_MM**2))
