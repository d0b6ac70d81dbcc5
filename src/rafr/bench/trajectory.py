"""Motions of the arm along planned paths, and its way to the pins, beside toppra, ruckig and OMPL."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from rafr.bench.measure import Goal, Measure, Of, Samples, Setting, Trial
from rafr.bench.patients import displaced_hip
from rafr.bench.peers import ompl_way, ruckig_motion
from rafr.bench.peers.known import IPOPT, OMPL, RUCKIG, TOPPRA
from rafr.bench.planning import hip_way
from rafr.bench.reductions import Carried, carried, tasks
from rafr.bench.replanning import Run, patient, somewhere
from rafr.progress import Progress
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision
from rafr.trajectory.horizon.config import HorizonConfig
from rafr.trajectory.horizon.replan import Replanner
from rafr.trajectory.mission import Robot
from rafr.trajectory.motion import toppra_duration
from rafr.trajectory.roadmap import find_way
from rafr.trajectory.surroundings import arm_surroundings

DURATION = Measure(
    "trajectory.duration", "of the reduction within its tube", "s", TOPPRA, Goal(Of.RATIO, 0.95, 1.05)
)
BOUNDED = Measure(
    "trajectory.jerk_bounded",
    "the same, beside bounded jerk",
    "s",
    RUCKIG,
    Goal(Of.RATIO, 0.5, 1.0),
)
SECONDS = Measure("trajectory.time", "wall time to compute the reduction's motion", "s")
REPLAN = Measure(
    "trajectory.replan",
    "processor time of a warm re-planning call, 10 knots",
    "ms",
    IPOPT,
    Goal(Of.VALUE, 0.95, 10.0),
)
WAY = Measure("trajectory.way", "time to find the way to the pins", "ms", OMPL, Goal(Of.RATIO, 0.5, 1.0))


def run(setting: Setting, progress: Progress) -> Mapping[str, Samples]:
    """A sample is a virtual patient's hip, its path planned to where it belongs; UR16e."""
    seeds, robot = setting.seeds(1, 4), Robot.named()
    rows = []
    for k, seed in enumerate(seeds):
        progress(k / len(seeds), f"{DURATION.name}, patient {seed}")
        hip = displaced_hip(seed, traction=True)
        (task,) = tasks(robot, hip.case, hip.meshes, {hip.body: hip_way(seed)})
        done = carried(robot, task)
        motion = done.reduction
        rates = np.abs(motion.trajectory.qd).max(axis=0)
        along = ruckig_motion.durations(robot.arm, motion.paths[0], rates).along if RUCKIG.found else np.nan
        ours, theirs = _ways(robot, done)
        rows.append(
            (motion.trajectory.duration, toppra_duration(motion.paths), along, done.seconds, ours, theirs)
        )
    duration, bound, along, seconds, ours, theirs = np.array(rows).T
    return {
        DURATION.name: Samples(duration, seeds, bound),
        BOUNDED.name: Samples(duration, seeds, along if RUCKIG.found else None),
        SECONDS.name: Samples(seconds, seeds),
        WAY.name: Samples(ours, seeds, theirs if OMPL.found else None),
    }


def _ways(robot: Robot, done: Carried) -> tuple[float, float]:
    """ms to find the way from the parked arm to the stand-off, ours and OMPL's (nan without it)."""
    collision = ArmCollision(robot.arm, arm_surroundings(robot.room, done.T_world_base))
    start, goal = (done.approach.paths[k].spline(s) for k, s in ((0, 0.0), (-2, 1.0)))
    clock = time.perf_counter()
    find_way(start, goal, collision, robot.arm.limits, np.random.default_rng(0))
    ours, theirs = 1e3 * (time.perf_counter() - clock), np.nan
    if OMPL.found:
        clock = time.perf_counter()
        ompl_way.find_way(robot.arm.limits, collision, start, goal)
        theirs = 1e3 * (time.perf_counter() - clock)
    return ours, theirs


def run_replan(setting: Setting, progress: Progress) -> Mapping[str, Samples]:
    """A sample is a call on the way of a virtual patient's hip in closed loop; every tenth state is also
    solved by a cold ipopt.
    """
    arm, config = ArmModel.named(), HorizonConfig()
    progress(0.0, REPLAN.name)
    seeds, most = setting.seeds(1, 4), 60 if setting.quick else 400
    warm, cold = (Replanner(arm, somewhere(arm), c) for c in (config, replace(config, solver="ipopt")))
    runs = []
    for k, seed in enumerate(seeds):
        progress((k + 1) / (len(seeds) + 1), f"{REPLAN.name}, patient {seed}")
        runs.append(Run(arm, patient(seed, arm), seed).play(warm, cold, most))
    ours, theirs = (1e3 * np.concatenate([run[kind] for run in runs]) for kind in ("cpu", "cold_cpu"))
    return {REPLAN.name: Samples(ours, seeds, theirs, paired=False)}


TRIALS = (Trial((DURATION, BOUNDED, SECONDS, WAY), run), Trial((REPLAN,), run_replan))
