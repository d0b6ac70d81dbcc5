"""What electrodes and amplifier make of muscle potentials: gain, crosstalk, noise, hum, artefacts, clipping.

The faults of a day's recording are drawn once per electrode; `off` lets single electrodes lose the skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray

_HUM_OFF = 200.0  # times as much mains hum on an electrode that hangs in the air
_ARTEFACT_HZ = 8.0  # below which skin and cable move


@dataclass(frozen=True, slots=True)
class ElectrodeConfig:
    """A wearable sensor: differential, band-limited, 16 bit over ±11 mV."""

    gain_spread: float = option(
        0.2, "of the gains' logarithm (place, skin), standard deviation", lower=0.0, upper=1.0
    )
    crosstalk: float = option(0.05, "share of a neighbour's signal, largest", lower=0.0, upper=0.5)
    noise: float = option(2.5e-6, "of skin and amplifier, rms in the band", unit="V", lower=0.0, upper=1e-3)
    hum: float = option(1.5e-6, "of the mains, largest amplitude", unit="V", lower=0.0, upper=1e-2)
    hum_hz: float = option(50.0, "of the mains", unit="Hz", lower=40.0, upper=70.0)
    artefact: float = option(
        2e-5,
        "of the moving skin per acceleration, rms, before the filter",
        unit="V s^2/m",
        lower=0.0,
        upper=1e-3,
    )
    low_hz: float = option(20.0, "lower corner of the amplifier", unit="Hz", lower=1.0, upper=100.0)
    high_hz: float = option(450.0, "upper corner of the amplifier", unit="Hz", lower=50.0, upper=2000.0)
    range: float = option(0.011, "at which it clips", unit="V", lower=1e-4, upper=10.0)
    resolution: float = option(3.4e-7, "of a digit", unit="V", lower=0.0, upper=1e-3)


class Electrodes:
    """One electrode over each of `count` muscles in a row; neighbours in the row are neighbours on the skin.

    Attributes:
        off: (count,) bool, may be set at any time: who has lost the skin.
    """

    def __init__(self, config: ElectrodeConfig, count: int, rate: float, rng: np.random.Generator) -> None:
        from scipy.signal import butter

        self._config, self._rate, self._rng = config, rate, rng
        self.off = np.zeros(count, dtype=bool)
        self._gain = np.exp(config.gain_spread * rng.standard_normal(count))
        talk = config.crosstalk * rng.random((count, count))
        self._mix = np.eye(count) + np.where(
            np.abs(np.subtract.outer(*[np.arange(count)] * 2)) == 1, talk, 0.0
        )
        self._hum = config.hum * rng.random(count)
        self._phase = 2.0 * np.pi * rng.random(count)
        high = min(config.high_hz, 0.45 * rate)
        self._sos = np.asarray(butter(2, (config.low_hz, high), "bandpass", fs=rate, output="sos"))
        self._slow = np.asarray(butter(2, _ARTEFACT_HZ, fs=rate, output="sos"))
        # so that noise has the rms asked for after the filters
        self._noise = config.noise / np.sqrt(2.0 * (high - config.low_hz) / rate)
        self._shake = 1.0 / np.sqrt(2.0 * _ARTEFACT_HZ / rate)
        self._state = np.zeros((len(self._sos), count, 2))
        self._slow_state = np.zeros((len(self._slow), count, 2))
        self._time = 0.0

    def record(self, potentials: FloatArray, motion: FloatArray | float = 0.0) -> FloatArray:
        """(count, n) V as recorded of muscle `potentials` (count, n), V, by a skin that moves.

        Args:
            motion: the skin's acceleration beyond gravity, m/s^2, (n,), (count, n) or a number.
        """
        from scipy.signal import sosfilt

        c, n = self._config, potentials.shape[1]
        t = self._time + np.arange(n) / self._rate
        self._time += n / self._rate
        draws = self._rng.standard_normal((2, *potentials.shape))
        seen = self._gain[:, None] * (self._mix @ potentials)
        seen = np.where(self.off[:, None], 0.0, seen) + self._noise * draws[0]
        hum = self._hum + np.where(self.off, _HUM_OFF * c.hum, 0.0)
        seen += hum[:, None] * np.sin(2.0 * np.pi * c.hum_hz * t + self._phase[:, None])
        shaken, self._slow_state = sosfilt(self._slow, self._shake * draws[1], axis=1, zi=self._slow_state)
        seen += c.artefact * motion * shaken
        seen, self._state = sosfilt(self._sos, seen, axis=1, zi=self._state)
        seen = np.clip(seen, -c.range, c.range)
        recorded: FloatArray = c.resolution * np.round(seen / c.resolution) if c.resolution else seen
        return recorded
