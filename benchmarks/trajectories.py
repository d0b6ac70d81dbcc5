"""Motions along planned reduction paths beside toppra and ruckig, their use of limits, and ways by OMPL.

python benchmarks/trajectories.py CASE... [--json FILE] [--plot FILE] [--growth]

Every CASE is a folder with `truth.json` (`rafr case simulate`): paths are planned to the true targets, the
base docks, the arm goes to the pins and carries the fragment. Toppra is time-optimal on the middle of the
tube without a bound on jerk. Ruckig (if installed) is asked for the same motion twice: along the path, where
it needs constant bounds on the path's parameter, and from end to end in joint space, with the rates of our
motion as bounds. OMPL (if installed) looks for the way to the stand-off pose with the same collision check.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from rafr import __version__
from rafr.cases.case import Case, load_case
from rafr.cases.meshes import BodyMesh, body_meshes
from rafr.cli.output import progress_bar
from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.planning.path import plan_path
from rafr.planning.path.load import Pull
from rafr.planning.pins import clamp_frame, propose_pins
from rafr.planning.reduction import pull_on
from rafr.robot.collision import ArmCollision
from rafr.trajectory import mission
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.load import FragmentLoad
from rafr.trajectory.motion import ArmMotion, toppra_duration
from rafr.trajectory.paths import joint_path
from rafr.trajectory.result import ArmTrajectory
from rafr.trajectory.roadmap import RoadmapConfig, find_way
from rafr.trajectory.surroundings import arm_surroundings
from rafr.trajectory.timing import JointPath, TimingConfig, time_path, time_profile
from rafr.trajectory.tube.optimise import fastest_in_tube
from rafr.trajectory.tube.reference import Reference
from rafr.units import to_metres

_QUANTILES = (0.0, 0.5, 0.9, 1.0)
_OMPL_SECONDS = 10.0
_KNOTS = (12, 24, 48, 96, 160)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", metavar="CASE", nargs="+", help="case folders with truth.json")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every motion and the statistics")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="durations as shares of toppra's")
    parser.add_argument("--growth", action="store_true", help="the first case with more and more knots")
    args = parser.parse_args()
    robot, rows, failures = mission.Robot.named(), [], []
    if args.growth:
        print(json.dumps(growth(robot, tasks(robot, load_case(args.cases[0]))[0]), indent=2))
        return 0
    with progress_bar("trajectories") as progress:
        for k, folder in enumerate(args.cases):
            progress(k / len(args.cases), folder)
            try:
                rows += [measured(robot, task) for task in tasks(robot, load_case(folder))]
            except RafrError as error:
                failures.append(f"{folder}: {error}")
    report = {
        "versions": {"rafr": __version__, **{p: _version(p) for p in ("casadi", "toppra", "ruckig", "ompl")}},
        "statistics": statistics(rows),
        "failures": failures,
        "motions": rows,
    }
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if args.plot and rows:
        save_plot(args.plot, rows)
    print(json.dumps({k: v for k, v in report.items() if k != "motions"}, indent=2))
    return 0


@dataclass(frozen=True)
class Task:
    """One body to reduce: `path` in mm, `clamp` is `T_ct_clamp` in mm."""

    case: str
    body: str
    T_world_pelvis: RigidTransform
    path: list[RigidTransform]
    clamp: RigidTransform
    pull: Pull


def tasks(robot: mission.Robot, case: Case) -> list[Task]:
    """The bodies of a case one after the other, their paths planned to the true targets."""
    meshes: Mapping[str, BodyMesh] = body_meshes(case)
    truth = json.loads(case.truth_path.read_text(encoding="utf-8"))["T_reduced_displaced"]
    goals = {name: RigidTransform.from_matrix(matrix) for name, matrix in truth.items()}
    standing = dict.fromkeys((case.reference.name, *goals), RigidTransform.identity())
    T_world_pelvis = robot.room.T_world_ct(case, meshes[case.reference.name].mesh.centroid)
    found = []
    for name, goal in goals.items():
        others = [(T, meshes[other].parts.values()) for other, T in standing.items() if other != name]
        obstacles = [part.transformed(T) for T, parts in others for part in parts]
        pull = pull_on(case, meshes, name, goals)
        planned = plan_path(name, meshes[name].mesh, obstacles, RigidTransform.identity(), goal, pull)
        path = [pose.T_path_displaced for pose in planned.poses]
        clamp = clamp_frame(propose_pins(case, meshes, name))
        found.append(Task(case.id, name, T_world_pelvis, path, clamp, pull))
        standing[name] = goal
    return found


@dataclass(frozen=True)
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


def measured(robot: mission.Robot, task: Task) -> dict[str, Any]:
    done = carried(robot, task)
    motion, load = done.reduction, done.load
    path, bound = motion.paths[0], toppra_duration(motion.paths)
    on_the_middle, _ = time_path(robot.arm.joint_names, path)
    collision = ArmCollision(robot.arm, arm_surroundings(robot.room, done.T_world_base))
    return {
        "case": task.case,
        "body": task.body,
        "toppra_s": bound,
        "tube": motion.trajectory.duration / bound,
        "middle": on_the_middle.duration / bound,
        **ruckig_peers(robot, path, np.abs(motion.trajectory.qd).max(axis=0), bound),
        "use": use_of_limits(robot, motion.trajectory, path, load),
        "remarks": list(motion.assessment.reasons),
        "seconds": done.seconds,
        "free": ways(robot, collision, done.approach),
    }


def growth(robot: mission.Robot, task: Task) -> list[dict[str, Any]]:
    """The tube problem alone with more and more knots, by both solvers; the first call compiles."""
    done, speed, config = carried(robot, task), ArmPathConfig().reduction, ArmPathConfig().tube
    path, rows = done.reduction.paths[0], []
    bound, (profile, _) = toppra_duration([path]), time_profile(path, TimingConfig())
    middle = Reference(robot.arm, done.poses, path, profile, speed, done.load, None)
    for solver in ("ipopt", "fatrop"):
        for knots in _KNOTS:
            cpu = []
            for _ in range(3):
                clock = time.process_time()
                found = fastest_in_tube(middle, knots, replace(config, solver=solver), 0.02)
                cpu.append(time.process_time() - clock)
            row = {"solver": solver, "knots": knots, "first_s": cpu[0], "again_s": min(cpu[1:])}
            shares = {"iterations": found.solution.iterations, "converged": found.solution.converged}
            rows.append(row | shares | {"to_toppra": found.trajectory.duration / bound})
    return rows


def use_of_limits(
    robot: mission.Robot, trajectory: ArmTrajectory, path: JointPath, load: FragmentLoad
) -> dict[str, float]:
    """Largest share of each limit at the samples, which lie between the knots: by differences of the angles
    alone, Pinocchio and the patient's full model."""
    arm, limits, speed = robot.arm, path.limits, ArmPathConfig().reduction
    h = float(trajectory.t[1] - trajectory.t[0])
    rates = [np.diff(trajectory.q, n=n, axis=0) / h**n for n in (1, 2, 3)]
    poses = [arm.forward(q) for q in trajectory.q]
    wrench = np.array([load.wrench(pose) for pose in poses])
    held = np.array([load.on_clamp(pose) for pose in poses])
    rows = zip(trajectory.q, trajectory.qd, trajectory.qdd, held, strict=True)
    torque = [arm.torque(q, qd, qdd) - arm.jacobian(q).T @ w for q, qd, qdd, w in rows]
    bounds = (limits.velocity, limits.acceleration, limits.jerk)
    shares = [float((np.abs(r) / b).max()) for r, b in zip(rates, bounds, strict=True)]
    return {
        **dict(zip(("velocity", "acceleration", "jerk"), shares, strict=True)),
        "clamp speed": float((speed.lengths(poses) / np.diff(trajectory.t)).max()),
        "tissue force": float(np.linalg.norm(wrench[:, :3], axis=1).max() / load.force_limit),
        "tissue torque": float(np.linalg.norm(wrench[:, 3:], axis=1).max() / load.torque_limit),
        "joint torque": float((np.abs(torque) / arm.limits.effort).max()),
    }


