"""Every fault in the closed loop: how it ended, how fast, with how much force, and whether it was named.

    python benchmarks/faults.py CASE [--plan PLAN.json] [--seeds 10] [--faults NAME,…] [-o OUT.json]

Per seed the room is built and the fragment gripped once; each fault then happens in a copy of that process.
The plan is made for the case as it lies; with `--plan` it is read (`rafr plan --json`). What takes long to
find (docking, reach) is kept beside the output and used again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from rafr.cases.load import open_case
from rafr.cases.truth import read_truth
from rafr.errors import RafrError
from rafr.planning.plan import ReductionPlan
from rafr.planning.reduction import plan_reduction
from rafr.simulation.closed_loop import ClosedLoop, Start, gripped, prepare, reduce
from rafr.simulation.faults import FaultConfig
from rafr.simulation.faults.injector import KINDS

WHEN = FaultConfig(earliest=1.0, latest=4.0)  # of a reduction that takes about 8 s
LONGEST = 60.0  # s simulated
NONE = "(none)"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", type=Path)
    parser.add_argument("--plan", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--faults", default=",".join((NONE, *KINDS)))
    parser.add_argument("-o", "--out", type=Path, default=Path("faults.json"))
    args = parser.parse_args()
    plan = _plan(args.case, args.plan)
    rows: list[dict[str, Any]] = json.loads(args.out.read_text()) if args.out.is_file() else []
    done = {(row["fault"], row["seed"]) for row in rows}
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        wanted = [name for name in args.faults.split(",") if (name, seed) not in done]
        if not wanted:
            continue
        start = _start(args.case, plan, seed, args.out.with_suffix(f".{seed}.pickle"))
        loop = gripped(start)
        for name in wanted:
            rows.append(_in_a_copy(loop, name))
            print(_line(rows[-1]), flush=True)
            args.out.write_text(json.dumps(rows, indent=1))
    print(table(rows))


def _plan(case_folder: Path, given: Path | None) -> ReductionPlan:
    if given is not None:
        return ReductionPlan.from_json(json.loads(given.read_text()))
    case = open_case(case_folder)
    poses = read_truth(case).T_cbct_ct
    lies = {b.name: poses[case.reference.name].inverse() @ poses[b.name] for b in case.moving}
    return plan_reduction(case, start=lies)


def _start(case_folder: Path, plan: ReductionPlan, seed: int, kept: Path) -> Start:
    if kept.is_file():
        start: Start = pickle.loads(kept.read_bytes())
        if start.plan.hash == plan.hash:
            return start
    start = prepare(str(case_folder.resolve()), plan, seed)
    kept.write_bytes(pickle.dumps(start))
    return start


def _in_a_copy(loop: ClosedLoop, name: str) -> dict[str, Any]:
    """One fault in a forked process, so that the gripped room serves all of them."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=lambda: send.send(_row(loop, name)))
    process.start()
    send.close()
    row: dict[str, Any] = receive.recv()
    process.join()
    return row


def _row(loop: ClosedLoop, name: str) -> dict[str, Any]:
    row: dict[str, Any] = {"fault": name, "seed": loop.start.seed}
    try:
        loop.inject([] if name == NONE else [name], WHEN)
        run = reduce(loop, longest=LONGEST)
    except RafrError as error:  # the plant's watchdog: a defect of the model, to be seen
        return row | {"outcome": "error", "reason": str(error)}
    reduced = run.outcome == "reduced"
    kind = KINDS.get(name)
    return row | {
        "outcome": run.outcome,
        "reason": run.reason,
        "named": None if reduced or kind is None else bool(re.search(kind.said, run.reason)),
        "at_once": kind is not None and kind.at_once,
        "fault_at_s": run.fault_at,
        "stood_s": run.stood,
        "held_s": run.reaction,
        "standstill_s": run.standstill,
        "peak_force_n": run.peak_force,
        "peak_torque_nm": run.peak_torque,
        "to_plan_mm": 1e3 * run.to_plan.distance if reduced else None,
        "to_plan_deg": float(np.degrees(run.to_plan.angle)) if reduced else None,
        "duration_s": run.duration,
    }


def _line(row: dict[str, Any]) -> str:
    """As it happens."""
    if row["outcome"] == "error":
        return f"{row['fault']:<20} seed {row['seed']:<3} error: {row['reason']}"
    times = " ".join(f"{key} {_number(row[key + '_s'])}" for key in ("stood", "held", "standstill"))
    return (
        f"{row['fault']:<20} seed {row['seed']:<3} {row['outcome']:<8} {times} s, "
        f"{row['peak_force_n']:.0f} N, {row['peak_torque_nm']:.1f} N m, "
        f"named {row['named']}: {row['reason']}"
    )


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, a line per fault; times and errors are the largest over its runs."""
    lines = [
        "| fault | n | held | reduced | stands after, s | held after, s | peak force, N | peak torque, N m "
        "| named | to the plan |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["fault"] for row in rows):
        own = [row for row in rows if row["fault"] == name and row["outcome"] != "error"]
        held, reduced = ([r for r in own if r["outcome"] == outcome] for outcome in ("held", "reduced"))
        named = sum(bool(r["named"]) for r in held)
        lines.append(
            f"| {name}{'' if name in KINDS and KINDS[name].at_once else ' *'} | {len(own)} | {len(held)} "
            f"| {len(reduced)} | {_largest(held, 'stood_s')} | {_largest(held, 'held_s')} "
            f"| {_largest(own, 'peak_force_n', 0)} | {_largest(own, 'peak_torque_nm', 1)} "
            f"| {f'{named}/{len(held)}' if held else '–'} "
            f"| {_to_plan(reduced)} |"
        )
    return "\n".join(lines)


def _to_plan(rows: list[dict[str, Any]]) -> str:
    return f"{_largest(rows, 'to_plan_mm')} mm, {_largest(rows, 'to_plan_deg')}°" if rows else "–"


def _largest(rows: list[dict[str, Any]], key: str, digits: int = 2) -> str:
    values = [row[key] for row in rows if row[key] is not None]
    return f"{max(values):.{digits}f}" if values else "–"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
