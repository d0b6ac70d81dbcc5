"""One sacroiliac joint on the test bench: hip fixed, sacrum loaded (Miller et al. 1987, J Orthop Res 5:92).

Ligaments are those of `rafr.tissue.ligaments`, cartilage that of `rafr.tissue.cartilage`. What was calibrated
with the experiment is said in `docs/tissue.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from rafr.cases.case import Body, Case
from rafr.cases.meshes import BodyMesh
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray, skew
from rafr.tissue.cables import TissueModel
from rafr.tissue.cartilage import Cartilage
from rafr.tissue.model import TissueParams, build_tissue

FORCE, MOMENT = 294.0, 42.0  # N, N m: the experiment's largest loads
# what the abstract gives for an isolated left joint at those loads: mean and standard deviation
MILLER = {
    "anterior": (2.74, 1.07),  # mm
    "medial": (0.76, 1.41),  # mm
    "right bending": (1.40, 0.71),  # degrees
    "clockwise torsion": (6.21, 3.29),  # degrees, seen from above
}
_STEPS = 4  # in which the load grows
# motions are sought in mm, turns as the way of a point 30 mm off: then all are of one size
_UNITS = np.array([1e-3] * 3 + [1e-3 / 0.03] * 3)
_TOLERANCE_N = 0.5
_ENDPLATE_MM = 18.0, 32.0  # half its width, its depth
_FARTHEST = np.array([0.03] * 3 + [0.5] * 3)  # m, rad: a sacrum displaced further has come off


@dataclass(frozen=True, slots=True, eq=False)
class JointBench:
    """The sacrum on one fixed hip.

    Attributes:
        tissue: ligaments on the sacrum.   cartilage: of the joint.
        superior, anterior, left: unit vectors (3,) of the S1 endplate.
    """

    tissue: TissueModel
    cartilage: Cartilage
    superior: FloatArray
    anterior: FloatArray
    left: FloatArray

    @staticmethod
    def of(hip: TriangleMesh, sacrum: TriangleMesh, params: TissueParams | None = None) -> JointBench:
        """A left hip and its sacrum, LPS mm, in the intact pelvis. Muscles and bedding are dissected off."""
        params = replace(params or TissueParams(), muscle_strength=0.0, bedding_stiffness=0.0)
        meshes = {
            "reference": BodyMesh("reference", hip, {11: hip}),
            "sacrum": BodyMesh("sacrum", sacrum, {1: sacrum}),
        }
        here = Path()
        bodies = (Body("reference", (11,)), Body("sacrum", (1,)))
        case = Case(here, "bench", here, here, None, bodies, torn_ligaments=())
        tissue = build_tissue(case, meshes, "sacrum", {"sacrum": RigidTransform.identity()}, params)
        return JointBench(tissue, Cartilage.of(hip, sacrum), *endplate_axes(sacrum))

    def response(self) -> dict[str, float]:
        """Displacement along the force (mm) or about the moment (degrees), for every load."""
        forces = {
            "anterior": self.anterior,
            "posterior": -self.anterior,
            "superior": self.superior,
            "inferior": -self.superior,
            "medial": -self.left,
            "lateral": self.left,
        }
        moments = {
            "flexion": self.left,
            "extension": -self.left,
            "right bending": self.anterior,
            "left bending": -self.anterior,
            "clockwise torsion": -self.superior,
            "counter-clockwise torsion": self.superior,
        }
        found = {}
        for name, axis in forces.items():
            found[name] = 1e3 * float(self.balance(np.concatenate([FORCE * axis, np.zeros(3)]))[:3] @ axis)
        for name, axis in moments.items():
            turn = self.balance(np.concatenate([np.zeros(3), MOMENT * axis]))[3:]
            found[name] = float(np.degrees(turn @ axis))
        return found

    def balance(self, load: FloatArray) -> FloatArray:
        """Motion (6,) in which ligaments and cartilage bear a load (6,) at the centroid.

        The sacrum's centroid moves by `motion[:3]` (m), and it turns by the rotation vector `motion[3:]`, to
        where the potential energy is least, the load growing in steps. A moment works on the rotation vector.

        Raises:
            RuntimeError: nothing bears it.
        """
        motion = np.zeros(6)
        for share in np.linspace(1.0 / _STEPS, 1.0, _STEPS):
            found = minimize(
                self._potential,
                motion / _UNITS,
                (share * load,),
                method="trust-exact",
                jac=True,
                hess=self._curvature,
                options={"gtol": _TOLERANCE_N, "initial_trust_radius": 0.3, "max_trust_radius": 2.0},
            )
            motion = found.x * _UNITS
            if not found.success or (np.abs(motion) > _FARTHEST).any():
                raise RuntimeError(f"no balance at {share:.0%} of the load, {np.round(found.jac, 1)} N left")
        return motion

    def _potential(self, x: FloatArray, load: FloatArray) -> tuple[float, FloatArray]:
        """Potential energy of tissue and load (mJ) and its gradient (6,) at a motion x in `_UNITS`."""
        pose, chain = self._pose(x * _UNITS)
        wrench = self.tissue.wrench(pose) + self.cartilage.wrench_and_stiffness(pose)[0]
        energy = self.tissue.energy(pose) + self.cartilage.energy(pose) - float(load @ (x * _UNITS))
        return 1e3 * energy, -1e3 * _UNITS * (chain.T @ wrench + load)

    def _curvature(self, x: FloatArray, _load: FloatArray) -> FloatArray:
        """The potential's Hessian (6, 6), without the change of `chain`."""
        pose, chain = self._pose(x * _UNITS)
        K = self.tissue.wrench_and_stiffness(pose)[1] + self.cartilage.wrench_and_stiffness(pose)[1]
        hessian: FloatArray = 1e3 * np.outer(_UNITS, _UNITS) * (chain.T @ (0.5 * (K + K.T)) @ chain)
        return hessian

    def _pose(self, motion: FloatArray) -> tuple[RigidTransform, FloatArray]:
        """Pose after a motion (6,); matrix (6, 6) from small changes of the motion to small motions."""
        turned = RigidTransform.about_point(motion[3:], self.tissue.centroid)
        chain = np.eye(6)
        chain[3:, 3:] = _turning(motion[3:])
        return RigidTransform.from_translation(motion[:3]) @ turned, chain