def ruckig_peers(robot: mission.Robot, path: JointPath, rates: np.ndarray, bound: float) -> dict[str, Any]:
    """Ruckig along the path and, with rates (dof,), from end to end; nothing where it is not installed."""
    try:
        import ruckig
    except ImportError:
        return {}
    s = np.linspace(0.0, 1.0, 400)
    d1, d2, d3 = (path.spline(s, nu=k) for k in (1, 2, 3))
    limits = path.limits

    def shares(v: float, a: float, j: float) -> float:
        """Largest share of a limit if the bounds of the parameter were reached together anywhere."""
        used = (
            np.abs(d1) * v / limits.velocity,
            (np.abs(d2) * v**2 + np.abs(d1) * a) / limits.acceleration,
            (np.abs(d3) * v**3 + 3 * np.abs(d2) * v * a + np.abs(d1) * j) / limits.jerk,
            path.rate(s)[:, None] * v,
        )
        return max(float(u.max()) for u in used)

    # from the bounds each alone would allow, slower and slower until they hold together
    v = min(float((limits.velocity / np.abs(d1).max(axis=0)).min()), 1.0 / float(path.rate(s).max()))
    a = float((limits.acceleration / np.abs(d1).max(axis=0)).min())
    j = float((limits.jerk / np.abs(d1).max(axis=0)).min())
    scale = 1.0
    while shares(scale * v, scale**2 * a, scale**3 * j) > 1.0:
        scale *= 0.98
    along = _ruckig(ruckig, [0.0], [1.0], ([scale * v], [scale**2 * a], [scale**3 * j]))
    bounds = (rates, limits.acceleration, limits.jerk)
    joint = _ruckig(ruckig, path.spline(0.0), path.spline(1.0), bounds)
    times = np.linspace(0.0, joint.duration, 50)
    poses = [robot.arm.forward(joint.at_time(t)[0]).translation for t in times]
    middle = np.array([robot.arm.forward(q).translation for q in path.spline(s)])
    off = np.linalg.norm(np.array(poses)[:, None] - middle[None], axis=2).min(axis=1).max()
    return {
        "ruckig_along": along.duration / bound,
        "ruckig_joint": joint.duration / bound,
        "ruckig_joint_off_mm": 1e3 * float(off),
    }


