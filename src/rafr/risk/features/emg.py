"""Features of EMG windows that the field uses, for all windows and channels at once.

Amplitude and shape: B. Hudgins, P. Parker & R. Scott, IEEE Trans Biomed Eng 40:82, 1993 (MAV, WL, ZC, SSC).
Spectrum: A. Phinyomark et al., Expert Syst Appl 39:7420, 2012. Windows are limited to the EMG's band, and
    freed of
mains hum, in their own spectrum: no filter runs in and a window alone gives what it gives within a recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray

BANDS_HZ = ((20.0, 60.0), (60.0, 100.0), (100.0, 150.0), (150.0, 250.0), (250.0, 450.0))
_TINY = 1e-9  # V; keeps logarithms finite


@dataclass(frozen=True, slots=True)
class EmgFeatureConfig:
    low_hz: float = option(20.0, "lower end of the band", unit="Hz", lower=0.0, upper=100.0)
    high_hz: float = option(450.0, "upper end of the band", unit="Hz", lower=50.0, upper=5000.0)
    mains_hz: float = option(50.0, "of the hum taken out with its harmonics; 0: none", unit="Hz", lower=0.0)
    mains_width: float = option(1.0, "taken out on both sides of a harmonic", unit="Hz", lower=0.0, upper=5.0)
    threshold: float = option(
        0.05, "of the window's RMS that a crossing or a turn must exceed", lower=0.0, upper=1.0
    )


def feature_names(channels: Sequence[str]) -> tuple[str, ...]:
    """Columns of `emg_features`, channel by channel."""
    single = ["log_mav", "log_rms", "log_peak", "log_wl", "zc", "ssc", "crest", "bursts", "mnf", "mdf"]
    single += [f"band_{low:g}_{high:g}" for low, high in BANDS_HZ]
    return tuple(f"emg {c} {s}" for c in channels for s in single)


def emg_features(
    windows: FloatArray,
    rate: float,
    reference: FloatArray | None = None,
    config: EmgFeatureConfig | None = None,
) -> FloatArray:
    """(windows, channels · features), columns as in `feature_names`.

    Args:
        windows: (channels, windows, n) V.   rate: Hz.
        reference: (channels,) V RMS; amplitudes are relative to it (without: to 1 V).
    """
    config = config or EmgFeatureConfig()
    spectrum, keep, frequency = _band(windows, rate, config)
    x = np.fft.irfft(np.where(keep, spectrum, 0.0), n=windows.shape[-1], axis=-1)
    unit = np.ones(len(windows)) if reference is None or not len(reference) else reference
    level = np.maximum(unit, _TINY)[:, None]
    size = np.abs(x)
    rms = np.sqrt(np.mean(x**2, axis=-1))
    step = np.diff(x, axis=-1)
    limit = config.threshold * rms[..., None]
    crossing = (x[..., :-1] * x[..., 1:] < 0.0) & (np.abs(step) > limit)
    turning = (step[..., :-1] * step[..., 1:] < 0.0) & (
        np.maximum(np.abs(step[..., :-1]), np.abs(step[..., 1:])) > limit
    )
    power = np.where(keep, np.abs(spectrum) ** 2, 0.0)
    total = np.maximum(power.sum(axis=-1), _TINY**2)
    mean_hz, median_hz = _centres(power, frequency, total)
    bands = [power[..., (frequency >= a) & (frequency < b)].sum(axis=-1) / total for a, b in BANDS_HZ]
    peak = np.percentile(size, 99.0, axis=-1)
    columns = [
        np.log(size.mean(axis=-1) / level + _TINY),
        np.log(rms / level + _TINY),
        np.log(peak / level + _TINY),
        np.log(np.abs(step).mean(axis=-1) * rate / level + _TINY),
        crossing.mean(axis=-1) * rate,
        turning.mean(axis=-1) * rate,
        peak / np.maximum(rms, _TINY),
        _bursts(x),
        mean_hz,
        median_hz,
        *bands,
    ]
    stacked = np.stack(columns, axis=-1)  # (channels, windows, features)
    return np.swapaxes(stacked, 0, 1).reshape(windows.shape[1], -1)


def median_frequency(windows: FloatArray, rate: float, config: EmgFeatureConfig | None = None) -> FloatArray:
    """(channels, windows) Hz that halves the power, of (channels, windows, n) V."""
    spectrum, keep, frequency = _band(windows, rate, config or EmgFeatureConfig())
    power = np.where(keep, np.abs(spectrum) ** 2, 0.0)
    return _centres(power, frequency, np.maximum(power.sum(axis=-1), _TINY**2))[1]


def _band(
    windows: FloatArray, rate: float, config: EmgFeatureConfig
) -> tuple[NDArray[np.complex128], NDArray[np.bool_], NDArray[np.floating]]:
    """Spectra (…, bins), which bins count (bins,), and their frequencies in Hz (bins,)."""
    frequency = np.fft.rfftfreq(windows.shape[-1], 1.0 / rate)
    keep = (frequency >= config.low_hz) & (frequency <= config.high_hz)
    if config.mains_hz > 0.0:
        off = np.abs(frequency - config.mains_hz * np.round(frequency / config.mains_hz))
        # in a window too short to tell hum from EMG, a whole bin would be too much to take out
        fine = frequency[1] <= 2.0 * config.mains_width
        keep &= (off > config.mains_width) | (frequency < config.low_hz) | (not fine)
    return np.fft.rfft(windows, axis=-1), keep, frequency


def _centres(
    power: FloatArray, frequency: NDArray[np.floating], total: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and median frequency, Hz; the median within its bin by interpolation."""
    mean_hz = (power @ frequency) / total
    cumulated = np.cumsum(power, axis=-1)
    at = np.argmax(cumulated >= 0.5 * total[..., None], axis=-1)
    below = np.take_along_axis(cumulated, np.maximum(at - 1, 0)[..., None], -1)[..., 0] * (at > 0)
    here = np.take_along_axis(power, at[..., None], -1)[..., 0]
    share = (0.5 * total - below) / np.maximum(here, _TINY**2)
    width = frequency[1] - frequency[0]
    return mean_hz, frequency[at] + (np.clip(share, 0.0, 1.0) - 0.5) * width


def _bursts(x: FloatArray, parts: int = 8) -> FloatArray:
    """How uneven the activity is within the window: spread of the logarithm of the RMS of its eighths."""
    length = x.shape[-1] // parts
    eighths = x[..., : parts * length].reshape(*x.shape[:-1], parts, length)
    spread: FloatArray = np.std(np.log(np.sqrt(np.mean(eighths**2, axis=-1)) + _TINY), axis=-1)
    return spread
