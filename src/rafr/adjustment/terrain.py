"""What an adjustment needs to know of an approved path, computed once: poses, bone, tissue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rafr.adjustment.bones import Bones
from rafr.adjustment.poses import Poses
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.path.chart import Chart
from rafr.planning.path.config import PathConfig
from rafr.planning.path.load import Pull
from rafr.planning.path.surroundings import Surroundings
from rafr.planning.plan import ReductionPlan
from rafr.trajectory.reduction_path import ReductionPath
from rafr.units import to_metres, to_mm

if TYPE_CHECKING:
    from rafr.cases.case import Case
    from rafr.cases.meshes import BodyMesh

MILLI = np.repeat([1e3, 1.0], 3)
"""m to mm, and rad to rad."""

_POSES = 64  # of the path that are known
_POINTS = 400  # of the body's surface that are watched


@dataclass(frozen=True, slots=True, eq=False)
class Approved:
    """The approved path at n shares: poses, distances of watched points to bone (n, m), mm, and tissue.

    Attributes:
        tissue: (n, 6) N, N m.   slope: (n, 6, 6) of it by offsets in mm (`Terrain.scale`).
    """

    shares: FloatArray
    poses: Poses
    bone: FloatArray
    tissue: FloatArray
    slope: FloatArray

    def __getitem__(self, rows: NDArray[np.intp]) -> Approved:
        arrays = (self.bone[rows], self.tissue[rows], self.slope[rows])
        return Approved(self.shares[rows], self.poses[rows], *arrays)

    def nearest(self, shares: FloatArray) -> NDArray[np.intp]:
        """(k,) rows next to shares (k,)."""
        return np.round(np.interp(shares, self.shares, np.arange(len(self.shares)))).astype(np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Terrain:
    """A body's path among bones; can be made in one process and used in another.

    Attributes:
        pivot: (3,) mm in the body's CT: the centre that offsets are about.
        scale: (6,) from offsets in mm and rad to mm: a turn counts as what it moves on the surface.
    """

    approved: Approved
    around: Surroundings
    pull: Pull
    pivot: FloatArray
    scale: FloatArray

    @staticmethod
    def of_plan(case: Case, meshes: Mapping[str, BodyMesh], body: str, plan: ReductionPlan) -> Terrain:
        """A body's approved path among the other bodies as they stand when its turn comes."""
        from rafr.cases.surface_points import surface_points
        from rafr.planning.reduction import pull_on

        goals = {b.name: b.T_reduced_displaced for b in plan.bodies}
        reduced = plan.order[: plan.order.index(body)]
        obstacles = [
            part.transformed(goals[other] if other in reduced else RigidTransform.identity())
            for other, mesh in meshes.items()
            if other != body
            for part in mesh.parts.values()
        ]
        pivot = surface_points(case, meshes)[body].mean(axis=0)
        poses = [p.T_path_displaced for p in plan.body(body).path]
        pull = pull_on(case, meshes, body, goals, poses[0])
        return Terrain.of(meshes[body].mesh, obstacles, poses, pivot, pull)

    @staticmethod
    def of(
        mesh: TriangleMesh,
        obstacles: Sequence[TriangleMesh],
        poses: Sequence[RigidTransform],
        pivot: FloatArray,
        pull: Pull,
    ) -> Terrain:
        """Look at a path.

        Args:
            mesh: the body, LPS mm.   obstacles: bones that stand still, LPS mm.
            poses: the approved path, `T_path_displaced` in mm.
            pivot: (3,) m in the body's CT: the fragment's centre, as the controller has it.
            pull: soft tissue and traction.
        """
        chart = Chart.of(mesh, poses[0])
        x = np.stack([chart.coordinates(T) for T in poses])
        around = Surroundings.of(mesh, obstacles, chart, x, PathConfig(points=_POINTS))
        around = replace(around, surfaces=())  # exact distances are not asked for, and cannot be sent
        scale = np.repeat([1.0, chart.radius], 3)
        path = ReductionPath([to_metres(T) for T in poses], pivot)
        shares = np.linspace(0.0, 1.0, _POSES)
        at = [path.at(u) for u in shares]
        fine = Poses.of([to_mm(T) for T in at])
        loads = [pull.tissue.wrench_and_stiffness(T) for T in at]
        approved = Approved(
            shares,
            fine,
            Bones(around, ()).distances(fine)[0],
            np.array([load for load, _ in loads]),
            np.array([-K / (scale * MILLI) for _, K in loads]),  # moved by d, the wrench changes by -K d
        )
        return Terrain(approved, around, pull, 1e3 * pivot, scale)
