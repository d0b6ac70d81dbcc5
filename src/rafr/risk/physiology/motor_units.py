"""The motor neurones of muscles: who is recruited at a drive, how fast each fires, and when.

Recruitment and rate coding after A. J. Fuglevand, D. A. Winter, A. E. Patla, "Models of recruitment and rate
coding organization in motor-unit pools", J Neurophysiol 70:2470, 1993. A drive of 1 is the excitation at
which the last unit fires at its peak rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray

_NEVER = 0.02  # of an interval's mean: no two spikes of a unit are closer


@dataclass(frozen=True, slots=True)
class MotorUnitConfig:
    """One muscle's pool; the defaults are Fuglevand's, whose rates are those of a limb muscle."""

    units: int = option(120, "motor units", lower=5, upper=1000)
    threshold_range: float = option(30.0, "last unit's threshold over the first's", lower=2.0, upper=200.0)
    twitch_range: float = option(
        100.0, "last unit's size (fibres, twitch) over the first's", lower=1.0, upper=1000.0
    )
    rate_least: float = option(8.0, "of a unit just recruited", unit="1/s", lower=1.0, upper=30.0)
    rate_peak: float = option(35.0, "peak of the first unit", unit="1/s", lower=10.0, upper=100.0)
    rate_peak_fall: float = option(
        10.0, "by which the last unit's peak is lower", unit="1/s", lower=0.0, upper=60.0
    )
    variation: float = option(
        0.2, "of the intervals between spikes, standard deviation over mean", lower=0.0, upper=0.5
    )


def excitation_limits(config: MotorUnitConfig) -> tuple[FloatArray, FloatArray]:
    """Per unit (units,): the drive 0..1 that recruits it, and its peak rate, 1/s (eqs 1, 3, 5)."""
    index = np.arange(1, config.units + 1)
    threshold = np.exp(np.log(config.threshold_range) / config.units * index)
    peak = config.rate_peak - config.rate_peak_fall * threshold / threshold[-1]
    most = threshold[-1] + peak[-1] - config.rate_least  # gain 1 per second and unit of excitation
    return threshold / most, peak


def rates(drive: FloatArray, config: MotorUnitConfig) -> FloatArray:
    """(…, units) firing rates, 1/s, at drives (…), 0..1; 0 below a unit's threshold."""
    threshold, peak = excitation_limits(config)
    most = config.threshold_range / threshold[-1]
    above = np.asarray(drive, dtype=float)[..., None] - threshold
    return np.where(above >= 0.0, np.minimum(config.rate_least + most * above, peak), 0.0)


def sizes(config: MotorUnitConfig) -> FloatArray:
    """(units,) relative number of fibres; 1 for the first (eq. 13)."""
    size: FloatArray = np.exp(np.log(config.twitch_range) / config.units * np.arange(1, config.units + 1))
    return size


class SpikeTrains:
    """When the units of several muscles fire: renewal processes with normal intervals, block by block.

    A unit's phase grows with its rate; it fires each time a random threshold of mean 1 is passed.
    """

    def __init__(self, config: MotorUnitConfig, muscles: int, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng
        self._left = rng.random((muscles, config.units))  # of an interval, until the next spike

    def fire(self, rate: FloatArray, step: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Spikes of one block.

        Args:
            rate: (muscles, units, n) 1/s, each for `step` s.

        Returns:
            (spikes,) muscle, (spikes,) unit, and (spikes,) time since the block's begin, s.
        """
        _, units, n = rate.shape
        active = np.flatnonzero(rate.any(axis=2).ravel())
        if not len(active):
            empty = np.zeros(0, dtype=int)
            return empty, empty, np.zeros(0)
        phase = np.cumsum(rate.reshape(-1, n)[active], axis=1) * step
        left = self._left.ravel()
        count = int(phase[:, -1].max() / _most_often(self._config.variation)) + 2
        due = left[active, None] + self._thresholds((len(active), count))
        # one search for all: every unit's phases lie above those of the one before
        height = due.max() + phase[:, -1].max() + 1.0
        lift = height * np.arange(len(active))[:, None]
        ticks = np.searchsorted((phase + lift).ravel(), (due + lift).ravel(), "left").reshape(due.shape)
        ticks -= n * np.arange(len(active))[:, None]
        row, nth = np.nonzero(ticks < n)
        tick = ticks[row, nth]
        # linear within the tick
        rate_there = np.maximum(rate.reshape(-1, n)[active[row], tick], 1e-9)
        late = np.clip((phase[row, tick] - due[row, nth]) / rate_there, 0.0, step)
        fired = np.bincount(row, minlength=len(active))
        left[active] = due[np.arange(len(active)), np.minimum(fired, count - 1)] - phase[:, -1]
        return *np.divmod(active[row], units), (tick + 1) * step - late

    def _thresholds(self, shape: tuple[int, int]) -> FloatArray:
        """(units, n) phases of coming spikes after the next one, which is 0."""
        intervals = 1.0 + self._config.variation * self._rng.standard_normal(shape)
        intervals = np.maximum(intervals, _NEVER)
        intervals[:, 0] = 0.0
        return np.cumsum(intervals, axis=1)


def _most_often(variation: float) -> float:
    """Share of the mean interval that, over many intervals, none undercuts."""
    return max(1.0 - 2.5 * variation, 0.2)
