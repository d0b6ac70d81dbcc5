"""The quadratic programme of an adjustment, built once and solved for many linearisations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.adjustment.config import AdjusterConfig
from rafr.geometry.rigid_transform import FloatArray

_PRICE = 1e3  # per squared mm of clearance that is missing
_TINY = 1e-9  # makes the Hessian definite, as DAQP wants it


@dataclass(frozen=True, slots=True, eq=False)
class Linearised:
    """What is known at every knot about offsets d (n, 6) of it, mm (turns times the chart's radius).

    Attributes:
        about: (n, 6) the offsets about which clearance is linear; the first and the last are given.
        load: (n, 6) at no offset, in parts of the limits.   slope: (n, 6, 6) of it by d.
        gap: (n, m) mm by which distances at `about` exceed what is to be kept.   push: (n, m, 6) of it by d.
    """

    about: FloatArray
    load: FloatArray
    slope: FloatArray
    gap: FloatArray
    push: FloatArray


class Programme:
    """min ease·|load|² + fidelity·|d - line|² + smoothness·|d''|² + price·missing², bounds on d (DAQP).

    The first and the last offset are given; d'' are second differences.
    """

    def __init__(self, largest: FloatArray, config: AdjusterConfig) -> None:
        """Args: largest (6,): mm."""
        import casadi as ca

        n, m = config.knots, config.rows
        self._config, self._largest = config, largest
        self._size = 6 * n + n  # offsets, then what clearance is missing at each knot
        rows = n * m
        self._bend = self._second_differences(n)
        pattern = {"h": ca.Sparsity.dense(self._size, self._size), "a": ca.Sparsity.dense(rows, self._size)}
        self._solver = ca.conic("adjust", "daqp", pattern, {"error_on_fail": False, "print_time": False})

    def solve(self, at: Linearised) -> FloatArray | None:
        """Offsets (n, 6), mm; None when there is no solution."""
        n, m = self._config.knots, self._config.rows
        H, g = self._objective(at)
        A = np.zeros((n * m, self._size))
        for k in range(n):
            A[k * m : (k + 1) * m, 6 * k : 6 * k + 6] = at.push[k]
            A[k * m : (k + 1) * m, 6 * n + k] = 1.0
        least = -at.gap + np.einsum("kmi,ki->km", at.push, at.about)
        lower = np.concatenate([np.tile(-self._largest, n), np.zeros(n)])
        upper = np.concatenate([np.tile(self._largest, n), np.full(n, 1e3)])
        for end in (0, n - 1):
            given = slice(6 * end, 6 * end + 6)
            lower[given] = upper[given] = at.about[end]
        found = self._solver(
            h=H, g=g, a=A, lba=least.ravel(), uba=np.full(n * m, np.inf), lbx=lower, ubx=upper
        )
        if not self._solver.stats()["success"]:
            return None
        x = np.array(found["x"]).ravel()
        return x[: 6 * n].reshape(n, 6)

    def _objective(self, at: Linearised) -> tuple[FloatArray, FloatArray]:
        config, n = self._config, self._config.knots
        H, g = np.zeros((self._size, self._size)), np.zeros(self._size)
        line = at.about[0] + np.linspace(0.0, 1.0, n)[:, None] * (at.about[-1] - at.about[0])
        scale = 1.0 / self._largest
        for k in range(n):
            own = slice(6 * k, 6 * k + 6)
            H[own, own] += config.ease * at.slope[k].T @ at.slope[k] + config.fidelity * np.diag(scale**2)
            g[own] += config.ease * at.slope[k].T @ at.load[k] - config.fidelity * scale**2 * line[k]
        bend = np.kron(self._bend, np.diag(scale))
        H[: 6 * n, : 6 * n] += config.smoothness * bend.T @ bend
        H[6 * n :, 6 * n :] += _PRICE * np.eye(n)
        return H + _TINY * np.eye(self._size), g

    @staticmethod
    def _second_differences(n: int) -> FloatArray:
        rows: FloatArray = np.diff(np.eye(n), 2, axis=0) * (n / 16.0) ** 2
        return rows
