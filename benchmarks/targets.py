"""How well targets are found: virtual fractures of many pelves, planned and compared with the truth.

python benchmarks/targets.py --pelves DIR [--kinds K,…] [--seeds 0-2] -o DIR [--jobs N]

Writes `targets.csv` (a row per body, appended as cases finish: started again, it goes on where it was),
`summary.json`, `summary.md` and `targets.png`.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from target_cases import Trial, group_of, open_trial, prepare, true_targets
from target_summary import save_summary

from rafr.cases.case import FRACTURE_KINDS
from rafr.cli.output import progress_bar
from rafr.errors import RafrError
from rafr.planning.metrics import pose_error
from rafr.planning.target.targets import BodyTarget, plan_targets


def main() -> int:
    args = _arguments()
    try:
        trials = list(_trials(args))
        run(trials, args.store or args.out / "cases", args.out, args.jobs)
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 2
    print((args.out / "summary.md").read_text(encoding="utf-8"))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pelves", type=Path, required=True, metavar="DIR", help="folder of z*.mat")
    parser.add_argument("--only", default="", metavar="Z,…", help="of these pelves alone")
    parser.add_argument("--kinds", default=",".join(FRACTURE_KINDS), metavar="K,…")
    parser.add_argument("--seeds", default="0", metavar="N,…|A-B")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--store", type=Path, metavar="DIR", help="where broken pelves are kept")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    return parser.parse_args()


def _trials(args: argparse.Namespace) -> Iterator[Trial]:
    only = {name for name in args.only.split(",") if name}
    for seed in _seeds(args.seeds):
        for pelvis in sorted(args.pelves.glob("z*.mat")):
            if not only or pelvis.stem in only:
                yield from (Trial(pelvis, kind, seed) for kind in args.kinds.split(","))


def _seeds(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last) + 1)) if last else [int(s) for s in text.split(",")]


def run(trials: list[Trial], store: Path, out: Path, jobs: int) -> None:
    """Plan what `out/targets.csv` does not hold yet, then summarise everything it holds of these trials."""
    out.mkdir(parents=True, exist_ok=True)
    table = out / "targets.csv"
    known = {row["case"] for row in read_rows(table)}
    left = [t for t in trials if t.name not in known]
    with progress_bar("targets") as progress:
        for k, rows in enumerate(_measured(left, store, jobs), 1):
            append_rows(table, rows)
            progress(k / len(left), f"{k} of {len(left)}: {rows[0]['case']}")
    names = {t.name for t in trials}
    save_summary(out, [row for row in read_rows(table) if row["case"] in names])


def _measured(trials: list[Trial], store: Path, jobs: int) -> Iterator[list[dict[str, Any]]]:
    if jobs == 1:
        yield from (measure(t, store) for t in trials)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(measure, trials, [store] * len(trials))


def measure(trial: Trial, store: Path) -> list[dict[str, Any]]:
    """One row per moving body; a single row with the reason where the case could not be made or planned."""
    head = {"case": trial.name, "pelvis": trial.pelvis.stem, "kind": trial.kind, "seed": trial.seed}
    head["case_seed"] = trial.case_seed
    try:
        folder = prepare(trial, store)
        case, meshes = open_trial(folder)
        began = time.perf_counter()
        result = plan_targets(case, meshes)
        seconds = time.perf_counter() - began
    except RafrError as error:
        return [{**head, "failed": str(error)}]
    truth = true_targets(folder)
    rows = []
    for body in result.bodies:
        mesh = meshes[body.name].mesh
        row = {**head, "body": body.name, "group": group_of(case, body.name), "seconds": round(seconds, 2)}
        row["triangles"] = sum(len(m.mesh.faces) for m in meshes.values())
        row |= _said(body)
        row |= _errors("fused", body.T_reduced_displaced, truth[body.name], mesh)
        if body.T_mirror_displaced is not None:
            row |= _errors("mirror", body.T_mirror_displaced, truth[body.name], mesh)
        rows.append(row)
    return rows


def _said(body: BodyTarget) -> dict[str, Any]:
    return {
        "accepted": int(body.assessment.accepted),
        "reasons": "; ".join(body.assessment.reasons),
        "expected_mm": round(body.expected_error_mm, 4),
        "bound_mm": round(body.error_bound_mm, 4),
        "evidence": " ".join(f"{k}={v / 100:.1f}" for k, v in body.evidence.items()),
    }


def _errors(name: str, T: Any, T_true: Any, mesh: Any) -> dict[str, float]:
    error = pose_error(T, T_true, mesh)
    return {
        f"{name}_mm": round(error["mean_mm"], 4),
        f"{name}_p95_mm": round(error["p95_mm"], 4),
        f"{name}_deg": round(error["deg"], 4),
    }


COLUMNS = (
    *(
        "case",
        "pelvis",
        "kind",
        "seed",
        "case_seed",
        "failed",
        "body",
        "group",
        "accepted",
        "reasons",
        "expected_mm",
    ),
    *("bound_mm", "fused_mm", "fused_p95_mm", "fused_deg", "mirror_mm", "mirror_p95_mm", "mirror_deg"),
    *("evidence", "seconds", "triangles"),
)


def append_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerows(rows)
        stream.flush()
        os.fsync(stream.fileno())


def read_rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


if __name__ == "__main__":
    sys.exit(main())
