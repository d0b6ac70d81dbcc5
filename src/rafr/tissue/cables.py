"""Elastic cables round a body: the mechanics of ligaments, muscles and bedding, evaluated all at once.

SI; the reference body's CT frame. A cable runs through points that stand still, ride on the body, or ride on
the leg, and pulls with one tension along its whole length. The leg keeps its direction in the room (boot and
cord hold it) while its head follows the body's acetabulum, so a force on the leg arrives at the hip centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue.tension import TensionLaws

_TINY = 1e-9  # m


class Rider(IntEnum):
    """What a point of a cable is fixed to."""

    GROUND = 0
    BODY = 1
    LEG = 2


@dataclass(frozen=True, slots=True, eq=False)
class Cable:
    """One line of pull.

    Attributes:
        name: what it stands for.
        points: (k, 3) from end to end, m: where each is when the body stands where its CT shows it
            (`Rider.BODY`), when the hip centre is at `TissueModel.hip_at` (`Rider.LEG`), or always.
        riders: what each point is fixed to.
        rest: m, length at which it begins to pull.
    """

    name: str
    points: FloatArray
    riders: tuple[Rider, ...]
    rest: float


@dataclass(frozen=True, eq=False)
class TissueModel:
    """Everything soft that acts on one body.

    Attributes:
        cables: in the order of `laws`.
        centroid: (3,) of the body in its CT coordinates, m.
        hip: (3,) hip centre in the body's CT coordinates; None when the leg does not follow the body.
        hip_at: (3,) where that hip centre was when the leg's points were placed.
        damping: (n,) N s/m along a taut cable; in its toe as much less as it is less stiff there.
        linear_damping: N s/m.   angular_damping: N m s/rad, of the tissue the body moves in.
    """

    cables: tuple[Cable, ...]
    laws: TensionLaws
    centroid: FloatArray
    damping: FloatArray
    hip: FloatArray | None = None
    hip_at: FloatArray = field(default_factory=lambda: np.zeros(3))
    linear_damping: float = 0.0
    angular_damping: float = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(cable.name for cable in self.cables)

    def named(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Mask (n,) of the cables whose name is among `names`."""
        return np.array([name in names for name in self.names], dtype=bool)

    def wrench(self, T_current_displaced: RigidTransform, twist: FloatArray | None = None) -> FloatArray:
        """The tissue's wrench (6,) on the body at a pose (m), moving with `twist` (6,) or at rest.

        The torque is about the body's current centroid, as everywhere in this room.
        """
        g = self.layout
        arm, line, length = self._lines(T_current_displaced)
        elongation = g.total @ length - g.rest
        tension = self.laws.tension(elongation)
        unit = line / length[:, None]
        if twist is not None:
            speed = g.rides[:, None] * (twist[:3] + arm @ _cross_matrix(twist[3:]))
            lengthening = g.total @ np.einsum("ij,ij->i", unit, g.across @ speed)
            damped = self.damping * self.laws.straightened(elongation) * lengthening
            # at most as much as the tension itself: a cable that becomes taut does so without a blow
            tension = tension + np.minimum(np.maximum(damped, -tension), tension)
        wrench = resultant(arm, self._forces(unit, tension))
        if twist is not None:
            wrench[:3] -= self.linear_damping * twist[:3]
            wrench[3:] -= self.angular_damping * twist[3:]
        return wrench

    def wrench_and_stiffness(self, T_current_displaced: RigidTransform) -> tuple[FloatArray, FloatArray]:
        """Wrench (6,) and stiffness K (6, 6): a small motion d = (translation of the centroid, rotation
        vector, both in the reference frame) changes the wrench by -K d.
        """
        g = self.layout
        arm, line, length = self._lines(T_current_displaced)
        elongation = g.total @ length - g.rest
        tension, slope = self.laws.tension(elongation), self.laws.slope(elongation)
        unit = line / length[:, None]
        jacobian = np.zeros((len(arm), 3, 6))
        jacobian[:, :, :3] = np.eye(3)
        jacobian[:, :, 3:] = -skew_all(arm)
        jacobian *= g.rides[:, None, None]
        stretch = np.einsum("sp,pij->sij", g.across, jacobian)
        # along every cable the law's slope; across each piece its tension turns with the line
        lengthening = g.total @ np.einsum("si,sij->sj", unit, stretch)
        K = (lengthening * slope[:, None]).T @ lengthening
        # a cable of no length, the bedding at rest, is as stiff across as along
        turning = g.total.T @ np.where(g.total @ length > 10 * _TINY, tension, slope * _TINY) / length
        across = np.eye(3) - unit[:, :, None] * unit[:, None, :]
        K += np.einsum("s,sia,sij,sjb->ab", turning, stretch, across, stretch)
        force = self._forces(unit, tension)
        moment = arm.T @ force
        K[3:, 3:] += np.trace(moment) * np.eye(3) - moment
        return resultant(arm, force), K

    def energy(self, T_current_displaced: RigidTransform) -> float:
        """Stored energy, J, whose negative gradient is the wrench (work of yielding included)."""
        g = self.layout
        return float(self.laws.energy(g.total @ self._lines(T_current_displaced)[2] - g.rest).sum())

    def tensions(self, T_current_displaced: RigidTransform) -> FloatArray:
        """Tension (n,) of every cable at rest, N."""
        return self.laws.tension(self.elongations(T_current_displaced))

    def elongations(self, T_current_displaced: RigidTransform) -> FloatArray:
        """(n,) m beyond the rest length; negative while slack."""
        g = self.layout
        elongation: FloatArray = g.total @ self._lines(T_current_displaced)[2] - g.rest
        return elongation

    def polylines(self, T_current_displaced: RigidTransform) -> list[FloatArray]:
        """Where every cable runs, (k, 3) m each: for pictures."""
        _, points = self._points(T_current_displaced)
        return np.split(points, np.cumsum([len(c.points) for c in self.cables])[:-1])

    @cached_property
    def layout(self) -> Layout:
        """The cables as arrays."""
        return Layout.of(self)

    def _points(self, pose: RigidTransform) -> tuple[FloatArray, FloatArray]:
        """Lever arms about the centroid (p, 3), 0 where nothing rides, and places (p, 3) of all points."""
        g = self.layout
        arm = g.local @ pose.rotation.T
        centre = pose.rotation @ self.centroid + pose.translation
        return arm, g.offset + arm + g.rides[:, None] * centre

    def _lines(self, pose: RigidTransform) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Lever arms (p, 3) of the points, vectors (s, 3) along all pieces, their lengths (s,) > 0."""
        arm, points = self._points(pose)
        line = self.layout.across @ points
        return arm, line, np.maximum(np.sqrt(np.einsum("ij,ij->i", line, line)), _TINY)

    def _forces(self, unit: FloatArray, tension: FloatArray) -> FloatArray:
        """(p, 3) on what every point rides on; those on the ground left out."""
        g = self.layout
        pull = unit * (g.total.T @ tension)[:, None]
        forces: FloatArray = -(g.across.T @ pull) * g.rides[:, None]
        return forces


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The cables as arrays: p points, s pieces between them, n cables.

    Attributes:
        local: (p, 3) lever arm in the body's CT axes.   offset: (p, 3) place less arm and centroid.
        rides: (p,) 1.0 on body or leg, else 0.0.
        across: (s, p) end minus start of every piece.   total: (n, s) sums pieces to cables.
        rest: (n,) m.
    """

    local: FloatArray
    offset: FloatArray
    rides: FloatArray
    across: FloatArray
    total: FloatArray
    rest: FloatArray

    @staticmethod
    def of(model: TissueModel) -> Layout:
        points = np.concatenate([c.points for c in model.cables] or [np.zeros((0, 3))])
        riders = np.array([r for c in model.cables for r in c.riders], dtype=int)
        counts = [len(c.points) for c in model.cables]
        hip = model.centroid if model.hip is None else model.hip
        local, offset = np.zeros_like(points), points.copy()
        body, leg = riders == Rider.BODY, riders == Rider.LEG
        if leg.any() and model.hip is None:
            raise ValueError("points ride on the leg, but the body has no hip centre")
        local[body], offset[body] = points[body] - model.centroid, 0.0
        local[leg], offset[leg] = hip - model.centroid, points[leg] - model.hip_at
        across = np.zeros((len(points) - len(counts), len(points)))
        total = np.zeros((len(counts), len(across)))
        first_point = first_piece = 0
        for n, count in enumerate(counts):
            for k in range(count - 1):
                across[first_piece + k, first_point + k] = -1.0
                across[first_piece + k, first_point + k + 1] = 1.0
                total[n, first_piece + k] = 1.0
            first_point += count
            first_piece += count - 1
        rest = np.array([c.rest for c in model.cables])
        return Layout(local, offset, (riders > 0).astype(float), across, total, rest)