def _ruckig(ruckig: Any, start: Any, end: Any, bounds: Any) -> Any:
    dof = len(start)
    given = ruckig.InputParameter(dof)
    given.current_position, given.target_position = list(start), list(end)
    given.max_velocity, given.max_acceleration, given.max_jerk = (list(b) for b in bounds)
    trajectory = ruckig.Trajectory(dof)
    ruckig.Ruckig(dof).calculate(given, trajectory)
    return trajectory


def ways(robot: mission.Robot, collision: ArmCollision, approach: ArmMotion) -> dict[str, Any]:
    """From the parked arm to the stand-off pose: our way and OMPL's, each then timed by us."""
    start, goal = (approach.paths[k].spline(s) for k, s in ((0, 0.0), (-2, 1.0)))
    clock = time.perf_counter()
    ours = find_way(start, goal, collision, robot.arm.limits, np.random.default_rng(0))
    rows = {"ours": _way(robot, ours, time.perf_counter() - clock)}
    clock = time.perf_counter()
    theirs, installed = ompl_way(robot, collision, start, goal)
    if installed:
        rows["ompl"] = _way(robot, theirs, time.perf_counter() - clock)
    return rows


def _way(robot: mission.Robot, way: Any, seconds: float) -> dict[str, Any]:
    if way is None:
        return {"found": False, "seconds": seconds}
    free = ArmPathConfig().free
    pieces = [joint_path(robot.arm, way[k : k + 2], free) for k in range(len(way) - 1)]
    timed = [time_path(robot.arm.joint_names, piece, TimingConfig())[0].duration for piece in pieces]
    return {"found": True, "seconds": seconds, "duration_s": float(sum(timed))}


