"""Does a refusal name the right cause? Random requests whose truth is known by other means.

python benchmarks/infeasible.py [--requests N] [--seed S] [--json FILE]

A request is the reduction of a virtual patient (benchmarks/placement.py) under a load, and the way of the
base to it. N of each kind, fewer where the truth of one cannot be told:

feasible       a base pose drawn at random is known to serve under this load; the room is the default one
out of reach   the path is moved so high, or so far across the table, that the arm's links laid end to end do
               not span what is between, wherever the base stands on its side
too much force the load is scaled to 1.15 to 2 times what any branch of the arm holds at the pose of largest
               load from the best of base poses drawn at random, collisions allowed
boxed in       trolleys stand around the waiting base, closed or with a door of random width; a flood fill
               (benchmarks/docking.py) tells whether a way leads out. Where one does, the truth is feasible;
               where one does only without the clearance that docking keeps, the request is left out
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from docking import connected
from placement import Reduction, asked, patient

from rafr import __version__
from rafr.cli.output import progress_bar
from rafr.errors import Cause, InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.mobile import floor_transform
from rafr.room import Box, OperatingRoom, side_of
from rafr.trajectory.docking import optimise_docking
from rafr.trajectory.mission import Robot
from rafr.trajectory.placement import FloorPose, PlacementConfig, choose_docking_pose
from rafr.trajectory.placement.candidates import is_free
from rafr.trajectory.placement.choose import best_of
from rafr.trajectory.placement.examine import Examiner

_USES = 5  # requests of each kind for one patient
_DRAWN = 80  # base poses drawn for what can be held
_FEASIBLE = "feasible"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", metavar="N", type=int, default=100, help="of each kind (default: 100)")
    parser.add_argument("--seed", metavar="S", type=int, default=0)
    parser.add_argument("--json", metavar="FILE", type=Path)
    args = parser.parse_args()
    robot, rows = Robot.named(), []
    patients = -(-args.requests // _USES)
    with progress_bar("requests") as progress:
        for k, known in enumerate(known_patients(robot, args.seed, patients)):
            rng = np.random.default_rng([args.seed, k])
            for make in (feasible, out_of_reach, too_much_force, boxed_in):
                for n in range(_USES):
                    progress((k + n / _USES) / patients, f"patient {k + 1}, {make.__name__}")
                    request = make(robot, known, rng)
                    rows += [] if request is None else [answered(robot, request)]
            report = {"version": __version__, "seed": args.seed, **statistics(rows), "rows": rows}
            if args.json:
                args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in report.items() if k != "rows"}, indent=2))
    return 0


@dataclass(frozen=True, eq=False)
class Known:
    """A patient; `holds`: multiples of the load that random base poses hold at most; where the base docks."""

    reduction: Reduction
    bases: list[FloorPose]
    holds: float
    docked: FloorPose


@dataclass(frozen=True, eq=False)
class Request:
    """`truth`: feasible or a cause; `goal`: where to dock, None: to be chosen."""

    truth: str
    path: list[RigidTransform]
    load: FloatArray | None
    side: str
    room: OperatingRoom
    start: FloorPose
    goal: FloorPose | None = None


def known_patients(robot: Robot, seed: int, count: int) -> Iterator[Known]:
    """Of those that can be served without a load."""
    found, number = 0, 100_000 * (seed + 1)
    while found < count:
        number += 1
        try:
            reduction = patient(number, robot)
            docked = choose_docking_pose(robot.arm, reduction.path, robot.room).base
        except InfeasibleError:
            continue
        found += 1
        bases = drawn(robot, reduction, np.random.default_rng(number))
        yield Known(reduction, bases, held_by_any(robot, reduction, bases), docked)


def drawn(robot: Robot, reduction: Reduction, rng: np.random.Generator) -> list[FloorPose]:
    """Free base poses on the path's side of the table."""
    x, sign = reduction.path[0].translation[0], np.sign(reduction.path[0].translation[1])
    bases: list[FloorPose] = []
    while len(bases) < _DRAWN:
        pose = (x + rng.uniform(-1.0, 1.0), sign * rng.uniform(0.6, 1.5), rng.uniform(-np.pi, np.pi))
        if is_free(pose, robot.room.obstacles, robot.drive, PlacementConfig().clearance):
            bases.append(pose)
    return bases


def held_by_any(robot: Robot, reduction: Reduction, bases: Sequence[FloorPose]) -> float:
    """The largest multiple of the load at its worst pose that some branch from some base pose holds."""
    k = int(np.linalg.norm(reduction.load[:, :3], axis=1).argmax())
    arm, allowed = robot.arm, PlacementConfig().torque_share * robot.arm.limits.effort
    most = 0.0
    for base in bases:
        T_world_armbase = floor_transform(base) @ arm.T_base_armbase
        wrench = np.kron(np.eye(2), T_world_armbase.rotation.T) @ reduction.load[k]
        goal = T_world_armbase.inverse() @ reduction.path[k]
        for q in arm.inverse_all(goal, robot.parked_arm):
            # |g - s J^T F| <= allowed, joint by joint
            gravity, load = arm.gravity(q), arm.jacobian(q).T @ wrench
            most = max(most, float(((allowed + np.sign(load) * gravity) / np.abs(load)).min()))
    return most


