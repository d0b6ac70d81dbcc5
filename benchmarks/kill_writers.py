"""Writers of cases, plans and recordings killed at random moments, or short of disk, memory and rights.

    python benchmarks/kill_writers.py --kills 200 --starved 60 --seed 0 [-o kill_writers.json]

Afterwards whatever is there must be whole, or absent (`tests/abuse/writers.py` says for each writer what that
means). Every attempt is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.abuse.writers import WRITERS, End, killed, prepare, starved

from rafr.files import written_whole

# how long a writer lives (s), and what the others have at most: bytes of a file, and of memory
_MOST = {"killed": 0.4, "disk": 40_000.0, "memory": 3e6, "rights": 1.0}


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--starved", type=int, default=60, help="of each: disk, memory, rights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop after; call again to go on")
    parser.add_argument("-o", "--out", type=Path, default=Path("kill_writers.json"))
    args = parser.parse_args()
    end = time.monotonic() + args.seconds
    report = json.loads(args.out.read_text()) if args.out.is_file() else {"seed": args.seed, "writers": {}}
    if report["seed"] != args.seed:
        sys.exit(f"{args.out} is of seed {report['seed']}: give another -o")
    prepare()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        for h, (how, most) in enumerate(_MOST.items()):
            done = sum(rows.get(how, {"n": 0})["n"] for rows in report["writers"].values())
            for k in range(done, args.kills if how == "killed" else args.starved):
                if time.monotonic() > end:
                    break
                writer, rng = WRITERS[k % len(WRITERS)], np.random.default_rng([args.seed, h, k])
                folder, amount = root / f"{how}-{k}", float(rng.uniform(0.0, most))
                tried = (
                    killed(writer, folder, amount)
                    if how == "killed"
                    else starved(writer, folder, how, int(amount))
                )
                _count(report["writers"], writer.name, how, tried)
                shutil.rmtree(folder)
                with written_whole(args.out) as part:
                    part.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    _show(report["writers"])
    return 1 if any(row["problems"] for rows in report["writers"].values() for row in rows.values()) else 0


def _count(table: dict[str, dict[str, Any]], writer: str, how: str, end: End) -> None:
    row = table.setdefault(writer, {}).setdefault(how, {"n": 0, "written": 0, "refused": 0, "problems": []})
    row["n"] += 1
    row["written"] += end.written
    row["refused"] += bool(end.said)
    if end.problem:
        row["problems"].append(f"{end.problem} ({end.said})")


def _show(table: dict[str, dict[str, Any]]) -> None:
    print(f"{'':18s} {'':8s} {'n':>4s} {'written':>8s} {'said no':>8s} problems")
    for writer, rows in table.items():
        for how, row in rows.items():
            counts = f"{row['n']:4d} {row['written']:8d} {row['refused']:8d} {len(row['problems'])}"
            print(f"{writer:18s} {how:8s} {counts}")
            for problem in sorted(set(row["problems"]))[:5]:
                print(f"      {problem[:160]}")


if __name__ == "__main__":
    sys.exit(main())
