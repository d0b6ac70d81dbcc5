"""Watching the wrench at the clamp: bias, spikes, limits."""

from __future__ import annotations

from collections import deque

import numpy as np

from rafr.control.config import ArmControlConfig
from rafr.geometry.rigid_transform import FloatArray

# A single sample off by electronics must not stop a reduction: the median of five samples (50 ms) may.
_MEDIAN = 5
# The last digits of a sensor are noise: the same six numbers over and over are no measurement.
_FROZEN = 10


def about(wrench: FloatArray, lever: FloatArray) -> FloatArray:
    """(6,) the same wrench about a point at `lever` (3,), m, in its axes."""
    return np.concatenate([wrench[:3], wrench[3:] - np.cross(lever, wrench[:3])])


class ForceMonitor:
    """Compensated wrench, force and torque as medians over the last samples.

    `wrench` (6,) is about the clamp, in its axes. `torque` is about `centre` (3,), m, in `clamp`: once a
    fragment is held, its own centre. About the clamp a harmless force would count with the whole length of
    the pins as its lever.
    """

    def __init__(self, config: ArmControlConfig) -> None:
        self._config = config
        self._bias = np.zeros(6)
        self.centre = np.zeros(3)
        self._raw: deque[tuple[float, FloatArray]] = deque(maxlen=500)
        self._recent: deque[FloatArray] = deque(maxlen=_MEDIAN)  # of wrench, force, torque
        self.wrench = np.zeros(6)
        self.last_t = -np.inf
        self.force = 0.0
        self.torque = 0.0
        self._last: FloatArray | None = None
        self._repeats = 0

    @property
    def frozen(self) -> bool:
        """Whether the sensor repeats its last reading to the last digit."""
        return self._repeats >= _FROZEN

    def add(self, t: float, wrench: FloatArray | None) -> None:
        """Take a sample; non-finite ones and old stamps are left out, so that their age grows."""
        if wrench is None or not np.isfinite(wrench).all() or t <= self.last_t:
            return
        same = self._last is not None and np.array_equal(wrench, self._last)
        self._repeats, self._last = (self._repeats + 1 if same else 0), wrench
        self.last_t = t
        self._raw.append((t, wrench))
        net = wrench - self._bias
        torque = about(net, self.centre)[3:]
        self._recent.append(np.concatenate([net, [np.linalg.norm(net[:3]), np.linalg.norm(torque)]]))
        median = np.median(np.array(self._recent), axis=0)
        self.wrench, self.force, self.torque = median[:6], float(median[6]), float(median[7])

    def tare(self) -> bool:
        """Take the mean of the last `measure_time` as bias; False when too few samples are there."""
        recent = [w for t, w in self._raw if t > self.last_t - self._config.measure_time]
        if len(recent) < _MEDIAN:
            return False
        self._bias = np.mean(recent, axis=0)
        self._recent.clear()
        self.wrench = np.zeros(6)
        self.force = self.torque = 0.0
        return True


def force_speed(force: float, torque: float, config: ArmControlConfig) -> float:
    """Share 0..1 of the planned speed: 1 below the warning fraction of both limits, 0 at a limit."""
    load = max(force / config.force_limit, torque / config.torque_limit)
    return float(np.clip((1.0 - load) / (1.0 - config.warning_fraction), 0.0, 1.0))
