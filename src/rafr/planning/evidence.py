"""What says where a fragment belongs, each as residuals of a least-squares problem.

The unknowns are the pose of the body (a twist about its centre) and the plane of symmetry
(two tilts, one shift). Every term finds its own point pairs at the current estimate and
returns weighted point-to-plane residuals with their derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rafr.geometry import Plane, RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.anatomy import Bone
from rafr.planning.surface import Surface

BoolArray = NDArray[np.bool_]

UNKNOWNS = 9  # 3 translation, 3 rotation, 2 tilts of the plane, 1 shift of the plane
_MIRROR_THINNING = 3  # asymmetry varies over centimetres: a third of a bone's points is plenty
WHOLE = 1.25  # a bone larger than this times its counterpart is whole where the other is a piece
_FACING = -0.6  # largest cosine between the normals of two surfaces that face each other


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Where the body and the plane are believed to be.

    Attributes:
        T: pose of the body, mm, from its CT coordinates.
        plane: the plane of symmetry; its `point` is what tilts turn about.
        centre: (3,) of the body as displaced; the twist's point of reference moves with it.
    """

    T: RigidTransform
    plane: Plane
    centre: FloatArray

    def moved(self, step: FloatArray) -> Estimate:
        """Apply a step (9,) of the unknowns."""
        here = self.T.apply(self.centre)
        turn = RigidTransform.about_point(step[3:6], here)
        T = RigidTransform.from_translation(step[:3]) @ turn @ self.T
        u, v = tangents(self.plane)
        normal = self.plane.normal + step[6] * u + step[7] * v
        plane = Plane(self.plane.point + step[8] * self.plane.normal, normal)
        return Estimate(T.renormalised(), plane, self.centre)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Residuals (n,) in mm, their derivatives (n, 9), weights (n,) in 1/mm², matched area in mm².

    `sigma_mm` is the spread the weights were made for.
    """

    residual: FloatArray
    jacobian: FloatArray
    weight: FloatArray
    area: float
    sigma_mm: float

    @property
    def cost(self) -> float:
        return float(self.weight @ self.residual**2)


class Term(Protocol):
    """One kind of evidence."""

    @property
    def name(self) -> str:
        """Kind and bones, as in `mirror:left_hip`."""

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        """Residuals at an estimate; pairs further apart than about `reach_mm` are left out."""


def tangents(plane: Plane) -> tuple[FloatArray, FloatArray]:
    """Two unit vectors (3,) that span the plane."""
    helper = np.eye(3)[np.argmin(np.abs(plane.normal))]
    u = np.cross(plane.normal, helper)
    u /= np.linalg.norm(u)
    return u, np.cross(plane.normal, u)


@dataclass(frozen=True, slots=True, eq=False)
class MirrorTerm:
    """A bone and its counterpart that stands in place are mirror images of each other.

    With `moving` the bone belongs to the body and follows its pose; without, it stands in place too
    and tells about the plane alone. Pairs start from the smaller of the two: a piece has its place on a
    whole bone, but most of a whole bone has none on a piece.

    Attributes:
        sigma_mm: natural asymmetry (rms 1.28 mm of mirrored hips over 18 pelves of the VSD set).
        patch_mm2: area over which asymmetry is alike, so that more points tell nothing new.
    """

    bone: Bone
    counterpart: Bone
    moving: bool
    name: str
    sigma_mm: float = 1.3
    patch_mm2: float = 1200.0

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        here, there = at.T if self.moving else RigidTransform.identity(), RigidTransform.identity()
        source, goal = self.bone, self.counterpart
        if reverse := source.size > WHOLE * goal.size:
            source, goal, here, there = goal, source, there, here
        points = here.apply(source.points[::_MIRROR_THINNING])
        normals = here.rotate(source.normals[::_MIRROR_THINNING])
        image, image_normals = at.plane.reflect(points), at.plane.reflect_direction(normals)
        match = goal.surface.closest(there.inverse().apply(image))
        n = there.rotate(match.normals)
        keep = (np.einsum("ij,ij->i", n, image_normals) > 0.6) & (match.distance < reach_mm)
        n, x, image = n[keep], points[keep], image[keep]
        residual = np.einsum("ij,ij->i", n, image - there.apply(match.points[keep]))
        jacobian = np.zeros((len(x), UNKNOWNS))
        if self.moving:
            # the normals turn with a bone that is the goal: its pose acts at the image, not at the match
            jacobian[:, :6] = (
                -_pose_rows(n, image, at) if reverse else _pose_rows(at.plane.reflect_direction(n), x, at)
            )
        jacobian[:, 6:] = _plane_rows(n, x, at.plane)
        scale = max(self.sigma_mm, reach_mm / 4.0)
        area = source.area * _MIRROR_THINNING
        weight = area / self.patch_mm2 / self.sigma_mm**2 * robust(residual, scale)
        return Rows(residual, jacobian, weight, area * len(x), self.sigma_mm)


@dataclass(frozen=True, slots=True, eq=False)
class ContactTerm:
    """Two surfaces that face each other at a known gap: the two faces of a break, or a joint.

    Point pairs run from the body to what stands in place, and back.

    Attributes:
        gap_mm: wanted distance along the normals; 0 for a break.
        sigma_mm, patch_mm2: as in MirrorTerm.
        moving_mask, placed_mask: (n,) bool, which of the bones' points may take part.
    """

    moving: Bone
    placed: Bone
    gap_mm: float
    sigma_mm: float
    patch_mm2: float
    name: str
    moving_mask: BoolArray
    placed_mask: BoolArray

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        reach = reach_mm + self.gap_mm
        there = at.T.inverse()
        forth = facing_pairs(self.moving, self.moving_mask, at.T, self.placed.surface, reach)
        back = facing_pairs(self.placed, self.placed_mask, there, self.moving.surface, reach)
        n = np.concatenate([forth.normals, -at.T.rotate(back.normals)])
        x = np.concatenate([forth.points, at.T.apply(back.points)])
        residual = np.concatenate([forth.gap, back.gap]) - self.gap_mm
        jacobian = np.zeros((len(x), UNKNOWNS))
        jacobian[:, :6] = _pose_rows(n, x, at)
        # both directions see the same face: half the area each
        area = 0.5 * np.repeat([self.moving.area, self.placed.area], [len(forth.gap), len(back.gap)])
        scale = max(2.0 * self.sigma_mm, reach_mm / 3.0)
        weight = area / self.patch_mm2 / self.sigma_mm**2 * robust(residual, scale)
        return Rows(residual, jacobian, weight, float(area.sum()), self.sigma_mm)


@dataclass(frozen=True, slots=True, eq=False)
class FacingPairs:
    """Points (n, 3) that face another surface, its normals (n, 3) there and the signed gaps (n,)."""

    points: FloatArray
    normals: FloatArray
    gap: FloatArray


def facing_pairs(
    bone: Bone, mask: BoolArray, T: RigidTransform, other: Surface, reach_mm: float
) -> FacingPairs:
    """Points of a bone, moved by T, that face another surface within `reach_mm` (negative gap: overlap)."""
    points, normals = T.apply(bone.points[mask]), T.rotate(bone.normals[mask])
    match = other.closest(points)
    facing = np.einsum("ij,ij->i", match.normals, normals) < _FACING
    keep = facing & (match.distance < reach_mm)
    gap = np.einsum("ij,ij->i", match.normals, points - match.points)[keep]
    return FacingPairs(points[keep], match.normals[keep], gap)


@dataclass(frozen=True, slots=True, eq=False)
class MidlineTerm:
    """The symphysial face of a hip lies half a symphysis from the plane.

    Attributes:
        moving: the hip belongs to the body; else it stands in place.
        half_gap_mm, sigma_mm: mean and spread over 18 pelves of the VSD set, both hips' own plane.
    """

    hip: Bone
    moving: bool = False
    name: str = "midline"
    half_gap_mm: float = 2.1
    sigma_mm: float = 0.9

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        points = at.T.apply(self.hip.points) if self.moving else self.hip.points
        s = at.plane.signed_distance(points)
        side = np.sign(np.median(s))
        face = np.argsort(side * s)[: max(len(s) // 100, 5)]
        middle = points[face].mean(axis=0)
        relative = middle - at.plane.point
        jacobian = np.zeros((1, UNKNOWNS))
        if self.moving:
            jacobian[:, :6] = _pose_rows(side * at.plane.normal[None], middle[None], at)
        jacobian[0, 6:] = side * np.array([*(relative @ t for t in tangents(at.plane)), -1.0])
        residual = np.array([side * s[face].mean() - self.half_gap_mm])
        weight = np.array([1.0 / self.sigma_mm**2])
        return Rows(residual, jacobian, weight, len(face) * self.hip.area, self.sigma_mm)


@dataclass(frozen=True, slots=True, eq=False)
class PlaneTerm:
    """The plane is believed to be `plane`, at its point and in its tilt.

    Attributes:
        sigma_mm, sigma_rad: how sure of the place of `plane.point`, and of the two tilts.
    """

    plane: Plane
    sigma_mm: float
    sigma_rad: float
    name: str

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        t = tangents(at.plane)
        relative = self.plane.point - at.plane.point
        normal = self.plane.normal * np.sign(self.plane.normal @ at.plane.normal)
        residual = np.array([*(-float(normal @ u) for u in t), -float(relative @ at.plane.normal)])
        jacobian = np.zeros((3, UNKNOWNS))
        jacobian[[0, 1], [6, 7]] = 1.0
        jacobian[2, 6:] = [*(-float(relative @ u) for u in t), 1.0]
        weight = 1.0 / np.array([self.sigma_rad, self.sigma_rad, self.sigma_mm]) ** 2
        return Rows(residual, jacobian, weight, 0.0, np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class PoseTerm:
    """Keeps a pose that little else decides near where the body lies, very loosely."""

    start: Estimate
    name: str = "prior:pose"
    sigma_mm: float = 30.0
    sigma_rad: float = 0.5

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        turn = (at.T @ self.start.T.inverse()).rotvec
        shift = at.T.apply(at.centre) - self.start.T.apply(at.centre)
        weight = 1.0 / np.repeat([self.sigma_mm, self.sigma_rad], 3) ** 2
        return Rows(np.array([*shift, *turn]), np.eye(6, UNKNOWNS), weight, 0.0, np.inf)


def robust(residual: FloatArray, scale: float) -> FloatArray:
    """Geman-McClure weights: 1 for small residuals, falling off beyond `scale`."""
    weights: FloatArray = (scale**2 / (scale**2 + residual**2)) ** 2
    return weights


def _pose_rows(n: FloatArray, x: FloatArray, at: Estimate) -> FloatArray:
    """d(n . x) for a twist of the body about its present centre, (k, 6)."""
    return np.hstack([n, np.cross(x - at.T.apply(at.centre), n)])


def _plane_rows(n: FloatArray, x: FloatArray, plane: Plane) -> FloatArray:
    """d(n . reflect(x)) for tilts and shift of the plane, (k, 3)."""
    relative = x - plane.point
    s = relative @ plane.normal
    along = n @ plane.normal
    tilts = [-2.0 * ((relative @ t) * along + s * (n @ t)) for t in tangents(plane)]
    return np.column_stack([*tilts, 2.0 * along])
