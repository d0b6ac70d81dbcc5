"""How much of an assistant's endurance a muscle has used, and whether it tires: one step per second of EMG.

How long a force can be held is W. Rohmert's curve (Int Z angew Physiol 18:123, 1960): T/min = −1.5 + 2.1/f −
0.6/f² + 0.1/f³ for a share f of the maximum, without end below 15 %. A tired muscle's spectrum moves down
while it works (C. J. De Luca, J Appl Biomech 13:135, 1997).
"""

from __future__ import annotations

import numpy as np

from rafr.geometry.rigid_transform import FloatArray

_ENDLESS = 0.15  # share of the maximum
_AVERAGE = 8.0  # s, of spectra


def endurance(share: FloatArray) -> FloatArray:
    """s for which a share 0..1 of the maximum can be held; inf for little."""
    f = np.clip(share, _ENDLESS, 1.0)
    minutes = -1.5 + 2.1 / f - 0.6 / f**2 + 0.1 / f**3
    return np.where(share < _ENDLESS, np.inf, 60.0 * np.maximum(minutes, 0.05))


class Endurance:
    """Share of its endurance that every muscle has used; it comes back in rest with a time constant."""

    def __init__(self, muscles: int, recovery: float) -> None:
        self._recovery = recovery
        self.used = np.zeros(muscles)

    def step(self, share: FloatArray, duration: float) -> None:
        """`duration` s at shares (muscles,) of the maximum; NaN leaves a muscle as it is."""
        known = np.isfinite(share)
        held = np.where(known, share, 0.0)
        more = duration / endurance(held)
        rested = np.where(held < _ENDLESS, np.exp(-duration / self._recovery), 1.0)
        self.used = np.where(known, np.minimum(self.used * rested + more, 2.0), self.used)


class SpectralFall:
    """By which share the median frequency of every muscle has fallen since it began to work."""

    def __init__(self, muscles: int, rate: float) -> None:
        self._frequency = np.fft.rfftfreq(round(rate), 1.0 / rate)
        self._power = np.zeros((muscles, len(self._frequency)))
        self._worked = np.zeros(muscles)  # s
        self._first = np.full(muscles, np.nan)  # Hz

    def step(self, second: FloatArray, works: np.ndarray) -> None:
        """One second (muscles, rate) of filtered EMG, V; looks at muscles that `works` (muscles,) only."""
        power = np.abs(np.fft.rfft(second * np.hanning(second.shape[1]), axis=1)) ** 2
        count = min(power.shape[1], self._power.shape[1])
        keep = np.exp(-1.0 / _AVERAGE)
        new = keep * self._power[:, :count] + (1.0 - keep) * power[:, :count]
        self._power[works, :count] = new[works]
        self._worked[works] += 1.0
        begun = works & np.isnan(self._first) & (self._worked >= _AVERAGE)
        self._first[begun] = self._median()[begun]

    def _median(self) -> FloatArray:
        total = np.cumsum(self._power, axis=1)
        index = np.argmax(total >= 0.5 * total[:, -1:], axis=1)
        median: FloatArray = self._frequency[index]
        return median

    @property
    def fall(self) -> FloatArray:
        """(muscles,) 0..1; 0 before a muscle has worked long enough to be compared with itself."""
        known = np.isfinite(self._first) & (self._worked >= 2.0 * _AVERAGE)
        fallen = 1.0 - self._median() / np.where(known, self._first, 1.0)
        return np.where(known, np.clip(fallen, 0.0, 1.0), 0.0)
