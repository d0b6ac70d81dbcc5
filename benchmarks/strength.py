"""What each arm reaches and holds at the pins of virtual patients.

python benchmarks/strength.py [--patients N] [--json FILE]

Every patient is another virtual pelvis with its left hip out of place by about a centimetre and a few
degrees; the pins are those the planner proposes. For each arm: whether a place and an approach are found,
how long that takes, and the largest force the joints hold in every direction there, at the clamp and at the
fragment's centre (N).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from rafr import __version__
from rafr.cases.case import Body, Case
from rafr.cases.meshes import BodyMesh
from rafr.cases.virtual import virtual_pelvis
from rafr.cli.output import progress_bar
from rafr.errors import InfeasibleError, RafrError
from rafr.geometry import RigidTransform, merge_meshes
from rafr.planning.pins import clamp_frame, propose_pins
from rafr.robot.description import ARMS
from rafr.robot.strength import reserve_force
from rafr.trajectory.mission import Robot, approach, dock
from rafr.units import METRES_PER_MM


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--patients", type=int, default=8, metavar="N", help="seeds 0 to N-1")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the result")
    args = parser.parse_args()
    rows = []
    try:
        with progress_bar("patients") as progress:
            for seed in range(args.patients):
                progress(seed / args.patients, f"seed {seed}")
                case, meshes = patient(seed)
                T_ct_clamp = clamp_frame(propose_pins(case, meshes, "left"))
                rows += [{"seed": seed, "arm": a, **served(a, case, meshes, T_ct_clamp)} for a in ARMS]
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 2
    report = {"version": __version__, "arms": {arm: summary(rows, arm) for arm in ARMS}, "rows": rows}
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report["arms"], indent=2))
    return 0


def patient(seed: int) -> tuple[Case, dict[str, BodyMesh]]:
    rng = np.random.default_rng(seed)
    pelvis = virtual_pelvis(rng)
    turn = RigidTransform.about_point(rng.normal(0.0, 0.06, 3), pelvis.left_hip.centroid)
    hip = pelvis.left_hip.transformed(RigidTransform.from_translation(rng.normal(0.0, 9.0, 3)) @ turn)
    rest = merge_meshes([pelvis.sacrum, pelvis.right_hip])
    meshes = {
        "reference": BodyMesh("reference", rest, {1: pelvis.sacrum, 21: pelvis.right_hip}),
        "left": BodyMesh("left", hip, {11: hip}),
    }
    nowhere, bodies = Path(), (Body("reference", (1, 21)), Body("left", (11,)))
    return Case(nowhere, f"virtual {seed}", nowhere, nowhere, None, bodies), meshes


def served(arm: str, case: Case, meshes: dict[str, BodyMesh], T_ct_clamp: RigidTransform) -> dict[str, Any]:
    """One arm at one patient's pins."""
    robot, stay = Robot.named(arm), [RigidTransform.identity()] * 2
    T_world_pelvis = robot.room.T_world_ct(case, meshes["reference"].mesh.centroid)
    clock = time.perf_counter()
    try:
        docking = dock(robot, robot.room.parking.pose, T_world_pelvis, stay, T_ct_clamp)
        T_base_pelvis = docking.T_world_base.inverse() @ T_world_pelvis
        motion = approach(
            robot, docking.T_world_base, robot.parked_arm, T_base_pelvis, stay, T_ct_clamp,
            rng=np.random.default_rng(0),
        )  # fmt: skip
    except InfeasibleError as error:
        return {"reached": False, "reasons": list(error.reasons), "seconds": time.perf_counter() - clock}
    q = motion.trajectory.q[-1]
    centre = T_ct_clamp.inverse().apply(meshes["left"].mesh.centroid) * METRES_PER_MM
    return {
        "reached": True,
        "seconds": time.perf_counter() - clock,
        "at_clamp_n": float(reserve_force(robot.arm, q)[0]),
        "at_centre_n": float(reserve_force(robot.arm, q, place=centre)[0]),
        "lever_m": float(np.linalg.norm(centre)),
    }


def summary(rows: list[dict[str, Any]], arm: str) -> dict[str, Any]:
    """Least, median and most over the patients that were reached."""
    mine = [row for row in rows if row["arm"] == arm]
    reached = [row for row in mine if row["reached"]]
    spread = {
        key: np.quantile([row[key] for row in reached], (0.0, 0.5, 1.0)).round(2).tolist()
        for key in ("at_clamp_n", "at_centre_n", "lever_m", "seconds")
        if reached
    }
    return {"patients": len(mine), "reached": len(reached), **spread}


if __name__ == "__main__":
    raise SystemExit(main())
