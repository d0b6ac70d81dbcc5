"""Base and arm together beside one after the other: success, duration, computing time, clearance.

python benchmarks/whole_body.py [--rooms N] [--seed S] [--base differential|mecanum] [--json FILE]

A room holds the operating table with a patient, the anaesthesia, a C-arm and one to four people; the robot
stands somewhere with its arm folded and goes to the stand-off before the pins of one hip. One after the other
is docking, then the approach's free motion; it ends where together ends with a fixed end. How near it comes
to what stands in the room is measured, not repaired. Computing times are processor times.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rafr import __version__
from rafr.cli.output import progress_bar
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform, screw_interpolate
from rafr.robot.collision import ArmCollision
from rafr.robot.mobile import floor_transform
from rafr.room import R_WORLD_SUPINE, Box, Disc
from rafr.trajectory.docking import optimise_docking
from rafr.trajectory.mission import Robot, approach, clamp_path, reduction
from rafr.trajectory.placement import PlacementConfig, choose_docking_pose
from rafr.trajectory.surroundings import arm_surroundings, standing_things
from rafr.trajectory.whole_body.balance import tipping_room
from rafr.trajectory.whole_body.optimise import WholeBodyOptimiser
from rafr.trajectory.whole_body.reach import VARIANTS, Journey, Reach, reach
from rafr.trajectory.whole_body.verify import halfway_too
from rafr.units import to_metres

_HALF = 3.2  # m, of the square the robot starts in
_QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rooms", metavar="N", type=int, default=30)
    parser.add_argument("--seed", metavar="S", type=int, default=0)
    parser.add_argument("--base", default="differential", help="differential or mecanum")
    parser.add_argument("--json", metavar="FILE", type=Path)
    args = parser.parse_args()
    robot = Robot.named("ur16e", args.base)
    optimiser = WholeBodyOptimiser(robot.arm, robot.drive)
    rows = []
    with progress_bar("together") as progress:
        for k in range(args.rooms):
            progress(k / args.rooms, f"room {k + 1}")
            rows.append(measured(robot, optimiser, np.random.default_rng([args.seed, k])))
            if args.json:  # a long run: what is known so far
                write(args.json, args.base, rows)
    print(json.dumps(statistics(rows), indent=2))
    return 0


def write(path: Path, base: str, rows: Sequence[dict[str, Any]]) -> None:
    report = {"version": __version__, "base": base, "statistics": statistics(rows), "rooms": list(rows)}
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def measured(robot: Robot, optimiser: WholeBodyOptimiser, rng: np.random.Generator) -> dict[str, Any]:
    """One room: docking, then both variants."""
    robot, start = furnished(robot, rng)
    side, pins, path = patient(rng)
    height = robot.room.table.height + robot.room.pelvis_height
    T_world_pelvis = RigidTransform(R_WORLD_SUPINE, np.array([rng.uniform(-0.15, 0.15), 0.0, height]))
    in_world = clamp_path(T_world_pelvis, path, to_metres(pins))
    row: dict[str, Any] = {"side": side, "obstacles": len(robot.room.obstacles), "docked": False}
    try:
        pose = choose_docking_pose(
            robot.arm, in_world, robot.room, drive=robot.drive, config=PlacementConfig(enough=3)
        ).base
        clock = time.process_time()
        docking = optimise_docking(start, pose, robot.room.obstacles, robot.drive)
    except InfeasibleError as error:
        return row | {"reasons": list(error.reasons)}
    row |= {"docked": True, "docking_s": float(docking.t[-1]), "docking_seconds": time.process_time() - clock}
    journey = Journey(robot.parked_arm, docking, pose, in_world, robot.room)
    for variant in VARIANTS:
        before, clock = optimiser.built, time.process_time()
        try:
            found = reach(optimiser, journey, variant, rng=np.random.default_rng(0))
        except InfeasibleError as error:
            row[variant] = {"found": False, "reasons": list(error.reasons)}
            continue
        seconds = time.process_time() - clock
        row[variant] = {"seconds": seconds, "built": optimiser.built - before, **judged(robot, found)}
        if found.together is not None and variant == "free":  # fixed ends where one after the other does
            row[variant]["goes_on"] = goes_on(robot, found, T_world_pelvis, path, pins)
        row["sequential"] = sequential(robot, found)
    return row


def furnished(robot: Robot, rng: np.random.Generator) -> tuple[Robot, np.ndarray]:
    """The robot in a random room, and where it stands: base and folded arm clear of everything."""
    while True:
        c_arm = Box("C-arm", *rng.uniform(-2.5, 2.5, 2), float(rng.uniform(0.0, 180.0)), 1.6, 0.8)
        people = [Disc(f"person {n + 1}", *rng.uniform(-2.5, 2.5, 2), 0.3) for n in range(rng.integers(1, 5))]
        room = replace(robot.room, boxes=(robot.room.boxes[0], c_arm), discs=tuple(people))
        start = np.array([*rng.uniform(-_HALF, _HALF, 2), rng.uniform(-np.pi, np.pi)])
        _, radius = robot.drive.footprint()
        centres = robot.drive.disc_centres(start)[0]
        near_table = min(float(np.abs(np.array([o.x, o.y])).max()) for o in room.obstacles[2:])
        if near_table < 0.6 or min(float(o.distance(centres).min()) for o in room.obstacles) < radius + 0.05:
            continue
        furnished_robot = replace(robot, room=room)
        if clearances(furnished_robot, start[None], robot.parked_arm[None])[1] > 0.05:
            return furnished_robot, start


def patient(rng: np.random.Generator) -> tuple[str, RigidTransform, list[RigidTransform]]:
    """Side of the hip, `T_ct_clamp` of pins in the iliac crest, and the fragment's path; mm."""
    side = str(rng.choice(["left", "right"]))
    lateral = 1.0 if side == "left" else -1.0
    azimuth = np.radians(rng.uniform(25.0, 55.0))
    out = np.array([lateral * np.sin(azimuth), -np.cos(azimuth), 0.0])
    axes = np.column_stack([[0.0, 0.0, -1.0], np.cross(-out, [0.0, 0.0, -1.0]), -out])
    pins = RigidTransform(axes, np.array([lateral * 110.0, -80.0, 60.0]) + 110.0 * out)
    target = RigidTransform.from_rotvec(np.radians(rng.uniform(-5, 5, 3)), rng.uniform(-10.0, 10.0, 3))
    return side, pins, screw_interpolate(RigidTransform.identity(), target, np.linspace(0.0, 1.0, 20))


