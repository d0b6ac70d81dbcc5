"""The cartilage of a sacroiliac joint: elastic columns that fill the gap between the bones and only press.

SI; poses are those of the sacrum, from where it belongs. A column keeps its direction while the bones move:
over the few mm a joint gives way the surfaces are flat enough (against their full shape, two pelves' sacra on
the test bench moved 0 to 14 % less; under the loads that the experiment measured, 0 to 5 %).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from rafr.geometry import RigidTransform, TriangleMesh, exact_signed_distance
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue.cables import resultant
from rafr.tissue.contact import surface_points
from rafr.tissue.landmarks import JOINT_SPACE_MM
from rafr.units import METRES_PER_MM

MODULUS = 54e6  # Pa, sacroiliac cartilage of FE models; they use 10 MPa as well
_SPACING_MM = 3.0
_LEAST_GAP_MM = 1.0  # below it the segmentation's error is what is measured


@dataclass(frozen=True, slots=True, eq=False)
class Cartilage:
    """Columns of cartilage on one side of the sacrum.

    Attributes:
        feet: (n, 3) m, on the sacrum.   directions: (n, 3) unit vectors from the hip bone into the sacrum.
        stiffness: (n,) N/m.   centre: (3,) m, the point wrenches are about.
    """

    feet: FloatArray
    directions: FloatArray
    stiffness: FloatArray
    centre: FloatArray

    @staticmethod
    def of(hip: TriangleMesh, sacrum: TriangleMesh, modulus: float = MODULUS) -> Cartilage:
        """Both bones where they belong, LPS mm; wrenches are about the sacrum's centroid."""
        points, areas = surface_points(sacrum, _SPACING_MM)
        gap = exact_signed_distance(hip, points)
        facing = gap < JOINT_SPACE_MM
        nearest = cKDTree(hip.vertices).query(points[facing])[1]
        thickness = np.maximum(gap[facing], _LEAST_GAP_MM)
        return Cartilage(
            points[facing] * METRES_PER_MM,
            hip.vertex_normals[nearest],
            modulus * areas[facing] / thickness * METRES_PER_MM,
            sacrum.centroid * METRES_PER_MM,
        )

    def energy(self, pose: RigidTransform) -> float:
        """J, whose negative gradient is the wrench."""
        return float(0.5 * self.stiffness @ self._squeezed(pose) ** 2)

    def wrench_and_stiffness(self, pose: RigidTransform) -> tuple[FloatArray, FloatArray]:
        """Wrench (6,) on the sacrum and stiffness (6, 6), as `TissueModel.wrench_and_stiffness`."""
        arm = (self.feet - self.centre) @ pose.rotation.T
        push = self.stiffness * self._squeezed(pose)
        along = np.hstack([self.directions, np.cross(arm, self.directions)])
        force = self.directions * push[:, None]
        K = (along * (self.stiffness * (push > 0))[:, None]).T @ along
        moment = arm.T @ force
        K[3:, 3:] += np.trace(moment) * np.eye(3) - moment
        return resultant(arm, force), K

    def _squeezed(self, pose: RigidTransform) -> FloatArray:
        """(n,) m by which every column is shorter than at rest."""
        closing: FloatArray = np.einsum("ij,ij->i", self.feet - pose.apply(self.feet), self.directions)
        return np.maximum(closing, 0.0)
