"""Rigid alignment by grey-value profiles across the bone's surface.

Each surface sample carries the CT's grey values along its normal; the same pattern is searched along
the normal in the CBCT by normalised cross-correlation, which no gain or offset of grey values disturbs.
The shifts found are point-to-plane residuals (Chen, Medioni 1992) of a robust least-squares motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume
from rafr.registration.field_of_view import sample

_TUKEY = 4.685  # 95 % efficiency for normal residuals


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """Profiles and their matching.

    Attributes:
        samples: surface points per body.
        half_mm: reach of a profile to either side of the surface.
        step_mm: between the values of a profile.
        clearance_mm: no other bone may lie so near outside a sample: it moves differently.
        min_correlation: of an accepted match.
        min_scale_mm: smallest residual scale of the robust weights.
        min_matches: fewest matched samples a motion is computed from.
    """

    samples: int = 2500
    half_mm: float = 5.0
    step_mm: float = 0.5
    clearance_mm: float = 5.0
    min_correlation: float = 0.6
    min_scale_mm: float = 0.15
    min_matches: int = 60


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceProfiles:
    """Surface samples (n, 3) of a body with unit outward normals (n, 3) and CT profiles (n, m), LPS mm."""

    points: FloatArray
    normals: FloatArray
    profiles: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Where the profiles were found in the CBCT.

    Attributes:
        shift_mm: (n,) along the normal, from where the pose puts the sample to where its pattern lies.
        correlation: (n,) of the best match; 0 where nothing usable was found.
        seen: (n,) whole profile inside the field of view.
    """

    shift_mm: FloatArray
    correlation: FloatArray
    seen: NDArray[np.bool_]

    def good(self, config: EdgeConfig) -> NDArray[np.bool_]:
        return self.correlation >= config.min_correlation


def surface_profiles(
    mesh: TriangleMesh, ct: Volume, others: Volume | None, rng: np.random.Generator, config: EdgeConfig
) -> SurfaceProfiles:
    """Sample a body's surface where bone meets soft tissue.

    Args:
        others: CT grid, nonzero in every *other* bone: samples that look at one (joints, fracture
            surfaces) are left out, because that bone moves by itself. None: there is no other bone.
    """
    points, normals = mesh.sample_surface(config.samples, rng)
    if others is not None:
        ahead = np.arange(0.5, config.clearance_mm + 0.25, 0.5)
        near = sample(others, points[:, None] + ahead[None, :, None] * normals[:, None], outside=0.0)
        free = near.max(axis=1) < 0.5
        points, normals = points[free], normals[free]
    along = np.arange(-config.half_mm, config.half_mm + 1e-9, config.step_mm)
    profiles = sample(ct, points[:, None] + along[None, :, None] * normals[:, None])
    usable = np.isfinite(profiles).all(axis=1) & (profiles.std(axis=1) > 0)
    return SurfaceProfiles(points[usable], normals[usable], profiles[usable])


def match_profiles(
    surface: SurfaceProfiles,
    cbct: Volume,
    inside: Volume,
    T_cbct_ct: RigidTransform,
    reach_mm: float,
    config: EdgeConfig,
) -> Matches:
    """Find every profile within `reach_mm` of where the pose puts it.

    Args:
        cbct: grey values, NaN-free.
        inside: boolean field of view (any grid).
    """
    points, normals = T_cbct_ct.apply(surface.points), T_cbct_ct.rotate(surface.normals)
    steps = round(reach_mm / config.step_mm)
    half = (surface.profiles.shape[1] - 1) // 2
    along = np.arange(-steps - half, steps + half + 1) * config.step_mm
    seen = _seen(points, normals, inside, config.half_mm)
    shift, best = np.zeros(len(points)), np.zeros(len(points))
    if not seen.any():
        return Matches(shift, best, seen)
    values = sample(cbct, points[seen, None] + along[None, :, None] * normals[seen, None], outside=0.0)
    correlation = _correlate(values, surface.profiles[seen])
    peak = correlation.argmax(axis=1)
    interior = (peak > 0) & (peak < correlation.shape[1] - 1)
    centre = np.clip(peak, 1, correlation.shape[1] - 2)
    rows = np.arange(len(peak))
    left, top, right = (correlation[rows, centre + d] for d in (-1, 0, 1))
    bend = left - 2.0 * top + right
    sub = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, -1.0), 0.0)
    shift[seen] = (centre + np.clip(sub, -0.5, 0.5) - steps) * config.step_mm
    best[seen] = np.where(interior, top, 0.0)
    return Matches(shift, best, seen)


