"""The finite element core beside CalculiX on the same meshes in the same run: time, memory, agreement.

python benchmarks/fixation_solver.py [--linear N ...] [--contact N ...] [--bar N ...] [--bar-contact N ...]
                                     [--methods M ...] [--timeout S]

The problems are those of rafr.bench.blocks, N the cells along an edge.
Times are from nodes and elements in memory to displacements in memory; CalculiX's are those of its process,
which also reads and writes. Every solution has a process of its own, whose largest resident set is its
memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from rafr.bench.blocks import KINDS, make
from rafr.errors import RafrError
from rafr.fixation.fem import calculix
from rafr.fixation.fem.problem import Settings
from rafr.fixation.fem.solvers import Method
from rafr.fixation.fem.statics import solve


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--linear", type=int, nargs="*", default=[], metavar="N", help="cells along an edge")
    for kind in KINDS[1:]:
        parser.add_argument(f"--{kind}", type=int, nargs="*", default=[], metavar="N")
    parser.add_argument("--methods", nargs="*", default=["multigrid", "aggregation"], choices=[*Method])
    parser.add_argument("--timeout", type=float, default=450.0, metavar="S", help="that CalculiX is given")
    parser.add_argument("--one", nargs=4, metavar=("KIND", "N", "METHOD", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        kind, n, method, file = args.one
        print(json.dumps(own(kind, int(n), Method(method), Path(file))))
        return 0
    rows = []
    for kind in KINDS:
        for n in getattr(args, kind.replace("-", "_")):
            rows.append(side_by_side(kind, n, args.methods, args.timeout))
            print(json.dumps(rows[-1], indent=2), flush=True)
    return 0


def side_by_side(kind: str, n: int, methods: list[str], timeout: float) -> dict[str, Any]:
    """Seconds, GB and the largest difference relative to CalculiX's largest displacement."""
    problem, forces = make(kind, n)
    row: dict[str, Any] = {
        "kind": kind,
        "elements": len(problem.mesh.elements),
        "degrees_of_freedom": problem.mesh.nodes.size,
        "threads": os.environ.get("OMP_NUM_THREADS", "not set"),
        "load_average": os.getloadavg()[0],
    }
    displacements = {}
    with tempfile.TemporaryDirectory() as folder:
        for method in methods:
            file = Path(folder) / f"{method}.npy"
            command = [sys.executable, __file__, "--one", kind, str(n), method, str(file)]
            said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if said.returncode:
                row[method] = "failed"
                continue
            row[method] = json.loads(said.stdout)
            displacements[method] = np.load(file)
    print(json.dumps(row), file=sys.stderr, flush=True)
    start, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    try:
        other = calculix.run(problem, forces, timeout=timeout)
    except RafrError as error:
        row["calculix"] = {"failed": str(error)[:200]}
    seconds = time.perf_counter() - start
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - cpu
    row["calculix"] = row.get("calculix", {}) | {"seconds": round(seconds, 1), "cpu_seconds": round(cpu, 1)}
    # where CalculiX was stopped these are the most that the ratios can be
    for method in displacements:
        row[method]["time_ratio"] = round(row[method]["seconds"] / seconds, 3)
        row[method]["cpu_ratio"] = round(row[method]["cpu_seconds"] / cpu, 3)
    if "failed" in row["calculix"]:
        return row
    row["calculix"]["memory_gb"] = round(other.memory / 1e9, 2)
    for method, displacement in displacements.items():
        difference = np.abs(displacement - other.displacement).max() / np.abs(other.displacement).max()
        row[method]["difference"] = float(f"{difference:.2g}")
    return row


def own(kind: str, n: int, method: Method, file: Path) -> dict[str, Any]:
    """One solution of ours, displacements into a file."""
    problem, forces = make(kind, n)
    start, cpu = time.perf_counter(), time.process_time()
    solution = solve(problem, forces, Settings(method=method))
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    np.save(file, solution.displacement)
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2),
        "newton": solution.newton,
        "iterations": solution.iterations,
        "residual": float(f"{solution.residual:.2g}"),
    }


if __name__ == "__main__":
    sys.exit(main())