def ompl_way(robot: mission.Robot, collision: ArmCollision, start: Any, goal: Any) -> tuple[Any, bool]:
    """RRT-Connect and simplification in the same box of joint angles: way or None, and is it installed."""
    try:
        from ompl import base, geometric, util
    except ImportError:
        return None, False
    util.noOutputHandler()
    dof, reach = robot.arm.dof, RoadmapConfig().reach
    space, bounds = base.RealVectorStateSpace(dof), base.RealVectorBounds(dof)
    for i in range(dof):
        low, high = min(start[i], goal[i]) - reach, max(start[i], goal[i]) + reach
        bounds.setLow(i, max(low, robot.arm.limits.lower[i]))
        bounds.setHigh(i, min(high, robot.arm.limits.upper[i]))
    space.setBounds(bounds)
    setup = geometric.SimpleSetup(space)
    setup.setStateValidityChecker(lambda state: collision.free([state[i] for i in range(dof)]))
    ends = []
    for q in (start, goal):
        state = space.allocState()
        for i in range(dof):
            state[i] = float(q[i])
        ends.append(state)
    setup.setStartAndGoalStates(*ends)
    setup.setPlanner(geometric.RRTConnect(setup.getSpaceInformation()))
    if str(setup.solve(_OMPL_SECONDS)) != "Exact solution":
        return None, True
    setup.simplifySolution()
    path = setup.getSolutionPath()
    states = (path.getState(k) for k in range(path.getStateCount()))
    return np.array([[state[i] for i in range(dof)] for state in states]), True


def statistics(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def quantiles(values: Any) -> dict[str, float]:
        return dict(zip(map(str, _QUANTILES), np.quantile(values, _QUANTILES).round(4).tolist(), strict=True))

    if not rows:
        return {}
    keys = ("tube", "middle", "ruckig_along", "ruckig_joint", "ruckig_joint_off_mm", "seconds", "toppra_s")
    result: dict[str, Any] = {k: quantiles([r[k] for r in rows]) for k in keys if k in rows[0]}
    result["motions"] = len(rows)
    result["within 1.05 of toppra"] = sum(r["tube"] <= 1.05 for r in rows)
    result["most use of limits"] = {k: max(r["use"][k] for r in rows) for k in rows[0]["use"]}
    for who in rows[0]["free"]:
        found = [r["free"][who] for r in rows if r["free"][who]["found"]]
        result[f"free ways, {who}"] = {
            "found": len(found),
            "seconds": quantiles([f["seconds"] for f in found]),
            "duration_s": quantiles([f["duration_s"] for f in found]),
        }
    return result


def save_plot(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    from matplotlib.figure import Figure

    order = np.argsort([r["tube"] for r in rows])
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axis = figure.subplots()
    kinds = (
        ("tube", "in the tube (ours)", "o", "tab:green"),
        ("middle", "on its middle (ours)", "s", "tab:blue"),
        ("ruckig_along", "ruckig along the middle", "^", "tab:orange"),
    )
    for key, label, marker, colour in kinds:
        if key in rows[0]:
            values = [rows[i][key] for i in order]
            axis.plot(values, marker, color=colour, label=label, markersize=4)
    axis.axhline(1.0, color="0.3", lw=1, label="toppra on the middle, jerk unbounded")
    axis.axhline(1.05, color="0.3", lw=1, ls="--", label="1.05")
    axis.set(xlabel="reduction path, sorted", ylabel="duration / toppra's")
    axis.legend()
    axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
