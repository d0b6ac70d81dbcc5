"""A fragment's reduction as the arm carries it out, for measuring: path, pins, docking, approach, motion."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rafr.cases.case import Case
from rafr.cases.meshes import BodyMesh
from rafr.geometry import RigidTransform
from rafr.planning.path import PlannedPath, plan_path
from rafr.planning.path.load import Pull
from rafr.planning.pins import clamp_frame, propose_pins
from rafr.planning.reduction import pull_on
from rafr.trajectory import mission
from rafr.trajectory.load import FragmentLoad
from rafr.trajectory.motion import ArmMotion
from rafr.units import to_metres


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """A body's path to its goal.

    Attributes:
        seconds, cpu_seconds: wall and processor time of planning it.   triangles: of body and obstacles.
    """

    planned: PlannedPath
    pull: Pull
    seconds: float
    cpu_seconds: float
    triangles: int


def ways_to(
    case: Case, meshes: Mapping[str, BodyMesh], goals: Mapping[str, RigidTransform]
) -> dict[str, Way]:
    """The bodies one after the other, each among those already reduced and those that wait.

    Args:
        goals: `T_reduced_displaced` (mm) per body, in the order of their reduction.
    """
    standing = dict.fromkeys((case.reference.name, *goals), RigidTransform.identity())
    found = {}
    for name, goal in goals.items():
        obstacles = [
            part.transformed(T)
            for other, T in standing.items()
            if other != name
            for part in meshes[other].parts.values()
        ]
        pull, mesh = pull_on(case, meshes, name, goals), meshes[name].mesh
        clock, cpu = time.perf_counter(), time.process_time()
        path = plan_path(name, mesh, obstacles, RigidTransform.identity(), goal, pull)
        clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
        triangles = len(mesh.faces) + sum(len(o.faces) for o in obstacles)
        found[name] = Way(path, pull, clock, cpu, triangles)
        standing[name] = goal
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One body to reduce: `path` in mm, `clamp` is `T_ct_clamp` in mm."""

    case: str
    body: str
    T_world_pelvis: RigidTransform
    path: list[RigidTransform]
    clamp: RigidTransform
    pull: Pull


def tasks(
    robot: mission.Robot,
    case: Case,
    meshes: Mapping[str, BodyMesh],
    ways: Mapping[str, Way],
) -> list[Task]:
    """What the robot is asked for the ways of a case."""
    T_world_pelvis = robot.room.T_world_ct(case, meshes[case.reference.name].mesh.centroid)
    found = []
    for name, way in ways.items():
        path = [pose.T_path_displaced for pose in way.planned.poses]
        clamp = clamp_frame(propose_pins(case, meshes, name))
        found.append(Task(case.id, name, T_world_pelvis, path, clamp, way.pull))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A fragment carried along its path: `poses` are `T_armbase_clamp`."""

    poses: list[RigidTransform]
    approach: ArmMotion
    reduction: ArmMotion
    load: FragmentLoad
    T_world_base: RigidTransform
    seconds: float


def carried(robot: mission.Robot, task: Task) -> Carried:
    base = robot.room.parking.pose
    docking = mission.dock(robot, base, task.T_world_pelvis, task.path, task.clamp, pull=task.pull)
    T_world_base = docking.T_world_base
    T_base_pelvis = T_world_base.inverse() @ task.T_world_pelvis
    rng = np.random.default_rng(0)
    parked = robot.parked_arm
    approach = mission.approach(
        robot, T_world_base, parked, T_base_pelvis, task.path, task.clamp, rng=rng, pull=task.pull
    )
    q, T_fragment_clamp = approach.trajectory.q[-1], to_metres(task.clamp)
    load = mission.fragment_load(robot, T_base_pelvis, T_fragment_clamp, task.pull)
    clock = time.perf_counter()
    motion = mission.reduction(robot, T_world_base, q, T_base_pelvis, task.path, T_fragment_clamp, load=load)
    seconds = time.perf_counter() - clock
    poses = [
        robot.arm.T_base_armbase.inverse() @ T
        for T in mission.clamp_path(T_base_pelvis, task.path, T_fragment_clamp)
    ]
    return Carried(poses, approach, motion, load, T_world_base, seconds)
