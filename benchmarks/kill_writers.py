"""Writers of cases, plans and recordings killed at random moments, or short of disk, memory and rights.

    python benchmarks/kill_writers.py --kills 200 --starved 60 --seed 0 [-o kill_writers.json]

Afterwards whatever is there must be whole, or absent (`tests/abuse/writers.py` says for each writer what that
means). Every attempt is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.abuse.writers import WRITERS, End, killed, prepare, starved

from rafr.files import written_whole

_LONGEST = 0.4  # s that a writer may live


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--starved", type=int, default=60, help="of each: disk, memory, rights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, default=Path("kill_writers.json"))
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    table: dict[str, dict[str, Any]] = {}
    prepare()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        for k in range(args.kills):
            writer = WRITERS[k % len(WRITERS)]
            end = killed(writer, root / f"killed-{k}", float(rng.uniform(0.0, _LONGEST)))
            _count(table, writer.name, "killed", end)
        for how, most in (("disk", 40_000), ("memory", 3_000_000), ("rights", 1)):
            for k in range(args.starved):
                writer = WRITERS[k % len(WRITERS)]
                amount = int(rng.integers(most))
                _count(table, writer.name, how, starved(writer, root / f"{how}-{k}", how, amount))
    with written_whole(args.out) as part:
        part.write_text(json.dumps({"seed": args.seed, "writers": table}, indent=1) + "\n", encoding="utf-8")
    _show(table)
    return 1 if any(row["problems"] for rows in table.values() for row in rows.values()) else 0


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
