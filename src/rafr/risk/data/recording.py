"""One trial of one person: EMG and IMU streams that begin together, and what was done when."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rafr.geometry.rigid_transform import FloatArray

LABELS = ("Low", "High")  # the negative and the positive class of the lifting study


@dataclass(frozen=True, slots=True)
class Interval:
    """`start` to `end`, s after the recording's first sample, in which `label` holds."""

    start: float
    end: float
    label: str


@dataclass(frozen=True, slots=True)
class Recording:
    """Streams in SI units; both begin at time zero.

    Attributes:
        subject: who; windows of one subject never lie on both sides of a group-wise split.
        trial: which of the subject's recordings.
        emg: (channels, n) V, at `emg_rate` Hz.
        acc: (sensors, 3, m) m/s^2 in the sensor's axes, gravity included, at `imu_rate` Hz.
        gyro: (sensors, 3, m) rad/s.
        intervals: labelled stretches; a window counts where one interval holds all of it.
        reference: (channels,) V, RMS of each muscle's maximum voluntary contraction; empty where unknown.
    """

    subject: str
    trial: str
    emg_names: tuple[str, ...]
    emg: FloatArray
    emg_rate: float
    imu_names: tuple[str, ...] = ()
    acc: FloatArray = field(default_factory=lambda: np.empty((0, 3, 0)))
    gyro: FloatArray = field(default_factory=lambda: np.empty((0, 3, 0)))
    imu_rate: float = 0.0
    intervals: tuple[Interval, ...] = ()
    reference: FloatArray = field(default_factory=lambda: np.empty(0))

    @property
    def duration(self) -> float:
        """s, how long every stream lasts."""
        emg = self.emg.shape[1] / self.emg_rate if self.emg_names else np.inf
        imu = self.acc.shape[2] / self.imu_rate if self.imu_names else np.inf
        return float(min(emg, imu))