def _turning(rotvec: FloatArray) -> FloatArray:
    """J (3, 3): a small change d of a rotation vector turns by the rotation vector J d in space."""
    angle, K = float(np.linalg.norm(rotvec)), skew(rotvec)
    if angle < 1e-6:
        return np.eye(3) + 0.5 * K
    J: FloatArray = (
        np.eye(3) + (1 - np.cos(angle)) / angle**2 * K + (angle - np.sin(angle)) / angle**3 * K @ K
    )
    return J


def endplate_axes(sacrum: TriangleMesh) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Superior, anterior and left of the S1 endplate: the largest flat top behind the promontory.

    Every slope an endplate can have is tried; facets count that lie on top along it and face that way.
    """
    centres = sacrum.face_centres
    middle = np.abs(centres[:, 0] - sacrum.vertices[:, 0].mean()) < _ENDPLATE_MM[0]
    promontory = centres[middle][np.argmin(centres[middle][:, 1])]
    near = middle & (np.linalg.norm((centres - promontory)[:, 1:], axis=1) < _ENDPLATE_MM[1])
    centres, normals, areas = centres[near], sacrum.face_normals[near], sacrum.face_areas[near]
    largest, up = 0.0, np.array([0.0, 0.0, 1.0])
    for slope in np.radians(np.arange(0.0, 81.0, 2.0)):
        axis = np.array([0.0, -np.sin(slope), np.cos(slope)])
        height = centres @ axis
        top = (height > height.max() - 4.0) & (normals @ axis > 0.85)
        if areas[top].sum() > largest:
            largest, up = areas[top].sum(), areas[top] @ normals[top] * [0.0, 1.0, 1.0]
    up = up / np.linalg.norm(up)
    left = np.array([1.0, 0.0, 0.0])
    return up, np.cross(left, up), left
