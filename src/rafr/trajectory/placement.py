"""Where the base should stand so that the arm reaches the pins and the whole way of the reduction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.assessment import Assessment
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision
from rafr.robot.mobile import DifferentialDrive, Drive, floor_transform
from rafr.room import OperatingRoom, side_of
from rafr.trajectory.paths import follow
from rafr.trajectory.surroundings import arm_surroundings
from rafr.trajectory.watch import Watch

_HELD = slice(2, -1)  # of `_along`: where the fragment is in the clamp

FloorPose = tuple[float, float, float]  # x, y in m, theta in rad


@dataclass(frozen=True, slots=True)
class PlacementConfig:
    """Tunables of the search.

    Attributes:
        along: offsets from the clamp along the table that are tried, m.
        away: distances of the base's centre from the table's edge, m.
        headings_deg: turns from facing the table.
        clearance: kept between base and obstacles, m.
        arm_clearance: kept between the arm and everything, m.
        standoff: the arm must also reach this far back from the first clamp pose, m.
        uncertainty: how far the pins may be from where they were planned, m: the ends of the path must
            be reached moved by as much each way; the first that a base pose bears counts, the last is 0.
        tried: base poses whose kinematics are examined at most.
        enough: acceptable base poses after which the search ends.
        min_manipulability: as in `ArmPathConfig`.
    """

    along: tuple[float, ...] = (0.0, -0.15, 0.15, -0.3, 0.3, -0.45, 0.45, -0.6, 0.6)
    away: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8)
    headings_deg: tuple[float, ...] = (0.0, -30.0, 30.0, -60.0, 60.0, -90.0, 90.0)
    clearance: float = 0.06
    arm_clearance: float = 0.03
    standoff: float = 0.09
    uncertainty: tuple[float, ...] = (0.03, 0.015, 0.0)
    tried: int = 60
    enough: int = 12
    min_manipulability: float = 0.05


def choose_docking_pose(
    arm: ArmModel,
    T_world_clamp_path: Sequence[RigidTransform],
    room: OperatingRoom,
    side: str | None = None,
    *,
    watch: Watch | None = None,
    drive: Drive | None = None,
    config: PlacementConfig | None = None,
) -> tuple[FloorPose, Assessment]:
    """The best base pose (x, y, theta) beside the table for a path of the clamp.

    Every candidate is examined by inverse kinematics along the path and at the stand-off, with joint
    limits, collisions with table, patient and the robot itself, and distance from singularities. Places from
    which the tracker sees every tool along the whole path go before all others.

    Args:
        T_world_clamp_path: poses of the clamp in `world`, from the pins' grip to the reduced position.
        side: "left" or "right" of the patient; by default that of the first clamp pose.
        watch: what the tracker is to see; None: not known.

    Raises:
        InfeasibleError: no candidate works; the reasons count what failed.
    """
    config, drive = config or PlacementConfig(), drive or DifferentialDrive.from_yaml()
    side = side or side_of(T_world_clamp_path[0])
    candidates = _candidates(arm, T_world_clamp_path[0], room, side, drive, config)
    if not candidates:
        raise InfeasibleError((f"the base finds no free place on the {side} side of the table",))
    collision = ArmCollision(
        arm, arm_surroundings(room, floor_transform(candidates[0])), config.arm_clearance
    )
    found: list[tuple[Service, FloorPose]] = []
    failures: dict[str, int] = {}
    for pose in candidates[: config.tried]:
        collision.move_blocks(arm_surroundings(room, floor_transform(pose)))
        service = _examine(arm, pose, T_world_clamp_path, collision, room.parked_arm, watch, config)
        if isinstance(service, Service):
            found.append((service, pose))
        else:
            failures[service] = failures.get(service, 0) + 1
        perfect = sum(s.hides == 0 and s.uncertainty == config.uncertainty[0] for s, _ in found)
        if perfect >= config.enough:
            break
    if not found:
        counts = tuple(f"{n} of {sum(failures.values())} base poses: {why}" for why, n in failures.items())
        raise InfeasibleError((f"no base pose on the {side} side serves the whole path", *counts))
    best, pose = max(found, key=lambda f: f[0].rank)
    remarks = [
        f"pins may be {best.uncertainty * 1e3:.0f} mm off plan, manipulability at least {best.score:.3f} m"
    ]
    if best.hides:
        remarks.append("wherever the base stands, the robot hides a tool from the tracker: move the tracker")
    return pose, Assessment(True, tuple(remarks))


def examine_docking_pose(
    arm: ArmModel,
    pose: FloorPose,
    T_world_clamp_path: Sequence[RigidTransform],
    room: OperatingRoom,
    *,
    watch: Watch | None = None,
    drive: Drive | None = None,
    config: PlacementConfig | None = None,
) -> Service | str:
    """How one base pose serves a path, by the checks of `choose_docking_pose`, or why it does not."""
    config, drive = config or PlacementConfig(), drive or DifferentialDrive.from_yaml()
    if not _is_free(pose, room, drive, config):
        return "the base would stand too near to an obstacle"
    blocks = arm_surroundings(room, floor_transform(pose))
    collision = ArmCollision(arm, blocks, config.arm_clearance)
    return _examine(arm, pose, T_world_clamp_path, collision, room.parked_arm, watch, config)


@dataclass(frozen=True, slots=True)
class Service:
    """How a base pose serves a path: tools it hides, pins' uncertainty it bears, least manipulability."""

    hides: int
    uncertainty: float
    score: float

    @property
    def rank(self) -> tuple[float, ...]:
        return (-self.hides, self.uncertainty, self.score)


