"""The operating room's physics: robot, patient, pins, traction; stepped at 1 ms.

Nothing outside the simulator and the final measurement may read `truth()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rafr.cases.case import Case, SchantzPin
from rafr.config import option
from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.room import OperatingRoom
from rafr.simulation import world
from rafr.simulation.arm_drive import ArmDriveConfig
from rafr.simulation.base_drive import BaseDriveConfig
from rafr.simulation.bones import Bones
from rafr.simulation.engine import MujocoBodies, bone
from rafr.simulation.fragment import Pins
from rafr.simulation.motion import relative_pose
from rafr.simulation.patient import build_bones
from rafr.simulation.robot import Robot
from rafr.simulation.setup import SetupConfig, insert_pins, patient_pose, start_poses
from rafr.simulation.world import TIME_STEP, WorldConfig
from rafr.units import to_metres, to_mm

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh
    from rafr.cases.truth import Truth

_REST_STEPS = 500
_TURNS = (False, False, False, True, True, True)


class PlantError(RafrError):
    """The simulation has left what is physically possible (a defect of the model, not of the robot)."""


@dataclass(frozen=True, slots=True)
class PlantConfig:
    """Tunables of the plant."""

    arm: str = option("ur16e", "robot arm of the description")
    grip_reach: float = option(
        0.010, "the clamp's jaws close on pins within this distance", unit="m", lower=0.001, upper=0.05
    )
    grip_angle_deg: float = option(
        8.0, "and within this angle of its own axes", unit="deg", lower=0.5, upper=30.0
    )
    pin_force: float = option(
        1200.0, "force at which the pins' threads give way (two in the iliac crest)", unit="N", lower=100.0
    )
    pin_torque: float = option(40.0, "torque at which they do", unit="N m", lower=1.0)
    pin_remains: float = option(0.05, "share of the stiffness that loose pins keep", lower=0.0, upper=1.0)
    pin_play: float = option(5e-4, "free way of loose pins", unit="m", lower=0.0, upper=0.01)
    holding_force: float = option(
        800.0, "force at which the pelvis slides in the holding device", unit="N", lower=50.0
    )
    boot_slip: float = option(0.02, "way the boot slips when it does", unit="m", lower=0.0, upper=0.2)
    max_speed: float = option(5.0, "a bone faster than this is a defect", unit="m/s", lower=0.1)
    max_excursion: float = option(0.5, "a bone farther than this from its start too", unit="m", lower=0.05)
    rest_speed: float = option(
        1e-5, "when everything is slower for half a second, time passes without computing", lower=0.0
    )
    setup: SetupConfig = field(default_factory=SetupConfig)
    world: WorldConfig = field(default_factory=WorldConfig)
    arm_drive: ArmDriveConfig = field(default_factory=ArmDriveConfig)
    base_drive: BaseDriveConfig = field(default_factory=BaseDriveConfig)


@dataclass(frozen=True, slots=True, eq=False)
class PlantTruth:
    """What only a simulator knows.

    Attributes:
        poses: `T_current_displaced` of every moving body, m.
        wrench: (6,) of the fragment on the tool, clamp frame.
        traction: N.   contact: N, summed over the pairs of bodies.
    """

    poses: dict[str, RigidTransform]
    wrench: FloatArray
    traction: float
    contact: float


class Plant:
    """Physics of one case. Commands set what the devices are asked for; `step` lets time pass."""

    def __init__(
        self,
        case: Case,
        meshes: Mapping[str, BodyMesh],
        room: OperatingRoom,
        truth: Truth | None,
        seed: int = 0,
        config: PlantConfig | None = None,
    ) -> None:
        """`truth` of a simulated case says where fragments stand and where they belong; None for a
        real patient, whose tissue is then known by its present state only."""
        import mujoco

        self.config = c = config or PlantConfig()
        self.time = 0.0
        self._case, self._meshes, self._seed = case, dict(meshes), seed
        rng = np.random.default_rng([seed, 1])
        T_world_ct = patient_pose(case, meshes, room, c.setup, rng)
        starts_mm = start_poses(case, meshes, truth, c.setup, rng)
        self._starts = {name: to_metres(T) for name, T in starts_mm.items()}
        inertias, self._model = world.build_patient_world(
            case, meshes, T_world_ct, self._starts, c.world, c.arm
        )
        self._data: Any = mujoco.MjData(self._model)
        self.robot = Robot(
            self._model, self._data, room.parking.pose, room.parked_arm, c.world, c.arm_drive, c.base_drive
        )
        mujoco.mj_forward(self._model, self._data)
        engine = MujocoBodies(self._model, self._data, list(inertias))
        self.bones: Bones = build_bones(case, meshes, engine, inertias, truth, starts_mm)
        self._reference_qpos = [int(self._model.joint(n).qposadr[0]) for n in world.REFERENCE_JOINTS]
        self._quiet = 0
        self._pin_plans: dict[str, tuple[SchantzPin, ...]] = {}
        self.set_holding(False)

    # ---- commands -----------------------------------------------------------------------------

    @property
    def joint_names(self) -> tuple[str, ...]:
        return self.robot.joint_names

    def command_joints(self, q: FloatArray) -> None:
        """Joint positions (n,) rad to be at in 10 ms.

        Raises:
            InputError: wrong number of values, or one of them not finite.
        """
        if self.robot.command_joints(q):
            self._quiet = 0

    def stop_arm(self) -> None:
        """The driver's own stop: stay where the set point is."""
        self.robot.arm.hold()

    def command_base(self, v: float, omega: float) -> None:
        """Forward speed m/s and yaw rate rad/s; non-finite values stop the base."""
        finite = bool(np.isfinite(v) and np.isfinite(omega))
        self.robot.base.command(v if finite else 0.0, omega if finite else 0.0)
        if self.robot.base.wants_to_move:
            self._quiet = 0

    def set_brakes(self, engaged: bool) -> None:
        self._quiet = 0
        self.robot.base.brakes = engaged

    def set_holding(self, on: bool) -> None:
        """Clamp the pelvis to the table where it lies now, or let it lie on the mattress."""
        self._quiet = 0
        self.holding = on
        w = self.config.world
        stiffness = w.held_stiffness if on else w.free_stiffness
        joints = world.REFERENCE_JOINTS
        world.set_support(self._model, joints, stiffness, w.reference_mass, w.lever, _TURNS)
        adr = self._reference_qpos
        self._model.qpos_spring[adr] = self._data.qpos[adr]

    def set_traction(self, tension: float) -> bool:
        """Ask for a tension, N. False when there is no leg to pull at or the value is not finite."""
        self._quiet = 0
        if self.bones.traction is None or not np.isfinite(tension):
            return False
        self.bones.traction.command(tension)
        return True

    def insert_pins(self, body: str) -> Pins:
        """The surgeon inserts a body's pins (asked again: the same ones).

        Raises:
            InputError: no such moving body.
            InfeasibleError: the body offers no place for pins.
        """
        fragment = self.bones.fragment(body)
        if fragment.pins is None:
            index = list(self.bones.fragments).index(body)
            rng = np.random.default_rng([self._seed, 2, index])
            fragment.pins = insert_pins(self.plan_pins(body), self.config.setup, rng)
        return fragment.pins

    def plan_pins(self, body: str) -> tuple[SchantzPin, ...]:
        """Where a body's pins are meant to go; found once, which takes about a second.

        Raises:
            InfeasibleError: the body offers no place for pins.
        """
        from rafr.planning.pins import propose_pins

        if body not in self._pin_plans:
            self._pin_plans[body] = propose_pins(self._case, self._meshes, body)
        return self._pin_plans[body]

    def settle(self, longest: float = 5.0) -> None:
        """Let the patient lie until nothing moves (at most `longest` s); the clock starts after that."""
        while not self.resting and self.time < longest:
            self.step(10)
        self.time = 0.0

    def set_clamp(self, closed: bool, body: str = "") -> tuple[bool, str]:
        """Open the clamp, or close it on a body's pins; (done, why not)."""
        self._quiet = 0
        if not closed:
            self.bones.release()
            return True, "open"
        return self.bones.grip(body, self.config.grip_reach, self.config.grip_angle_deg)

    def fix_body(self, body: str) -> None:
        """Fix a body to the reference where it is (K-wires, screws)."""
        self._quiet = 0
        self.bones.fix(body)

    # ---- faults -------------------------------------------------------------------------------

    def break_traction(self) -> None:
        """The cord snaps."""
        self._quiet = 0
        if self.bones.traction is not None:
            self.bones.traction.broken = True

    def stick_joint(self, index: int) -> None:
        """A joint follows no command any more."""
        self._quiet = 0
        self.robot.arm.stuck = index

    def slip_traction(self) -> None:
        """The boot slips on the foot."""
        self._quiet = 0
        if self.bones.traction is not None:
            self.bones.traction.slip(self.config.boot_slip)

    def loosen_pins(self, body: str) -> None:
        """The pins' threads give way."""
        self._quiet = 0
        fragment, c = self.bones.fragment(body), self.config
        if fragment.pins is not None and fragment.pins.bushing.play == 0.0:
            pins = fragment.pins
            loose = pins.bushing.loosened(c.pin_remains, c.pin_play)
            fragment.pins = Pins(pins.pins, pins.T_ct_clamp, loose)

    # ---- time ---------------------------------------------------------------------------------

    def step(self, n: int = 1) -> None:
        """Let `n` ms pass.

        Raises:
            PlantError: the state is no longer finite or physically possible.
        """
        import mujoco

        model, data = self._model, self._data
        if self.resting:
            self.time += n * TIME_STEP
            return
        for _ in range(n):
            self.robot.advance_base()
            mujoco.mj_step1(model, data)
            data.qfrc_applied[:] = 0.0
            data.xfrc_applied[:] = 0.0
            self.bones.apply_forces()
            self.robot.apply_torque()
            mujoco.mj_step2(model, data)
            self.time += TIME_STEP
        self._check()
        self._give_way()
        still = float(np.abs(data.qvel).max()) < self.config.rest_speed
        self._quiet = self._quiet + n if still else 0

    def _give_way(self) -> None:
        """What holds bone gives way to more than it can bear: pins loosen, the pelvis slides."""
        wrench, c = self.bones.tool_wrench, self.config
        overloaded = np.linalg.norm(wrench[:3]) > c.pin_force or np.linalg.norm(wrench[3:]) > c.pin_torque
        if self.clamped is not None and overloaded:
            self.loosen_pins(self.clamped)
        if not self.holding:
            return
        adr, k = self._reference_qpos[:3], c.world.held_stiffness
        stretch = self._model.qpos_spring[adr] - self._data.qpos[adr]
        force = k * float(np.linalg.norm(stretch))
        if force > c.holding_force:
            self._model.qpos_spring[adr] -= (1.0 - c.holding_force / force) * stretch

    @property
    def resting(self) -> bool:
        """True while nothing moves and nothing was asked for: steps then cost nothing."""
        return self._quiet >= _REST_STEPS

    def _check(self) -> None:
        """The watchdog: a silent explosion is worse than an error."""
        data = self._data
        if not (np.isfinite(data.qpos).all() and np.isfinite(data.qvel).all()):
            raise PlantError(f"state not finite at t = {self.time:.3f} s")
        for name, motion in self.bones.motions().items():
            speed = float(np.linalg.norm(motion.twist[:3]))
            start = self._starts[name].apply(self.bones.inertias[name].centroid)
            away = float(np.linalg.norm(motion.centroid - start))
            if speed > self.config.max_speed or away > self.config.max_excursion:
                raise PlantError(
                    f"{name} moves at {speed:.2f} m/s, {away:.3f} m from its start, at t = {self.time:.3f} s"
                )

    # ---- state --------------------------------------------------------------------------------

    def joint_state(self) -> tuple[FloatArray, FloatArray]:
        """Joint positions and velocities (n,), rad and rad/s."""
        q, qd = self.robot.joint_state()
        return q.copy(), qd.copy()

    def base_state(self) -> tuple[FloatArray, float, float]:
        """Pose (x, y, theta) on the floor, forward speed, yaw rate."""
        return self.robot.base_pose().copy(), self.robot.base.v, self.robot.base.omega

    def wrench(self) -> FloatArray:
        """(6,) of the fragment on the tool: N and N m at the clamp frame, in its axes."""
        return self.bones.tool_wrench.copy()

    def fragment_pose(self, body: str) -> RigidTransform:
        """True `T_current_displaced`, mm."""
        self.bones.fragment(body)
        return to_mm(self.truth().poses[body])

    def world_from_ct(self, body: str) -> RigidTransform:
        """`T_world_ct` of any body, m: where its CT coordinates are in the room now."""
        body_id = self._model.body(bone(body)).id
        R = self._data.xmat[body_id].reshape(3, 3).copy()
        return RigidTransform(R, self._data.xpos[body_id] - R @ self.bones.inertias[body].centroid)

    def world_from(self, link: str) -> RigidTransform:
        """Pose of a link of the robot in the room, m."""
        return self.robot.link(link)

    @property
    def clamped(self) -> str | None:
        """The body in the clamp."""
        return self.bones.clamped

    def pins(self) -> dict[str, Pins]:
        """The pins inserted so far."""
        return {name: f.pins for name, f in self.bones.fragments.items() if f.pins is not None}

    def penetration(self) -> float:
        """Deepest overlap of any two bodies, m (for tests and reports)."""
        motions = self.bones.motions()
        pairs = self.bones.contacts
        return max((c.penetration(relative_pose(motions, n, o)) for n, o, c in pairs), default=0.0)

    def truth(self) -> PlantTruth:
        motions = self.bones.motions()
        poses = {
            name: RigidTransform(m.pose.rotation.copy(), m.pose.translation.copy())
            for name, m in motions.items()
        }
        return PlantTruth(poses, self.wrench(), self.bones.tension(), self.bones.contact_force)
