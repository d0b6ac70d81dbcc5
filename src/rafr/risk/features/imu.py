"""Features of IMU windows: how the limb is held, how it moves and how smoothly; all windows and sensors at
once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rafr.geometry.rigid_transform import FloatArray

_TINY = 1e-9


def feature_names(sensors: Sequence[str]) -> tuple[str, ...]:
    """Columns of `imu_features`, sensor by sensor."""
    single = [f"{k} {s}" for k in ("acc", "gyro") for s in ("peak", "range", "mean", "total", "std")]
    single += [f"{k} std {a}" for k in ("acc", "gyro") for a in "xyz"]
    single += [f"gravity {a}" for a in "xyz"]
    single += ["tilt range", "tilt std", "turn", "log_jerk", "log_jerk_peak", "gyro smoothness", "gyro mnf"]
    return tuple(f"imu {c} {s}" for c in sensors for s in single)


def imu_features(acc: FloatArray, gyro: FloatArray, rate: float) -> FloatArray:
    """(windows, sensors · features), columns as in `feature_names`.

    Args:
        acc: (sensors, 3, windows, n) m/s^2, gravity included.   gyro: alike, rad/s.   rate: Hz.
    """
    columns = [*_sizes(acc), *_sizes(gyro)]
    columns += [*np.moveaxis(acc.std(axis=-1), 1, 0), *np.moveaxis(gyro.std(axis=-1), 1, 0)]
    gravity, tilt = _orientation(acc, rate)
    columns += [*np.moveaxis(gravity, 1, 0), np.ptp(tilt, axis=-1), tilt.std(axis=-1)]
    columns.append(np.linalg.norm(gyro.mean(axis=-1), axis=1) * acc.shape[-1] / rate)  # rad, net turn
    jerk = np.linalg.norm(np.diff(acc, axis=-1), axis=1) * rate
    columns.append(np.log(np.sqrt(np.mean(jerk**2, axis=-1)) + _TINY))
    columns.append(np.log(np.percentile(jerk, 99.0, axis=-1) + _TINY))
    columns += [*_smoothness(gyro, rate)]
    stacked = np.stack(columns, axis=-1)  # (sensors, windows, features)
    return np.swapaxes(stacked, 0, 1).reshape(acc.shape[2], -1)


def _sizes(signal: FloatArray) -> tuple[FloatArray, ...]:
    """Peak, range, mean, total and spread of the vector's length; (sensors, windows) each."""
    size = np.linalg.norm(signal, axis=1)
    total = np.linalg.norm(np.abs(signal).sum(axis=-1), axis=1) / signal.shape[-1]
    return size.max(axis=-1), np.ptp(size, axis=-1), size.mean(axis=-1), total, size.std(axis=-1)


def _orientation(acc: FloatArray, rate: float) -> tuple[FloatArray, FloatArray]:
    """Mean direction of gravity (sensors, 3, windows), and how far from it over time, rad (sensors, windows,
    n).

    Gravity is what is left of the acceleration when half a second is averaged.
    """
    mean = acc.mean(axis=-1)
    direction = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), _TINY)
    half = max(1, min(round(0.5 * rate), acc.shape[-1] // 2))
    sums = np.cumsum(acc, axis=-1)
    slow = (sums[..., half:] - sums[..., :-half]) / half
    slow = slow / np.maximum(np.linalg.norm(slow, axis=1, keepdims=True), _TINY)
    tilt = np.arccos(np.clip(np.einsum("scwn,scw->swn", slow, direction), -1.0, 1.0))
    return direction, tilt


def _smoothness(gyro: FloatArray, rate: float) -> tuple[FloatArray, FloatArray]:
    """Log of dimensionless jerk of the turning, and its mean frequency in Hz; (sensors, windows) each.

    The dimensionless jerk after N. Hogan & D. Sternad, J Mot Behav 41:529, 2009, on the angular rate.
    """
    change = np.linalg.norm(np.diff(gyro, n=2, axis=-1), axis=1) * rate**2
    speed = np.linalg.norm(gyro, axis=1)
    duration = gyro.shape[-1] / rate
    jerk = np.mean(change**2, axis=-1) * duration**4 / np.maximum(speed.max(axis=-1), _TINY) ** 2
    centred = gyro - gyro.mean(axis=-1, keepdims=True)
    power = (np.abs(np.fft.rfft(centred, axis=-1)) ** 2).sum(axis=1)
    frequency = np.fft.rfftfreq(gyro.shape[-1], 1.0 / rate)
    return np.log(jerk + _TINY), (power @ frequency) / np.maximum(power.sum(axis=-1), _TINY)