def _along(path: Sequence[RigidTransform], standoff: float) -> list[RigidTransform]:
    """The grip first, then the stand-off, at most six poses of the path, and backed out at its end."""
    back = RigidTransform.from_translation((0.0, 0.0, -standoff))
    index = np.unique(np.linspace(0, len(path) - 1, 6).round().astype(int))
    return [path[0], path[0] @ back, *(path[i] for i in index), path[-1] @ back]


def _around(path: Sequence[RigidTransform], uncertainty: float) -> list[RigidTransform]:
    """Both ends of the path displaced each way."""
    return [
        RigidTransform.from_translation(sign * uncertainty * axis) @ end
        for end in (path[0], path[-1])
        for axis in np.eye(3)
        for sign in (-1.0, 1.0)
    ]


def _candidates(
    arm: ArmModel,
    T_world_clamp: RigidTransform,
    room: OperatingRoom,
    side: str,
    drive: Drive,
    config: PlacementConfig,
) -> list[FloorPose]:
    """Free base poses, those first from which the shoulder is at a comfortable distance of the wrist."""
    sign = 1.0 if side == "right" else -1.0
    wrist = T_world_clamp.apply((0.0, 0.0, -_tool_length(arm)))
    poses = []
    for away in config.away:
        for along in config.along:
            for turn in config.headings_deg:
                x, y = T_world_clamp.translation[0] + along, sign * (room.table.width / 2 + away)
                pose = (float(x), float(y), float(-sign * np.pi / 2 + np.radians(turn)))
                if _is_free(pose, room, drive, config):
                    poses.append(pose)
    comfortable = 0.6 * _reach(arm)
    return sorted(poses, key=lambda pose: abs(_shoulder_distance(arm, pose, wrist) - comfortable))


def _is_free(pose: FloorPose, room: OperatingRoom, drive: Drive, config: PlacementConfig) -> bool:
    _, radius = drive.footprint()
    centres = drive.disc_centres(pose)[0]
    return all(float(o.distance(centres).min()) > radius + config.clearance for o in room.obstacles)


def _examine(
    arm: ArmModel,
    pose: FloorPose,
    path: Sequence[RigidTransform],
    collision: ArmCollision,
    q_parked: FloatArray,
    watch: Watch | None,
    config: PlacementConfig,
) -> Service | str:
    """What the best branch of the arm offers, or why none serves."""
    if collision.touching(q_parked) is not None:
        return "the parked arm would touch something"
    T_world_base = floor_transform(pose)
    T_armbase_world = (T_world_base @ arm.T_base_armbase).inverse()
    along = _along(path, config.standoff)
    goals = [T_armbase_world @ T for T in along]
    services, why = [], "the pins are out of reach"
    for start in arm.inverse_all(goals[0], q_parked):
        q = _served(arm, goals, start, collision)
        if isinstance(q, str):
            why = q
            continue
        score = min(arm.manipulability(row) for row in q)
        if score < config.min_manipulability:
            why = "the arm would be close to a singularity"
            continue
        hides = 0 if watch is None else len(watch.hidden(T_world_base, q[_HELD], along[_HELD]))
        for uncertainty in config.uncertainty:
            moved = [goals[0], *(T_armbase_world @ T for T in _around(path, uncertainty))]
            if uncertainty == 0 or not isinstance(_served(arm, moved, start, collision), str):
                services.append(Service(hides, uncertainty, score))
                break
    return max(services, key=lambda s: s.rank) if services else why


def _served(
    arm: ArmModel, goals: Sequence[RigidTransform], start: FloatArray, collision: ArmCollision
) -> FloatArray | str:
    """Joint angles (n, dof) of clamp poses followed from `start`, or why they cannot be."""
    try:
        q = follow(arm, goals, start)
    except InfeasibleError:
        return "the path leaves the arm's reach"
    if any(collision.touching(row) is not None for row in q):
        return "the arm would touch table, patient or itself"
    return q


def _tool_length(arm: ArmModel) -> float:
    """From the last joint to the clamp along the clamp's z, m."""
    length = 0.0
    for joint in reversed(arm.chain):
        if joint.moves:
            break
        length += float(joint.T_parent_joint.translation[2])
    return length


def _reach(arm: ArmModel) -> float:
    """Length of the two long links, m."""
    lengths = sorted(float(np.linalg.norm(j.T_parent_joint.translation)) for j in arm.chain)
    return lengths[-1] + lengths[-2]


def _shoulder_distance(arm: ArmModel, pose: FloorPose, point: FloatArray) -> float:
    shoulder = arm.chain[0].T_parent_joint.translation
    T = floor_transform(pose) @ arm.T_base_armbase
    return float(np.linalg.norm(T.apply(shoulder) - point))
