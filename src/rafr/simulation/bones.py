"""The patient's bones in the plant: where they are, what acts on them, what they do to the clamp.

Frame of every computation: the reference body's CT frame, m; the engine gets world wrenches.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.bushing import Load, bushing_load, fixation_bushing
from rafr.simulation.engine import CLAMP, TIME_STEP, Engine, bone
from rafr.simulation.fragment import (
    Fragment,
    Loaded,
    PairLoad,
    end_of_step,
    implicit_step,
    mass_matrix,
)
from rafr.simulation.holding import HoldingDevice
from rafr.simulation.inertia import BodyInertia
from rafr.simulation.motion import Motion, Observer, carried, relative_pose, rotator, shifter, unchecked
from rafr.tissue.cables import cross
from rafr.tissue.contact import ContactModel
from rafr.tissue.traction import TractionDevice

_AT_REST = RigidTransform.identity()


class Bones:
    """Fragments, their contacts and the clamp's grip, on top of an engine's rigid bodies."""

    def __init__(
        self,
        engine: Engine,
        reference: str,
        inertias: Mapping[str, BodyInertia],
        fragments: dict[str, Fragment],
        contacts: list[tuple[str, str, ContactModel]],
        traction: TractionDevice | None,
        holding: HoldingDevice,
    ) -> None:
        """`traction` pulls at the fragment that holds it, else at the reference."""
        self._engine = engine
        self.reference, self.inertias = reference, inertias
        self.fragments, self.contacts, self.traction = fragments, contacts, traction
        self._holding = holding
        self._names = {name: bone(name) for name in inertias}
        self._held_by_reference = traction is not None and not any(
            f.traction is traction for f in fragments.values()
        )
        self._reference_mass = mass_matrix(inertias[reference], np.eye(3))
        self.hold(False)
        self.clamped: str | None = None
        self._grip: RigidTransform | None = None
        self.tool_wrench = np.zeros(6)
        """(6,) of the fragment on the tool, at the clamp frame, in its axes."""
        self.contact_force = 0.0
        """N, summed over the pairs of bodies."""
        motions = self.motions()
        for name, other, contact in contacts:
            contact.accept_overlap(relative_pose(motions, name, other))

    def grip(self, body: str, reach: float, angle_deg: float) -> tuple[bool, str]:
        """Close the clamp on a body's pins; (done, why not)."""
        if body not in self.fragments:
            return False, f"no moving body {body!r}"
        pins = self.fragments[body].pins
        if pins is None:
            return False, f"no pins in {body}"
        pose = self.motions()[body].pose
        clamp = self._now.pose_of(*self._engine.place(CLAMP))
        gap = (pose @ pins.T_ct_clamp).inverse() @ clamp
        distance, angle = float(np.linalg.norm(gap.translation)), float(np.degrees(gap.angle))
        if distance > reach or angle > angle_deg:
            return False, f"pins {1e3 * distance:.1f} mm and {angle:.1f} deg out of the jaws' reach"
        self.clamped, self._grip = body, pose.inverse() @ clamp
        return True, "closed"

    def release(self) -> None:
        self.clamped = self._grip = None

    def fix(self, body: str) -> None:
        """Fix a body to the reference where it is (K-wires, screws)."""
        fragment, motion = self.fragment(body), self.motions()[body]
        fragment.fixed_at = RigidTransform(motion.pose.rotation.copy(), motion.centroid)

    def hold(self, on: bool) -> None:
        """Clamp the reference to the table where it lies now, or let it lie on the mattress."""
        self._holding.set(on, self._engine.place(self._names[self.reference]))

    def bump_table(self, shift: FloatArray, turn: FloatArray) -> None:
        """Knock the table, and with it the reference: shift (3,) m and rotation vector (3,), room's axes."""
        self._holding.bump(shift, turn)

    def give_way(self) -> None:
        """The reference slides under more than the holding device can hold."""
        self._holding.give_way(self._engine.place(self._names[self.reference]))

    def tension(self) -> float:
        """Traction, N."""
        if self.traction is None:
            return 0.0
        motions = self.motions()
        for name, fragment in self.fragments.items():
            if fragment.traction is self.traction:
                return self.traction.tension(motions[name].pose)
        return self.traction.tension(RigidTransform.identity())

    def fragment(self, body: str) -> Fragment:
        if body not in self.fragments:
            raise InputError("body", f"{body!r} is unknown", f"one of {', '.join(self.fragments)}")
        return self.fragments[body]

    def apply_forces(self) -> None:
        """Push every bone, and the clamp, with every force that acts on them during the step to come."""
        motions = self._moving(self._reference_now())
        self.contact_force = 0.0
        self.tool_wrench = np.zeros(6)
        touching = [self._press(*contact, motions) for contact in self.contacts]
        fixed = [self._fixation(f, motions[name]) for name, f in self.fragments.items()]
        pairs = [pair for pair in (*touching, *fixed) if pair is not None]
        clamped = self.clamped
        pin = self._pin_load(self.fragments[clamped], motions[clamped]) if clamped is not None else None
        on_reference = np.zeros(6)
        bodies = {}
        for name, fragment in self.fragments.items():
            motion = motions[name]
            tissue = fragment.tissue.wrench(motion.pose, motion.twist)
            for disturbance in fragment.disturbances:
                tissue = tissue + disturbance(motion.pose, motion.twist)
            on_reference -= tissue @ self._shift(motion.centroid)
            mass = mass_matrix(fragment.inertia, motion.pose.rotation)
            own = () if pin is None or name != clamped else (pin,)
            bodies[name] = Loaded(mass, tissue + self._pull(fragment, motion), own)
        if self._held_by_reference and self.traction is not None:
            self.traction.advance(TIME_STEP, _AT_REST)
            on_reference += self.traction.wrench(_AT_REST)
        bodies[self.reference] = self._held(on_reference)
        change = implicit_step(bodies, pairs, TIME_STEP)
        for name, body in bodies.items():
            self._push(name, body.mass @ change[name] / TIME_STEP)
        if pin is not None and clamped is not None:
            # the clamp stands on the robot: how that moves is the engine's
            self._push_tool(-end_of_step(*pin, change[clamped], TIME_STEP), motions[clamped])

    def _press(
        self, name: str, other: str, contact: ContactModel, motions: dict[str, Motion]
    ) -> PairLoad | None:
        """Contact of one pair, None while apart."""
        fragment = motions[name]
        if other == self.reference:
            wrench, k, d = contact.evaluate(fragment.pose, fragment.twist)
            if k is None or d is None:
                return None
            self.contact_force += float(np.linalg.norm(wrench[:3]))
            return PairLoad(name, other, Load(wrench, k, d), fragment.twist, self._shift(fragment.centroid))
        holder = motions[other]
        arm = fragment.centroid - holder.centroid
        twist = fragment.twist - carried(holder.twist, arm)
        back = rotator(holder.pose.rotation)
        wrench, k, d = contact.evaluate(relative_pose(motions, name, other), back.T @ twist)
        if k is None or d is None:
            return None
        self.contact_force += float(np.linalg.norm(wrench[:3]))
        load = Load(back @ wrench, back @ k @ back.T, back @ d @ back.T)
        return PairLoad(name, other, load, twist, shifter(arm))

    def _fixation(self, fragment: Fragment, motion: Motion) -> PairLoad | None:
        """What K-wires or screws do between a fragment and the reference."""
        if fragment.fixed_at is None:
            return None
        held = unchecked(motion.pose.rotation, motion.centroid)
        load = bushing_load(fixation_bushing(), fragment.fixed_at, held, motion.centroid, motion.twist)
        return PairLoad(fragment.name, self.reference, load, motion.twist, self._shift(motion.centroid))

    def _shift(self, centroid: FloatArray) -> FloatArray:
        """(6, 6) carries a twist of the reference from its centroid to another point of it."""
        return shifter(centroid - self.inertias[self.reference].centroid)

    def _pull(self, fragment: Fragment, motion: Motion) -> FloatArray:
        """Traction on a fragment, (6,)."""
        if fragment.traction is None:
            return np.zeros(6)
        fragment.traction.advance(TIME_STEP, motion.pose)
        return fragment.traction.wrench(motion.pose)

    def _held(self, wrench: FloatArray) -> Loaded:
        """The reference under a soft wrench (6,) and what holds it."""
        now = self._now
        return Loaded(self._reference_mass, wrench, (self._holding.load((now.R, now.origin), now.twist),))

    def _push(self, body: str, wrench: FloatArray) -> None:
        """A wrench (6,) about a bone's centroid, in the reference's axes."""
        R = self._now.R
        self._engine.push(self._names[body], R @ wrench[:3], R @ wrench[3:])

    def _pin_load(self, fragment: Fragment, motion: Motion) -> tuple[Load, FloatArray] | None:
        if fragment.pins is None or self._grip is None:
            return None
        clamp = self._now.pose_of(*self._engine.place(CLAMP))
        twist = self._now.twist_of(self._engine.twist(CLAMP), clamp.translation)
        relative = motion.twist - carried(twist, motion.centroid - clamp.translation)
        held = unchecked(
            motion.pose.rotation @ self._grip.rotation,
            motion.pose.rotation @ self._grip.translation + motion.pose.translation,
        )
        return bushing_load(fragment.pins.bushing, clamp, held, motion.centroid, relative), relative

    def _push_tool(self, wrench: FloatArray, motion: Motion) -> None:
        """Apply the fragment's wrench (6,) (about its centroid, reference frame) to the clamp."""
        R, (R_clamp, point) = self._now.R, self._engine.place(CLAMP)
        force = R @ wrench[:3]
        centre = R @ (motion.centroid - self._now.centre) + self._now.origin
        torque = R @ wrench[3:] + cross(centre - point, force)
        self._engine.push(CLAMP, force, torque)
        self.tool_wrench = np.concatenate([R_clamp.T @ force, R_clamp.T @ torque])

    def kinetic_energies(self, motions: Mapping[str, Motion]) -> dict[str, float]:
        """J, of every fragment relative to the reference."""
        energies = {}
        for name, motion in motions.items():
            momentum = mass_matrix(self.inertias[name], motion.pose.rotation) @ motion.twist
            energies[name] = 0.5 * float(motion.twist @ momentum)
        return energies

    def motions(self) -> dict[str, Motion]:
        """Where every fragment is and how it moves, relative to the reference."""
        return self._moving(self._reference_now())

    def _reference_now(self) -> Observer:
        name = self._names[self.reference]
        R, origin = self._engine.place(name)
        self._now = Observer(R, origin, self.inertias[self.reference].centroid, self._engine.twist(name))
        return self._now

    def _moving(self, now: Observer) -> dict[str, Motion]:
        motions = {}
        for name, fragment in self.fragments.items():
            body = self._names[name]
            frame = now.pose_of(*self._engine.place(body))
            centroid = frame.translation
            pose = unchecked(frame.rotation, centroid - frame.rotation @ fragment.inertia.centroid)
            motions[name] = Motion(pose, centroid, now.twist_of(self._engine.twist(body), centroid))
        return motions