def _cross_matrix(w: FloatArray) -> FloatArray:
    """M with `arm @ M == cross(w, arm)` for rows of `arm`."""
    return np.array([[0.0, w[2], -w[1]], [-w[2], 0.0, w[0]], [w[1], -w[0], 0.0]])


def skew_all(vectors: FloatArray) -> FloatArray:
    """(n, 3, 3) cross-product matrices of (n, 3) vectors."""
    matrices = np.zeros((len(vectors), 3, 3))
    x, y, z = vectors.T
    matrices[:, 0, 1], matrices[:, 0, 2], matrices[:, 1, 2] = -z, y, -x
    matrices[:, 1, 0], matrices[:, 2, 0], matrices[:, 2, 1] = z, -y, x
    return matrices


def resultant(arm: FloatArray, force: FloatArray) -> FloatArray:
    """Wrench (6,) of forces (n, 3) at lever arms (n, 3); the torque is read off `arm^T force`."""
    m = arm.T @ force
    wrench = np.empty(6)
    wrench[:3] = force.sum(axis=0)
    wrench[3:] = m[1, 2] - m[2, 1], m[2, 0] - m[0, 2], m[0, 1] - m[1, 0]
    return wrench


def cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Cross product of two (3,) vectors; numpy's own costs thirty times as much, which 1 kHz feels."""
    ax, ay, az = a.tolist()
    bx, by, bz = b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])
