"""How hard stretched tissue pulls: ligaments, passive and active muscle, bedding; one law for all of them.

    f(x) = min(limit, toe(x) + passive(x)) + active(x),   x: elongation beyond the rest length, m

    toe      k x^2 / (2 toe) up to `toe`, then k (x - toe / 2)      ligament: fibres uncrimp, then are linear
    passive  a (exp(b x) - 1) up to `straight`, then its tangent    muscle (force-length curves
    active   g exp(-((x - peak) / width)^2)                         of Thelen 2003); 0 under relaxant

The same expression is evaluated in numpy (plant, planner) and in CasADi (`TensionLaws.expression`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from rafr.geometry.rigid_transform import FloatArray

_NEVER = 1e3  # m: no tissue is ever stretched this far


@dataclass(frozen=True, slots=True)
class TensionLaw:
    """Parameters of one cable; what it does not have stays 0.

    Attributes:
        stiffness: N/m.   toe: m.
        passive: a, N.   growth: b, 1/m.   straight: m.
        active: g, N.   peak, width: m.
        limit: N, toe and passive part together pull no more (fibres tear or yield).
    """

    limit: float
    stiffness: float = 0.0
    toe: float = 0.0
    passive: float = 0.0
    growth: float = 1.0
    straight: float = 0.0
    active: float = 0.0
    peak: float = 0.0
    width: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class TensionLaws:
    """Many laws at once: every attribute of `TensionLaw` as (n,)."""

    limit: FloatArray
    stiffness: FloatArray
    toe: FloatArray
    passive: FloatArray
    growth: FloatArray
    straight: FloatArray
    active: FloatArray
    peak: FloatArray
    width: FloatArray
    yields_at: FloatArray
    """(n,) m, elongation at which the limit is reached."""

    @staticmethod
    def of(laws: Sequence[TensionLaw]) -> TensionLaws:
        columns = {f.name: np.array([getattr(law, f.name) for law in laws]) for f in fields(TensionLaw)}
        columns["toe"] = np.maximum(columns["toe"], 1e-9)
        columns["yields_at"] = np.full(len(laws), _NEVER)
        unlimited = TensionLaws(**columns)
        columns["yields_at"] = unlimited.yield_elongation()
        return TensionLaws(**columns)

    def tension(self, x: FloatArray) -> FloatArray:
        """N, (n,), at elongations (n,)."""
        x = np.minimum(np.maximum(x, 0.0), self.yields_at)  # np.clip costs thrice as much, which 1 kHz feels
        in_toe = np.minimum(x, self.toe)
        curved = np.minimum(x, self.straight)
        grown = np.exp(self.growth * curved)
        force = self.stiffness * (in_toe * in_toe / (2 * self.toe) + (x - in_toe))
        force += self.passive * (grown - 1.0 + self.growth * grown * (x - curved))
        if self._is_active:
            force += self._active(x)
        return force

    def straightened(self, x: FloatArray) -> FloatArray:
        """(n,) the share of its fibres that are straight: 0 while slack, from the toe's end on 1."""
        return np.minimum(np.maximum(x, 0.0) / self.toe, 1.0)

    def slope(self, x: FloatArray) -> FloatArray:
        """df/dx, N/m; 0 while slack and beyond the limit. A line without toe has its slope at 0 too."""
        taut = (x > -1e-12) & (x < self.yields_at)
        x = np.maximum(x, 0.0)
        curved = np.minimum(x, self.straight)
        slope = self.stiffness * np.where(self.toe > 1e-8, self.straightened(x), 1.0)
        slope = slope + self.passive * self.growth * np.exp(self.growth * curved)
        if self._is_active:
            slope = slope - self._active(x) * 2 * (x - self.peak) / self.width**2
        return np.where(taut, slope, 0.0)

    def energy(self, x: FloatArray) -> FloatArray:
        """J, (n,): work of stretching from slack."""
        x = np.maximum(x, 0.0)
        inside = np.minimum(x, self.yields_at)
        in_toe = np.minimum(inside, self.toe)
        beyond = inside - in_toe
        stored = self.stiffness * (in_toe**3 / (6 * self.toe) + 0.5 * self.toe * beyond + 0.5 * beyond**2)
        curved = np.minimum(inside, self.straight)
        grown = np.exp(self.growth * curved)
        past = inside - curved
        stored += self.passive * (
            (grown - 1.0) / self.growth - curved + (grown - 1.0) * past + 0.5 * self.growth * grown * past**2
        )
        if self._is_active:
            from scipy.special import erf

            span = erf((inside - self.peak) / self.width) + erf(self.peak / self.width)
            stored += self.active * self.width * 0.5 * np.sqrt(np.pi) * span
        energy: FloatArray = stored + (self.limit + self._active(inside)) * (x - inside)
        return energy

    def expression(self, x: Any) -> Any:
        """The same tensions for a CasADi column (n,)."""
        import casadi as ca

        x = ca.fmin(ca.fmax(x, 0.0), self.yields_at)
        in_toe = ca.fmin(x, self.toe)
        curved = ca.fmin(x, self.straight)
        grown = ca.exp(self.growth * curved)
        force = self.stiffness * (in_toe * in_toe / (2 * self.toe) + (x - in_toe))
        force += self.passive * (grown - 1.0 + self.growth * grown * (x - curved))
        if self._is_active:
            force += self.active * ca.exp(-(((x - self.peak) / self.width) ** 2)) * (x > 0)
        return force

    def energy_expression(self, x: Any) -> Any:
        """The same energies for a CasADi column (n,)."""
        import casadi as ca

        x = ca.fmax(x, 0.0)
        inside = ca.fmin(x, self.yields_at)
        in_toe, curved = ca.fmin(inside, self.toe), ca.fmin(inside, self.straight)
        beyond, past, grown = inside - in_toe, inside - curved, ca.exp(self.growth * curved)
        stored = self.stiffness * (in_toe**3 / (6 * self.toe) + 0.5 * self.toe * beyond + 0.5 * beyond**2)
        stored += self.passive * (
            (grown - 1.0) / self.growth - curved + (grown - 1.0) * past + 0.5 * self.growth * grown * past**2
        )
        pull = ca.DM(self.limit)
        if self._is_active:
            span = ca.erf((inside - self.peak) / self.width) + ca.erf(self.peak / self.width)
            stored += self.active * self.width * 0.5 * np.sqrt(np.pi) * span
            pull = pull + self.active * ca.exp(-(((inside - self.peak) / self.width) ** 2)) * (inside > 0)
        return stored + pull * (x - inside)

    @property
    def _is_active(self) -> bool:
        return bool(self.active.any())

    def _active(self, x: FloatArray) -> FloatArray:
        force: FloatArray = self.active * np.exp(-(((x - self.peak) / self.width) ** 2)) * (x > 0)
        return force

    def yield_elongation(self) -> FloatArray:
        """(n,) m at which the growing part, all but the active one, comes to its limit; by bisection."""
        lower, upper = np.zeros_like(self.limit), np.full_like(self.limit, _NEVER)
        relaxed = replace(self, active=np.zeros_like(self.active))
        for _ in range(80):
            middle = 0.5 * (lower + upper)
            short = relaxed.tension(middle) < self.limit
            lower, upper = np.where(short, middle, lower), np.where(short, upper, middle)
        return upper
