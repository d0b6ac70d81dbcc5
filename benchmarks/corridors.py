"""Corridors for every kind of screw and pin in intact pelves: how often one is found, its margin, its time.

python benchmarks/corridors.py PELVIS... --json FILE

PELVIS is what `rafr.cases.pelvis.read_pelvis` reads. Each screw is planned alone, on both sides, as
`rafr fixation` plans it; then every scheme, on both sides. Times are CPU seconds of one thread, without the
walls and foramina, which are found once per pelvis and timed apart. The tables of docs/fixation_implants.md.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from rafr import __version__
from rafr.cases.pelvis import read_pelvis
from rafr.cli.output import check_json_target, progress_bar, write_json
from rafr.errors import InfeasibleError, RafrError
from rafr.fixation.implants.anatomy import Anatomy
from rafr.fixation.implants.planned import PlannedScrew, Planner
from rafr.fixation.implants.schemes import SCHEMES, plan_scheme
from rafr.progress import Progress

SIDES = ("left", "right")
SCREWS: dict[str, Callable[[Planner, str], PlannedScrew]] = {
    "S1 standard": lambda planner, side: planner.sacroiliac(side, 1, extended=False),
    "S1 extended": lambda planner, side: planner.sacroiliac(side, 1, extended=True),
    "S2 standard": lambda planner, side: planner.sacroiliac(side, 2, extended=False),
    "S2 extended": lambda planner, side: planner.sacroiliac(side, 2, extended=True),
    "S1 pedicle": lambda planner, side: planner.pedicle(side),
    "iliac": lambda planner, side: planner.iliac(side),
    "supra-acetabular": lambda planner, side: planner.supra_acetabular(side),
    "crest": lambda planner, side: planner.crest(side),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pelves", metavar="PELVIS", nargs="+", type=Path)
    parser.add_argument("--json", metavar="FILE", type=Path, required=True)
    args = parser.parse_args()
    try:
        check_json_target(args.json)
        with progress_bar("corridors") as progress:
            pelves = measure(args.pelves, progress)
        write_json(args.json, report(pelves))
    except RafrError as error:
        print(f"corridors: {error}", file=sys.stderr)
        return 2
    show(pelves)
    return 0


def measure(paths: Sequence[Path], progress: Progress) -> dict[str, dict[str, Any]]:
    """Per pelvis what was found."""
    found: dict[str, dict[str, Any]] = {}
    for n, path in enumerate(paths):
        progress(n / len(paths), path.stem)
        planner = Planner(Anatomy.of_pelvis(read_pelvis(path)))
        begin = time.process_time()
        levels = planner.walls.neural.levels
        found[path.stem] = {
            "walls_s": round(time.process_time() - begin, 2),
            "levels_mm": [round(float(level), 1) for level in levels],
            "notes": list(planner.walls.neural.notes),
            "screws": {name: [_one(planner, plan, s) for s in SIDES] for name, plan in SCREWS.items()},
            "schemes": {name: [_scheme(planner, name, s) for s in SIDES] for name in SCHEMES},
        }
    return found


def _one(planner: Planner, plan: Callable[[Planner, str], PlannedScrew], side: str) -> dict[str, Any]:
    begin = time.process_time()
    try:
        made = plan(planner, side)
    except InfeasibleError as error:
        return {"refused": "; ".join(error.reasons), "seconds": _since(begin)}
    return {
        "margin_mm": round(made.margin_mm, 2),
        "length_mm": round(made.screw.length_mm, 1),
        "seconds": _since(begin),
    }


def _scheme(planner: Planner, name: str, side: str) -> dict[str, Any]:
    begin = time.process_time()
    try:
        plan_scheme(name, planner.anatomy, side=side, planner=planner)
    except InfeasibleError as error:
        return {"refused": "; ".join(error.reasons), "seconds": _since(begin)}
    return {"seconds": _since(begin)}


def _since(begin: float) -> float:
    return round(time.process_time() - begin, 2)


def report(pelves: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "versions": {
            "rafr": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy", "open3d")},
        },
        "units": "margins and lengths mm, times CPU s",
        "screws": {name: summary(pelves, "screws", name) for name in SCREWS},
        "schemes": {name: summary(pelves, "schemes", name) for name in SCHEMES},
        "pelves": dict(pelves),
    }


def summary(pelves: Mapping[str, Any], sort: str, name: str) -> dict[str, Any]:
    """How many of them were found, with quantiles of margin, length and time."""
    tried = [one for pelvis in pelves.values() for one in pelvis[sort][name]]
    found = [one for one in tried if "refused" not in one]
    numbers: dict[str, Any] = {"tried": len(tried), "found": len(found)}
    for key, among in (("margin_mm", found), ("length_mm", found), ("seconds", tried)):
        values = [one[key] for one in among if key in one]
        if values:
            numbers[key] = dict(
                zip(("least", "median", "most"), np.quantile(values, [0, 0.5, 1]).tolist(), strict=True)
            )
    return numbers


def show(pelves: Mapping[str, Any]) -> None:
    terminal = Console()
    table = Table(title=f"{len(pelves)} pelves, both sides")
    for title in ("", "found", "margin, mm", "least", "most", "length, mm", "CPU s", "most"):
        table.add_column(title, justify="left" if not title else "right")
    for sort, names in (("screws", SCREWS), ("schemes", SCHEMES)):
        for name in names:
            n = summary(pelves, sort, name)
            margin, length, seconds = n.get("margin_mm"), n.get("length_mm"), n["seconds"]
            table.add_row(
                name,
                f"{n['found']} of {n['tried']}",
                *(f"{margin[k]:.1f}" if margin else "" for k in ("median", "least", "most")),
                f"{length['least']:.0f}–{length['most']:.0f}" if length else "",
                *(f"{seconds[k]:.1f}" for k in ("median", "most")),
            )
    terminal.print(table)
    walls = [pelvis["walls_s"] for pelvis in pelves.values()]
    first, second = -np.array([pelvis["levels_mm"] for pelvis in pelves.values()]).T
    terminal.print(
        f"walls and foramina: median {np.median(walls):.1f} s, most {max(walls):.1f} s; foramina "
        f"{np.median(first):.0f} ({first.min():.0f} to {first.max():.0f}) and "
        f"{np.median(second):.0f} ({second.min():.0f} to {second.max():.0f}) mm below the promontory",
        markup=False,
    )
    for name, pelvis in pelves.items():
        for note in pelvis["notes"]:
            terminal.print(f"{name}: {note}", markup=False)
        for screw in SCREWS:
            for side, one in zip(SIDES, pelvis["screws"][screw], strict=True):
                if "refused" in one:
                    terminal.print(f"{name} {side}: {one['refused']}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
