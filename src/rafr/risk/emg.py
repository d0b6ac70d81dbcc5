"""Risk of nerve irritation or loss of relaxation from EMG: muscle activity against the patient's own rest.

A relaxed, anaesthetised patient's muscles are nearly silent. Every channel is band-pass filtered and
its root mean square compared, on a logarithmic scale, with the rest recorded first; the loudest
channel decides. The band follows De Luca et al. 2010 (J Biomech 43:1573), who recommend a 20 Hz
high-pass corner against motion artefacts. There is no learned model in here: the probability is a
logistic curve over that ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rafr.config import option
from rafr.errors import RafrError
from rafr.geometry.rigid_transform import FloatArray

_ORDER = 2
_ACTIVE = 3.0  # times the level of rest from which a muscle is called active
_TINY = 1e-12  # V; keeps the logarithm of digital silence finite


@dataclass(frozen=True, slots=True)
class EmgRiskConfig:
    low_hz: float = option(20.0, "lower corner of the pass band", unit="Hz", lower=1.0)
    high_hz: float = option(450.0, "upper corner of the pass band", unit="Hz", lower=10.0)
    baseline: float = option(2.0, "rest recorded before anything is judged", unit="s", lower=0.1)
    settle: float = option(0.2, "left out at the start while the filter settles", unit="s", lower=0.0)
    smoothing: float = option(0.1, "time constant of the mean square", unit="s", lower=1e-3)
    ratio_even: float = option(4.0, "activity over rest at which the probability is 0.5", lower=1.0)
    ratio_sure: float = option(8.0, "activity over rest at which the probability is 0.95", lower=1.0)
    floor: float = option(
        1e-6, "rest is never taken to be quieter (amplifier noise, rms)", unit="V", lower=0.0
    )
    saturation: float = option(0.01, "samples at or beyond are clipped and say nothing", unit="V", lower=0.0)
    stale_gap: float = option(
        0.5, "gap between blocks after which the filter starts anew", unit="s", lower=0.0
    )


@dataclass(frozen=True, slots=True)
class RiskEstimate:
    """`probability` 0..1, NaN while nothing can be said; `reason` says why it is what it is."""

    probability: float
    reason: str


@dataclass(slots=True)
class _Channels:
    """Filter and energy of every channel since the stream (re)started."""

    names: tuple[str, ...]
    rate: float
    sos: FloatArray
    filter_state: FloatArray
    power: FloatArray
    rest_energy: FloatArray
    seconds: float = 0.0
    rest_seconds: float = 0.0
    end: float = field(default=float("-inf"))


class EmgRisk:
    """Judges blocks of raw EMG as they arrive."""

    def __init__(self, config: EmgRiskConfig | None = None) -> None:
        self.config = config or EmgRiskConfig()
        self._channels: _Channels | None = None
        self._rest: dict[str, float] = {}

    def update(self, stamp: float, rate: float, names: Sequence[str], samples: FloatArray) -> RiskEstimate:
        """Judge one block.

        Args:
            stamp: s, time of the first sample.   rate: Hz.
            names: the channels.   samples: (channels, n) in V.
        """
        problem = self._problem(rate, names, samples)
        if problem:
            self._channels = None
            return RiskEstimate(float("nan"), problem)
        channels = self._stream(stamp, rate, tuple(names))
        channels.end = stamp + samples.shape[1] / rate
        self._filter(channels, samples)
        if channels.rest_seconds < self.config.baseline and not self._rest:
            return RiskEstimate(float("nan"), "recording the muscles at rest")
        if not self._rest:
            self._remember_rest(channels)
        if channels.seconds < self.config.settle:
            return RiskEstimate(float("nan"), "the signal has just begun")
        return self._judge(channels)

    def _problem(self, rate: float, names: Sequence[str], samples: FloatArray) -> str:
        if samples.ndim != 2 or samples.shape[0] != len(names) or samples.size == 0:
            return f"{len(names)} channels named, samples of shape {samples.shape}"
        if not np.isfinite(rate) or rate <= 2 * self.config.low_hz:
            return f"sampling rate {rate:g} Hz is too low"
        if not np.isfinite(samples).all():
            return "samples are not finite"
        clipped = np.abs(samples).max(axis=1) >= self.config.saturation
        if clipped.any():
            return f"{names[int(np.argmax(clipped))]} is saturated (electrode off?)"
        return ""

    def _stream(self, stamp: float, rate: float, names: tuple[str, ...]) -> _Channels:
        old = self._channels
        if (
            old is not None
            and (old.names, old.rate) == (names, rate)
            and abs(stamp - old.end) < self.config.stale_gap
        ):
            return old
        if self._rest and set(self._rest) != set(names):
            self._rest = {}
        self._channels = _new_channels(names, rate, self.config)
        return self._channels

    def _filter(self, channels: _Channels, samples: FloatArray) -> None:
        from scipy.signal import sosfilt

        filtered, channels.filter_state = sosfilt(channels.sos, samples, axis=1, zi=channels.filter_state)
        duration = samples.shape[1] / channels.rate
        channels.seconds += duration
        power = np.mean(filtered**2, axis=1)
        keep = np.exp(-duration / self.config.smoothing)
        channels.power = keep * channels.power + (1 - keep) * power
        if channels.seconds > self.config.settle and not self._rest:
            channels.rest_energy += power * duration
            channels.rest_seconds += duration

    def _remember_rest(self, channels: _Channels) -> None:
        rms = np.sqrt(channels.rest_energy / channels.rest_seconds)
        levels = np.maximum(rms, self.config.floor)
        self._rest = dict(zip(channels.names, levels.tolist(), strict=True))

    def _judge(self, channels: _Channels) -> RiskEstimate:
        rest = np.array([self._rest[name] for name in channels.names])
        ratio = np.sqrt(channels.power + _TINY**2) / rest
        loudest = int(np.argmax(ratio))
        value = float(ratio[loudest])
        # in words that change only when something does: they are shown and logged
        level = "at rest" if value < _ACTIVE else f"more than {_ACTIVE:g} times as active as at rest"
        return RiskEstimate(self._probability(value), f"{channels.names[loudest]} {level}")

    def _probability(self, ratio: float) -> float:
        even, sure = np.log(self.config.ratio_even), np.log(self.config.ratio_sure)
        slope = np.log(0.95 / 0.05) / (sure - even)
        return float(1.0 / (1.0 + np.exp(-slope * (np.log(ratio + _TINY) - even))))


def _new_channels(names: tuple[str, ...], rate: float, config: EmgRiskConfig) -> _Channels:
    from scipy.signal import butter

    high = min(config.high_hz, 0.45 * rate)
    if high <= config.low_hz:
        raise RafrError(f"a band from {config.low_hz:g} Hz needs a sampling rate above {rate:g} Hz")
    sos = np.asarray(butter(_ORDER, (config.low_hz, high), "bandpass", fs=rate, output="sos"))
    n = len(names)
    return _Channels(names, rate, sos, np.zeros((len(sos), n, 2)), np.zeros(n), np.zeros(n))
