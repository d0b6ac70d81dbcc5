"""What the tissue is expected to do to the fragment, corrected by what it has done so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import BodyPlan
from rafr.trajectory.reduction_path import ReductionPath

_LEVER = 0.05  # m: torques count as forces at this distance
_FORGET = 8.0  # s, after which what was measured counts for little
_SPREAD = 8.0  # N rms by which predictions must differ before they tell a stiffness
_DRIFT = 0.5  # s, of what neither prediction nor stiffness explain
_SCALES = (0.2, 5.0)
_WEIGHT = np.repeat([1.0, 1.0 / _LEVER], 3)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The hardest that is still to come.

    Attributes:
        force: N.   torque: N m.   progress: share of the path where the force is largest.
    """

    force: float
    torque: float
    progress: float


class Expectation:
    """Wrench on the fragment along a path: the plan's, times a stiffness learnt, plus an offset.

    The stiffness is the slope of measured over predicted wrenches, all six components in one exponentially
    forgetting regression; the offset takes up what supports the fragment (mattress, its own weight) and was
    not in the plan. A plan without wrenches leaves the offset alone.
    """

    def __init__(self, plan: BodyPlan, path: ReductionPath) -> None:
        known = [p.wrench for p in plan.path if p.wrench is not None]
        complete = len(known) == len(plan.path) == len(path.shares)
        self._predicted = np.array(known) if complete else np.zeros((len(path.shares), 6))
        self._shares = path.shares
        self._weight = 0.0
        self._means = np.zeros((2, 6))  # of predicted and measured
        self._spread = self._slope = 0.0
        self._rest: FloatArray | None = None

    @property
    def stiffness(self) -> float | None:
        """Of the tissue, in parts of the plan's; None while the predictions hardly differed."""
        if self._spread < _SPREAD**2:
            return None
        return float(np.clip(self._slope / self._spread, *_SCALES))

    def learn(self, u: float, measured: FloatArray, dt: float) -> FloatArray:
        """Take the measured wrench (6,), pelvis axes, about the fragment's centre, dt (s) after the last.

        Returns:
            (6,) what of it was not expected.
        """
        pair = np.array([self._at(u), measured])
        fade = float(np.exp(-dt / _FORGET))
        self._weight = fade * self._weight + dt
        gain = dt / self._weight
        off = (pair - self._means) * _WEIGHT
        self._means = self._means + gain * (pair - self._means)
        self._spread = (1.0 - gain) * (self._spread + gain * float(off[0] @ off[0]))
        self._slope = (1.0 - gain) * (self._slope + gain * float(off[0] @ off[1]))
        rest = measured - (self.stiffness or 1.0) * pair[0]
        self._rest = rest if self._rest is None else self._rest
        surprise: FloatArray = rest - self._rest
        self._rest = self._rest + (1.0 - float(np.exp(-dt / _DRIFT))) * surprise
        return surprise

    def ahead(self, u: float) -> Forecast | None:
        """The hardest from here to the path's end; None while the stiffness is not known."""
        stiffness, left = self.stiffness, self._shares >= u
        if stiffness is None or not left.any():
            return None
        offset = self._means[1] - stiffness * self._means[0]
        loads = (stiffness * self._predicted[left] + offset).reshape(-1, 2, 3)
        sizes = np.linalg.norm(loads, axis=2)
        worst = int(sizes[:, 0].argmax())
        return Forecast(float(sizes[worst, 0]), float(sizes[:, 1].max()), float(self._shares[left][worst]))

    def _at(self, u: float) -> FloatArray:
        """(6,) as planned."""
        return np.array([np.interp(u, self._shares, column) for column in self._predicted.T])
