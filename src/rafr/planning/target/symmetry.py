"""The plane of symmetry of a pelvis, from what is intact and in place; the CT's axes play no part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rafr.errors import InputError
from rafr.geometry import Plane, TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.segmentation import bone_of
from rafr.planning.plan import SymmetryPlane
from rafr.planning.target.anatomy import Bone, Bones, hip_middle, left_direction, whole_hips
from rafr.planning.target.estimate import Estimate, tangents
from rafr.planning.target.evidence import MirrorTerm, Rows, Term
from rafr.planning.target.priors import AsymmetryTerm, MidlineTerm, PlaneTerm
from rafr.planning.target.solve import Solution, solve

_REACHES_MM = (25.0, 20.0, 15.0, 12.0, 9.0, 7.0, 5.0, 4.0)
_SEED_TILT_RAD = 0.2
_SEED_SIGMA_MM, _SEED_SIGMA_RAD = 10.0, 0.15
# how far the sacrum's own plane lies from that of both hips: rms over 18 pelves of the VSD set
_SACRAL_SIGMA_MM, _SACRAL_SIGMA_RAD = 1.8, 0.018
_SMALLEST_SHARE = 0.3  # of the sacrum's surface that must match its mirror image


def find_plane(placed: Bones, parts: Mapping[int, TriangleMesh]) -> tuple[Solution, list[Term]]:
    """The plane that the bones in place agree on, searched from several seeds, and the evidence used.

    Args:
        placed: bones that stand where they belong.
        parts: every labelled part, displaced ones too; they only seed the search.

    Raises:
        InputError: the labels hold nothing that tells left from right.
    """
    seeds = _seeds(parts)
    # half of a large displacement: all that the seed is off
    terms: list[Term] = [PlaneTerm(seeds[0], _SEED_SIGMA_MM, _SEED_SIGMA_RAD, "prior:plane")]
    sacral = _sacral_plane(placed["sacrum"], seeds) if "sacrum" in placed else None
    if sacral is not None:
        terms.append(sacral)
        seeds = [sacral.plane, *seeds[:1]]
    terms += [AsymmetryTerm(), *_hip_terms(placed, parts)]
    pivot = hip_middle(parts)
    solutions = [solve(Estimate(plane, pivot), terms, _REACHES_MM) for plane in seeds]
    return max(solutions, key=lambda solution: support(_mirrored(solution)) - solution.cost), terms


def _hip_terms(placed: Bones, parts: Mapping[int, TriangleMesh]) -> list[Term]:
    """Hip on hip where both sides have parts in place; else the symphysis of a whole hip marks the middle."""
    hips = [placed[name] for name in ("left_hip", "right_hip") if name in placed]
    if len(hips) == 2:
        return [MirrorTerm(hips[0], hips[1], name="plane:hips")]
    return [MidlineTerm(hip) for hip in whole_hips(placed.values(), parts)]


def _sacral_plane(sacrum: Bone, seeds: list[Plane]) -> PlaneTerm | None:
    """What the sacrum on its own mirror image says; None where too little of it is left in place."""
    mirror = MirrorTerm(sacrum, sacrum, name="plane:sacrum")
    best, best_support = None, 0.0
    for seed in seeds:
        prior = PlaneTerm(seeds[0], _SEED_SIGMA_MM, _SEED_SIGMA_RAD, "prior:plane")
        found = solve(Estimate(seed, seed.point), [mirror, prior, AsymmetryTerm()], _REACHES_MM)
        value = support([found.rows["plane:sacrum"]])
        if value > best_support and _plausible(found.estimate.plane, seeds[0]):
            best, best_support = found, value
    share = best_support / (sacrum.area * len(sacrum.points))
    if best is None or share < _SMALLEST_SHARE:
        return None
    sigma_mm, sigma_rad = _SACRAL_SIGMA_MM / share, _SACRAL_SIGMA_RAD / share
    return PlaneTerm(best.estimate.plane, sigma_mm, sigma_rad, "sacral plane")


def _plausible(plane: Plane, seed: Plane) -> bool:
    """Not the symmetry of one ala, nor that of front and back."""
    off = abs(float(plane.signed_distance(seed.point)))
    return off < 1.5 * _SEED_SIGMA_MM and abs(float(plane.normal @ seed.normal)) > np.cos(2 * _SEED_SIGMA_RAD)


def symmetry_plane(solution: Solution) -> SymmetryPlane:
    """The plane with the rms that is left where anatomy matches its mirror image."""
    rows = _mirrored(solution)
    weight = sum(float(r.weight.sum()) for r in rows)
    square = sum(r.cost for r in rows)
    return SymmetryPlane(solution.estimate.plane, float(np.sqrt(square / weight)) if weight else 0.0)


def support(rows: Sequence[Rows]) -> float:
    """Matched area in mm², less what it does not fit: an inlier count with a quadratic rim."""
    total = 0.0
    for r in rows:
        mean_square = r.cost / max(float(r.weight.sum()), 1e-12)
        total += r.area * (1.0 - min(1.0, mean_square / 9.0))
    return total


def _mirrored(solution: Solution) -> list[Rows]:
    return [r for name, r in solution.rows.items() if name.startswith(("plane:", "mirror:"))]


def _seeds(parts: Mapping[int, TriangleMesh]) -> list[Plane]:
    """Planes between the hips, tilted both ways, and the sacrum's own principal plane nearest to it."""
    sacrum = [mesh for label, mesh in parts.items() if bone_of(label) == "sacrum"]
    everything = merge_meshes(list(parts.values()))
    point = (merge_meshes(sacrum) if sacrum else everything).centroid
    left = left_direction(parts)
    if left is None and not sacrum:
        raise InputError("labels", "one hip and no sacrum", "a sacrum or both hips to find the midline")
    axes = _principal_axes(merge_meshes(sacrum)) if sacrum else np.empty((0, 3))
    if left is None:
        return [Plane(point, axis) for axis in axes]
    base = Plane(point, left)
    u, v = tangents(base)
    shifts = [np.zeros(3), u, -u, v, -v]
    seeds = [Plane(point, left + _SEED_TILT_RAD * shift) for shift in shifts]
    if sacrum:
        nearest = axes[np.argmax(np.abs(axes @ left))]
        seeds.append(Plane(point, nearest * np.sign(nearest @ left)))
    return seeds


def _principal_axes(mesh: TriangleMesh) -> FloatArray:
    """(3, 3) principal axes of the surface, one per row."""
    relative = mesh.face_centres - mesh.centroid
    weighted = relative * mesh.face_areas[:, None]
    axes: FloatArray = np.linalg.eigh(relative.T @ weighted)[1].T
    return axes
