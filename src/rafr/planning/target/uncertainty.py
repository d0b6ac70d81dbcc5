"""How far a target may be off: the covariance of a pose as a distribution of the error over the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.geometry.rigid_transform import FloatArray

_DRAWS = 400
BOUND_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class ErrorForecast:
    """Mean distance (mm) over a body's surface between where it is sent and where it belongs.

    Attributes:
        expected_mm: its expectation.
        bound_mm: what it stays under with a probability of 90 %.
    """

    expected_mm: float
    bound_mm: float

    def widened(self, factor: float) -> ErrorForecast:
        return ErrorForecast(factor * self.expected_mm, factor * self.bound_mm)

    def with_offset(self, offset_mm: float) -> ErrorForecast:
        """A further independent error of known size."""
        return ErrorForecast(
            float(np.hypot(self.expected_mm, offset_mm)), float(np.hypot(self.bound_mm, offset_mm))
        )


def forecast(covariance: FloatArray, relative: FloatArray) -> ErrorForecast:
    """Distribution of the mean error over points whose pose has a covariance.

    Args:
        covariance: (6, 6) of translation (mm) and rotation (rad) about a centre.
        relative: (n, 3) points of the surface about that centre, mm, evenly spread.
    """
    # the seed only spreads the draws: the same one keeps plans repeatable
    normal = np.random.default_rng(0).standard_normal((_DRAWS, 6))
    values, vectors = np.linalg.eigh(covariance)
    draws = normal * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    shift, turn = draws[:, None, :3], draws[:, None, 3:]
    error = np.linalg.norm(shift + np.cross(turn, relative[None]), axis=2).mean(axis=1)
    return ErrorForecast(float(error.mean()), float(np.quantile(error, BOUND_SHARE)))
