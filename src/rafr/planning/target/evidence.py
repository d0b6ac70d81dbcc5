"""What says where fragments belong, each kind as weighted residuals of one least-squares problem.

The unknowns are those of `rafr.planning.target.estimate`. Every term finds its own point pairs at the current
estimate and returns point-to-plane residuals with their derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rafr.geometry import RigidTransform
from rafr.geometry.mesh import IntArray
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface
from rafr.planning.target.anatomy import Bone
from rafr.planning.target.estimate import IN_PLACE, Estimate, plane_rows, twist_rows

BoolArray = NDArray[np.bool_]

_MIRROR_THINNING = 3  # shapes differ over centimetres: a third of a bone's points is plenty
WHOLE = 1.25  # a bone larger than this times its counterpart is whole where the other is a piece
_FACING = -0.6  # largest cosine between the normals of two surfaces that face each other


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Residuals (n,) in mm, their derivatives (n, size), weights (n,) in 1/mm², matched area in mm².

    `sigma_mm` is the spread the weights were made for; `patches` (n,) how many independent observations
    every residual stands for, empty for what is no observation of surfaces.
    """

    residual: FloatArray
    jacobian: FloatArray
    weight: FloatArray
    area: float
    sigma_mm: float
    patches: FloatArray = field(default_factory=lambda: np.zeros(0))

    @property
    def support(self) -> float:
        """Independent observations that are explained: 1 where the residual is 0, none from 3 sigma on.

        What is believed beforehand explains nothing, but counts against a solution on the same scale.
        """
        if not len(self.patches):
            return -self.cost / 9.0
        return float(self.patches @ np.maximum(0.0, 1.0 - (self.residual / (3.0 * self.sigma_mm)) ** 2))

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


def add_twist(jacobian: FloatArray, at: Estimate, body: int, n: FloatArray, x: FloatArray) -> None:
    """Add d(n · x) for the pose of the body that carries x; nothing for what stands in place."""
    if body != IN_PLACE:
        jacobian[:, at.pose_columns(body)] += twist_rows(n, x, at.centre_of(body))


@dataclass(frozen=True, slots=True, eq=False)
class MirrorTerm:
    """A bone and its counterpart are mirror images of each other, wherever either of them stands.

    Pairs start from the smaller of the two: a piece has its place on a whole bone, but most of a whole bone
    has none on a piece. Hips may differ in pose by the asymmetry of the estimate.

    Attributes:
        sigma_mm: how far the two shapes differ once laid upon each other (rms 0.6 mm of hips, robust).
        patch_mm2: area over which that is alike, so that more points tell nothing new.
    """

    bone: Bone
    counterpart: Bone
    name: str
    sigma_mm: float = 1.0
    patch_mm2: float = 1200.0

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        source, goal = self.bone, self.counterpart
        if source.size > WHOLE * goal.size:
            source, goal = goal, source
        here, there = at.pose_of(source.body), at.pose_of(goal.body)
        x = here.apply(source.points[::_MIRROR_THINNING])
        normals = at.image_direction(source.name, here.rotate(source.normals[::_MIRROR_THINNING]))
        image = at.image(source.name, x)
        match = goal.surface.closest(there.inverse().apply(image))
        n = there.rotate(match.normals)
        keep = (np.einsum("ij,ij->i", n, normals) > 0.6) & (match.distance < reach_mm)
        n, x, image = n[keep], x[keep], image[keep]
        residual = np.einsum("ij,ij->i", n, image - there.apply(match.points[keep]))
        jacobian = mirror_jacobian(at, source, goal, n, x, image)
        scale = max(self.sigma_mm, reach_mm / 4.0)
        area = source.area * _MIRROR_THINNING
        patches = np.full(len(x), area / self.patch_mm2)
        weight = patches / self.sigma_mm**2 * robust(residual, scale)
        return Rows(residual, jacobian, weight, area * len(x), self.sigma_mm, patches)


