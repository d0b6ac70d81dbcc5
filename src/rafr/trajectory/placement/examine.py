"""The independent check of a base pose: what every branch of the arm offers there, or violates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rafr.errors import Cause, InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.collision import ArmCollision
from rafr.robot.mobile import floor_transform
from rafr.robot.shortfall import surely_beyond
from rafr.robot.strength import joint_margin, reserve_force, torque_share
from rafr.trajectory.paths import follow
from rafr.trajectory.placement.candidates import is_free
from rafr.trajectory.placement.request import HELD, FloorPose, Request, displaced
from rafr.trajectory.placement.service import Refused, Served, Service, Violation, merit
from rafr.trajectory.surroundings import arm_surroundings


class Examiner:
    """Examines base poses for one request."""

    def __init__(self, request: Request) -> None:
        self._request = request
        blocks = arm_surroundings(request.room, RigidTransform.identity())
        self._collision = ArmCollision(request.arm, blocks, request.config.arm_clearance)

    def stands_free(self, base: FloorPose) -> bool:
        """Whether the base keeps its clearance to every obstacle."""
        r = self._request
        return is_free(base, r.room.obstacles, r.drive, r.config.clearance)

    def branches(self, base: FloorPose) -> list[Served | Refused]:
        """Every branch found; one without joint angles where the arm does not even reach the grip."""
        r, T_world_base = self._request, floor_transform(base)
        self._collision.move_blocks(arm_surroundings(r.room, T_world_base))
        T_armbase_world = (T_world_base @ r.arm.T_base_armbase).inverse()
        goals = [T_armbase_world @ T for T in r.way.poses]
        q_parked = r.room.parked_arm(r.arm.parked)
        parked = self._touching([q_parked], ["when parked"], "the parked arm would touch something")
        hopeless = any(surely_beyond(r.arm, goal) for goal in goals)
        starts = [] if hopeless else r.arm.inverse_all(goals[0], q_parked)
        if not starts:
            return [Refused(base, None, (*parked, _unreached("the pins are out of reach")))]
        return [self._branch(base, T_armbase_world, goals, start, parked) for start in starts]

    def _branch(
        self,
        base: FloorPose,
        T_armbase_world: RigidTransform,
        goals: Sequence[RigidTransform],
        start: FloatArray,
        parked: tuple[Violation, ...],
    ) -> Served | Refused:
        r = self._request
        try:
            q = follow(r.arm, goals, start)
        except InfeasibleError:
            return Refused(base, None, (*parked, _unreached("the path leaves the arm's reach")))
        text = "the arm would touch table, patient or itself"
        load = r.way.load @ np.kron(np.eye(2), T_armbase_world.rotation).T
        violations = (
            *parked,
            *self._touching(q, r.way.names, text),
            *self._near_singular(q),
            *self._overloaded(q, load),
        )
        if violations:
            return Refused(base, q, violations)
        return Served(base, q, self._service(base, T_armbase_world, q, load))

    def _service(
        self, base: FloorPose, T_armbase_world: RigidTransform, q: FloatArray, load: FloatArray
    ) -> Service:
        r = self._request
        manipulability = min(r.arm.manipulability(row) for row in q)
        reserve = float(reserve_force(r.arm, q, load, r.config.torque_share).min())
        margin = float(joint_margin(r.arm, q).min())
        return Service(
            len(self._hidden(base, q)),
            next((u for u in r.config.uncertainty if self._bears(u, T_armbase_world, q[0])), 0.0),
            manipulability,
            float(torque_share(r.arm, q, load).max()),
            reserve,
            margin,
            merit(manipulability, reserve, margin, r.config),
        )

    def _hidden(self, base: FloorPose, q: FloatArray) -> frozenset[str]:
        """Tools that the arm hides on its way with the fragment, or parked before and after it."""
        r = self._request
        if r.watch is None:
            return frozenset()
        parked = np.tile(r.room.parked_arm(r.arm.parked), (2, 1))
        joints = np.vstack([parked, q[HELD]])
        poses = [r.path[0], r.path[-1], *r.way.poses[HELD]]
        return r.watch.hidden(floor_transform(base), joints, poses)

    def _bears(self, uncertainty: float, T_armbase_world: RigidTransform, start: FloatArray) -> bool:
        """Whether both ends of the path can be reached when they lie elsewhere by as much."""
        r = self._request
        moved = [T_armbase_world @ T for T in (r.path[0], *displaced(r.path, uncertainty))]
        try:
            return all(self._collision.free(row) for row in follow(r.arm, moved, start))
        except InfeasibleError:
            return False

    def _touching(
        self, q: Sequence[FloatArray] | FloatArray, names: Sequence[str], text: str
    ) -> tuple[Violation, ...]:
        pairs = [(self._collision.touching(row), name) for row, name in zip(q, names, strict=True)]
        touching = [f"{pair} at {name}" for pair, name in pairs if pair is not None]
        if not touching:
            return ()
        return (Violation(Cause.COLLISION, text, touching[0], len(touching) / len(pairs)),)

    def _near_singular(self, q: FloatArray) -> tuple[Violation, ...]:
        values = [self._request.arm.manipulability(row) for row in q]
        least, needed = min(values), self._request.config.min_manipulability
        if least >= needed:
            return ()
        where = self._request.way.names[int(np.argmin(values))]
        detail = f"manipulability {least:.3f} m at {where}, at least {needed:.3f} m is needed"
        return (Violation(Cause.SINGULAR, "the arm would be close to a singularity", detail, needed - least),)

    def _overloaded(self, q: FloatArray, load: FloatArray) -> tuple[Violation, ...]:
        r = self._request
        share = torque_share(r.arm, q, load)
        worst, allowed = float(share.max()), r.config.torque_share
        if worst <= allowed:
            return ()
        k, joint = np.unravel_index(int(share.argmax()), share.shape)
        force, torque = (float(np.linalg.norm(load[k, part])) for part in (slice(3), slice(3, 6)))
        detail = (
            f"{r.arm.joint_names[joint]} at {worst:.0%} of its torque at {r.way.names[k]} "
            f"under {force:.0f} N and {torque:.0f} N m, {allowed:.0%} may be used"
        )
        return (Violation(Cause.TOO_MUCH_FORCE, "the arm cannot hold the load", detail, worst - allowed),)


def _unreached(text: str) -> Violation:
    return Violation(Cause.OUT_OF_REACH, text, "", np.inf)
