"""Docking in random rooms: success, time, and whether what cannot be done is said.

python benchmarks/docking.py [--rooms N] [--seed S] [--base differential|mecanum] [--json FILE]

A room holds the operating table, a C-arm and up to six people; the base docks from somewhere to the table's
side. Whether a room can be done at all is told by a flood fill over (x, y, theta) with the same footprint;
a base that turns on the spot can follow it: it knows nothing of the optimiser. Every fifth room is walled in.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import label, map_coordinates

from rafr import __version__
from rafr.cli.output import progress_bar
from rafr.errors import InfeasibleError
from rafr.robot.mobile import Drive, named_drive
from rafr.room import Box, Disc, Obstacle, OperatingRoom
from rafr.trajectory.docking import DockingConfig, optimise_docking

_HALF = 3.5  # m, of the square the base starts in
_CELL, _TURNS = 0.05, 32  # m, headings of the flood fill
_QUANTILES = (0.0, 0.5, 0.9, 1.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rooms", metavar="N", type=int, default=60)
    parser.add_argument("--seed", metavar="S", type=int, default=0)
    parser.add_argument("--base", default="differential", help="differential or mecanum")
    parser.add_argument("--json", metavar="FILE", type=Path)
    args = parser.parse_args()
    drive = named_drive(args.base)
    rows = []
    with progress_bar("docking") as progress:
        for k in range(args.rooms):
            progress(k / args.rooms, f"room {k + 1}")
            rows.append(docked(np.random.default_rng([args.seed, k]), drive, walled=k % 5 == 4))
    report = {"version": __version__, "base": args.base, "statistics": statistics(rows), "rooms": rows}
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report["statistics"], indent=2))
    return 0


def docked(rng: np.random.Generator, drive: Drive, walled: bool) -> dict[str, Any]:
    start, goal, obstacles = room(rng, drive, walled)
    possible, just_possible = connected(start, goal, obstacles, drive)
    row: dict[str, Any] = {
        "start": start.tolist(),
        "goal": goal.tolist(),
        "obstacles": len(obstacles),
        "possible": possible,
        "possible_without_clearance": just_possible,
    }
    clock = time.perf_counter()
    try:
        trajectory = optimise_docking(start, goal, obstacles, drive)
        row |= {"found": True, "duration": float(trajectory.t[-1]), "reasons": []}
    except InfeasibleError as error:
        row |= {"found": False, "reasons": list(error.reasons)}
    return row | {"seconds": time.perf_counter() - clock}


def room(
    rng: np.random.Generator, drive: Drive, walled: bool
) -> tuple[np.ndarray, np.ndarray, list[Obstacle]]:
    """Start and goal (3,), obstacles. Neither pose touches anything."""
    table = list(OperatingRoom.from_yaml().obstacles)
    while True:
        side = rng.choice([-1.0, 1.0])
        turned = -side * np.pi / 2 + rng.uniform(-0.3, 0.3)
        goal = np.array([rng.uniform(-0.4, 0.4), 0.95 * side, turned])
        start = np.array([*rng.uniform(-_HALF, _HALF, 2), rng.uniform(-np.pi, np.pi)])
        angle = float(rng.uniform(0.0, 180.0))
        obstacles = [*table, Box("C-arm", *rng.uniform(-2.5, 2.5, 2), angle, 1.6, 0.8)]
        for n in range(rng.integers(1, 7)):
            obstacles.append(Disc(f"person {n + 1}", *rng.uniform(-3.0, 3.0, 2), 0.3))
        if walled:
            obstacles += _wall(start, rng)
        if all(_free(pose, obstacles, drive, 0.02) for pose in (start, goal)):
            return start, goal, obstacles


def _wall(start: np.ndarray, rng: np.random.Generator) -> list[Obstacle]:
    """Four trolleys around the base, no way out between them."""
    turn, reach = float(rng.uniform(0.0, 90.0)), 1.0
    sides = np.deg2rad(turn + np.array([0.0, 90.0, 180.0, 270.0]))
    return [
        Box(
            f"trolley {k + 1}",
            start[0] + reach * np.cos(a),
            start[1] + reach * np.sin(a),
            np.degrees(a) + 90,
            2.2,
            0.3,
        )
        for k, a in enumerate(sides)
    ]


def _free(pose: np.ndarray, obstacles: Sequence[Obstacle], drive: Drive, clearance: float) -> bool:
    _, radius = drive.footprint()
    centres = drive.disc_centres(pose)[0]
    return all(float(o.distance(centres).min()) > radius + clearance for o in obstacles)


def connected(
    start: np.ndarray, goal: np.ndarray, obstacles: Sequence[Obstacle], drive: Drive
) -> tuple[bool, bool]:
    """Whether a flood fill over cells of (x, y, theta) joins start and goal, with clearance and without."""
    reach = _HALF + 2.5
    axis = np.arange(-reach, reach, _CELL)
    turns = np.linspace(-np.pi, np.pi, _TURNS, endpoint=False)
    offsets, radius = drive.footprint()
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    nearest = np.min([obstacle.distance(points) for obstacle in obstacles], axis=0)
    room = np.full((len(axis), len(axis), _TURNS), np.inf)
    for t, theta in enumerate(turns):
        for offset in offsets:
            centres = points + offset * np.array([np.cos(theta), np.sin(theta)])
            index = np.moveaxis((centres - axis[0]) / _CELL, -1, 0)
            room[..., t] = np.minimum(room[..., t], map_coordinates(nearest, index, order=1, mode="nearest"))
    ends = _cell(start, axis, turns), _cell(goal, axis, turns)
    clear, touching = (_flooded(room > radius + c, *ends) for c in (DockingConfig().clearance, 0.0))
    return clear, touching


def _cell(pose: np.ndarray, axis: np.ndarray, turns: np.ndarray) -> tuple[int, int, int]:
    apart = np.abs(np.angle(np.exp(1j * (turns - pose[2]))))
    return int(np.abs(axis - pose[0]).argmin()), int(np.abs(axis - pose[1]).argmin()), int(apart.argmin())


def _flooded(free: np.ndarray, start: tuple[int, int, int], goal: tuple[int, int, int]) -> bool:
    free[start] = free[goal] = True
    parts, _ = label(free)
    # headings go round: the first and the last layer touch
    joined: dict[int, set[int]] = {}
    for a, b in np.unique(np.stack([parts[..., 0], parts[..., -1]], axis=-1).reshape(-1, 2), axis=0):
        if a and b:
            joined.setdefault(int(a), set()).add(int(b))
            joined.setdefault(int(b), set()).add(int(a))
    seen, queue = {int(parts[start])}, deque([int(parts[start])])
    while queue:
        for near in joined.get(queue.popleft(), ()):
            if near not in seen:
                seen.add(near)
                queue.append(near)
    return int(parts[goal]) in seen


def statistics(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    possible = [r for r in rows if r["possible"]]
    impossible = [r for r in rows if not r["possible_without_clearance"]]
    done = [r for r in rows if r["found"]]
    return {
        "rooms": len(rows),
        "possible": len(possible),
        "found_of_possible": _share([r["found"] for r in possible]),
        "impossible": len(impossible),
        "said_of_impossible": _share(["no route" in "; ".join(r["reasons"]) for r in impossible]),
        "duration_s": _quantiles([r["duration"] for r in done]),
        "seconds_found": _quantiles([r["seconds"] for r in done]),
        "seconds_not_found": _quantiles([r["seconds"] for r in rows if not r["found"]]),
    }


def _share(values: Sequence[bool]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    return (
        {f"q{round(100 * q)}": round(float(np.quantile(values, q)), 2) for q in _QUANTILES} if values else {}
    )


if __name__ == "__main__":
    sys.exit(main())
