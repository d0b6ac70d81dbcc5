"""Fatigue of the lifting muscles: the median frequency of their EMG falls while its amplitude rises.

Both together tell fatigue from a change of load, the joint analysis of A. Luttmann, M. Jäger, J. Sökeland &
W. Laurig, Ergonomics 39:298, 1996. Slopes are Theil's and Sen's, which single windows cannot turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.data.quality import filled
from rafr.risk.data.recording import Recording
from rafr.risk.features.emg import EmgFeatureConfig, median_frequency
from rafr.risk.windows import cut, starts_every


@dataclass(frozen=True, slots=True)
class FatigueTrendConfig:
    window: float = option(1.0, "of a value", unit="s", lower=0.2, upper=10.0)
    active: float = option(
        0.4, "of the loud windows' amplitude from which a muscle is at work", lower=0.0, upper=0.95
    )
    confidence: float = option(0.95, "of the slopes' intervals", lower=0.5, upper=0.999)
    least_windows: int = option(12, "active windows without which nothing is said", lower=5)


@dataclass(frozen=True, slots=True)
class FatigueTrend:
    """One muscle's slopes with their intervals; `fatiguing`: frequency falls and amplitude does not, beyond
    chance.

    frequency, frequency_low, frequency_high: Hz per minute.   amplitude, …: relative change per minute.
    start_hz: median frequency at the beginning.
    """

    muscle: str
    start_hz: float
    frequency: float
    frequency_low: float
    frequency_high: float
    amplitude: float
    amplitude_low: float
    amplitude_high: float
    fatiguing: bool


def fatigue_trends(recording: Recording, config: FatigueTrendConfig | None = None) -> list[FatigueTrend]:
    """Of every muscle that was active long enough."""
    config = config or FatigueTrendConfig()
    length = round(config.window * recording.emg_rate)
    starts = starts_every(recording.emg.shape[1], length, length)  # apart: intervals need it
    if len(starts) < config.least_windows:
        return []
    windows = cut(filled(recording.emg), starts, length)
    hertz = median_frequency(windows, recording.emg_rate, EmgFeatureConfig())
    level = np.log(np.maximum(windows.std(axis=-1), 1e-9))
    minutes = starts / recording.emg_rate / 60.0
    trends = (
        _trend(name, minutes, h, a, config)
        for name, h, a in zip(recording.emg_names, hertz, level, strict=True)
    )
    return [t for t in trends if t is not None]


def _trend(
    name: str, minutes: FloatArray, hertz: FloatArray, level: FloatArray, config: FatigueTrendConfig
) -> FatigueTrend | None:
    from scipy.stats import theilslopes

    working = level >= np.quantile(level, 0.9) + np.log(max(config.active, 1e-9))
    if working.sum() < config.least_windows:
        return None
    t = minutes[working]
    slope, start, low, high = theilslopes(hertz[working], t, config.confidence)
    rise, _, rise_low, rise_high = theilslopes(level[working], t, config.confidence)
    tired = bool(high < 0.0 and rise_high > 0.0)
    hz = (float(start), float(slope), float(low), float(high))
    return FatigueTrend(name, *hz, float(rise), float(rise_low), float(rise_high), tired)
