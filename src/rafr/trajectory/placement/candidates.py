"""Base poses beside the table that are free of obstacles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.mobile import Drive, floor_transform
from rafr.room import Obstacle
from rafr.trajectory.placement.request import FloorPose, Grid, Request

_HOUSING = 0.15  # m


def candidates(request: Request, grid: Grid, obstacles: Sequence[Obstacle]) -> list[FloorPose]:
    """Free base poses, those first from which the shoulder is at a comfortable distance of the wrist."""
    arm, grip, clearance = request.arm, request.path[0], request.config.clearance
    wrist = grip.apply((0.0, 0.0, -tool_length(arm)))
    facing = -request.sign * np.pi / 2
    poses = [
        (
            float(grip.translation[0] + along),
            request.sign * (request.room.table.width / 2 + away),
            float(facing + np.radians(turn)),
        )
        for away in grid.away
        for along in grid.along
        for turn in grid.headings_deg
    ]
    free = [pose for pose in poses if is_free(pose, obstacles, request.drive, clearance)]
    comfortable = 0.6 * _reach(arm)
    return sorted(free, key=lambda pose: abs(_shoulder_distance(arm, pose, wrist) - comfortable))


def is_free(pose: FloorPose, obstacles: Sequence[Obstacle], drive: Drive, clearance: float) -> bool:
    """Whether the base there keeps `clearance` (m) to every obstacle."""
    _, radius = drive.footprint()
    centres = drive.disc_centres(pose)[0]
    return all(float(o.distance(centres).min()) > radius + clearance for o in obstacles)


def tool_length(arm: ArmModel) -> float:
    """From the last joint to the clamp along the clamp's z, m."""
    length = 0.0
    for joint in reversed(arm.chain):
        if joint.moves:
            break
        length += float(joint.T_parent_joint.translation[2])
    return length


def shoulder(arm: ArmModel, pose: FloorPose) -> FloatArray:
    """(3,) m in `world`: the second joint, from a base pose."""
    T = floor_transform(pose) @ arm.T_base_armbase
    pan, lift = arm.chain[:2]
    return T.apply(pan.T_parent_joint.apply(lift.T_parent_joint.translation))


def _reach(arm: ArmModel) -> float:
    """Length of the links beyond the shoulder, m, those too short to be more than a housing left out."""
    moving = [joint for joint in arm.chain if joint.moves]
    lengths = (float(np.linalg.norm(joint.T_parent_joint.translation)) for joint in moving[2:])
    return sum(length for length in lengths if length > _HOUSING)


def _shoulder_distance(arm: ArmModel, pose: FloorPose, point: FloatArray) -> float:
    return float(np.linalg.norm(shoulder(arm, pose) - point))
