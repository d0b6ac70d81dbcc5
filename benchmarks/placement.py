"""Base placement with and without the joint programme of base and arm over reductions of virtual patients.

python benchmarks/placement.py [--paths N] [--seed S] [--exhaustive] [--json FILE]

Every patient is a virtual pelvis of which one hip, left and right in turn, is displaced at random; the clamp
holds the pins that the planner proposes, the path is the straight screw to the reduced pose, the load is the
full tissue model's. Each path is asked for without and with its load. "Placement, then arm" takes the best of
the first twelve base poses that serve, in the order of a comfortable distance. What is returned is measured
by a fresh examination of that base pose. Seconds are of the processor.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rafr import __version__
from rafr.bench.patients import displaced_hip
from rafr.cli.output import progress_bar
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform, screw_interpolate
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.path import Pull
from rafr.planning.pins import clamp_frame, propose_pins
from rafr.room import side_of
from rafr.tissue.model import build_tissue
from rafr.trajectory.load import FragmentLoad
from rafr.trajectory.mission import Robot, clamp_path
from rafr.trajectory.placement import Grid, PlacementConfig, choose_docking_pose
from rafr.trajectory.placement.choose import best_of
from rafr.trajectory.placement.examine import Examiner
from rafr.trajectory.placement.request import Request, way_along
from rafr.units import to_metres

_NONE = Grid((), (), ())
METHODS = {
    "placement, then arm": PlacementConfig(coarse=_NONE, enough=12, improved=0),
    "18 base poses": PlacementConfig(improved=0),
    "18 base poses, then joint": PlacementConfig(),
}
_EXHAUSTIVE = {"252 base poses": PlacementConfig(coarse=PlacementConfig().fine, improved=0)}
_MEASURES = ("manipulability", "reserve", "share", "margin", "uncertainty", "merit", "seconds")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--paths", metavar="N", type=int, default=40)
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="of the first patient (default: 0)")
    parser.add_argument("--exhaustive", action="store_true", help="also examine all of the fine grid")
    parser.add_argument("--json", metavar="FILE", type=Path)
    args = parser.parse_args()
    robot, rows, unpinned = Robot.named(), [], 0
    methods = METHODS | (_EXHAUSTIVE if args.exhaustive else {})
    with progress_bar("placement") as progress:
        for k in range(args.paths):
            progress(k / args.paths, f"patient {k + 1}")
            try:
                reduction = patient(args.seed + k, robot)
            except InfeasibleError:
                unpinned += 1
                continue
            rows += compared(robot, reduction, methods)
    report = {
        "version": __version__,
        "first_seed": args.seed,
        "paths": args.paths - unpinned,
        "without_pins": unpinned,
        "statistics": {
            loaded: {name: statistics(rows, name, loaded == "with load") for name in methods}
            for loaded in ("without load", "with load")
        },
        "rows": rows,
    }
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in report.items() if k != "rows"}, indent=2))
    return 0


@dataclass(frozen=True, eq=False)
class Reduction:
    """A path of the clamp in `world` and the load (n, 6) on it."""

    seed: int
    path: list[RigidTransform]
    load: FloatArray


def patient(seed: int, robot: Robot) -> Reduction:
    """A displaced hip, lying in the room and held by pins.

    Raises:
        InfeasibleError: the fragment offers no two pins.
    """
    hip = displaced_hip(seed)
    T_ct_clamp = clamp_frame(propose_pins(hip.case, hip.meshes, hip.body))
    tissue = build_tissue(hip.case, hip.meshes, hip.body, hip.goals)
    steps = screw_interpolate(RigidTransform.identity(), hip.reduced, np.linspace(0.0, 1.0, 15))
    T_world_pelvis = robot.room.T_world_ct(hip.case, hip.meshes["reference"].mesh.centroid)
    path = clamp_path(T_world_pelvis, steps, to_metres(T_ct_clamp))
    load = FragmentLoad(Pull(tissue), T_world_pelvis, to_metres(T_ct_clamp))
    return Reduction(seed, path, np.array([load.on_clamp(T) for T in path]))


def compared(
    robot: Robot, reduction: Reduction, methods: Mapping[str, PlacementConfig]
) -> list[dict[str, Any]]:
    return [
        placed(robot, reduction, name, config, load)
        for load in (None, reduction.load)
        for name, config in methods.items()
    ]


def placed(
    robot: Robot, reduction: Reduction, name: str, config: PlacementConfig, load: FloatArray | None
) -> dict[str, Any]:
    row = {
        "seed": reduction.seed,
        "method": name,
        "loaded": load is not None,
        "peak_force": float(np.linalg.norm(reduction.load[:, :3], axis=1).max()),
    }
    clock = time.process_time()
    try:
        base = choose_docking_pose(robot.arm, reduction.path, robot.room, load=load, config=config).base
    except InfeasibleError as error:
        return row | {"seconds": time.process_time() - clock, "cause": error.cause, "reasons": error.reasons}
    seconds = time.process_time() - clock
    best = best_of(Examiner(asked(robot, reduction, config, load)).branches(base))
    if best is None:
        raise RuntimeError(f"seed {reduction.seed}, {name}: a base pose was chosen that does not serve")
    return row | {"seconds": seconds, "base": base, **asdict(best.service)}


def asked(robot: Robot, reduction: Reduction, config: PlacementConfig, load: FloatArray | None) -> Request:
    path = reduction.path
    way = way_along(path, load, config.standoff)
    return Request(robot.arm, path, way, robot.room, side_of(path[0]), robot.drive, None, config)


def statistics(rows: Sequence[dict[str, Any]], name: str, loaded: bool) -> dict[str, Any]:
    """Quantiles over the paths that every method serves, so that they are the same ones."""
    asked_for = [r for r in rows if r["loaded"] == loaded]
    refused = {r["seed"] for r in asked_for if "base" not in r}
    mine = [r for r in asked_for if r["method"] == name]
    common = [r for r in mine if r["seed"] not in refused]
    return {
        "served": sum("base" in r for r in mine),
        "compared": len(common),
        **{m: _quantiles([r[m] for r in common]) for m in _MEASURES},
    }


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    quantiles = {"least": 0.0, "median": 0.5, "p90": 0.9, "most": 1.0}
    return {k: round(float(np.quantile(values, q)), 3) for k, q in quantiles.items()} if values else {}


if __name__ == "__main__":
    sys.exit(main())
