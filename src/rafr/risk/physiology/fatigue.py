"""Fatigue of muscles: what is left of the conduction velocity, and the drive it takes to do the same.

One state per muscle, filled by work and emptied by rest: f' = drive (1 − f)/τ_w − (1 − drive) f/τ_r.
Sustained contractions let velocity and median frequency fall by a third while the amplitude rises (C. J. De
Luca, "The use of surface electromyography in biomechanics", J Appl Biomech 13:135, 1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class FatigueConfig:
    work_time: float = option(60.0, "time constant at full drive", unit="s", lower=1.0, upper=3600.0)
    rest_time: float = option(240.0, "time constant of recovery", unit="s", lower=1.0, upper=36000.0)
    slowing: float = option(0.35, "share of the velocity that full fatigue takes", lower=0.0, upper=0.6)
    effort: float = option(0.4, "share of drive that full fatigue adds", lower=0.0, upper=2.0)


class Fatigue:
    """State 0..1 of every muscle."""

    def __init__(self, config: FatigueConfig, muscles: int) -> None:
        self._config = config
        self.state = np.zeros(muscles)

    def step(self, drive: FloatArray, duration: float) -> None:
        """Let `duration` s pass at mean drives (muscles,) of 0..1; exact for a constant drive."""
        c = self._config
        fill, empty = drive / c.work_time, (1.0 - drive) / c.rest_time
        settled = fill / (fill + empty)
        self.state = settled + (self.state - settled) * np.exp(-(fill + empty) * duration)

    @property
    def velocity(self) -> FloatArray:
        """(muscles,) of the rested conduction velocity."""
        return 1.0 - self._config.slowing * self.state

    @property
    def effort(self) -> FloatArray:
        """(muscles,) factor of the drive that the same force takes."""
        return 1.0 + self._config.effort * self.state
