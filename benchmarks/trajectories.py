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
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from rafr import __version__
from rafr.bench.peers import ompl_way, ruckig_motion
from rafr.bench.peers.known import OMPL, RUCKIG
from rafr.bench.reductions import Task, carried, tasks, ways_to
from rafr.cases.case import Case, load_case
from rafr.cases.meshes import body_meshes
from rafr.cases.truth import read_truth
from rafr.cli.output import progress_bar
from rafr.errors import RafrError
from rafr.robot.collision import ArmCollision
from rafr.trajectory import mission
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.load import FragmentLoad
from rafr.trajectory.motion import ArmMotion, toppra_duration
from rafr.trajectory.paths import joint_path
from rafr.trajectory.result import ArmTrajectory
from rafr.trajectory.roadmap import find_way
from rafr.trajectory.surroundings import arm_surroundings
from rafr.trajectory.timing import JointPath, TimingConfig, time_path, time_profile
from rafr.trajectory.tube.optimise import fastest_in_tube
from rafr.trajectory.tube.reference import Reference

_QUANTILES = (0.0, 0.5, 0.9, 1.0)
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
        print(json.dumps(growth(robot, tasks_of(robot, load_case(args.cases[0]))[0]), indent=2))
        return 0
    with progress_bar("trajectories") as progress:
        for k, folder in enumerate(args.cases):
            progress(k / len(args.cases), folder)
            try:
                rows += [measured(robot, task) for task in tasks_of(robot, load_case(folder))]
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


def tasks_of(robot: mission.Robot, case: Case) -> list[Task]:
    """The bodies of a case one after the other, their paths planned to the true targets."""
    meshes = body_meshes(case)
    return tasks(robot, case, meshes, ways_to(case, meshes, read_truth(case).T_reduced_displaced))


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
    """As shares of toppra's duration; nothing where ruckig is not installed."""
    if not RUCKIG.found:
        return {}
    found = ruckig_motion.durations(robot.arm, path, rates)
    return {
        "ruckig_along": found.along / bound,
        "ruckig_joint": found.joint / bound,
        "ruckig_joint_off_mm": found.joint_off_mm,
    }


def ways(robot: mission.Robot, collision: ArmCollision, approach: ArmMotion) -> dict[str, Any]:
    """From the parked arm to the stand-off pose: our way and OMPL's, each then timed by us."""
    start, goal = (approach.paths[k].spline(s) for k, s in ((0, 0.0), (-2, 1.0)))
    clock = time.perf_counter()
    ours = find_way(start, goal, collision, robot.arm.limits, np.random.default_rng(0))
    rows = {"ours": _way(robot, ours, time.perf_counter() - clock)}
    if OMPL.found:
        clock = time.perf_counter()
        theirs = ompl_way.find_way(robot.arm.limits, collision, start, goal)
        rows["ompl"] = _way(robot, theirs, time.perf_counter() - clock)
    return rows


def _way(robot: mission.Robot, way: Any, seconds: float) -> dict[str, Any]:
    if way is None:
        return {"found": False, "seconds": seconds}
    free = ArmPathConfig().free
    pieces = [joint_path(robot.arm, way[k : k + 2], free) for k in range(len(way) - 1)]
    timed = [time_path(robot.arm.joint_names, piece, TimingConfig())[0].duration for piece in pieces]
    return {"found": True, "seconds": seconds, "duration_s": float(sum(timed))}


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
