"""From raw inputs to one checked moment: what is believed, and how old it is."""

from __future__ import annotations

import numpy as np

from rafr.control.config import ArmControlConfig
from rafr.control.following import Following
from rafr.control.force import ForceMonitor
from rafr.control.signals import ArmInput, ArmKinematics, Moment
from rafr.control.watch import MeasuredTwist
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.registration.live import Tracking

MAX_DT = 0.02  # s: a late tick moves nothing further than two periods would
_JUMP_MARGIN = 0.1  # rad
_HAND_SPEED = 0.2  # m/s: nothing in the room carries the fragment faster than this
_ASKED = 1e-4  # rad: a command that has moved so far must show in the joints' last digits
_FUTURE = 0.05  # s: a stamp further ahead than this is not believed


class Senses:
    """Keeps the newest believable value of every signal; what is not believable only grows older."""

    def __init__(self, arm: ArmKinematics, config: ArmControlConfig) -> None:
        self._arm = arm
        self._config = config
        self.force = ForceMonitor(config)
        self._t = -np.inf
        self._q: FloatArray | None = None
        self._q_t = -np.inf
        self._q_asked: FloatArray | None = None
        self._repeats = False
        self._tracker_t = -np.inf
        self._sample_t = -np.inf
        self._T_base_pelvis: RigidTransform | None = None
        self._fragment: RigidTransform | None = None
        self._body = ""
        self._pivot = np.zeros(3)
        self._motion = MeasuredTwist(arm)
        self._following = Following(config)
        self._behind = np.zeros_like(arm.limits.lower)
        self._twist = np.zeros(6)

    @property
    def q(self) -> FloatArray | None:
        """(dof,) the newest believed joint positions."""
        return self._q

    def watch(self, body: str, pivot: FloatArray) -> None:
        """Follow this body's tracked pose from now on; pivot (3,): its centre, m."""
        self._pivot = pivot
        if body != self._body:
            self._body, self._fragment, self._sample_t = body, None, -np.inf

    def update(
        self, signals: ArmInput, q_command: FloatArray | None, q_target: FloatArray | None
    ) -> Moment | None:
        """Take one tick, after what was commanded and wanted last.

        None when nothing can be said (no joint state yet, or time did not advance).
        """
        t = signals.t
        if not np.isfinite(t) or t <= self._t:
            return None
        dt, self._t = min(t - self._t, MAX_DT), t
        joint_age = t - self._q_t
        self._take_joints(t, signals.q, joint_age, q_command)
        if signals.wrench_t <= t + _FUTURE:
            self.force.add(signals.wrench_t, signals.wrench)
        new_sample = self._take_tracking(t, signals.tracking)
        if self._q is None:
            return None
        T_armbase_clamp = self._arm.forward(self._q)
        return Moment(
            t=t,
            dt=dt,
            q=self._q,
            q_command=self._q if q_command is None else q_command,
            q_target=self._q if q_target is None else q_target,
            behind=self._behind,
            joint_age=joint_age if np.isfinite(joint_age) else 0.0,
            joints_repeat=self._repeats,
            wrench_age=t - self.force.last_t,
            wrench_frozen=self.force.frozen,
            tracker_age=t - self._sample_t,
            new_sample=new_sample,
            T_base_pelvis=self._T_base_pelvis,
            fragment=self._fragment,
            twist=self._twist,
            T_armbase_clamp=T_armbase_clamp,
            load=(T_armbase_clamp.rotation @ self.force.wrench.reshape(2, 3).T).T.ravel(),
            force=self.force.force,
            torque=self.force.torque,
            tension=signals.tension,
            safety_ok=signals.safety_ok,
            forbidden=signals.forbidden,
            may_yield=signals.may_yield,
            slowing=signals.slowing,
            approved_hash=signals.approved_hash,
        )

    def _take_joints(self, t: float, q: FloatArray, age: float, q_command: FloatArray | None) -> None:
        if q.shape != self._arm.limits.lower.shape or not np.isfinite(q).all():
            self._repeats = False  # it says nothing, not the same again
            return
        self._repeats = self._frozen(q, q_command)
        if self._repeats:
            return
        # once the motion was stopped for the lack of joint states, whatever comes is the new truth
        if self._q is not None and age <= self._config.joint_age:
            reach = 1.5 * self._arm.limits.velocity * age + _JUMP_MARGIN
            if np.any(np.abs(q - self._q) > reach):
                return
        self._q, self._q_t = np.array(q, dtype=float), t
        self._twist = self._motion.add(t, self._q)
        self._behind = self._following.add(t, self._q if q_command is None else q_command, self._q)

    def _frozen(self, q: FloatArray, q_command: FloatArray | None) -> bool:
        """Whether the arm repeats itself to the last digit although it was sent elsewhere meanwhile."""
        if self._q is None or not np.array_equal(q, self._q):
            self._q_asked = q_command
            return False
        if q_command is None or self._q_asked is None:
            return False
        return bool(np.abs(q_command - self._q_asked).max() > _ASKED)

    def _take_tracking(self, t: float, tracking: Tracking | None) -> bool:
        if tracking is None or not self._tracker_t < tracking.t <= t + _FUTURE:
            return False
        self._tracker_t = tracking.t
        fragment = tracking.T_current_displaced.get(self._body)
        if fragment is None or tracking.T_base_pelvis is None or self._jumped(fragment, tracking.t):
            return False
        self._T_base_pelvis, self._fragment, self._sample_t = tracking.T_base_pelvis, fragment, tracking.t
        return True

    def _jumped(self, fragment: RigidTransform, t: float) -> bool:
        gap = t - self._sample_t
        if self._fragment is None or gap > self._config.tracker_stop:
            return False
        step = np.linalg.norm(fragment.apply(self._pivot) - self._fragment.apply(self._pivot))
        return bool(step > self._config.tracker_jump + _HAND_SPEED * gap)
