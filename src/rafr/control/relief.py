"""Holding with compliance: a held fragment gives way to a load that is too high, and is never let go."""

from __future__ import annotations

import numpy as np

from rafr.control.admittance import Admittance, beyond
from rafr.control.config import ArmControlConfig
from rafr.control.correction import displaced
from rafr.control.force import about
from rafr.control.joints import resolved_rate_step
from rafr.control.signals import ArmKinematics, Moment
from rafr.geometry.rigid_transform import FloatArray


class Relief:
    """From where the arm stood when it held: stiff up to the warning load, beyond it a bounded spring.

    Needs no tracker and no plan: it goes where the wrist's own force pushes, by a few millimetres.
    """

    def __init__(
        self, arm: ArmKinematics, q: FloatArray, centre: FloatArray, config: ArmControlConfig
    ) -> None:
        """Args: q (dof,): joints of the hold; centre (3,): the fragment's, m in `clamp`."""
        self._arm, self._config = arm, config
        self._home, self._centre = arm.forward(q), centre
        share = config.warning_fraction
        self._band = share * config.force_limit, share * config.torque_limit
        self._spring = Admittance(config, (config.hold_linear, config.hold_angular))

    def tick(self, now: Moment) -> FloatArray:
        """(dof,) joints to go for; those of now while the wrist's word is not to be trusted."""
        config = self._config
        if now.wrench_frozen or now.wrench_age > config.wrench_age or now.joint_age > config.joint_age:
            return now.q_target
        lever = self._home.rotation @ self._centre
        offset = self._spring.step(beyond(about(now.load, lever), self._band), now.dt)
        if not offset.any():
            return now.q_target
        goal = displaced(self._home, offset, self._centre)
        q, _ = resolved_rate_step(self._arm, now.q_target, goal, config, now.dt)
        lower, upper = (
            self._arm.limits.lower + config.joint_margin,
            self._arm.limits.upper - config.joint_margin,
        )
        return q if np.all((q >= lower) & (q <= upper)) else now.q_target
