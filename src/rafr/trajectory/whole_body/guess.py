"""Starting points of the problem: the motions of base and arm as planned for one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.mobile import MobileModel
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory
from rafr.trajectory.whole_body.problem import input_name, state_name


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """A motion to start from: `base` begins at 0, `arm` at `later` (s)."""

    name: str
    base: BaseTrajectory
    arm: ArmTrajectory
    later: float

    @property
    def duration(self) -> float:
        return max(float(self.base.t[-1]), self.later + self.arm.duration)

    def values(self, model: MobileModel, knots: int) -> dict[str, FloatArray]:
        """States and inputs at evenly spaced knots, by their names in the problem."""
        t = np.linspace(0.0, self.duration, knots + 1)
        speeds = {"v": self.base.v, "lateral": self.base.sideways, "omega": self.base.omega}
        velocity = _at(t, self.base.t, np.stack([speeds[name] for name in model.inputs], axis=1))
        pose = _at(t, self.base.t, self.base.poses)
        q, qd, qdd = (_at(t - self.later, self.arm.t, v) for v in (self.arm.q, self.arm.qd, self.arm.qdd))
        h = t[1]
        states = np.hstack([pose, velocity, q, qd, qdd, np.full((knots + 1, 1), h)])
        inputs = np.hstack([np.diff(velocity, axis=0), np.diff(qdd, axis=0)]) / h
        return {state_name(k): x for k, x in enumerate(states)} | {
            input_name(k): u for k, u in enumerate(inputs)
        }


def guesses(base: BaseTrajectory, arm: ArmTrajectory) -> tuple[Guess, ...]:
    """The arm after the base, which touches nothing where both were planned well, or arriving with it."""
    together = max(float(base.t[-1]) - arm.duration, 0.0)
    return (
        Guess("one after the other", base, arm, float(base.t[-1])),
        Guess("arriving together", base, arm, together),
    )


def _at(t: FloatArray, known: FloatArray, values: FloatArray) -> FloatArray:
    """(n, k) columns interpolated; the ends go on."""
    return np.stack([np.interp(t, known, column) for column in values.T], axis=1)
