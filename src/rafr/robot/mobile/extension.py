"""The dynamic extension of a kinematic model: accelerations as inputs, speeds as part of the state.

xi_dot = G(xi) u, u_dot = a. It is what a base with speed loops on its wheels is once forces are cancelled
(partial feedback linearisation; Siciliano et al. 2009, section 11.4), and what docking is planned with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.mobile.model import MobileModel, evaluated


@dataclass(frozen=True, eq=False)
class DynamicExtension:
    """State (xi, u) of n + m entries, inputs a: the derivatives of the model's inputs."""

    model: MobileModel

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the state's entries."""
        return (*self.model.coordinates, *self.model.inputs)

    def rate(self, state: Any, a: Any) -> Any:
        """(G(xi) u, a), (n + m,), of CasADi or numbers."""
        return evaluated(self._rate, state, a)

    def fields(self, state: Any) -> Any:
        """(n + m, 1 + m) CasADi matrix: drift, then one column for each acceleration."""
        import casadi as ca

        m = len(self.model.inputs)
        drift = self.rate(state, ca.DM.zeros(m))
        return ca.horzcat(drift, ca.vertcat(ca.DM.zeros(len(self.model.coordinates), m), ca.DM.eye(m)))

    @cached_property
    def _rate(self) -> Any:
        import casadi as ca

        n, m = len(self.model.coordinates), len(self.model.inputs)
        state, a = ca.SX.sym("state", n + m), ca.SX.sym("a", m)
        velocity = self.model.rate(state[:n], state[n:])
        return ca.Function("rate", [state, a], [ca.vertcat(velocity, a)])


def runge_kutta(rate: Callable[[Any, Any], Any], states: int, inputs: int) -> Any:
    """`casadi.Function` (x, u, h) -> x after a time h with u constant: one step of fourth order."""
    import casadi as ca

    x, u, h = ca.SX.sym("x", states), ca.SX.sym("u", inputs), ca.SX.sym("h")
    k1 = rate(x, u)
    k2 = rate(x + h / 2 * k1, u)
    k3 = rate(x + h / 2 * k2, u)
    k4 = rate(x + h * k3, u)
    return ca.Function("step", [x, u, h], [x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)])


def travelled(model: MobileModel, state: FloatArray, a: FloatArray, h: FloatArray) -> FloatArray:
    """(k, 3) change of each base's pose under constant accelerations for times h, by Gauss quadrature.

    Args:
        model: coordinates x, y, theta; the yaw rate is an input, so that the heading is known at every time.
        state: (k, 3 + m) at the beginning; a: (k, m); h: (k,) s.
    """
    nodes, weights = np.polynomial.legendre.leggauss(5)
    tau = 0.5 * h[:, None] * (nodes + 1)
    velocity = state[:, None, 3:] + tau[..., None] * a[:, None, :]
    yaw = model.inputs.index("omega")
    pose = np.zeros((*tau.shape, 3))
    pose[..., 2] = state[:, 2, None] + tau * (state[:, 3 + yaw, None] + tau * a[:, yaw, None] / 2)
    rate = model.rate(pose.reshape(-1, 3).T, velocity.reshape(-1, len(model.inputs)).T)
    moved: FloatArray = np.einsum("ij,ijk->ik", 0.5 * h[:, None] * weights, rate.T.reshape(pose.shape))
    return moved
