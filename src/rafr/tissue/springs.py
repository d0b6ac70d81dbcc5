"""Soft tissue on one bone fragment: tension-only springs with a toe region and a yield plateau.

SI throughout, in the reference body's CT frame (LPS axes, m). A wrench is (force, torque) on the body,
the torque about the body's *current* centroid; a twist is (velocity of the centroid, angular velocity).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray

_TINY_LENGTH = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class TissueModel:
    """Springs between points of a body and anchors on the reference or its surroundings.

    Tension over the elongation x = length - rest (f = 0 for x <= 0): k x^2 / (2 toe) up to the toe,
    k (x - toe / 2) beyond it, never more than `max_tension` (fibres yield). A spring of rest length 0
    pulls its point towards the anchor from any direction.

    Attributes:
        names: (n) what each spring stands for.
        point: (n, 3) on the body, in its CT (displaced) coordinates, m.
        anchor: (n, 3) m.   rest: (n,) m.   stiffness: (n,) N/m.   toe: (n,) m.
        max_tension: (n,) N.   damping: (n,) N s/m along a taut spring.
        centroid: (3,) of the body in its CT coordinates, m.
        linear_damping: N s/m.   angular_damping: N m s/rad, of the tissue the body moves in.
    """

    names: tuple[str, ...]
    point: FloatArray
    anchor: FloatArray
    rest: FloatArray
    stiffness: FloatArray
    toe: FloatArray
    max_tension: FloatArray
    damping: FloatArray
    centroid: FloatArray
    linear_damping: float = 0.0
    angular_damping: float = 0.0

    def wrench(self, T_current_displaced: RigidTransform, twist: FloatArray | None = None) -> FloatArray:
        """The tissue's wrench (6,) on the body at a pose (m), moving with `twist` (6,) or at rest."""
        arm, pull, length = self._lines(T_current_displaced)
        tension = self._tension(length - self.rest)
        if twist is not None:
            inverse = 1.0 / np.maximum(length, _TINY_LENGTH)
            speed = arm @ _cross_matrix(twist[3:]) + twist[:3]
            shortening = np.einsum("ij,ij->i", pull, speed) * inverse
            tension = np.where(tension > 0, np.maximum(tension - self.damping * shortening, 0.0), 0.0)
        force = pull * (tension / np.maximum(length, _TINY_LENGTH))[:, None]
        wrench = resultant(arm, force)
        if twist is not None:
            wrench[:3] -= self.linear_damping * twist[:3]
            wrench[3:] -= self.angular_damping * twist[3:]
        return wrench

    def wrench_and_stiffness(self, T_current_displaced: RigidTransform) -> tuple[FloatArray, FloatArray]:
        """Wrench (6,) and stiffness K (6, 6): a small motion d = (translation of the centroid, rotation
        vector, both in the reference frame) changes the wrench by -K d.
        """
        arm, pull, length = self._lines(T_current_displaced)
        elongation = length - self.rest
        tension = self._tension(elongation)
        safe = np.maximum(length, _TINY_LENGTH)
        unit = pull / safe[:, None]
        force = unit * tension[:, None]
        along = self._tangent(elongation)
        across = np.where(length > _TINY_LENGTH, tension / safe, along)
        # 3x3 stiffness of each point: along the line, and across it through the turning of the line
        outer = np.einsum("i,ij,ik->ijk", along - across, unit, unit)
        point_stiffness = outer + across[:, None, None] * np.eye(3)
        jacobian = np.zeros((len(arm), 3, 6))
        jacobian[:, :, :3] = np.eye(3)
        jacobian[:, :, 3:] = -skew_all(arm)
        stiffness = np.einsum("nia,nij,njb->ab", jacobian, point_stiffness, jacobian)
        moment = arm.T @ force
        stiffness[3:, 3:] += np.trace(moment) * np.eye(3) - moment
        return resultant(arm, force), stiffness

    def energy(self, T_current_displaced: RigidTransform) -> float:
        """Stored energy, J, whose negative gradient is the wrench (plateau work included)."""
        _, _, length = self._lines(T_current_displaced)
        x = np.maximum(length - self.rest, 0.0)
        yield_at = self._yield_elongation()
        inside = np.minimum(x, yield_at)
        toe = np.maximum(self.toe, _TINY_LENGTH)
        in_toe = np.minimum(inside, toe)
        beyond = inside - in_toe
        stored = self.stiffness * (in_toe**3 / (6 * toe) + 0.5 * toe * beyond + 0.5 * beyond**2)
        return float(np.sum(stored + self.max_tension * (x - inside)))

    def tensions(self, T_current_displaced: RigidTransform) -> FloatArray:
        """Tension (n,) of every spring at rest, N."""
        _, _, length = self._lines(T_current_displaced)
        return self._tension(length - self.rest)

    def strained(self, names: tuple[str, ...]) -> NDArray[np.bool_]:
        """Mask (n,) of the springs whose name is among `names`."""
        return np.array([name in names for name in self.names])

    def _lines(self, pose: RigidTransform) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Lever arms (n, 3) about the centroid, vectors to the anchors (n, 3), lengths (n,)."""
        arm = (self.point - self.centroid) @ pose.rotation.T
        pull = self.anchor - arm - (pose.rotation @ self.centroid + pose.translation)
        length: FloatArray = np.sqrt(np.einsum("ij,ij->i", pull, pull))
        return arm, pull, length

    def _tension(self, elongation: FloatArray) -> FloatArray:
        x = np.maximum(elongation, 0.0)
        in_toe = np.minimum(x, self.toe)
        curve = in_toe * in_toe / (2 * np.maximum(self.toe, _TINY_LENGTH)) + (x - in_toe)
        tension: FloatArray = np.minimum(self.stiffness * curve, self.max_tension)
        return tension

    def _tangent(self, elongation: FloatArray) -> FloatArray:
        slope = self.stiffness * np.clip(elongation / np.maximum(self.toe, _TINY_LENGTH), 0.0, 1.0)
        # a spring that may shorten to nothing has its linear stiffness there, not that of its slack side
        slope = np.where((self.rest == 0) & (self.toe == 0), self.stiffness, slope)
        return np.where(elongation < self._yield_elongation(), slope, 0.0)

    def _yield_elongation(self) -> FloatArray:
        x = self.max_tension / np.maximum(self.stiffness, _TINY_LENGTH)
        return np.where(x < self.toe / 2, np.sqrt(2 * self.toe * x), x + self.toe / 2)


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
