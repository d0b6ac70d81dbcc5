"""The reference tool's fiducial frame in a CBCT: find the spheres, name them, fit the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform, fit_rigid, localisation_error
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume
from rafr.registration.result import FiducialRegistration
from rafr.registration.spheres import SphereConfig, find_spheres


@dataclass(frozen=True, slots=True)
class FiducialConfig:
    """Limits of the correspondence search.

    Attributes:
        diameter_mm: of the spheres.
        distance_tolerance_mm: between a measured and a known distance of two spheres.
        match_tolerance_mm: between a fitted and a found centre.
        max_fre_mm: largest accepted fiducial registration error.
        min_spheres: fewest spheres a frame may rest on: three always fit, the fourth proves it.
        localisation_floor_mm: smallest localisation error believed, whatever the few residuals say.
    """

    diameter_mm: float = 4.0
    distance_tolerance_mm: float = 0.8
    match_tolerance_mm: float = 0.8
    max_fre_mm: float = 0.6
    min_spheres: int = 4
    localisation_floor_mm: float = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Correspondence:
    """Which found point is which fiducial: `found[i]` belongs to `model[i]`."""

    model: tuple[int, ...]
    found: tuple[int, ...]
    T_found_model: RigidTransform
    fre_mm: float


def locate_fiducials(
    cbct: Volume,
    fiducials_mm: ArrayLike,
    *,
    config: FiducialConfig | None = None,
    spheres: SphereConfig | None = None,
) -> FiducialRegistration:
    """Find the reference tool's spheres in a CBCT.

    Args:
        cbct: grey values of any scale; metal is the brightest.
        fiducials_mm: (n, 3) sphere centres in the reference tool's marker frame.

    Raises:
        InfeasibleError: fewer than four spheres fit the known frame, they fit badly or in two ways.
    """
    config = config or FiducialConfig()
    model = np.asarray(fiducials_mm, dtype=float)
    found = find_spheres(cbct, config.diameter_mm, spheres)
    best = match_points(model, found, config)
    placed = best.T_found_model.apply(model[list(best.model)])
    # with few spheres a small FRE may be luck
    fle = max(localisation_error(best.fre_mm, len(placed)), config.localisation_floor_mm)
    return FiducialRegistration(best.T_found_model, best.fre_mm, fle, placed)


def match_points(model: FloatArray, found: FloatArray, config: FiducialConfig) -> Correspondence:
    """The largest subset of `found` (m, 3) that is a rigid copy of points of `model` (n, 3).

    Every triple of found points whose three distances agree with a triple of the model proposes a pose;
    the pose that explains most points wins, then the one with the least error.

    Raises:
        InfeasibleError: too few points agree, they agree badly, or two different poses agree equally well.
    """
    if len(found) < config.min_spheres:
        raise InfeasibleError(
            (f"{len(found)} fiducial spheres found in the CBCT, {config.min_spheres} needed",)
        )
    matches = _distinct([_consensus(model, found, T, config) for T in _proposals(model, found, config)])
    if not matches or len(matches[0].model) < config.min_spheres:
        most = len(matches[0].model) if matches else 0
        raise InfeasibleError(
            (
                f"only {most} of {len(found)} bright spheres in the CBCT fit the known fiducial frame, "
                f"{config.min_spheres} needed",
            )
        )
    best = matches[0]
    if best.fre_mm > config.max_fre_mm:
        raise InfeasibleError((f"fiducial error {best.fre_mm:.2f} mm, limit {config.max_fre_mm:.2f} mm",))
    if len(matches) > 1 and len(matches[1].model) == len(best.model):
        raise InfeasibleError((f"{len(best.model)} fiducial spheres fit the known frame in two ways",))
    return best


def _proposals(model: FloatArray, found: FloatArray, config: FiducialConfig) -> list[RigidTransform]:
    """Poses of all triples whose distances agree; each unordered model triple is tried once."""
    tolerance = config.distance_tolerance_mm
    model_distance = np.linalg.norm(model[:, None] - model[None], axis=-1)
    found_distance = np.linalg.norm(found[:, None] - found[None], axis=-1)
    poses = []
    for a in range(len(model)):
        for b in range(a + 1, len(model)):
            pairs = np.argwhere(np.abs(found_distance - model_distance[a, b]) < tolerance)
            for c in range(b + 1, len(model)):
                for p, q in pairs:
                    near = np.abs(found_distance[p] - model_distance[a, c]) < tolerance
                    near &= np.abs(found_distance[q] - model_distance[b, c]) < tolerance
                    for r in np.flatnonzero(near):
                        poses.append(fit_rigid(model[[a, b, c]], found[[p, q, r]]))
    return poses


def _consensus(
    model: FloatArray, found: FloatArray, T_found_model: RigidTransform, config: FiducialConfig
) -> Correspondence | None:
    """All points a pose explains, and the pose refitted to them; None when fewer than three remain."""
    for _ in range(2):
        gap = np.linalg.norm(T_found_model.apply(model)[:, None] - found[None], axis=-1)
        nearest = gap.argmin(axis=1)
        pairs = [(i, int(j)) for i, j in enumerate(nearest) if gap[i, j] < config.match_tolerance_mm]
        m, f = [i for i, _ in pairs], [j for _, j in pairs]
        if len(m) < 3 or len(set(f)) < len(f):
            return None
        T_found_model = fit_rigid(model[m], found[f])
    residual = T_found_model.apply(model[m]) - found[f]
    fre = float(np.sqrt((residual**2).sum(axis=1).mean()))
    return Correspondence(tuple(m), tuple(f), T_found_model, fre)


def _distinct(matches: list[Correspondence | None]) -> list[Correspondence]:
    """Best first: most points, then least error; the same pairing once."""
    unique = {(m.model, m.found): m for m in matches if m is not None}
    return sorted(unique.values(), key=lambda m: (-len(m.model), m.fre_mm))
