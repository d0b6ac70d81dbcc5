"""What all calibrations share: frames that do not belong, and neighbours that err alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from rafr.geometry.rigid_transform import FloatArray

BoolArray = NDArray[np.bool_]

_STEPS = 60
_LOST = 1e-3  # share of good frames that the limit throws away
_EXACT = 1e-9  # of the data's unit: residuals below are rounding, not noise


def find_outliers(fit: Callable[[FloatArray], FloatArray], n: int, dof: int) -> BoolArray:
    """Which of n frames (n,) do not belong, by iteratively reweighted least squares.

    First with Cauchy weights, whose influence falls off again with distance, on a scale that half of the
    frames set (Huber, Ronchetti 2009, ch. 7); then frames beyond what noise explains are left out altogether,
    until none changes sides.

    Args:
        fit: weights (n,) to distances (n,) of the frames from the weighted least-squares fit.
        dof: numbers that make up one distance: 3 for a point.
    """
    weights = np.ones(n)
    for _ in range(_STEPS):
        distance = fit(weights)
        previous, weights = weights, 1.0 / (1.0 + (distance / (1.5 * typical_noise(distance, dof))) ** 2)
        if np.abs(weights - previous).max() < 1e-2:
            break
    limit = float(np.sqrt(chi2.ppf(1.0 - _LOST, dof)))
    used = np.zeros(n, dtype=bool)
    for _ in range(_STEPS):
        previous_used, used = used, distance <= limit * typical_noise(distance, dof)
        if np.array_equal(used, previous_used):
            break
        distance = fit(used.astype(float))
    return ~used


def typical_noise(distance: FloatArray, dof: int) -> float:
    """Standard deviation per number from the median of distances (n,): half of the frames may be anything."""
    return max(float(np.median(distance) / np.sqrt(chi2.ppf(0.5, dof))), _EXACT)


def serial_correlation(residuals: list[FloatArray]) -> float:
    """Correlation 0..1 of successive residuals (n, m), over all stretches; 0 where chance explains it.

    A hand that sways and a tracker that filters err alike from frame to frame.
    """
    pairs = sum(float((r[1:] * r[:-1]).sum()) for r in residuals)
    total = sum(float((r**2).sum()) for r in residuals)
    n = sum(r.size for r in residuals)
    if total <= n * _EXACT**2 or pairs / total < 2.0 / np.sqrt(n):
        return 0.0
    return min(pairs / total, 0.99)


def variance_inflation(correlation: float) -> float:
    """By how much more a mean of serially correlated numbers varies: (1 + r) / (1 - r).

    Bayley, Hammersley 1946, J Roy Stat Soc Suppl 8:184, for correlation that decays geometrically.
    """
    return (1.0 + correlation) / (1.0 - correlation)
