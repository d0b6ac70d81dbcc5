"""The cortex runs on across a break: no step between two fragments of one bone.

Both fragments differ from the mirror image of the intact side, but next to each other they differ alike:
natural asymmetry changes over centimetres. So the difference of both differences is a step, whatever the
plane of symmetry and the shape of the other side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.target.anatomy import MIRROR_BONE, Bone
from rafr.planning.target.contact import pairs_that_move
from rafr.planning.target.estimate import Estimate
from rafr.planning.target.evidence import Rows, Term, mirror_jacobian, robust

_BAND_MM, _APART_MM = 10.0, 9.0
_ON_TEMPLATE_MM, _SAME_WAY = 4.0, 0.8
_NEIGHBOURS = 6
_FEWEST = 20


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Cortex of a fragment along a break: points and normals (n, 3) in its CT coordinates, mm.

    `area` mm² stands behind each point.
    """

    bone: Bone
    points: FloatArray
    normals: FloatArray
    area: float


@dataclass(frozen=True, slots=True, eq=False)
class RimTerm:
    """Two fragments differ alike from the mirror image where they meet.

    Attributes:
        first, second: bands along the break, the first of a moving body.
        template: the intact bone of the other side.
        sigma_mm: spread of a step between points 5 mm apart that belong together: change of asymmetry
            and the rounding of meshed edges.
        patch_mm2: as in MirrorTerm.
    """

    first: Band
    second: Band
    template: Bone
    name: str
    sigma_mm: float = 0.4
    patch_mm2: float = 120.0

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        a, b = (_Differences.of(band, self.template, at) for band in (self.first, self.second))
        if min(len(a.residual), len(b.residual)) < _FEWEST:
            return Rows(np.zeros(0), np.zeros((0, at.size)), np.zeros(0), 0.0, self.sigma_mm)
        near, index = cKDTree(b.x).query(a.x, k=_NEIGHBOURS, distance_upper_bound=_APART_MM)
        found = np.isfinite(near)
        keep = found.sum(axis=1) >= 3
        share = (found / np.maximum(found.sum(axis=1, keepdims=True), 1))[keep]
        index = np.where(found, index, 0)[keep]
        same = np.einsum("nk,nkj,nj->n", share, b.n[index], a.n[keep]) > 0.7
        share, index, keep = share[same], index[same], np.flatnonzero(keep)[same]
        residual = a.residual[keep] - np.einsum("nk,nk->n", share, b.residual[index])
        jacobian = a.jacobian[keep] - np.einsum("nk,nku->nu", share, b.jacobian[index])
        patches = np.full(len(residual), self.first.area / self.patch_mm2)
        scale = max(2.0 * self.sigma_mm, reach_mm / 3.0)
        weight = patches / self.sigma_mm**2 * robust(residual, scale)
        area = self.first.area * len(residual)
        return Rows(residual, jacobian, weight, area, self.sigma_mm, patches)


@dataclass(frozen=True, slots=True, eq=False)
class _Differences:
    """Signed distances (n,) of a band from the template, with derivatives, places and normals there."""

    residual: FloatArray
    jacobian: FloatArray
    x: FloatArray
    n: FloatArray

    @staticmethod
    def of(band: Band, template: Bone, at: Estimate) -> _Differences:
        here, there = at.pose_of(band.bone.body), at.pose_of(template.body)
        x, normals = here.apply(band.points), here.rotate(band.normals)
        image, image_normals = at.image(band.bone.name, x), at.image_direction(band.bone.name, normals)
        match = template.surface.closest(there.inverse().apply(image))
        n = there.rotate(match.normals)
        keep = (np.einsum("ij,ij->i", n, image_normals) > _SAME_WAY) & (match.distance < _ON_TEMPLATE_MM)
        n, x, image = n[keep], x[keep], image[keep]
        residual = np.einsum("ij,ij->i", n, image - there.apply(match.points[keep]))
        jacobian = mirror_jacobian(at, band.bone, template, n, x, image)
        return _Differences(residual, jacobian, x, normals[keep])


def rim_terms(at: Estimate, bones: Sequence[Bone]) -> list[Term]:
    """One term per break whose bone has an intact counterpart."""
    terms: list[Term] = []
    for a, b in pairs_that_move(bones):
        template = next((t for t in bones if t.name == MIRROR_BONE[a.name] and t not in (a, b)), None)
        if a.name != b.name or template is None:
            continue
        bands = _band(a, b, at), _band(b, a, at)
        if min(len(band.points) for band in bands) >= _FEWEST:
            terms.append(RimTerm(*bands, template, f"rim:{a.name} {a.body}/{b.body}"))
    return terms


def _band(bone: Bone, other: Bone, at: Estimate) -> Band:
    """Vertices of a bone near another."""
    mesh = bone.surface.mesh
    T = at.pose_of(other.body).inverse() @ at.pose_of(bone.body)
    lower, upper = (f(T.inverse().apply(other.surface.mesh.vertices)) for f in (_low, _high))
    box = np.flatnonzero(((mesh.vertices > lower) & (mesh.vertices < upper)).all(axis=1))
    near = box[other.surface.distance(T.apply(mesh.vertices[box])) < _BAND_MM] if len(box) else box
    area = float(mesh.face_areas.sum()) / len(mesh.vertices)
    return Band(bone, mesh.vertices[near], bone.surface.vertex_normals[near], area)


def _low(points: FloatArray) -> FloatArray:
    low: FloatArray = points.min(axis=0) - _BAND_MM
    return low


def _high(points: FloatArray) -> FloatArray:
    high: FloatArray = points.max(axis=0) + _BAND_MM
    return high
