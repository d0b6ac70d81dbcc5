"""Independent check of base and arm moving together; nothing of the optimiser's numbers is trusted.

The shapes of the URDF in coal instead of spheres, Pinocchio's dynamics of the whole robot instead of point
masses, finite differences instead of Jacobians.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rafr.assessment import Assessment
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision, Block
from rafr.robot.mobile import Drive, floor_transform
from rafr.room import OperatingRoom
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.surroundings import arm_surroundings, standing_things
from rafr.trajectory.verify import verify_arm, verify_base
from rafr.trajectory.whole_body.balance import tipping_room
from rafr.trajectory.whole_body.config import WholeBodyConfig
from rafr.trajectory.whole_body.result import WholeBodyTrajectory

if TYPE_CHECKING:
    from rafr.trajectory.whole_body.optimise import Task

MARGIN = 0.02  # m between arm and everything, as in the approach
_AT_GOAL = (1e-4, 1e-3)  # m, rad
_AT_START = 1e-6  # rad


def verify_whole_body(
    motion: WholeBodyTrajectory,
    arm: ArmModel,
    drive: Drive,
    room: OperatingRoom,
    task: Task,
    config: WholeBodyConfig,
) -> Assessment:
    """Ends, limits, clearances, speeds and balance of a motion of base and arm together."""
    base = motion.base
    if base.t.shape != motion.arm.t.shape or np.abs(base.t - motion.arm.t).max() > 0:
        return Assessment(False, ("base and arm have different clocks",))
    goal = task.goal_pose if task.neighbourhood == 0 else base.poses[-1]
    reasons = list(verify_base(base, task.pose, goal, room.obstacles, drive).reasons)
    reasons += verify_arm(motion.arm, arm, speed=ArmPathConfig().free).reasons
    reasons += _end_reasons(motion, arm, task)
    reasons += _speed_reasons(motion, arm, room, config)
    reasons += _collision_reasons(motion, arm, room)
    least = float(tipping_room(motion, arm, drive).min())
    if least < 0:
        reasons.append(
            f"the robot would tip: the zero-moment point leaves its wheels by {-least * 1e3:.0f} mm"
        )
    return Assessment(not reasons, tuple(reasons))


def _end_reasons(motion: WholeBodyTrajectory, arm: ArmModel, task: Task) -> list[str]:
    reasons = []
    off = float(np.abs(motion.arm.q[0] - task.q).max())
    if off > _AT_START:
        reasons.append(f"the arm misses its start by {np.degrees(off):.3f} deg")
    there = floor_transform(motion.base.poses[-1]) @ arm.T_base_armbase @ arm.forward(motion.arm.q[-1])
    gap = task.T_world_clamp.inverse() @ there
    distance = float(np.linalg.norm(gap.translation))
    if distance > _AT_GOAL[0] or gap.angle > _AT_GOAL[1]:
        reasons.append(
            f"the clamp misses its goal by {distance * 1e3:.2f} mm / {np.degrees(gap.angle):.2f} deg"
        )
    return reasons


def clamp_positions(motion: WholeBodyTrajectory, arm: ArmModel) -> FloatArray:
    """(n, 3) of the clamp in `world`, m."""
    points = [
        (floor_transform(pose) @ arm.T_base_armbase).apply(arm.forward_arrays(q)[1])
        for pose, q in zip(motion.base.poses, motion.arm.q, strict=True)
    ]
    return np.array(points)


def _speed_reasons(
    motion: WholeBodyTrajectory, arm: ArmModel, room: OperatingRoom, config: WholeBodyConfig
) -> list[str]:
    """The clamp's speed in the room against what its distance to the patient allows."""
    points = clamp_positions(motion, arm)
    speed = np.linalg.norm(np.diff(points, axis=0), axis=1) / np.diff(motion.arm.t)
    half = np.array([room.patient.length, room.patient.width, room.patient.height]) / 2
    middle = np.array([0.0, 0.0, room.table.height + half[2]])
    distance = np.linalg.norm(np.maximum(np.abs(points - middle) - half, 0.0), axis=1)
    allowed = ArmPathConfig().free.linear + np.maximum(distance[1:], distance[:-1]) / config.time_to_contact
    worst = float((speed / allowed).max())
    if worst <= 1.0:
        return []
    return [f"the clamp moves in the room at {worst:.0%} of the speed its distance to the patient allows"]


def _collision_reasons(motion: WholeBodyTrajectory, arm: ArmModel, room: OperatingRoom) -> list[str]:
    poses, q = halfway_too(motion)
    collision = ArmCollision(arm, _blocks(room, poses[0]), MARGIN)
    found = []
    for pose, joints in zip(poses, q, strict=True):
        collision.move_blocks(_blocks(room, pose))
        touching = collision.touching(joints)
        if touching is not None:
            found.append(touching)
    return [f"collision: {found[0]} ({len(found)} of {len(q)} samples)"] if found else []


def _blocks(room: OperatingRoom, pose: FloatArray) -> tuple[Block, ...]:
    T_world_base = floor_transform(pose)
    return arm_surroundings(room, T_world_base) + standing_things(room, T_world_base)


def halfway_too(motion: WholeBodyTrajectory) -> tuple[FloatArray, FloatArray]:
    """Poses of the base (2 n - 1, 3) and joint angles at the samples and halfway (cubic Hermite) between."""
    arm, base = motion.arm, motion.base
    h = np.diff(arm.t)[:, None]
    middle = (arm.q[:-1] + arm.q[1:]) / 2 + h * (arm.qd[:-1] - arm.qd[1:]) / 8
    return _woven(base.poses, (base.poses[:-1] + base.poses[1:]) / 2), _woven(arm.q, middle)


def _woven(values: FloatArray, between: FloatArray) -> FloatArray:
    result = np.empty((len(values) + len(between), values.shape[1]))
    result[::2], result[1::2] = values, between
    return result
