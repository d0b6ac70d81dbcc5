"""Re-planning along reduction paths with the patient's tissue: milliseconds, beside a cold ipopt, and growth.

python benchmarks/horizon.py [--paths N] [--solver NAME] [--json FILE] [--plot FILE] [--quick]

Every path is of another virtual pelvis with a hip displaced at random, its tissue built as for a case, and
the straight screw to the reduced pose. The arm carries the first interval of each horizon out; joints and
wrench are measured with noise, the wrench from the full tissue model. Times are of one whole call
(linearising, solving, checking) on one core: wall time, and the process's own (cpu), which other processes
disturb less. The first call of a path is cold and counted apart. Every tenth state is also solved by a cold
ipopt: the same problem from the arm standing still.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from rafr import __version__
from rafr.bench.replanning import Run, patient, somewhere, timed
from rafr.cli.output import progress_bar
from rafr.errors import InfeasibleError, RafrError
from rafr.robot.arm import ArmModel
from rafr.trajectory.horizon.config import HorizonConfig
from rafr.trajectory.horizon.replan import Replanner
from rafr.trajectory.horizon.result import Measured

_KNOTS = (10, 20, 40, 80, 160)
_FACTS = ("seed", "length_s", "outcome", "peak_force_n", "off_mm")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paths", type=int, default=20, metavar="N")
    parser.add_argument("--solver", default=HorizonConfig().solver, help="hpipm, fatrop or ipopt")
    parser.add_argument("--json", metavar="FILE", help="write the result")
    parser.add_argument("--plot", metavar="FILE", help="growth with the number of knots")
    parser.add_argument("--quick", action="store_true", help="two paths, horizons up to 40 knots")
    args = parser.parse_args()
    try:
        report = measure(2 if args.quick else args.paths, args.solver, _KNOTS[:3] if args.quick else _KNOTS)
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 2
    text = json.dumps(report, indent=2)
    if args.json:
        Path(args.json).write_text(text + "\n", encoding="utf-8")
    if args.plot:
        save_plot(Path(args.plot), report["growth"])
    print(text)
    return 0


def measure(paths: int, solver: str, knots: tuple[int, ...]) -> dict[str, Any]:
    arm, config = ArmModel.named(), HorizonConfig(solver=solver)
    replanner, cold = (Replanner(arm, somewhere(arm), c) for c in (config, replace(config, solver="ipopt")))
    runs = []
    with progress_bar("paths") as progress:
        for seed in range(paths):
            progress(seed / paths, f"seed {seed}")
            runs.append(Run(arm, patient(seed, arm), seed).play(replanner, cold))
        rows = []
        for k, count in enumerate(knots):
            progress(k / len(knots), f"{count} knots")
            rows.append(growth(arm, replace(config, knots=count)))
    kinds = ("warm", "cpu", "cold", "cold_cpu")
    warm, cpu, ipopt, ipopt_cpu = (np.concatenate([run[k] for run in runs]) for k in kinds)
    return {
        "versions": {"rafr": __version__, **{p: version(p) for p in ("casadi", "pin", "numpy")}},
        "solver": solver,
        "knots": config.knots,
        "paths": paths,
        "load_average": round(os.getloadavg()[1], 1),
        "calls": len(warm),
        "replan_ms": _quantiles(warm),
        "replan_cpu_ms": _quantiles(cpu),
        "first_call_ms": _quantiles(np.array([run["first"] for run in runs])),
        "cold_ipopt_ms": {"n": len(ipopt)} | _quantiles(ipopt),
        "cold_ipopt_cpu_ms": _quantiles(ipopt_cpu),
        "cold_ipopt_to_warm_cpu_median": round(float(np.median(ipopt_cpu) / np.median(cpu)), 2),
        "refusal_ms": refusal(arm, config),
        "solved_by": dict(Counter(name for run in runs for name in run["solvers"])),
        "arrived": sum(run["outcome"] == "arrived" for run in runs),
        "outcomes": [
            {k: run[k] for k in ("seed", "length_s", "outcome", "peak_force_n", "off_mm")} for run in runs
        ],
        "growth": rows,
    }


def growth(arm: ArmModel, config: HorizonConfig, calls: int = 25) -> dict[str, Any]:
    """The first path with longer and longer horizons."""
    one = patient(0, arm)
    replanner, built, _ = timed(lambda: Replanner(arm, one.poses, config))
    run, wall, cpu = Run(arm, one, 0), [], []
    for _ in range(calls):
        now = run.measured()
        horizon, seconds, own = timed(replanner.replan, now)
        wall.append(seconds)
        cpu.append(own)
        run.follow(horizon)
    return {
        "knots": config.knots,
        "build_s": round(built, 2),
        "replan_ms": _quantiles(np.array(wall[1:])),
        "replan_cpu_ms": _quantiles(np.array(cpu[1:])),
    }


def save_plot(path: Path, rows: list[dict[str, Any]]) -> None:
    from matplotlib.figure import Figure

    knots = np.array([row["knots"] for row in rows])
    figure = Figure(figsize=(6.5, 4.5), layout="constrained")
    axis = figure.subplots()
    for quantile, marker in (("median", "o-"), ("p99", "s--")):
        values = [row["replan_cpu_ms"][quantile] for row in rows]
        axis.loglog(knots, values, marker, label=f"warm call, {quantile}")
    first = rows[0]["replan_cpu_ms"]["median"]
    axis.loglog(knots, first * knots / knots[0], color="0.6", lw=1, label="proportional to the knots")
    axis.axhline(10.0, color="tab:red", lw=1, ls=":", label="10 ms")
    axis.set(xlabel="knots of the horizon", ylabel="processor time of a call (ms)", xticks=knots)
    axis.set_xticklabels(map(str, knots))
    axis.grid(alpha=0.3, which="both")
    axis.legend()
    figure.savefig(path, dpi=110)


def refusal(arm: ArmModel, config: HorizonConfig, calls: int = 10) -> dict[str, float]:
    """How long it takes to say that a request cannot be met: a force bound below the tissue's."""
    one = patient(0, arm)
    run, replanner = Run(arm, one, 0), Replanner(arm, one.poses, replace(config, force_limit=10.0))

    def refused(now: Measured) -> None:
        with suppress(InfeasibleError):
            replanner.replan(now)

    now = replace(run.measured(), wrench=np.array([50.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    return _quantiles(np.array([timed(lambda: refused(now))[1] for _ in range(calls)][1:]))


def _quantiles(seconds: Any) -> dict[str, float]:
    """ms."""
    quantiles = {"median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: round(1e3 * float(np.quantile(seconds, q)), 2) for name, q in quantiles.items()}


if __name__ == "__main__":
    sys.exit(main())
