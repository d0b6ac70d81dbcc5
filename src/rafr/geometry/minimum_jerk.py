"""The smoothest way from rest to rest: minimum jerk (T. Flash and N. Hogan, J Neurosci 5:1688, 1985)."""

from __future__ import annotations

from typing import TypeVar

from rafr.geometry.rigid_transform import FloatArray

Shares = TypeVar("Shares", float, FloatArray)


def minimum_jerk(x: Shares) -> Shares:
    """Share of the way, 0..1, at shares `x` (0..1) of the time."""
    return x**3 * (10.0 - 15.0 * x + 6.0 * x**2)
