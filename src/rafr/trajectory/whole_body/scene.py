"""What base and arm must keep clear of, and the distances to it as one CasADi function.

The obstacles of the room are upright prisms as high as anything of the robot: their floor plan is what
counts. Table and patient are blocks. How near what may come is not said here: the clearances kept are
parameters of the problem, less where the robot starts or ends nearer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.collision import self_pairs
from rafr.robot.links import LinkPoses
from rafr.robot.mobile import Drive
from rafr.robot.shapes import Shape, robot_shapes
from rafr.robot.symbolic import link_frames
from rafr.room import PatientEnvelope, Table
from rafr.trajectory.whole_body.distances import to_block, to_box, to_column, to_disc
from rafr.trajectory.whole_body.spheres import Sphere, sphere_cover

_SAMPLED = 5000  # configurations that tell which spheres can come to touch each other


@dataclass(frozen=True, eq=False)
class Scene:
    """The robot among `discs` round and `boxes` rectangular obstacles beside table and patient.

    Their places are given with every evaluation; arm, drive and the sizes of table and patient are built in.
    """

    arm: ArmModel
    drive: Drive
    table: Table
    patient: PatientEnvelope
    discs: int
    boxes: int
    inflation: float

    @property
    def size(self) -> int:
        """Of the obstacles' parameters."""
        return 3 * self.discs + 6 * self.boxes

    @cached_property
    def base_rows(self) -> int:
        """Length of `base_distances`."""
        return int(self.distances[0].size1_out(0))

    @cached_property
    def arm_rows(self) -> int:
        """Length of `arm_distances`."""
        return int(self.distances[1].size1_out(0))

    @cached_property
    def distances(self) -> tuple[Any, Any]:
        """`base_distances` (pose, obstacles) and `arm_distances` (pose, q, obstacles) as CasADi functions."""
        import casadi as ca

        pose, q, o = ca.SX.sym("pose", 3), ca.SX.sym("q", self.arm.dof), ca.SX.sym("o", self.size)
        return (
            ca.Function("base", [pose, o], [self.base_distances(pose, o)]),
            ca.Function("arm", [pose, q, o], [self.arm_distances(pose, q, o)]),
        )

    @cached_property
    def spheres(self) -> tuple[Sphere, ...]:
        """Of every link of the arm."""
        return sphere_cover(self.arm.urdf, frozenset(_links(self.arm)), self.inflation)

    def base_distances(self, pose: Any, obstacles: Any) -> Any:
        """(3 (discs + boxes + 1),) m between the base's discs and every obstacle, the table last."""
        import casadi as ca

        offsets, radius = self.drive.footprint()
        x, y, theta = pose[0], pose[1], pose[2]
        gaps = []
        for offset in offsets:
            cx, cy = x + offset * ca.cos(theta), y + offset * ca.sin(theta)
            gaps += [to(cx, cy) - radius for to in self._floor(obstacles)]
            gaps.append(to_box(cx, cy, self._table_plan) - radius)
        return ca.vertcat(*gaps)

    def arm_distances(self, pose: Any, q: Any, obstacles: Any) -> Any:
        """(r,) m between the arm's spheres and obstacles, table, patient, base and each other."""
        import casadi as ca

        seen = self._centres(q)
        c, s = ca.cos(pose[2]), ca.sin(pose[2])
        gaps = []
        shoulder = _links(self.arm)[0]
        for sphere, p in zip(self.spheres, seen, strict=True):
            if sphere.link == shoulder:  # it turns above the base and never leaves its outline
                continue
            x, y = pose[0] + c * p[0] - s * p[1], pose[1] + s * p[0] + c * p[1]
            found = [to(x, y) for to in self._floor(obstacles)]
            found += [to_block(ca.vertcat(x, y, p[2]), *block) for block in self._blocks]
            gaps += [d - sphere.radius for d in found]
        return ca.vertcat(*gaps, *(self._own_gap(seen, pair) for pair in self._own_pairs))

    def to_patient(self, p: Any) -> Any:
        """From a point in `world` (3,) to the patient's envelope, m."""
        return to_block(p, *self._blocks[1])

    def _floor(self, obstacles: Any) -> list[Any]:
        """Functions of x and y, one for each obstacle."""
        first = 3 * self.discs
        discs = [obstacles[3 * k : 3 * k + 3] for k in range(self.discs)]
        boxes = [obstacles[first + 6 * k : first + 6 * k + 6] for k in range(self.boxes)]
        return [lambda x, y, o=o: to_disc(x, y, o) for o in discs] + [
            lambda x, y, o=o: to_box(x, y, o) for o in boxes
        ]

    @property
    def _table_plan(self) -> tuple[float, ...]:
        return (0.0, 0.0, 1.0, 0.0, self.table.length / 2, self.table.width / 2)

    @property
    def _blocks(self) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
        """Half the edges and the middle of the table, down to the floor, and of the patient."""
        t, p = self.table, self.patient
        return (
            (np.array([t.length, t.width, t.height]) / 2, np.array([0.0, 0.0, t.height / 2])),
            (np.array([p.length, p.width, p.height]) / 2, np.array([0.0, 0.0, t.height + p.height / 2])),
        )

    @cached_property
    def _parts(self) -> tuple[Shape, ...]:
        """Of the base, what the arm can come to, as `base` sees it; wheels and casters are below."""
        poses = LinkPoses(self.arm.urdf)
        at_zero = poses.at({}) | {poses.root: RigidTransform.identity()}
        shapes = [s for s in robot_shapes(self.arm.urdf, "collision") if s.link in ("base", "column")]
        return tuple(replace(s, T_link_shape=at_zero[s.link] @ s.T_link_shape) for s in shapes)

    @cached_property
    def _own_pairs(self) -> tuple[tuple[int, int], ...]:
        """What of the robot can come to touch: spheres, numbered, and after them the base's parts.

        Few pairs tell of all: those are taken that notice every sampled configuration in which any pair
        touches. What they should miss, the verification finds.
        """
        import casadi as ca

        links = [s.link for s in self.spheres] + [s.link for s in self._parts]
        pairs = [(i, j) for i, j in self_pairs(links, self.arm.chain) if i < len(self.spheres)]
        q = ca.SX.sym("q", self.arm.dof)
        seen = self._centres(q)
        gaps = ca.Function("gaps", [q], [ca.vertcat(*(self._own_gap(seen, pair) for pair in pairs))])
        limits, rng = self.arm.limits, np.random.default_rng(0)
        sample = rng.uniform(limits.lower, limits.upper, (_SAMPLED, self.arm.dof))
        touches = gaps(sample.T).full() < 0
        return tuple(pairs[k] for k in _cover_of(touches))

    def _own_gap(self, seen: list[Any], pair: tuple[int, int]) -> Any:
        import casadi as ca

        i, j = pair
        a = self.spheres[i]
        if j < len(self.spheres):
            return ca.sqrt(ca.sumsqr(seen[i] - seen[j])) - a.radius - self.spheres[j].radius
        return _to_part(seen[i], self._parts[j - len(self.spheres)]) - a.radius

    def _centres(self, q: Any) -> list[Any]:
        """(3,) m of every sphere in `base`."""
        frames = link_frames(self.arm.chain, q)
        mount = self.arm.T_base_armbase
        found = []
        for sphere in self.spheres:
            R, p = frames[sphere.link]
            found.append(mount.rotation @ (R @ sphere.centre + p) + mount.translation)
        return found


def _links(arm: ArmModel) -> list[str]:
    """From the mount to the clamp."""
    return [joint.child for joint in arm.chain]


def _cover_of(touches: NDArray[np.bool_]) -> list[int]:
    """Few rows of (r, n) that between them are true wherever any row is: the greedy set cover."""
    left, chosen = touches.copy(), []
    while left.any():
        best = int(left.sum(axis=1).argmax())
        chosen.append(best)
        left[:, touches[best]] = False
    return sorted(chosen)


def _to_part(p: Any, shape: Shape) -> Any:
    """To an upright box or cylinder of the base, in `base`."""
    middle = shape.T_link_shape.translation
    if shape.kind == "box":
        return to_block(p, np.array(shape.size) / 2, middle)
    radius, length = shape.size
    return to_column(p, middle[0], middle[1], radius, middle[2] - length / 2, middle[2] + length / 2)
