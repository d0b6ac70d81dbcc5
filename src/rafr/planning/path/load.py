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
_TENSION_STEP = 1.0  # N
_DRAG = 10.0  # N: what way costs beside its work, so that of two easy ways the shorter one is taken


@dataclass(frozen=True, slots=True, eq=False)
class Cord:
    """Elastic traction along the leg, as `rafr.tissue.traction` has it: its winch holds the tension.

    Attributes:
        hip: (3,) m in the body's CT, where it pulls.   winch: (3,) m in the reference's CT.
        tension: N.
    """

    hip: FloatArray
    winch: FloatArray
    tension: float

    @staticmethod
    def along_leg(hip: FloatArray, side: str, tension: float) -> Cord:
        """Of a leg of `side` as it usually lies, pulling at its hip centre (3,), m."""
        return Cord(hip, hip + TractionConfig().length * cord_direction(side, Posture()), tension)

    def wrench(self, T: RigidTransform, centroid: FloatArray) -> FloatArray:
        """(6,) at a pose in m."""
        hip = T.apply(self.hip)
        force = self.winch - hip
        force = force * (self.tension / np.linalg.norm(force))
        return np.concatenate([force, np.cross(hip - T.apply(centroid), force)])


@dataclass(frozen=True, slots=True, eq=False)
class Pull:
    """What acts on the body wherever bone is: its soft tissue and, where it is used, traction."""

    tissue: TissueModel
    cord: Cord | None = None

    def traction(self, T: RigidTransform) -> FloatArray:
        """(6,) of the cord at a pose in m."""
        return np.zeros(6) if self.cord is None else self.cord.wrench(T, self.tissue.centroid)

    def expression(self, rotation: Any, translation: Any) -> Any:
        """(6,) tissue and traction together in CasADi, at a pose in m."""
        import casadi as ca

        total = tissue_wrench(self.tissue, rotation, translation)
        if self.cord is None:
            return total
        hip = ca.mtimes(rotation, ca.DM(self.cord.hip)) + translation
        centre = ca.mtimes(rotation, ca.DM(self.tissue.centroid)) + translation
        force = ca.DM(self.cord.winch) - hip
        force = force * (self.cord.tension / ca.norm_2(force))
        return total + ca.vertcat(force, ca.cross(hip - centre, force))

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
    """Wrenches (n, 6) at n poses, and the clearance (n,) mm there."""

    tissue: FloatArray
    traction: FloatArray
    contact: FloatArray
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

    def with_tension(self, tension: float | None) -> LoadModel:
        """The same with another tension (N) of the cord, where there is one."""
        if self.pull.cord is None or tension is None:
            return self
        return replace(self, pull=replace(self.pull, cord=replace(self.pull.cord, tension=tension)))

    def __call__(self, x: FloatArray) -> Loads:
        """At poses (n, 6) of the chart."""
        poses = [to_metres(T) for T in self.around.chart.transforms(x)]
        distance = self.around.distances(x)
        return Loads(
            np.array([self.pull.tissue.wrench(T) for T in poses]),
            np.array([self.pull.traction(T) for T in poses]),
            self._contact(x, distance),
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


def least_tension(loads: Loads, prescribed: float) -> float:
    """The tension (N), no more than prescribed, with which the largest force along a path is least.

    The force is affine in the tension, its largest norm convex. Contact is left out: paths avoid it.

    Args:
        loads: along a path, with the traction prescribed.
    """
    if prescribed <= 0.0:
        return 0.0
    tensions = np.arange(0.0, prescribed + 0.5 * _TENSION_STEP, _TENSION_STEP)
    shares = tensions / prescribed
    forces = loads.tissue[:, None, :3] + shares[None, :, None] * loads.traction[:, None, :3]
    return float(min(tensions[np.linalg.norm(forces, axis=2).max(axis=0).argmin()], prescribed))


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
