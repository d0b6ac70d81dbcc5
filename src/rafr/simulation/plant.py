"""The plant behind the operating room's devices: patient, robot, tissue, traction. No sensors, no ROS.

Commands and states are in SI units; poses of fragments are in mm where the case's other files have them so.
An engine (MuJoCo in this process, or Gazebo) carries the rigid bodies; everything that acts on them is here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.cases.case import SchantzPin
from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.bones import Bones
from rafr.simulation.bushing import pin_bushing
from rafr.simulation.cords import Cords, cords_of
from rafr.simulation.disturbance import band, stiffened
from rafr.simulation.engine import TIME_STEP, Engine, bone
from rafr.simulation.fragment import Pins
from rafr.simulation.motion import relative_pose
from rafr.simulation.patient import build_bones
from rafr.simulation.robot import Robot
from rafr.units import to_mm

_REST_STEPS = 500


class PlantError(RafrError):
    """The simulation has left what is physically possible (a defect of the model, not of the robot)."""


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
    """Physics of one case on an engine. Commands set what the devices are asked for."""

    def __init__(self, arrangement: Arrangement, engine: Engine) -> None:
        self.arrangement = arrangement
        self.config = c = arrangement.config
        self.time = 0.0
        self._engine = engine
        self.robot = Robot(engine, arrangement.parking, arrangement.parked_arm, c.arm_drive, c.base_drive)
        self.bones: Bones = build_bones(arrangement, engine)
        self._quiet = 0

    # ---- commands -----------------------------------------------------------------------------

    @property
    def joint_names(self) -> tuple[str, ...]:
        return self._engine.joint_names

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
        self.bones.hold(on)

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
            fragment.pins = self.arrangement.hand_pins(body)
        return fragment.pins

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

    def break_pin(self, body: str) -> None:
        """One of a body's pins breaks; those left hold alone."""
        self._quiet = 0
        fragment = self.bones.fragment(body)
        if fragment.pins is not None and len(fragment.pins.pins) > 1:
            left = fragment.pins.pins[:-1]
            fragment.pins = Pins(left, fragment.pins.T_ct_clamp, pin_bushing(left))

    def surge_traction(self) -> None:
        """The winch pulls as hard as it can."""
        self._quiet = 0
        if self.bones.traction is not None:
            self.bones.traction.run_away()

    def stiffen_tissue(self, body: str) -> None:
        """A body's soft tissue is stiffer than its model from where the body stands now."""
        self._quiet = 0
        fragment, pose = self.bones.fragment(body), self.truth().poses[body]
        fragment.disturbances.append(stiffened(fragment.tissue, self.config.tissue_factor, pose))

    def tether(self, body: str) -> None:
        """A band that is slack here ties a body's centre to the reference."""
        self._quiet = 0
        fragment, pose, c = self.bones.fragment(body), self.truth().poses[body], self.config
        centre = fragment.inertia.centroid
        fragment.disturbances.append(band(centre, pose.apply(centre), c.band_slack, c.band_stiffness))

    def slip_base(self) -> None:
        """The brakes give way for some mm."""
        self._quiet = 0
        self.robot.base.slip(self.config.brake_slip)

    # ---- time ---------------------------------------------------------------------------------

    def act(self) -> None:
        """Everything that acts on the bodies during the next ms; the engine integrates after it."""
        self.robot.advance_base()
        self._engine.begin()
        self.bones.apply_forces()
        self.robot.apply_torque()
        self.time += TIME_STEP

    def notice(self, n: int) -> None:
        """What a look at the room tells, `n` ms after the last one.

        Raises:
            PlantError: the state is no longer finite or physically possible.
        """
        fastest = self._engine.fastest()
        if not np.isfinite(fastest):
            raise PlantError(f"state not finite at t = {self.time:.3f} s")
        self._watch()
        self._give_way()
        self._quiet = self._quiet + n if fastest < self.config.rest_speed else 0

    def _watch(self) -> None:
        """The watchdog: a silent explosion is worse than an error."""
        motions = self.bones.motions()
        for name, energy in self.bones.kinetic_energies(motions).items():
            start = self.arrangement.starts[name].apply(self.bones.inertias[name].centroid)
            away = float(np.linalg.norm(motions[name].centroid - start))
            if energy > self.config.max_energy or away > self.config.max_excursion:
                raise PlantError(
                    f"{name} has {energy:.1f} J and is {away:.3f} m from its start at t = {self.time:.3f} s: "
                    f"stiffness or force out of all proportion?"
                )

    def _give_way(self) -> None:
        """What holds bone gives way to more than it can bear: pins loosen, the pelvis slides."""
        wrench, c = self.bones.tool_wrench, self.config
        overloaded = np.linalg.norm(wrench[:3]) > c.pin_force or np.linalg.norm(wrench[3:]) > c.pin_torque
        if self.clamped is not None and overloaded:
            self.loosen_pins(self.clamped)
        self.bones.give_way()

    @property
    def resting(self) -> bool:
        """True while nothing moves and nothing was asked for: steps then need not be computed."""
        return self._quiet >= _REST_STEPS

    # ---- state --------------------------------------------------------------------------------

    def joint_state(self) -> tuple[FloatArray, FloatArray]:
        """Joint positions and velocities (n,), rad and rad/s."""
        q, qd = self._engine.joint_state()
        return q.copy(), qd.copy()

    def base_state(self) -> tuple[FloatArray, float, float]:
        """Pose (x, y, theta) on the floor, forward speed, yaw rate."""
        return self._engine.base_pose().copy(), self.robot.base.v, self.robot.base.omega

    def wrench(self) -> FloatArray:
        """(6,) of the fragment on the tool: N and N m at the clamp frame, in its axes."""
        return self.bones.tool_wrench.copy()

    def fragment_pose(self, body: str) -> RigidTransform:
        """True `T_current_displaced`, mm."""
        self.bones.fragment(body)
        return to_mm(self.truth().poses[body])

    def world_from_ct(self, body: str) -> RigidTransform:
        """`T_world_ct` of any body, m: where its CT coordinates are in the room now."""
        R, centroid = self._engine.place(bone(body))
        return RigidTransform(R.copy(), centroid - R @ self.bones.inertias[body].centroid)

    def world_from(self, link: str) -> RigidTransform:
        """Pose of a link of the robot in the room, m."""
        return self._engine.link(link)

    @property
    def clamped(self) -> str | None:
        """The body in the clamp."""
        return self.bones.clamped

    def pins(self) -> dict[str, Pins]:
        """The pins inserted so far."""
        return {name: f.pins for name, f in self.bones.fragments.items() if f.pins is not None}

    def steel_pins(self) -> dict[str, tuple[SchantzPin, ...]]:
        """Where they truly are, LPS mm in the body's CT."""
        return {name: pins.pins for name, pins in self.pins().items()}

    def cords(self) -> dict[str, Cords]:
        """Where the soft tissue runs and pulls, by kind."""
        return cords_of(self.bones)

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