def _seen(points: FloatArray, normals: FloatArray, inside: Volume, half_mm: float) -> NDArray[np.bool_]:
    """Samples whose whole profile lies inside the field of view."""
    reach = np.array([-half_mm, 0.0, half_mm])
    values = sample(inside, points[:, None] + reach[None, :, None] * normals[:, None], outside=0.0)
    seen: NDArray[np.bool_] = values.min(axis=1) > 0.5
    return seen


def _correlate(values: FloatArray, profiles: FloatArray) -> FloatArray:
    """Normalised cross-correlation (n, s) of profiles (n, m) at every shift of values (n, s + m - 1)."""
    windows = np.lib.stride_tricks.sliding_window_view(values, profiles.shape[1], axis=1)
    pattern = profiles - profiles.mean(axis=1, keepdims=True)
    pattern = pattern / np.linalg.norm(pattern, axis=1, keepdims=True)
    dot = np.einsum("nsm,nm->ns", windows, pattern)
    size = profiles.shape[1]
    mean = windows.mean(axis=2)
    square = np.einsum("nsm,nsm->ns", windows, windows)
    norm = np.sqrt(np.maximum(square - size * mean**2, 1e-12))
    correlation: FloatArray = dot / norm
    return correlation


def align_profiles(
    surface: SurfaceProfiles,
    cbct: Volume,
    inside: Volume,
    T_cbct_ct: RigidTransform,
    reaches_mm: tuple[float, ...],
    config: EdgeConfig,
) -> RigidTransform:
    """Alternate matching and motion, once per entry of `reaches_mm` (falling).

    Raises:
        InfeasibleError: too few profiles are found in the CBCT.
    """
    for reach in reaches_mm:
        matches = match_profiles(surface, cbct, inside, T_cbct_ct, reach, config)
        if matches.good(config).sum() < config.min_matches:
            raise InfeasibleError(
                (f"only {matches.good(config).sum()} places of the bone's surface are found in the CBCT",)
            )
        T_cbct_ct = solve_motion(surface, matches, T_cbct_ct, config) @ T_cbct_ct
    return T_cbct_ct.renormalised()


def solve_motion(
    surface: SurfaceProfiles,
    matches: Matches,
    T_cbct_ct: RigidTransform,
    config: EdgeConfig,
    weights: FloatArray | None = None,
) -> RigidTransform:
    """The small motion, in the CBCT, that best explains the shifts (Tukey weights, point to plane)."""
    points, normals = T_cbct_ct.apply(surface.points), T_cbct_ct.rotate(surface.normals)
    centre = points.mean(axis=0)
    rows = np.hstack([normals, np.cross(points - centre, normals)])
    base = np.where(matches.good(config), matches.correlation, 0.0)
    base = base if weights is None else base * weights
    w = base
    for _ in range(8):
        # a hundred-thousandth of the weight keeps directions no sample sees from blowing up
        damping = 1e-5 * w.sum() * np.diag([1.0] * 3 + [1e3] * 3)
        twist = np.linalg.solve(rows.T @ (rows * w[:, None]) + damping, rows.T @ (w * matches.shift_mm))
        residual = matches.shift_mm - rows @ twist
        spread = np.abs(residual[base > 0])
        scale = max(1.4826 * float(np.median(spread)), config.min_scale_mm)
        u = np.clip(residual / (_TUKEY * scale), -1.0, 1.0)
        w = base * (1.0 - u**2) ** 2
    turn = RigidTransform.about_point(twist[3:], centre)
    return RigidTransform.from_translation(twist[:3]) @ turn
