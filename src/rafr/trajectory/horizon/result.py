"""What goes into a re-planning call and what comes out (SI, `arm_base` axes)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.trajectory.horizon.problem import advance
from rafr.trajectory.result import ArmTrajectory


@dataclass(frozen=True, slots=True, eq=False)
class HalfSpaces:
    """Clearance, linearised at the measured pose: bone lies behind a plane.

    Attributes:
        points: (m, 3) of the fragment nearest to bone, in the fragment frame, m.
        normals: (m, 3) unit, from bone to fragment.
        distances: (m,) m, now.
    """

    points: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))
    normals: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))
    distances: FloatArray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The state to plan from.

    Attributes:
        t: s, when it was measured, on the clock of all calls.
        q, qd: (dof,) rad, rad/s.
        fragment: `T_armbase_fragment`, origin in the fragment's centre, m.
        wrench: (6,) of tissue and traction on the fragment about its centre, N and N m.
        stiffness: (6, 6): a small motion d = (centre, rotation vector) changes the wrench by -K d.
    """

    t: float
    q: FloatArray
    qd: FloatArray
    fragment: RigidTransform
    wrench: FloatArray
    stiffness: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Horizon:
    """A verified motion from a measured state to rest.

    Attributes:
        start: s, the time of its first knot.   step: s between knots.
        states: (n + 1, 3 dof + 2) q, qd, qdd, seconds of path left at full speed, rate of these.
        inputs: (n, dof + 1) jerk and change of that rate, constant between knots.
        usage: largest share of each limit in use, by name (1 is the limit).
        iterations: of the solver.
        solver: whose answer it is; not the configured one where that did not converge.
    """

    start: float
    step: float
    states: FloatArray
    inputs: FloatArray
    usage: Mapping[str, float] = field(default_factory=dict)
    iterations: int = 0
    solver: str = ""

    @property
    def dof(self) -> int:
        return int(self.inputs.shape[1]) - 1

    @property
    def end(self) -> float:
        return self.start + self.step * len(self.inputs)

    @property
    def progress(self) -> float:
        """Seconds of path at full speed that it gets on."""
        return float(self.states[0, -2] - self.states[-1, -2])

    def limited_by(self, share: float = 0.95) -> tuple[str, ...]:
        """Limits at which it runs: why it is not faster."""
        return tuple(name for name, used in self.usage.items() if used >= share)

    def at(self, t: ArrayLike) -> FloatArray:
        """(m, 3 dof + 2) states at times (m,); at rest after its end."""
        k, h = self._interval(t)
        return np.concatenate(
            [np.atleast_2d(part) for part in advance(self.states[k].T, self.inputs[k].T, h, self.dof)]
        ).T

    def input_at(self, t: ArrayLike) -> FloatArray:
        """(m, dof + 1) inputs at times (m,); none after its end."""
        k, _ = self._interval(t)
        held: FloatArray = self.inputs[k] * (np.asarray(t) < self.end)[:, None]
        return held

    def trajectory(self, joint_names: tuple[str, ...], period: float = 0.02) -> ArmTrajectory:
        """As sampled joint motion from t = 0."""
        t = np.linspace(0.0, self.end - self.start, round((self.end - self.start) / period) + 1)
        x, n = self.at(self.start + t), self.dof
        jerk = self.input_at(self.start + t)[:, :n]
        return ArmTrajectory(joint_names, t, x[:, :n], x[:, n : 2 * n], x[:, 2 * n : 3 * n], jerk)

    def _interval(self, t: ArrayLike) -> tuple[NDArray[np.intp], FloatArray]:
        since = np.clip(np.asarray(t, dtype=float) - self.start, 0.0, self.end - self.start)
        k = np.minimum((since / self.step + 1e-9).astype(int), len(self.inputs) - 1)
        return k, since - k * self.step


class InfeasibleHorizonError(InfeasibleError):
    """No acceptable motion; `relaxation` is the least violating one found, for a person to judge, or None.

    It keeps everything but tube and tissue load, and is no result.
    """

    def __init__(self, reasons: tuple[str, ...], relaxation: Horizon | None = None) -> None:
        super().__init__(reasons)
        self.relaxation = relaxation
