"""What the arm has to hold at a pose: soft tissue, traction, and bone pressed into bone.

Wrenches are (6,) N and N·m, in the reference's CT axes, torque about the body's current centroid, at rest.
The arm bears their sum with the opposite sign: the magnitudes are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.path.chart import Chart
from rafr.planning.path.surroundings import Surroundings
from rafr.tissue.cables import TissueModel
from rafr.tissue.contact import ContactParams
from rafr.tissue.muscles import Posture
from rafr.tissue.symbolic import rotation_of, tissue_wrench
from rafr.tissue.traction import TractionConfig, cord_direction
from rafr.units import METRES_PER_MM, to_metres

_CONTACT = ContactParams()
_ROUND = 1.0  # N, over which the bounds of the tension are rounded off
_DRAG = 10.0  # N: what way costs beside its work, so that of two easy ways the shorter one is taken


@dataclass(frozen=True, slots=True, eq=False)
class Cord:
    """Elastic traction along the leg, as `rafr.tissue.traction` has it: a winch holds the tension asked for.

    Attributes:
        hip: (3,) m in the body's CT, where it pulls.   winch: (3,) m in the reference's CT.
        prescribed: N; it never pulls more.
        follows: at every pose it pulls what leaves the arm the least force; else as prescribed all the way.
    """

    hip: FloatArray
    winch: FloatArray
    prescribed: float
    follows: bool = True

    @staticmethod
    def along_leg(hip: FloatArray, side: str, prescribed: float) -> Cord:
        """Of a leg of `side` as it usually lies, pulling at its hip centre (3,), m."""
        return Cord(hip, hip + TractionConfig().length * cord_direction(side, Posture()), prescribed)

    def tension(self, T: RigidTransform, force: FloatArray) -> float:
        """N, at a pose in m where everything else pulls with a force (3,)."""
        if not self.follows:
            return self.prescribed
        return min(max(-float(force @ self._direction(T)), 0.0), self.prescribed)

    def wrench(self, T: RigidTransform, centroid: FloatArray, tension: float) -> FloatArray:
        """(6,) of a tension (N) at a pose in m."""
        force = self._direction(T) * tension
        return np.concatenate([force, np.cross(T.apply(self.hip) - T.apply(centroid), force)])

    def expression(self, rotation: Any, translation: Any, centre: Any, force: Any) -> Any:
        """(6,) in CasADi, as `wrench` with `tension`; its bounds are rounded off to be differentiable."""
        import casadi as ca

        hip = ca.mtimes(rotation, ca.DM(self.hip)) + translation
        line = ca.DM(self.winch) - hip
        line = line / ca.norm_2(line)
        tension: Any = self.prescribed
        if self.follows:
            wanted = -ca.dot(force, line)
            tension = _positive(wanted) - _positive(wanted - self.prescribed)
        return ca.vertcat(tension * line, ca.cross(hip - centre, tension * line))

    def _direction(self, T: RigidTransform) -> FloatArray:
        line = self.winch - T.apply(self.hip)
        return np.asarray(line / np.linalg.norm(line))


def _positive(x: Any) -> Any:
    """CasADi: max(x, 0), smooth."""
    import casadi as ca

    return 0.5 * (x + ca.sqrt(x**2 + _ROUND**2))


@dataclass(frozen=True, slots=True, eq=False)
class Pull:
    """What acts on the body wherever bone is: its soft tissue and, where it is used, traction."""

    tissue: TissueModel
    cord: Cord | None = None

    def traction(self, T: RigidTransform, tissue: FloatArray) -> tuple[float, FloatArray]:
        """N and (6,) of the cord at a pose in m, where the tissue pulls with (6,)."""
        if self.cord is None:
            return 0.0, np.zeros(6)
        tension = self.cord.tension(T, tissue[:3])
        return tension, self.cord.wrench(T, self.tissue.centroid, tension)

    def expression(self, rotation: Any, translation: Any) -> Any:
        """(6,) tissue and traction together in CasADi, at a pose in m."""
        import casadi as ca

        tissue = tissue_wrench(self.tissue, rotation, translation)
        if self.cord is None:
            return tissue
        centre = ca.mtimes(rotation, ca.DM(self.tissue.centroid)) + translation
        return tissue + self.cord.expression(rotation, translation, centre, tissue[:3])

    def in_chart(self, chart: Chart) -> Any:
        """CasADi Function of coordinates (6,) mm -> (6,) tissue and traction."""
        import casadi as ca

        x = ca.SX.sym("x", 6)
        rotation = ca.mtimes(rotation_of(x[3:] / chart.radius), ca.DM(chart.start.rotation))
        centre = ca.DM(chart.start.apply(chart.centroid)) + x[:3]
        translation = METRES_PER_MM * (centre - ca.mtimes(rotation, ca.DM(chart.centroid)))
        return ca.Function("pull", [x], [ca.densify(self.expression(rotation, translation))])


@dataclass(frozen=True, slots=True, eq=False)
class Loads:
    """Wrenches (n, 6) at n poses, the cord's tension (n,) N and the clearance (n,) mm there."""

    tissue: FloatArray
    traction: FloatArray
    contact: FloatArray
    tension: FloatArray
    clearance: FloatArray

    @property
    def total(self) -> FloatArray:
        return self.tissue + self.traction + self.contact

    @property
    def force(self) -> FloatArray:
        """(n,) N."""
        return np.asarray(np.linalg.norm(self.total[:, :3], axis=1))

    @property
    def torque(self) -> FloatArray:
        """(n,) N·m."""
        return np.asarray(np.linalg.norm(self.total[:, 3:], axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class LoadModel:
    """Tissue, traction and contact of a body among bones.

    Contact is the plant's elastic foundation (`rafr.tissue.contact`) without friction. A point presses only
    by what it overlaps beyond `accepted` (n,), mm: meshing error, and its own overlap at start and target,
    which no path decides.
    """

    pull: Pull
    around: Surroundings
    accepted: FloatArray

    @staticmethod
    def of(pull: Pull, around: Surroundings, ends: FloatArray) -> LoadModel:
        """`ends`: (k, 6) poses that are given: start, target, the surgeon's."""
        overlap = -around.distances(ends).min(axis=0)
        return LoadModel(pull, around, np.maximum(overlap, _CONTACT.tolerance / METRES_PER_MM))

    def with_steady_traction(self) -> LoadModel:
        """The same with the cord pulling as prescribed all the way."""
        if self.pull.cord is None:
            return self
        return replace(self, pull=replace(self.pull, cord=replace(self.pull.cord, follows=False)))

    def __call__(self, x: FloatArray) -> Loads:
        """At poses (n, 6) of the chart."""
        poses = [to_metres(T) for T in self.around.chart.transforms(x)]
        distance = self.around.distances(x)
        tissue = np.array([self.pull.tissue.wrench(T) for T in poses])
        cord = [self.pull.traction(T, at) for T, at in zip(poses, tissue, strict=True)]
        return Loads(
            tissue,
            np.array([wrench for _, wrench in cord]),
            self._contact(x, distance),
            np.array([tension for tension, _ in cord]),
            distance.min(axis=1),
        )

    def _contact(self, x: FloatArray, distance: FloatArray) -> FloatArray:
        around, wrench = self.around, np.zeros((len(x), 6))
        pose, point = np.nonzero(-distance > self.accepted)
        if not len(pose):
            return wrench
        rotation, translation = around.chart.poses(x)
        arm = np.einsum("kij,kj->ki", rotation[pose], around.points[point] - around.chart.centroid)
        centre = translation[pose] + rotation[pose] @ around.chart.centroid
        _, normal = around.gradients(arm + centre)
        depth = -distance[pose, point] - self.accepted[point]
        stiffness = _CONTACT.foundation * around.areas[point] * METRES_PER_MM**2
        force = (stiffness * depth * METRES_PER_MM)[:, None] * normal
        np.add.at(wrench[:, :3], pose, force)
        np.add.at(wrench[:, 3:], pose, np.cross(arm * METRES_PER_MM, force))
        return wrench


def edge_work(a: FloatArray, b: FloatArray, at_a: FloatArray, at_b: FloatArray, chart: Chart) -> FloatArray:
    """(n,) J put in or taken out from poses a to b (n, 6), wrenches (n, 6) there: |mean wrench . step|."""
    step = b - a
    step = np.hstack([step[:, :3] * METRES_PER_MM, step[:, 3:] / chart.radius])
    return np.asarray(np.abs((0.5 * (at_a + at_b) * step).sum(axis=1)))


def edge_effort(a: FloatArray, b: FloatArray, at_a: FloatArray, at_b: FloatArray, chart: Chart) -> FloatArray:
    """(n,) J: the work, and a little for the way itself."""
    length = np.linalg.norm(b - a, axis=1) * METRES_PER_MM
    return np.asarray(edge_work(a, b, at_a, at_b, chart) + _DRAG * length)


def work(x: FloatArray, loads: Loads, chart: Chart) -> float:
    """J along poses (n, 6)."""
    return float(edge_work(x[:-1], x[1:], loads.total[:-1], loads.total[1:], chart).sum())


def effort(x: FloatArray, loads: Loads, chart: Chart) -> float:
    """J along poses (n, 6), the way itself included."""
    return float(edge_effort(x[:-1], x[1:], loads.total[:-1], loads.total[1:], chart).sum())
