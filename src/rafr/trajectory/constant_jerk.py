"""Exact integration of joint motion over an interval of constant jerk."""

from __future__ import annotations

from typing import Any


def constant_jerk(x: Any, jerk: Any, h: Any, dof: int) -> tuple[Any, ...]:
    """q, qd, qdd after h (s) of constant jerk; numbers or expressions, one column per state."""
    q, v, a = x[:dof], x[dof : 2 * dof], x[2 * dof : 3 * dof]
    return q + h * v + h**2 / 2 * a + h**3 / 6 * jerk, v + h * a + h**2 / 2 * jerk, a + h * jerk
