"""Reductions that do not go as planned: other tissue, a bumped table, another target, something in the way.

    python benchmarks/online.py CASE PLAN.json [--seeds N] [-o OUT.json]

Each runs in the closed loop (`rafr.simulation.closed_loop`); a moved target and an obstacle both with the
path adjusted on the way and with the approved one. Errors are true ones, mean over the surface.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rafr.adjustment import AdjustmentKeeper, Ball, PathAdjuster, Terrain
from rafr.cases.load import open_case
from rafr.cases.meshes import body_meshes
from rafr.control.correction import displaced
from rafr.geometry import RigidTransform
from rafr.geometry.residual import residual
from rafr.planning.plan import ReductionPlan
from rafr.simulation.closed_loop import ClosedLoop, gripped, prepare, reduce
from rafr.simulation.config import PlantConfig
from rafr.tissue.model import TissueParams
from rafr.units import to_metres, to_mm

PERIOD = 0.1  # s between looks, as the node has it
MOVED = np.array([0.6e-3, -0.6e-3, 0.5e-3, 0.0, 0.006, 0.006])  # m, rad: 1 mm, 0.5 degrees
BUMP = np.array([2e-3, -1e-3, 1e-3]), np.array([0.0, 0.0, 0.005])  # m, rad
INTO_MM = 1.5  # by which the approved path runs into the obstacle


@dataclass(eq=False)
class Watching:
    """A hook that adjusts the path as the node does, and remembers where the fragment truly was."""

    keeper: AdjustmentKeeper | None
    what: Callable[[AdjustmentKeeper], None]
    at: float = 1.5
    last: float = -1.0
    asked: bool = False

    def __post_init__(self) -> None:
        self.poses: list[RigidTransform] = []
        self.seconds: list[float] = []
        self.refused: tuple[str, ...] = ()

    def __call__(self, loop: ClosedLoop, t: float) -> None:
        self.poses.append(loop.plant.truth().poses[loop.start.body])
        command = loop.command
        if self.keeper is None or command is None or t - self.last < PERIOD:
            return
        self.last = t
        if t >= self.at and not self.asked:
            self.asked = True
            self.what(self.keeper)
        stiffness = None if np.isnan(command.stiffness) else command.stiffness
        if command.finished is None and self.keeper.due(command.progress, stiffness):
            found = self.keeper.adjusted(command.progress)
            self.seconds.append(found.seconds)
            self.refused = found.assessment.reasons
            answer = loop.controller.adjust(loop.approved_hash, loop.start.body, found.adjustment)
            if found.assessment.accepted and answer.accepted:
                self.keeper.heard(found.adjustment.reason)


def scaled_tissue(factor: float) -> PlantConfig:
    """A patient whose soft tissue is not as the planner takes it to be."""
    usual = TissueParams()
    tissue = replace(
        usual,
        muscle_strength=factor * usual.muscle_strength,
        bedding_stiffness=factor * usual.bedding_stiffness,
        bedding_limit=factor * usual.bedding_limit,
        ligament_stiffness=factor * usual.ligament_stiffness,
    )
    return replace(PlantConfig(), tissue=tissue)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", type=Path)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-o", "--out", type=Path, default=Path("online.json"))
    args = parser.parse_args()
    plan = ReductionPlan.from_json(json.loads(args.plan.read_text()))
    case = open_case(args.case)
    terrain = Terrain.of_plan(case, body_meshes(case), plan.order[0], plan)
    rows = []
    for seed in range(args.seeds):
        start = prepare(str(args.case.resolve()), plan, seed)
        for name, run in variants(terrain).items():
            rows.append({"case": case.id, "seed": seed, "variant": name, **run(start)})
            print(json.dumps(rows[-1]), flush=True)
            args.out.write_text(json.dumps(rows, indent=1))


def variants(terrain: Terrain) -> dict[str, Callable[[Any], dict[str, Any]]]:
    ball = obstacle(terrain)

    def moved(keeper: AdjustmentKeeper) -> None:
        keeper.wish(MOVED)

    def blocked(keeper: AdjustmentKeeper) -> None:
        keeper.set_obstacles({ball.name: ball})

    def nothing(keeper: AdjustmentKeeper) -> None:
        pass

    def keeper() -> AdjustmentKeeper:
        return AdjustmentKeeper(PathAdjuster(terrain))

    return {
        "as planned": lambda s: told(s, None, nothing, terrain),
        "half as stiff": lambda s: told(s, None, nothing, terrain, scaled_tissue(0.5)),
        "half again as stiff": lambda s: told(s, None, nothing, terrain, scaled_tissue(1.5)),
        "half again as stiff, adjusted": lambda s: told(s, keeper(), nothing, terrain, scaled_tissue(1.5)),
        "table bumped": lambda s: told(s, None, nothing, terrain, bumped=True),
        "target moved, fixed": lambda s: told(s, None, moved, terrain, end=MOVED),
        "target moved, adjusted": lambda s: told(s, keeper(), moved, terrain, end=MOVED),
        "obstacle, fixed": lambda s: told(s, None, blocked, terrain, ball=ball),
        "obstacle, adjusted": lambda s: told(s, keeper(), blocked, terrain, ball=ball),
    }


def told(
    start: Any,
    keeper: AdjustmentKeeper | None,
    what: Callable[[AdjustmentKeeper], None],
    terrain: Terrain,
    reality: PlantConfig | None = None,
    *,
    bumped: bool = False,
    end: np.ndarray | None = None,
    ball: Ball | None = None,
) -> dict[str, Any]:
    """One reduction, in numbers."""
    loop = gripped(start, reality=reality)
    watching = Watching(keeper, what)
    hooks: list[Callable[[ClosedLoop, float], None]] = [watching]
    if bumped:
        hooks.append(bump_once())
    run = reduce(loop, hooks=hooks)
    points = loop.surface[start.body]
    goal = to_metres(start.plan.body(start.body).T_reduced_displaced)
    wanted = goal if end is None else displaced(goal, end, points.mean(axis=0))
    error = residual(watching.poses[-1], wanted, points)
    measured = np.array([loop.command.stiffness if loop.command is not None else np.nan])
    row = {
        "outcome": run.outcome,
        "reason": run.reason,
        "error_mm": 1e3 * error.distance,
        "error_deg": float(np.degrees(error.angle)),
        "peak_n": run.peak_force,
        "stiffness": float(measured[0]),
        "duration_s": run.duration,
    }
    if watching.seconds:
        row |= {"adjusted": len(watching.seconds), "longest_ms": 1e3 * max(watching.seconds)}
        row["refused"] = list(watching.refused)
    if ball is not None:
        row["into_obstacle_mm"] = -min(clearance(terrain, T, ball) for T in watching.poses[::5])
    return row


def bump_once() -> Callable[[ClosedLoop, float], None]:
    done = []

    def hook(loop: ClosedLoop, t: float) -> None:
        if t > 2.0 and not done:
            done.append(t)
            loop.plant.bones.bump_table(*BUMP)  # type: ignore[attr-defined]

    return hook


def obstacle(terrain: Terrain) -> Ball:
    """A ball of 5 mm beside the path at two thirds, where the body is farthest from bone."""
    row = int(0.65 * len(terrain.approved.shares))
    poses = terrain.approved.poses
    moved = poses.rotation[row] @ terrain.around.points.T + poses.translation[row][:, None]
    far = int(terrain.around.grid_distances(moved.T).argmax())
    centre = poses.rotation[row] @ terrain.pivot + poses.translation[row]
    out = (moved[:, far] - centre) / np.linalg.norm(moved[:, far] - centre)
    return Ball("retractor", moved[:, far] + (5.0 - INTO_MM) * out, 5.0)


def clearance(terrain: Terrain, T: RigidTransform, ball: Ball) -> float:
    """mm between the body at a pose (m) and the ball."""
    moved = to_mm(T).apply(terrain.around.points)
    return float(np.linalg.norm(moved - ball.centre, axis=1).min() - ball.radius)


if __name__ == "__main__":
    main()
