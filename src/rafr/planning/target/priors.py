"""What is believed of the unknowns before any surface is compared: terms beside those of `evidence`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry import Plane, RigidTransform
from rafr.planning.target.anatomy import Bone
from rafr.planning.target.estimate import Estimate, tangents
from rafr.planning.target.evidence import Rows, add_twist


@dataclass(frozen=True, slots=True, eq=False)
class MidlineTerm:
    """The symphysial face of a hip lies half a symphysis from the plane.

    Attributes:
        half_gap_mm, sigma_mm: mean and spread over 18 pelves of the VSD set, both hips' own plane.
    """

    hip: Bone
    name: str = "midline"
    half_gap_mm: float = 2.1
    sigma_mm: float = 0.9

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        points = at.pose_of(self.hip.body).apply(self.hip.points)
        s = at.plane.signed_distance(points)
        side = np.sign(np.median(s))
        face = np.argsort(side * s)[: max(len(s) // 100, 5)]
        middle = points[face].mean(axis=0)
        relative = middle - at.plane.point
        jacobian = np.zeros((1, at.size))
        add_twist(jacobian, at, self.hip.body, side * at.plane.normal[None], middle[None])
        jacobian[0, at.plane_columns] = side * np.array([*(relative @ t for t in tangents(at.plane)), -1.0])
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
        first = at.plane_columns.start
        jacobian = np.zeros((3, at.size))
        jacobian[[0, 1], [first, first + 1]] = 1.0
        jacobian[2, at.plane_columns] = [*(-float(relative @ u) for u in t), 1.0]
        weight = 1.0 / np.array([self.sigma_rad, self.sigma_rad, self.sigma_mm]) ** 2
        return Rows(residual, jacobian, weight, 0.0, np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class AsymmetryTerm:
    """The two hips of a person are not placed as mirror images: how far, apart from their shape.

    Attributes:
        sigma_mm, sigma_rad: along and about any axis through the hip's middle, beyond what the plane
            explains.
    """

    name: str = "prior:asymmetry"
    sigma_mm: float = 2.5
    sigma_rad: float = 0.03

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        residual = np.array([*(at.asymmetry.apply(at.pivot) - at.pivot), *at.asymmetry.rotvec])
        jacobian = np.zeros((6, at.size))
        jacobian[:, at.asymmetry_columns] = np.eye(6)
        weight = 1.0 / np.repeat([self.sigma_mm, self.sigma_rad], 3) ** 2
        return Rows(residual, jacobian, weight, 0.0, np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class PoseTerm:
    """Keeps the pose of a body that little else decides near where it lies, very loosely."""

    body: int
    start: RigidTransform
    sigma_mm: float = 30.0
    sigma_rad: float = 0.5

    @property
    def name(self) -> str:
        return f"prior:pose {self.body}"

    def rows(self, at: Estimate, reach_mm: float) -> Rows:
        T = at.pose_of(self.body)
        turn = (T @ self.start.inverse()).rotvec
        shift = at.centre_of(self.body) - self.start.apply(at.centres[self.body])
        jacobian = np.zeros((6, at.size))
        jacobian[:, at.pose_columns(self.body)] = np.eye(6)
        weight = 1.0 / np.repeat([self.sigma_mm, self.sigma_rad], 3) ** 2
        return Rows(np.array([*shift, *turn]), jacobian, weight, 0.0, np.inf)
