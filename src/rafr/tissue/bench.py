"""One sacroiliac joint on the test bench: hip fixed, sacrum loaded (Miller et al. 1987, J Orthop Res 5:92).

Ligaments are those of `rafr.tissue.ligaments`; the joint's cartilage presses as an elastic foundation that
fills the gap between the bones. What was fitted to the experiment is said in `docs/tissue.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rafr.cases.case import Body, Case
from rafr.cases.meshes import BodyMesh
from rafr.geometry import RigidTransform, SignedDistanceGrid, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue.cables import TissueModel, resultant, skew_all
from rafr.tissue.contact import ContactParams, local_distance_grid, surface_points
from rafr.tissue.model import TissueParams, build_tissue
from rafr.units import METRES_PER_MM

FORCE, MOMENT = 294.0, 42.0  # N, N m: the experiment's largest loads
# what the abstract gives for an isolated left joint at those loads: mean and standard deviation
MILLER = {
    "anterior": (2.74, 1.07),  # mm
    "medial": (0.76, 1.41),  # mm
    "right bending": (1.40, 0.71),  # degrees
    "clockwise torsion": (6.21, 3.29),  # degrees, seen from above
}
_CARTILAGE_MODULUS = 54e6  # Pa, sacroiliac cartilage of FE models (54 MPa)
_JOINT_MM = 5.0  # bones nearer than this are joint surface
_STEPS, _TOLERANCE_N = 8, 3.0


@dataclass(frozen=True, slots=True, eq=False)
class JointBench:
    """The sacrum on one fixed hip.

    Attributes:
        tissue: ligaments on the sacrum.   superior, anterior, left: unit vectors (3,) of the S1 endplate.
    """

    tissue: TissueModel
    superior: FloatArray
    anterior: FloatArray
    left: FloatArray
    _points: FloatArray
    _areas: FloatArray
    _gap: FloatArray
    _grid: SignedDistanceGrid

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
        points, areas = surface_points(sacrum, 3.0)
        lower, upper = points.min(axis=0) - 20.0, points.max(axis=0) + 20.0
        lower, upper = (
            np.maximum(lower, hip.vertices.min(axis=0)),
            np.minimum(upper, hip.vertices.max(axis=0)),
        )
        grid = local_distance_grid(hip, lower, upper, ContactParams().grid_spacing / METRES_PER_MM)
        distance = grid.distance(points)
        joint = distance < _JOINT_MM
        superior, anterior, left = endplate_axes(sacrum)
        return JointBench(
            tissue, superior, anterior, left, points[joint], areas[joint], distance[joint], grid
        )

    def response(self) -> dict[str, float]:
        """Displacement along the force (mm) or about the moment (degrees), for every load."""
        forces = {
            "anterior": self.anterior,
            "posterior": -self.anterior,
            "superior": self.superior,
            "inferior": -self.superior,
            "medial": -self.left,
        }
        moments = {
            "flexion": self.left,
            "extension": -self.left,
            "right bending": self.anterior,
            "left bending": -self.anterior,
            "clockwise torsion": -self.superior,
            "counter-clockwise torsion": self.superior,
        }
        centre, found = self.tissue.centroid, {}
        for name, axis in forces.items():
            pose = self.balance(np.concatenate([FORCE * axis, np.zeros(3)]))
            found[name] = 1e3 * float((pose.apply(centre) - centre) @ axis)
        for name, axis in moments.items():
            pose = self.balance(np.concatenate([np.zeros(3), MOMENT * axis]))
            found[name] = float(np.degrees(pose.rotvec @ axis))
        return found

    def balance(self, load: FloatArray) -> RigidTransform:
        """Pose (m) in which ligaments and cartilage bear a load (6,) at the centroid: Newton, in steps.

        Raises:
            RuntimeError: nothing bears it.
        """
        pose = RigidTransform.identity()
        for share in np.linspace(1.0 / _STEPS, 1.0, _STEPS):
            scale, last = 1.0, np.inf
            for _ in range(200):
                wrench, stiffness = self.tissue.wrench_and_stiffness(pose)
                pressed, k = self._cartilage(pose)
                missing = wrench + pressed + share * load
                size = float(np.linalg.norm(missing * [1, 1, 1, 20, 20, 20]))
                if size < _TOLERANCE_N:
                    break
                # contacts come and go: shorter steps when it gets worse
                scale, last = (max(0.5 * scale, 0.05) if size > last else min(1.3 * scale, 1.0)), size
                step = scale * np.linalg.solve(stiffness + k + np.diag([1e2] * 3 + [1.0] * 3), missing)
                step *= min(1.0, 1e-3 / np.abs(step[:3]).max(), 0.02 / np.abs(step[3:]).max())
                turn = RigidTransform.about_point(step[3:], pose.apply(self.tissue.centroid))
                pose = (RigidTransform.from_translation(step[:3]) @ turn @ pose).renormalised()
            else:
                raise RuntimeError(f"no balance at {share:.0%} of the load, {np.round(missing, 1)} left")
        return pose

    def _cartilage(self, pose: RigidTransform) -> tuple[FloatArray, FloatArray]:
        """Wrench (6,) and stiffness (6, 6) of the cartilage, which is as thick as the joint's gap."""
        arm = (self._points * METRES_PER_MM - self.tissue.centroid) @ pose.rotation.T
        centre = pose.apply(self.tissue.centroid)
        distance, normal = self._grid.distance_and_gradient((arm + centre) / METRES_PER_MM)
        squeezed = (self._gap - distance) * METRES_PER_MM
        pressing = squeezed > 0
        if not pressing.any():
            return np.zeros(6), np.zeros((6, 6))
        thickness = np.maximum(self._gap[pressing], 1.0) * METRES_PER_MM
        n = normal[pressing] / np.linalg.norm(normal[pressing], axis=1, keepdims=True)
        stiffness = _CARTILAGE_MODULUS / thickness * self._areas[pressing] * METRES_PER_MM**2
        jacobian = np.zeros((len(n), 3, 6))
        jacobian[:, :, :3], jacobian[:, :, 3:] = np.eye(3), -skew_all(arm[pressing])
        along = np.einsum("ni,nia->na", n, jacobian)
        force = n * (stiffness * squeezed[pressing])[:, None]
        return resultant(arm[pressing], force), (along * stiffness[:, None]).T @ along


def endplate_axes(sacrum: TriangleMesh) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Superior, anterior and left of the S1 endplate: the plane of the sacrum's upper front."""
    vertices = sacrum.vertices
    middle = vertices[np.abs(vertices[:, 0] - vertices[:, 0].mean()) < 22.0]
    up = np.array([0.0, -0.5, 0.87])
    for _ in range(10):
        height = middle @ up
        top = middle[height > height.max() - 6.0]
        normal = np.linalg.svd(top - top.mean(axis=0))[2][2]
        normal[0] = 0.0
        up = normal * np.sign(normal[2]) / np.linalg.norm(normal)
    left = np.array([1.0, 0.0, 0.0])
    return up, np.cross(left, up), left
