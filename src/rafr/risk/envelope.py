"""How active muscles are: the level of band-passed EMG in frames of 50 ms, and mains hum told apart.

The band follows De Luca et al. 2010 (J Biomech 43:1573), who recommend a 20 Hz high-pass corner against
motion artefacts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray

FRAME = 0.05  # s
_ORDER = 2


@dataclass(frozen=True, slots=True)
class BandConfig:
    low_hz: float = option(20.0, "lower corner of the pass band", unit="Hz", lower=1.0, upper=200.0)
    high_hz: float = option(450.0, "upper corner of the pass band", unit="Hz", lower=50.0, upper=2000.0)
    settle: float = option(0.2, "left out while the filter settles", unit="s", lower=0.0, upper=5.0)
    mains_hz: float = option(50.0, "frequency of the mains", unit="Hz", lower=40.0, upper=70.0)
    hum_share: float = option(
        0.7, "of a frame's power at the mains' frequency, from which it is hum", lower=0.1, upper=1.0
    )
    hum_least: float = option(2e-5, "quieter hum is let be, rms", unit="V", lower=0.0, upper=0.1)


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """`level` (n, channels) V rms, NaN where a channel cannot be judged; `hum` (n, channels) bool.

    `samples` (channels, n m) are the filtered samples of these frames, V.
    """

    level: FloatArray
    hum: np.ndarray
    samples: FloatArray


class Envelope:
    """Filters blocks of any length into frames; what is left over waits for the next block."""

    def __init__(self, config: BandConfig, channels: int, rate: float) -> None:
        from scipy.signal import butter

        self._config = config
        self._frame = max(2, round(FRAME * rate))
        self.rate = rate
        high = min(config.high_hz, 0.45 * rate)
        self._sos = np.asarray(butter(_ORDER, (config.low_hz, high), "bandpass", fs=rate, output="sos"))
        phase = 2.0 * np.pi * config.mains_hz * np.arange(self._frame) / rate
        self._mains = np.linalg.qr(np.stack([np.cos(phase), np.sin(phase)], axis=1))[0]
        self._state = np.zeros((len(self._sos), channels, 2))
        self._settling = np.full(channels, config.settle)
        self._left = np.zeros((2, channels, 0))

    def add(self, samples: FloatArray, bad: np.ndarray) -> Frames:
        """The frames that a block completes; `samples` (channels, n) V, `bad` (channels,) bool: not these."""
        from scipy.signal import sosfilt

        n = samples.shape[1]
        self._state[:, bad] = 0.0
        clean = np.where(bad[:, None], 0.0, samples)
        filtered, self._state = sosfilt(self._sos, clean, axis=1, zi=self._state)
        self._settling[bad] = self._config.settle
        steady = np.arange(n) / self.rate >= self._settling[:, None]
        usable = steady & ~bad[:, None]
        self._settling = np.maximum(self._settling - n / self.rate, 0.0)
        self._settling[bad] = self._config.settle
        waiting = np.concatenate([self._left, np.stack([filtered, usable])], axis=2)
        count = waiting.shape[2] // self._frame
        whole, self._left = np.split(waiting, [count * self._frame], axis=2)
        frames = whole.reshape(2, len(samples), count, self._frame).swapaxes(1, 2)
        energy = np.sum(frames[0] ** 2, axis=2)
        level = np.sqrt(energy / self._frame)
        mains = np.sum((frames[0] @ self._mains) ** 2, axis=2)
        c = self._config
        hum = (mains > c.hum_share * energy) & (level > c.hum_least)
        return Frames(np.where(frames[1].all(axis=2), level, np.nan), hum, whole[0])
