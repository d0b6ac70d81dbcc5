"""What goes into and comes out of the arm controller."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.registration.live import Tracking
from rafr.robot.urdf import JointLimits


class ArmKinematics(Protocol):
    """What the controller needs of `rafr.robot.arm.ArmModel`; all in `arm_base` axes, SI."""

    @property
    def limits(self) -> JointLimits: ...

    def forward(self, q: FloatArray) -> RigidTransform:
        """`T_armbase_clamp`."""
        ...

    def jacobian(self, q: FloatArray) -> FloatArray:
        """(6, dof) twist (linear, angular) of `clamp` per joint rate."""
        ...

    def gravity(self, q: FloatArray) -> FloatArray:
        """(dof,) torques that hold arm and clamp still, N m."""
        ...


def not_allowed(forbidden: str) -> str:
    """What arm and base say of a supervisor that does not allow motion, for the reason it gave."""
    return "the safety supervisor does not allow motion" + (f": {forbidden}" if forbidden else "")


class ArmMode(IntEnum):
    """States of the arm, numbered as in rafr_msgs/ArmState."""

    IDLE = 0
    MOVING = 1
    CLAMPED = 2
    REDUCING = 3
    HOLDING = 4


@dataclass(frozen=True, slots=True, eq=False)
class ArmInput:
    """One tick.

    Attributes:
        t: s, stamp of the joint state.
        q: (dof,) rad; NaN where the driver has none.
        wrench: (6,) N, N m: the fragment on the tool, in `clamp`, uncompensated; None: none yet.
        wrench_t: s, its stamp.
        tracking: newest tracker frame, or None.
        tension: N, what the leg's cord pulls; NaN: its device fell silent, None: no device was ever heard.
        safety_ok: the supervisor allows motion.   forbidden: why not, where it said so.
        may_yield: the supervisor lets a held fragment give way to a load that is too high.
        slowing: 0..1, by which share of its planned speed the supervisor wants a reduction to go slower.
        approved_hash: hash of the plan whose approval is live; empty: none.
    """

    t: float
    q: FloatArray
    wrench: FloatArray | None = None
    wrench_t: float = -np.inf
    tracking: Tracking | None = None
    tension: float | None = None
    safety_ok: bool = False
    forbidden: str = ""
    may_yield: bool = False
    slowing: float = 0.0
    approved_hash: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """End of a requested motion."""

    success: bool
    message: str
    peak_force: float
    peak_torque: float


@dataclass(frozen=True, slots=True, eq=False)
class ArmCommand:
    """What the arm is to do and how it does.

    Attributes:
        q: (dof,) rad target of this tick; None before the first joint state.
        state, body, reason, progress: as in rafr_msgs/ArmState.
        fragment: `T_current_displaced` of the body (m) while it is tracked.
        target_distance: m, mean over the fragment's surface to the plan's target; NaN: unknown.
        target_angle: rad, to the target; NaN: unknown.
        path_error: m, tracked fragment to the pose commanded on the path, at the fragment's centre.
        force, torque: N, N m, compensated; the torque about a held fragment's centre, else about the clamp.
        warnings: what is beyond its warning threshold.
        stiffness: of the tissue as learnt, in parts of the plan's; NaN: not known.
        expected_force: N, the most that is still to come by it; NaN: not known.
        adjustment: m, how far the path is adjusted where the fragment stands.
        clamp: True: close now, False: open now, None: leave. Asked once.
        finished: set at the tick at which a requested motion ends.
    """

    q: FloatArray | None
    state: ArmMode
    body: str
    reason: str
    progress: float
    fragment: RigidTransform | None = None
    target_distance: float = float("nan")
    target_angle: float = float("nan")
    path_error: float = float("nan")
    force: float = 0.0
    torque: float = 0.0
    warnings: tuple[str, ...] = ()
    stiffness: float = float("nan")
    expected_force: float = float("nan")
    adjustment: float = 0.0
    clamp: bool | None = None
    finished: Finished | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One tick after its signals were checked: the newest valid values and their ages (s).

    Attributes:
        q_command: (dof,) rad, what the arm was last sent.
        q_target: (dof,) rad, what the task last wanted; the command follows it within its limits.
        behind: (dof,) rad, how far each joint is from all that it was sent to lately, see `Following`.
        T_armbase_clamp: m, at the joints measured.
        twist: (6,) m/s, rad/s of the clamp, measured, `arm_base` axes.
        load: (6,) N, N m of the fragment on the tool, compensated, about the clamp, `arm_base` axes.
        force, torque: N, N m; the torque about a held fragment's centre.
        tension: N, of the leg's cord, as in `ArmInput`.
    """

    t: float
    dt: float
    q: FloatArray
    q_command: FloatArray
    q_target: FloatArray
    behind: FloatArray
    joint_age: float
    joints_repeat: bool
    wrench_age: float
    wrench_frozen: bool
    tracker_age: float
    new_sample: bool
    T_base_pelvis: RigidTransform | None
    fragment: RigidTransform | None
    T_armbase_clamp: RigidTransform
    twist: FloatArray
    load: FloatArray
    force: float
    torque: float
    tension: float | None
    safety_ok: bool
    forbidden: str
    may_yield: bool
    slowing: float
    approved_hash: str


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What a task wants at a tick: a joint target, and whether it ended or must stop.

    `qd` (dof,), rad/s: the target's own speed, where the task knows it.
    """

    q: FloatArray
    progress: float = 0.0
    done: str | None = None
    stop: str | None = None
    clamp: bool | None = None
    path_error: float = field(default=float("nan"))
    warnings: tuple[str, ...] = ()
    qd: FloatArray | None = None