def feasible(robot: Robot, known: Known, rng: np.random.Generator) -> Request | None:
    """None where no drawn base pose serves under the load."""
    red = known.reduction
    load = rng.uniform(0.0, 0.9) * known.holds * red.load
    examiner = Examiner(asked(robot, red, PlacementConfig(), load))
    if not any(best_of(examiner.branches(base)) for base in known.bases[:25]):
        return None
    room = robot.room
    return Request(_FEASIBLE, red.path, load, side_of(red.path[0]), room, room.parking.pose)


def out_of_reach(robot: Robot, known: Known, rng: np.random.Generator) -> Request:
    red, room = known.reduction, robot.room
    links = [float(np.linalg.norm(j.T_parent_joint.translation)) for j in robot.arm.chain]
    excess, sign = rng.uniform(0.02, 0.6), np.sign(red.path[0].translation[1])
    if rng.random() < 0.5:
        shoulder = robot.arm.T_base_armbase.translation[2]
        up = shoulder + sum(links) + excess - max(T.translation[2] for T in red.path)
        shift = np.array([0.0, 0.0, up])
    else:
        # the arm stands on the base, the base beside the table
        nearest = room.table.width / 2 - np.linalg.norm(robot.arm.T_base_armbase.translation[:2])
        far = max(-sign * T.translation[1] for T in red.path)
        shift = np.array([0.0, -sign * (sum(links) - nearest + excess - far), 0.0])
    path = [RigidTransform.from_translation(shift) @ T for T in red.path]
    load = red.load * rng.choice([0.0, 1.0, 5.0])
    return Request(Cause.OUT_OF_REACH, path, load, side_of(red.path[0]), room, room.parking.pose)


def too_much_force(robot: Robot, known: Known, rng: np.random.Generator) -> Request:
    red = known.reduction
    load = rng.uniform(1.15, 2.0) * known.holds * red.load
    room = robot.room
    return Request(Cause.TOO_MUCH_FORCE, red.path, load, side_of(red.path[0]), room, room.parking.pose)


def boxed_in(robot: Robot, known: Known, rng: np.random.Generator) -> Request | None:
    """None where the flood fill finds a way only without clearance."""
    red = known.reduction
    while True:
        start = (*rng.uniform(-3.5, 3.5, 2), rng.uniform(-np.pi, np.pi))
        boxes = (*robot.room.boxes, *_trolleys(start, rng))
        room = replace(robot.room, boxes=boxes)
        if all(is_free(p, room.obstacles, robot.drive, 0.06) for p in (start, known.docked)):
            break
    ends = np.array(start), np.array(known.docked)
    way, just = connected(*ends, list(room.obstacles), robot.drive)
    if just and not way:
        return None
    truth = _FEASIBLE if way else Cause.BOXED_IN
    return Request(truth, red.path, None, side_of(red.path[0]), room, start, known.docked)


def _trolleys(start: Sequence[float], rng: np.random.Generator) -> list[Box]:
    """A square of them; one side may have a door."""
    turn, half, thick = rng.uniform(0.0, np.pi / 2), 1.1, 0.3
    door = float(rng.choice([0.0, rng.uniform(0.3, 1.1)]))
    boxes = []
    for k in range(4):
        out = np.array([np.cos(turn + k * np.pi / 2), np.sin(turn + k * np.pi / 2)])
        along, middle = np.array([-out[1], out[0]]), np.array(start[:2]) + half * out
        angle = float(np.degrees(turn) + 90.0 * (k + 1))
        length = 2 * half + thick
        if k or door == 0.0:
            boxes.append(Box(f"trolley {k + 1}", float(middle[0]), float(middle[1]), angle, length, thick))
            continue
        part = (length - door) / 2
        for name, side in (("a", -1.0), ("b", 1.0)):
            centre = middle + side * (door + part) / 2 * along
            boxes.append(Box(f"trolley 1{name}", float(centre[0]), float(centre[1]), angle, part, thick))
    return boxes


def answered(robot: Robot, request: Request) -> dict[str, Any]:
    clock = time.process_time()
    row: dict[str, Any] = {"truth": str(request.truth), "reasons": []}
    try:
        goal = request.goal
        if goal is None:
            goal = choose_docking_pose(
                robot.arm, request.path, request.room, request.side, load=request.load, drive=robot.drive
            ).base
        optimise_docking(request.start, goal, request.room.obstacles, robot.drive)
        row["answer"] = _FEASIBLE
    except InfeasibleError as error:
        row |= {"answer": str(error.cause), "reasons": list(error.reasons[:2])}
    return row | {"seconds": time.process_time() - clock}


def statistics(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    table: dict[str, dict[str, int]] = {}
    for row in rows:
        table.setdefault(row["truth"], Counter())[row["answer"]] += 1  # type: ignore[arg-type]
    impossible = [r for r in rows if r["truth"] != _FEASIBLE]
    possible = [r for r in rows if r["truth"] == _FEASIBLE]

    def share(of: Sequence[dict[str, Any]], right: Callable[[dict[str, Any]], bool]) -> float | None:
        return round(sum(map(right, of)) / len(of), 4) if of else None

    return {
        "answers_by_truth": table,
        "right_cause": share(impossible, lambda r: r["answer"] == r["truth"]),
        "false_alarms": sum(r["answer"] != _FEASIBLE for r in possible),
        "missed": sum(r["answer"] == _FEASIBLE for r in impossible),
        "seconds": {
            truth: {
                str(q): round(float(np.quantile([r["seconds"] for r in rows if r["truth"] == truth], q)), 2)
                for q in (0.5, 0.9, 1.0)
            }
            for truth in table
        },
    }


if __name__ == "__main__":
    sys.exit(main())
