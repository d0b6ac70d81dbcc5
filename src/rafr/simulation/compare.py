"""One scripted motion for any plant, to hold two engines against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rafr.files import written_whole
from rafr.geometry import RigidTransform, screw_interpolate
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.room import FloorPose, OperatingRoom
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.live import LivePlant
from rafr.simulation.plant import Plant

_TICK_MS = 10
_BESIDE = 0.75  # m from the table's middle to the docked base
_AWAY_M, _DOWN_M, _TURN = 0.006, 0.004, (0.012, -0.010, 0.015)  # from the pelvis, to the feet, rad
_LEG_S, _REST_S = 2.0, 0.5
_TENSION = 60.0  # N


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """Joint commands (n, dof), rad, one each 10 ms, for a robot that holds `body` by its pins."""

    body: str
    joints: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What a plant did, once each tick: s, `T_current_displaced` (m) of the body, N and N m at the clamp."""

    t: FloatArray
    poses: list[RigidTransform]
    wrench: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """Two records of one script, tick by tick: mm at the body's centroid, degrees, N, N m."""

    shift_mm: FloatArray
    turn_deg: FloatArray
    force: FloatArray
    torque: FloatArray
    peak_force: float
    peak_torque: float

    def summary(self) -> dict[str, float]:
        """The largest of each, wrenches as shares of their peak."""
        return {
            "shift_mm": float(self.shift_mm.max()),
            "turn_deg": float(self.turn_deg.max()),
            "force_share": float(self.force.max() / self.peak_force),
            "torque_share": float(self.torque.max() / self.peak_torque),
            "peak_force_n": self.peak_force,
            "peak_torque_nm": self.peak_torque,
        }


def docked_room(plant: Plant, room: OperatingRoom, body: str) -> OperatingRoom:
    """The same room with the base beside the table and the clamp on a body's pins.

    Args:
        plant: of the same case and seed, to learn from where the pins will be.
    """
    arm = ArmModel(plant.arrangement.urdf)
    goal = plant.world_from_ct(body) @ plant.insert_pins(body).T_ct_clamp
    side = 1.0 if goal.translation[1] >= 0 else -1.0
    base = FloorPose(float(goal.translation[0]), side * _BESIDE, 0.0)
    T_world_armbase = RigidTransform.from_translation([base.x, base.y, 0.0]) @ arm.T_base_armbase
    q = arm.inverse(T_world_armbase.inverse() @ goal, room.parked_arm(arm.parked))
    degrees = tuple(float(v) for v in np.degrees(q))
    return replace(room, parking=base, parked_arm_deg=degrees)


def write_script(arrangement: Arrangement, body: str) -> Script:
    """There and back along a screw that pulls the body off the pelvis and turns it, with rests between."""
    arm = ArmModel(arrangement.urdf)
    start = arm.forward(arrangement.parked_arm)
    centres = {n: arrangement.poses[n].apply(i.centroid) for n, i in arrangement.inertias.items()}
    away = centres[body] - centres[arrangement.reference]
    away = _AWAY_M * away / np.linalg.norm(away) - (_DOWN_M, 0.0, 0.0)
    heading = RigidTransform.from_rotvec([0.0, 0.0, arrangement.parking[2]])
    way = RigidTransform.from_rotvec(_TURN, heading.inverse().rotate(away))
    rest, leg = round(100 * _REST_S), round(100 * _LEG_S)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, leg + 1) / leg)
    shares = np.concatenate([np.zeros(rest), ramp, np.ones(rest), ramp[::-1], np.zeros(rest)])
    q, joints = arrangement.parked_arm, []
    for step in screw_interpolate(RigidTransform.identity(), way, shares):
        about = RigidTransform.from_translation(start.translation)
        found = arm.inverse_near(about @ step @ about.inverse() @ start, q)
        assert found is not None, "the script stays within reach"
        q = found
        joints.append(q)
    return Script(body, np.array(joints))


def play(plant: LivePlant, script: Script, watch: Callable[[float], None] = lambda share: None) -> Record:
    """Pins in, pelvis held, clamp closed, traction on; then the script."""
    plant.insert_pins(script.body)
    plant.set_holding(True)
    done, why = plant.set_clamp(True, script.body)
    assert done, why
    plant.set_traction(_TENSION)
    poses, wrenches = [], []
    for k, q in enumerate(script.joints):
        plant.command_joints(q)
        plant.step(_TICK_MS)
        poses.append(plant.truth().poses[script.body])
        wrenches.append(plant.wrench())
        watch((k + 1) / len(script.joints))
    return Record(np.arange(1, len(poses) + 1) / 100.0, poses, np.array(wrenches))


def compare(one: Record, other: Record, centroid: FloatArray) -> Difference:
    """How far two plants are apart; `centroid` (3,) m of the body in its CT."""
    shift, turn = [], []
    for a, b in zip(one.poses, other.poses, strict=True):
        shift.append(1e3 * float(np.linalg.norm(a.apply(centroid) - b.apply(centroid))))
        turn.append(float(np.degrees((a.inverse() @ b).angle)))
    apart = one.wrench - other.wrench
    return Difference(
        np.array(shift),
        np.array(turn),
        np.linalg.norm(apart[:, :3], axis=1),
        np.linalg.norm(apart[:, 3:], axis=1),
        float(np.linalg.norm(one.wrench[:, :3], axis=1).max()),
        float(np.linalg.norm(one.wrench[:, 3:], axis=1).max()),
    )


def draw(names: tuple[str, str], records: tuple[Record, Record], difference: Difference, path: Path) -> None:
    """Both plants' forces and torques over time, and the distance between their poses, as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 9.0), layout="constrained")
    force, torque, apart = figure.subplots(3, 1, sharex=True)
    for axes, rows, unit in ((force, slice(0, 3), "N"), (torque, slice(3, 6), "N m")):
        for record, name, style in zip(records, names, ("-", "--"), strict=True):
            for k, colour in enumerate(("C3", "C2", "C0")):
                values = record.wrench[:, rows][:, k]
                axes.plot(record.t, values, style, color=colour, label=f"{'xyz'[k]}, {name}")
        axes.set_ylabel(f"wrench at the clamp ({unit})")
        axes.grid(alpha=0.3)
    force.legend(ncols=2, fontsize=8)
    apart.plot(records[0].t, difference.shift_mm, color="C1", label="centroid (mm)")
    apart.plot(records[0].t, difference.turn_deg, color="C4", label="rotation (deg)")
    apart.set_ylabel("between the two fragments")
    apart.set_xlabel("time (s)")
    apart.legend()
    apart.grid(alpha=0.3)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110)
