"""Gazebo and the embedded plant side by side on one scripted motion: numbers, and a plot.

python benchmarks/gazebo.py CASE [--seed N] [-o DIR]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from rafr.cli.output import progress_bar
from rafr.errors import RafrError
from rafr.simulation.arrangement import arrange_case
from rafr.simulation.compare import compare, docked_room, draw, play, write_script
from rafr.simulation.embedded import EmbeddedPlant
from rafr.simulation.gazebo.plant import GazeboPlant


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", metavar="CASE", help="case folder")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("-o", "--out", type=Path, default=Path(), metavar="DIR", help="folder of the plot")
    args = parser.parse_args()
    try:
        result = side_by_side(args.case, args.seed, args.out)
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result, indent=2))
    return 0


def side_by_side(folder: str, seed: int, out: Path) -> dict[str, float]:
    """Largest differences, and wall seconds per simulated second of either plant."""
    first = arrange_case(folder, seed, "ur16e")
    body = first.case.moving[0].name
    room = docked_room(EmbeddedPlant(first), first.room, body)
    arrangement = arrange_case(first.case, seed, "ur16e", room)
    script = write_script(arrangement, body)
    plants = {"embedded": EmbeddedPlant(arrangement), "Gazebo": GazeboPlant(arrangement)}
    records, pace = [], {}
    try:
        for name, plant in plants.items():
            plant.settle()
            with progress_bar(f"the script, {name}") as progress:
                began = time.monotonic()
                records.append(play(plant, script, lambda share: progress(share, body)))
                pace[f"seconds_per_second_{name.lower()}"] = (time.monotonic() - began) / records[-1].t[-1]
    finally:
        for plant in plants.values():
            plant.close()
    difference = compare(records[0], records[1], arrangement.inertias[body].centroid)
    out.mkdir(parents=True, exist_ok=True)
    draw(("embedded", "Gazebo"), (records[0], records[1]), difference, out / "side_by_side.png")
    return {**difference.summary(), **pace}


if __name__ == "__main__":
    sys.exit(main())