def judged(robot: Robot, found: Reach) -> dict[str, Any]:
    motion = found.together
    if motion is None:
        return {"found": True, "together": False, "reasons": list(found.assessment.reasons)}
    base, arm = clearances(robot, *halfway_too(motion))
    return {
        "found": True,
        "together": True,
        "reasons": list(found.assessment.reasons),
        "duration": motion.duration,
        "base_clearance": base,
        "arm_clearance": arm,
        "tipping_room": float(tipping_room(motion, robot.arm, robot.drive).min()),
    }


def sequential(robot: Robot, found: Reach) -> dict[str, Any]:
    """One after the other: its duration, and how near it comes to everything."""
    if found.arm is None:
        return {"found": False}
    folded = np.tile(robot.parked_arm, (len(found.docking.t), 1))
    docked = np.tile(found.docking.poses[-1], (len(found.arm.t), 1))
    poses, q = np.vstack([found.docking.poses, docked]), np.vstack([folded, found.arm.q])
    base, arm = clearances(robot, poses, q)
    duration = found.sequential_duration
    return {"found": True, "duration": duration, "base_clearance": base, "arm_clearance": arm}


def clearances(robot: Robot, poses: np.ndarray, q: np.ndarray) -> tuple[float, float]:
    """Smallest distance of the base's discs and of the arm's shapes to everything, m."""
    _, radius = robot.drive.footprint()
    centres = robot.drive.disc_centres(poses).reshape(-1, 2)
    base = min(float(o.distance(centres).min()) for o in robot.room.obstacles) - radius
    collision, arm = None, np.inf
    for pose, joints in zip(poses[::6], q[::6], strict=True):
        T_world_base = floor_transform(pose)
        blocks = arm_surroundings(robot.room, T_world_base) + standing_things(robot.room, T_world_base)
        collision = collision or ArmCollision(robot.arm, blocks)
        collision.move_blocks(blocks)
        arm = min(arm, collision.clearance(joints))
    return base, float(arm)


def goes_on(
    robot: Robot,
    found: Reach,
    T_world_pelvis: RigidTransform,
    path: Sequence[RigidTransform],
    pins: RigidTransform,
) -> bool:
    """Whether the insertion and the whole reduction follow from where it ended."""
    T_world_base = floor_transform(found.pose)
    T_base_pelvis = T_world_base.inverse() @ T_world_pelvis
    rng = np.random.default_rng(0)
    try:
        q = found.together.arm.q[-1]
        into = approach(robot, T_world_base, q, T_base_pelvis, path, pins, rng=rng)
        reduction(robot, T_world_base, into.trajectory.q[-1], T_base_pelvis, path, to_metres(pins))
    except InfeasibleError:
        return False
    return True


def statistics(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    docked = [r for r in rows if r["docked"]]
    result: dict[str, Any] = {
        "rooms": len(rows),
        "docked": len(docked),
        "sequential_found": sum(r.get("sequential", {}).get("found", False) for r in docked),
        "sequential_duration_s": of([r["sequential"] for r in docked if "sequential" in r], "duration"),
        "sequential_arm_clearance_mm": of(
            [r["sequential"] for r in docked if "sequential" in r], "arm_clearance", 1e3
        ),
        "docking_seconds": of(docked, "docking_seconds"),
    }
    for variant in VARIANTS:
        done = [r for r in docked if r[variant].get("together")]
        both = [r for r in done if r["sequential"]["found"]]
        ratios = [{"ratio": r[variant]["duration"] / r["sequential"]["duration"]} for r in both]
        found = [r[variant] for r in done]
        result[variant] = {
            "together": len(done),
            "goes_on": sum(f["goes_on"] for f in found if "goes_on" in f),
            "duration_s": of(found, "duration"),
            "ratio_to_sequential": of(ratios, "ratio"),
            "seconds_built_before": of([f for f in found if not f["built"]], "seconds"),
            "seconds_with_building": of([f for f in found if f["built"]], "seconds"),
            "base_clearance_mm": of(found, "base_clearance", 1e3),
            "arm_clearance_mm": of(found, "arm_clearance", 1e3),
            "tipping_room_mm": of(found, "tipping_room", 1e3),
        }
    return result


def of(rows: Sequence[dict[str, Any]], key: str, scale: float = 1.0) -> dict[str, float]:
    values = [scale * r[key] for r in rows if r.get(key) is not None]
    return (
        {f"q{round(100 * q)}": round(float(np.quantile(values, q)), 3) for q in _QUANTILES} if values else {}
    )


if __name__ == "__main__":
    sys.exit(main())
