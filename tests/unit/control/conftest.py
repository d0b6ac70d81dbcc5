"""A gantry that holds an elastic fragment: the smallest plant that can prove the controller wrong."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rafr.assessment import ACCEPTED
from rafr.control.arm import ArmCommand, ArmControlConfig, ArmController, ArmInput
from rafr.geometry import Plane, RigidTransform, screw_interpolate
from rafr.planning.plan import BodyPlan, PathPose, ReductionPlan, SymmetryPlane
from rafr.registration.live import Tracking
from rafr.robot.urdf import JointLimits
from rafr.trajectory.result import ArmTrajectory
from rafr.units import to_metres

DT = 0.01  # s
JOINTS = ("x", "y", "z", "yaw", "pitch", "roll")
PIVOT = np.array([0.09, 0.05, 0.30])  # m, the fragment's centre in its CT frame
BONE = 1e6  # N/m
T_BASE_PELVIS = RigidTransform.from_rotvec([0.1, -0.2, 1.4], [0.8, -0.1, 0.9])
T_BASE_ARMBASE = RigidTransform.from_rotvec([0.0, 0.0, 0.6], [0.2, 0.0, 0.5])


class Gantry:
    """Three slides carrying yaw, pitch, roll: kinematics anyone can check by hand."""

    reach = np.array([5.0, 5, 5, 3, 1.4, 3])
    limits = JointLimits(-reach, reach, np.full(6, 1.0), np.full(6, 5.0), np.full(6, 50.0), np.full(6, 100.0))

    def forward(self, q):
        return RigidTransform(Rotation.from_euler("ZYX", q[3:]).as_matrix(), np.array(q[:3]))

    def jacobian(self, q):
        jacobian = np.zeros((6, 6))
        jacobian[:3, :3] = np.eye(3)
        yaw, pitch = Rotation.from_euler("Z", q[3]), Rotation.from_euler("ZY", q[3:5])
        for column, axis in ((3, [0, 0, 1]), (4, yaw.apply([0, 1, 0])), (5, pitch.apply([1, 0, 0]))):
            jacobian[3:, column] = axis
        return jacobian

    def gravity(self, q):
        return np.zeros(6)

    def inverse(self, pose):
        return np.concatenate([pose.translation, Rotation.from_matrix(pose.rotation).as_euler("ZYX")])


def make_plan(shift_mm=(12.0, -8.0, 15.0), turn_deg=(6.0, -4.0, 5.0), poses=8, accepted=ACCEPTED):
    """A plan of one fragment: a screw from where it stands to `shift`, `turn` about its centre."""
    start = RigidTransform.from_translation([1.0, 0.5, -0.5])
    turn = RigidTransform.about_point(np.radians(turn_deg), 1e3 * PIVOT)
    target = RigidTransform.from_translation(shift_mm) @ turn
    path = tuple(
        PathPose(t, 1.0, 0.0, 0.0) for t in screw_interpolate(start, target, np.linspace(0, 1, poses))
    )
    body = BodyPlan("left", (11,), target, 1.0, {}, {}, path)
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0, 0])), 1.0)
    return ReductionPlan("bench", "screw", (body,), plane, ("left",), accepted, 0.0)


@dataclass
class Plant:
    """Fragment between pins (spring to the clamp) and tissue (spring to where it was displaced to).

    Stiffnesses N/m and N m/rad; noise of the tracker per sample, m and rad.
    """

    rng: np.random.Generator
    pins: tuple[float, float] = (6e4, 400.0)
    tissue: tuple[float, float] = (5e3, 60.0)
    fragment_noise: tuple[float, float] = (5e-5, 5e-4)
    pelvis_noise: tuple[float, float] = (3e-4, 1e-3)
    bias: np.ndarray = field(default_factory=lambda: np.array([3.0, -2, 5, 0.1, 0, -0.2]))
    start: RigidTransform = field(
        default_factory=lambda: RigidTransform.from_translation([1e-3, 5e-4, -5e-4])
    )
    latency: int = 3
    bone: tuple[np.ndarray, float] | None = None  # what the centre meets: normal (3,), place along it in m
    strongest: np.ndarray = field(default_factory=lambda: np.full(6, np.inf))  # joints get no further

    def __post_init__(self):
        self.arm = Gantry()
        self.t = 0.0
        self.T_base_pelvis = T_BASE_PELVIS
        self.grip = None
        self.fragment = self.start
        self.wrench = np.zeros(6)
        pins_at = RigidTransform.from_rotvec([0.3, 0.2, 0.1], PIVOT + np.array([0.06, 0.02, 0.05]))
        clamp = T_BASE_ARMBASE.inverse() @ self.T_base_pelvis @ self.start @ pins_at
        self.q = self.arm.inverse(clamp)
        self._seen = deque(maxlen=self.latency + 1)
        self.step(self.q)

    def _carried(self):
        clamp = T_BASE_ARMBASE @ self.arm.forward(self.q)
        return self.T_base_pelvis.inverse() @ clamp @ self.grip.inverse()

    def clamp(self, closed):
        clamp = T_BASE_ARMBASE @ self.arm.forward(self.q)
        self.grip = (self.T_base_pelvis @ self.fragment).inverse() @ clamp if closed else None

    def step(self, q):
        """One tick with this joint command."""
        self.t += DT
        if q is not None:
            self.q = np.minimum(q, self.strongest)
        if self.grip is not None:
            self._balance(self._carried())
        else:
            self.wrench = np.zeros(6)
        self._seen.append((self.t, self.T_base_pelvis, self.fragment))

    def _balance(self, carried):
        share = [p / (p + t) for p, t in zip(self.pins, self.tissue, strict=True)]
        here, rest = carried.apply(PIVOT), self.start.apply(PIVOT)
        turn = Rotation.from_matrix(carried.rotation @ self.start.rotation.T).as_rotvec()
        rotation = Rotation.from_rotvec(share[1] * turn).as_matrix() @ self.start.rotation
        place = rest + share[0] * (here - rest)
        if self.bone is not None:
            normal, wall = self.bone
            k = self.pins[0] + self.tissue[0]
            place = place - BONE / (BONE + k) * max(0.0, normal @ place - wall) * normal
        self.fragment = RigidTransform(rotation, place - rotation @ PIVOT).renormalised()
        force = self.pins[0] * (place - here)
        clamp = self.T_base_pelvis.inverse() @ T_BASE_ARMBASE @ self.arm.forward(self.q)
        lever = place - clamp.translation
        torque = -self.pins[1] * (1 - share[1]) * turn + np.cross(lever, force)
        self.wrench = np.concatenate([clamp.rotation.T @ force, clamp.rotation.T @ torque])
        self.torque_at_centre = float(np.linalg.norm(self.pins[1] * (1 - share[1]) * turn))

    def tracking(self):
        t, pelvis, fragment = self._seen[0]
        seen = _noisy(fragment, PIVOT, self.fragment_noise, self.rng)
        base = _noisy(pelvis, np.zeros(3), self.pelvis_noise, self.rng)
        return Tracking(t, base, {"left": seen})

    def signals(self, **changes):
        wrench = self.wrench + self.bias + self.rng.normal(0, [1.0] * 3 + [0.05] * 3)
        values = {
            "t": self.t,
            "q": self.q + self.rng.normal(0, 1e-6, 6),
            "wrench": wrench,
            "wrench_t": self.t,
            "tracking": self.tracking() if round(self.t / DT) % 2 == 0 else None,
            "safety_ok": True,
            "may_yield": True,
            "approved_hash": "",
        }
        return ArmInput(**{**values, **changes})


def _noisy(pose, point, noise, rng):
    shift, turn = (rng.normal(0, n, 3) for n in noise)
    return RigidTransform.from_translation(shift) @ RigidTransform.about_point(turn, pose.apply(point)) @ pose


class Bench:
    """Controller and plant in lockstep; every command is checked for jumps."""

    def __init__(self, plan=None, config=None, seed=0, **plant):
        self.config = config or ArmControlConfig()
        self.plan = plan or make_plan()
        self.plant = Plant(np.random.default_rng(seed), **plant)
        surface = PIVOT + np.random.default_rng(1).normal(0, 0.03, (50, 3))
        self.surfaces = {"left": surface - surface.mean(axis=0) + PIVOT}
        self.controller = ArmController(self.plant.arm, T_BASE_ARMBASE, self.config, self.surfaces)
        self.controller.load_plan(self.plan)
        self.approved = ""
        self.largest_step = 0.0
        self.answers = True
        self.command: ArmCommand | None = None

    def tick(self, **changes):
        before = None if self.command is None else self.command.q
        signals = self.plant.signals(**{"approved_hash": self.approved, **changes})
        self.command = self.controller.update(signals)
        if before is not None and self.command.q is not None:
            self.largest_step = max(self.largest_step, float(np.abs(self.command.q - before).max()))
        if self.command.clamp is not None and self.answers:
            self.plant.clamp(self.command.clamp)
            self.controller.clamp_answered(True)
        self.plant.step(self.command.q)
        return self.command

    def run(self, seconds, **changes):
        """Tick until the requested motion ends; its `Finished`, or None when the time is over."""
        for _ in range(round(seconds / DT)):
            if self.tick(**changes).finished is not None:
                return self.command.finished
        return None

    def ready(self):
        """Some ticks at rest, so that every signal is there."""
        self.run(0.5)
        return self

    def clamped(self):
        self.ready()
        assert self.controller.request_clamp("left").accepted
        finished = self.run(5.0)
        assert finished is not None
        assert finished.success, finished.message
        return self

    def trajectory(self, duration=4.0, knots=25, path=None):
        """Joint motion along the plan's path as a planner would make it (from what is measured now)."""
        path = path or [to_metres(p.T_path_displaced) for p in self.plan.body("left").path]
        grip = (self.plant.T_base_pelvis @ self.plant.fragment).inverse() @ (
            T_BASE_ARMBASE @ self.plant.arm.forward(self.plant.q)
        )
        t = np.linspace(0.0, duration, knots)
        s = (lambda r: r**3 * (10 - 15 * r + 6 * r**2))(t / duration)
        poses = screw_interpolate(path[0], path[-1], s)
        base = T_BASE_ARMBASE.inverse() @ self.plant.T_base_pelvis
        q = np.array([self.plant.arm.inverse((base @ pose @ grip).renormalised()) for pose in poses])
        q += self.plant.q - q[0]
        return joint_trajectory(t, q)

    def reducing(self, **options):
        """Clamped, approved, and on the way."""
        self.clamped()
        self.approved = self.plan.hash
        self.tick()
        answer = self.controller.request_reduction("left", self.trajectory(**options), self.approved)
        assert answer.accepted, answer.reasons
        return self

    def error(self):
        """(m, rad) true fragment to the plan's target, at the fragment's centre."""
        target = to_metres(self.plan.body("left").T_reduced_displaced)
        delta = target @ self.plant.fragment.inverse()
        at = self.plant.fragment.apply(PIVOT)
        return float(np.linalg.norm(delta.apply(at) - at)), delta.angle


def joint_trajectory(t, q):
    qd = np.gradient(q, t, axis=0)
    qd[0] = qd[-1] = 0.0
    return ArmTrajectory(JOINTS, t, q, qd, np.gradient(qd, t, axis=0), np.zeros_like(q))


@dataclass(frozen=True)
class Tools:
    """What the tests use, handed over as one fixture (test files do not import each other)."""

    bench: type = Bench
    plan: object = staticmethod(make_plan)
    joint_trajectory: object = staticmethod(joint_trajectory)
    dt: float = DT
    pivot: object = field(default_factory=lambda: PIVOT)


@pytest.fixture(scope="session")
def tools():
    return Tools()
