"""Keeping a body out of the bone around it at the least cost to the evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.target.anatomy import Bone, Bones

_ROUNDS = 15
_MOST_CONSTRAINTS = 400
_MARGIN_MM = 0.02
_FARTHEST_MM = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Freed:
    """A pose freed of overlap as far as possible.

    Attributes:
        moved_mm: how far the surface moved in the mean.
        overlap_mm: deepest overlap that is left.
    """

    T: RigidTransform
    moved_mm: float
    overlap_mm: float


def push_out(
    T: RigidTransform, moving: Bones, in_place: Iterable[Bone], covariance: FloatArray, allowed_mm: float
) -> Freed:
    """The likeliest pose near T at which a body overlaps bone in place by at most `allowed_mm`.

    Each round solves min xᵀ C⁻¹ x subject to n·(t + w × r) ≥ depth − allowed for every overlapping vertex,
    by non-negative least squares on the dual (Lawson & Hanson 1974, chapter 23).

    Args:
        covariance: (6, 6) of the pose's twist (mm, rad) about the body's centre.

    A body that no push of 8 mm in the mean frees is left where it was.
    """
    points = np.concatenate([b.points for b in moving.values()])
    vertices = np.concatenate([b.surface.mesh.vertices for b in moving.values()])
    centre = points.mean(axis=0)
    bones = list(in_place)
    start, normals, offsets = T, np.zeros((0, 6)), np.zeros(0)
    root = np.linalg.cholesky(covariance)
    total = np.zeros(6)
    moved, first = 0.0, None
    for _ in range(_ROUNDS):
        depth, outward, where = _overlap(T, vertices, bones)
        first = depth.max(initial=0.0) if first is None else first
        over = depth > allowed_mm
        if moved > _FARTHEST_MM:
            return Freed(start, 0.0, float(first))
        if not over.any():
            return Freed(T, moved, float(depth.max(initial=0.0)))
        worst = np.flatnonzero(over)[np.argsort(-depth[over])][:_MOST_CONSTRAINTS]
        rows = np.hstack([outward[worst], np.cross(where[worst] - T.apply(centre), outward[worst])])
        # constraints of earlier rounds stay, as seen from the start
        normals = np.vstack([normals, rows])
        offsets = np.concatenate([offsets, depth[worst] - allowed_mm + _MARGIN_MM + rows @ total])
        total = root @ _least_norm(normals @ root, offsets)
        turn = RigidTransform.about_point(total[3:], start.apply(centre))
        T = RigidTransform.from_translation(total[:3]) @ turn @ start
        moved = float(np.linalg.norm(T.apply(points) - start.apply(points), axis=1).mean())
    return Freed(T, moved, float(_overlap(T, vertices, bones)[0].max(initial=0.0)))


def deepest_overlap(T: RigidTransform, moving: Bones, in_place: Iterable[Bone]) -> float:
    """How deep (mm) a body at pose T reaches into bone in place."""
    vertices = np.concatenate([b.surface.mesh.vertices for b in moving.values()])
    return float(_overlap(T, vertices, list(in_place))[0].max(initial=0.0))


def _least_norm(G: FloatArray, d: FloatArray) -> FloatArray:
    """The shortest y with G y ≥ d; where there is none, the one that misses least in some direction."""
    stacked = np.vstack([G.T, d])
    target = np.zeros(len(stacked))
    target[-1] = 1.0
    multipliers, _ = nnls(stacked, target, maxiter=30 * stacked.shape[1])
    residual = stacked @ multipliers - target
    if residual[-1] > -1e-12:
        return np.asarray(G[np.argmax(d)] / (G[np.argmax(d)] @ G[np.argmax(d)]) * d.max())
    y: FloatArray = -residual[:-1] / residual[-1]
    return y


def _overlap(
    T: RigidTransform, vertices: FloatArray, in_place: list[Bone]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Depths (k,) of the body's vertices inside bone in place, the way out (k, 3), and where (k, 3)."""
    moved = T.apply(vertices)
    depths, ways, where = [np.zeros(0)], [np.zeros((0, 3))], [np.zeros((0, 3))]
    for bone in in_place:
        lower, upper = bone.surface.mesh.vertices.min(axis=0), bone.surface.mesh.vertices.max(axis=0)
        near_it = moved[((moved > lower) & (moved < upper)).all(axis=1)]
        if len(near_it) == 0:
            continue
        distance = bone.surface.signed_distance(near_it)
        inside = near_it[distance < 0.0]
        depths.append(-distance[distance < 0.0])
        where.append(inside)
        ways.append(bone.surface.closest(inside).normals if len(inside) else np.zeros((0, 3)))
    return np.concatenate(depths), np.concatenate(ways), np.concatenate(where)