def mirror_jacobian(
    at: Estimate, source: Bone, goal: Bone, n: FloatArray, x: FloatArray, image: FloatArray
) -> FloatArray:
    """d(n · (image(x) − y)), (k, size): x on the source, its image near y on the goal, n there."""
    jacobian = np.zeros((len(x), at.size))
    A, mirrored, direction = at.asymmetry, x, n
    moved_pivot = A.apply(at.pivot)
    if source.name == "left_hip":
        mirrored = A.inverse().apply(x)
        carried = A.rotate(at.plane.reflect_direction(n))
        jacobian[:, at.asymmetry_columns] = -twist_rows(carried, x, moved_pivot)
    else:
        if source.name == "right_hip":
            direction = A.inverse().rotate(n)
            jacobian[:, at.asymmetry_columns] = twist_rows(n, image, moved_pivot)
        carried = at.plane.reflect_direction(direction)
    jacobian[:, at.plane_columns] = plane_rows(direction, mirrored, at.plane)
    add_twist(jacobian, at, source.body, carried, x)
    # the normals turn with the goal: its pose acts at the image, not at the match
    add_twist(jacobian, at, goal.body, -n, image)
    return jacobian


@dataclass(frozen=True, slots=True, eq=False)
class ContactTerm:
    """Two surfaces that face each other at a known gap: the two faces of a break, or a joint.

    Point pairs run from one to the other, and back.

    Attributes:
        first_gap_mm, second_gap_mm: (n,) wanted distance along the normals at every point of either bone;
            0 for a break, NaN for points that take no part.
        sigma_mm, patch_mm2: as in MirrorTerm.
    """

    first: Bone
    second: Bone
    first_gap_mm: FloatArray
    second_gap_mm: FloatArray
    sigma_mm: float
    patch_mm2: float
    name: str

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        a, b = at.pose_of(self.first.body), at.pose_of(self.second.body)
        forth = facing_pairs(self.first, self.first_gap_mm, b.inverse() @ a, self.second.surface, reach_mm)
        back = facing_pairs(self.second, self.second_gap_mm, a.inverse() @ b, self.first.surface, reach_mm)
        # n points from the second bone to the first: opening is positive
        n = np.concatenate([b.rotate(forth.normals), -a.rotate(back.normals)])
        x = np.concatenate([b.apply(forth.points), a.apply(back.points)])
        residual = np.concatenate([forth.excess, back.excess])
        jacobian = np.zeros((len(x), at.size))
        add_twist(jacobian, at, self.first.body, n, x)
        add_twist(jacobian, at, self.second.body, -n, x)
        # both directions see the same face: half the area each
        area = 0.5 * np.repeat([self.first.area, self.second.area], [len(forth.gap), len(back.gap)])
        scale = max(2.0 * self.sigma_mm, reach_mm / 3.0)
        patches = area / self.patch_mm2
        weight = patches / self.sigma_mm**2 * robust(residual, scale)
        return Rows(residual, jacobian, weight, float(area.sum()), self.sigma_mm, patches)


@dataclass(frozen=True, slots=True, eq=False)
class FacingPairs:
    """Points that face another surface.

    Attributes:
        index: (n,) of the bone's points.
        points, normals: (n, 3) of them, and of the other surface there.
        gap, excess: (n,) signed gaps (negative: overlap), and what they exceed the wanted ones by.
    """

    index: IntArray
    points: FloatArray
    normals: FloatArray
    gap: FloatArray
    excess: FloatArray


def facing_pairs(
    bone: Bone, wanted_mm: FloatArray, T: RigidTransform, other: Surface, reach_mm: float
) -> FacingPairs:
    """Points of a bone, moved by T, that face another surface.

    Args:
        wanted_mm: (n,) gap wanted at every point of the bone, NaN for points to leave out.
        reach_mm: how much larger than wanted a distance may be.
    """
    index = np.flatnonzero(np.isfinite(wanted_mm))
    points, normals = T.apply(bone.points[index]), T.rotate(bone.normals[index])
    match = other.closest(points)
    facing = np.einsum("ij,ij->i", match.normals, normals) < _FACING
    keep = facing & (match.distance < reach_mm + wanted_mm[index])
    gap = np.einsum("ij,ij->i", match.normals, points - match.points)[keep]
    index = index[keep]
    return FacingPairs(index, points[keep], match.normals[keep], gap, gap - wanted_mm[index])


def robust(residual: FloatArray, scale: float) -> FloatArray:
    """Geman-McClure weights: 1 for small residuals, falling off beyond `scale`."""
    weights: FloatArray = (scale**2 / (scale**2 + residual**2)) ** 2
    return weights
