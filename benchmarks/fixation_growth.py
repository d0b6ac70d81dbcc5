"""One patient's fixation on ever finer meshes: what changes, how long it takes and how much memory it needs.

python benchmarks/fixation_growth.py CASE PLAN [--schemes NAME ...] [--edges MM ...] [-o PICTURE]

Every mesh has a process of its own, whose largest resident set is its memory, and solves from nothing. Times
are processor seconds of model and solution; meshes come from the cache where they were made before.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from rafr.cases.load import open_case
from rafr.cases.meshes import body_meshes
from rafr.fixation.fem.statics import System
from rafr.fixation.implants.anatomy import Anatomy
from rafr.fixation.implants.planned import Planner
from rafr.fixation.implants.schemes import plan_scheme
from rafr.fixation.model import ModelOptions, build_model, planned_poses
from rafr.fixation.study.assembly import fixed_pelvis
from rafr.fixation.study.results import evaluate
from rafr.planning.plan_file import read_plan


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("plan", metavar="PLAN")
    parser.add_argument("--schemes", nargs="+", default=["SDS1EDS2", "L5EDS2"], metavar="NAME")
    parser.add_argument("--edges", type=float, nargs="+", default=[14, 11, 9, 7, 5], metavar="MM")
    parser.add_argument("-o", "--out", metavar="PICTURE")
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(solved(args, args.one)))
        return 0
    rows = []
    for edge in args.edges:
        said = subprocess.run(
            [sys.executable, __file__, args.case, args.plan, "--schemes", *args.schemes, "--one", str(edge)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        rows.append(json.loads(said.stdout))
        print(json.dumps(rows[-1]), flush=True)
    if args.out:
        save_picture(Path(args.out), rows, args.schemes)
    return 0


def solved(args: argparse.Namespace, edge: float) -> dict[str, Any]:
    """All schemes on one mesh."""
    case = open_case(Path(args.case), voxels=False)
    poses = planned_poses(read_plan(Path(args.plan), case))
    planner = Planner(Anatomy.of_case(case, body_meshes(case), poses))
    options = ModelOptions()
    begin = time.process_time()
    model = build_model(case, poses, replace(options, mesh=replace(options.mesh, edge_mm=edge)))
    row: dict[str, Any] = {
        "edge_mm": edge,
        "bone_elements": len(model.mesh.elements),
        "model_cpu_s": round(time.process_time() - begin, 1),
        "schemes": {},
    }
    metal = planner.catalogue.material
    for name in args.schemes:
        begin = time.process_time()
        fixed = fixed_pelvis(model, plan_scheme(name, planner.anatomy, planner=planner), metal)
        planning = time.process_time() - begin
        solution = System(fixed.problem).solve(fixed.forces)
        result = evaluate(fixed, solution.displacement, solution.newton, metal)
        row["schemes"][name] = {
            "elements": len(fixed.problem.mesh.elements),
            "degrees_of_freedom": fixed.problem.mesh.nodes.size,
            "cpu_s": round(time.process_time() - begin - planning, 1),
            "newton": solution.newton,
            "iterations": solution.iterations,
            "mean_mm": round(result.mean_mm, 4),
            "metal_mpa": round(result.max_von_mises_mpa, 1),
            "bone_mpa": round(result.bone_von_mises_mpa, 1),
            "gap_mm": round(max(result.fracture_gap_mm.values(), default=0.0), 4),
        }
    row["memory_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2)
    return row


def save_picture(path: Path, rows: list[dict[str, Any]], schemes: list[str]) -> None:
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 2, figsize=(9, 6.5), layout="constrained", sharex=True)
    wanted = (("mean_mm", "sinks by, mm"), ("metal_mpa", "metal, MPa"), ("cpu_s", "processor time, s"))
    for panel, (key, label) in zip(panels.flat, wanted, strict=False):
        for name in schemes:
            found = [row["schemes"][name] for row in rows]
            panel.plot([f["elements"] for f in found], [f[key] for f in found], "o-", label=name)
        panel.set_ylabel(label)
        panel.set_ylim(0.0, None)
    first = [row["schemes"][schemes[0]]["elements"] for row in rows]
    panels.flat[3].plot(first, [row["memory_gb"] for row in rows], "o-", color="0.3")
    panels.flat[3].set_ylabel("memory, GB")
    panels.flat[3].set_ylim(0.0, None)
    panels.flat[0].legend()
    for panel in panels[1]:
        panel.set_xlabel("ten-node elements")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
