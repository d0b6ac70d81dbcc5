"""Muscles under electrodes in the operating room: the patient's, and an assistant's who lifts the leg.

Their signals come from motor units (`rafr.risk.physiology`). What drives them is a `Demand`, which faults may
change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.physiology import Imu, ImuConfig, SurfaceEmg, felt

EMG_CHANNELS = ("tibialis_anterior", "gastrocnemius", "vastus_medialis", "gluteus_maximus")
LIFTING_CHANNELS = ("right_biceps", "left_biceps", "right_deltoid", "left_deltoid")
_EFFORT = np.array([1.0, 0.95, 0.7, 0.65])  # of the muscles' strength per share of the assistant's
_AXES = ("acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z")
INERTIAL_CHANNELS = tuple(f"{muscle}/{axis}" for muscle in LIFTING_CHANNELS for axis in _AXES)


@dataclass(frozen=True, slots=True)
class EmgConfig:
    """Surface EMG of the patient's muscles near the nerves at risk; anaesthetised, relaxed, without drive.

    Single short bursts come all the same: about one in ten minutes on four muscles, and more under load.
    """

    rate: float = option(1000.0, "samples per second", unit="Hz", lower=200.0, upper=10000.0)
    burst_rate: float = option(0.0005, "bursts per second and muscle at rest", unit="1/s", lower=0.0)
    force_scale: float = option(
        1500.0, "force on the fragment that adds one burst per second and muscle", unit="N", lower=1.0
    )
    burst_length: float = option(0.25, "of the longest burst", unit="s", lower=0.02, upper=5.0)
    burst_firing: float = option(30.0, "of the axons in a burst", unit="1/s", lower=1.0, upper=200.0)
    burst_share: float = option(0.05, "of a muscle's axons that take part", lower=0.0, upper=1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """What makes the patient's muscles fire during one block.

    Attributes:
        t: (n,) s of the samples.   load: N on the fragment.
        drive: (channels, n) 0..1.
        irritation: (channels, n) 1/s, firing of irritated axons; `share` (channels,) of them are.
        off: (channels,) bool, electrodes that have lost the skin.
    """

    t: FloatArray
    load: float
    drive: FloatArray
    irritation: FloatArray
    share: FloatArray
    off: np.ndarray


Change = Callable[[Demand], Demand]


def unchanged(demand: Demand) -> Demand:
    return demand


class EmgSensor:
    """Electrodes over the patient's muscles."""

    def __init__(self, config: EmgConfig, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng
        self._left = np.zeros(len(EMG_CHANNELS))  # s of burst still to come
        self._muscles = SurfaceEmg(len(EMG_CHANNELS), config.rate, rng)

    def read(self, start: float, duration: float, load: float, change: Change = unchanged) -> FloatArray:
        """(channels, n) samples, V, of `duration` s from `start` (s) on, with `load` N on the fragment."""
        c, count = self._config, len(EMG_CHANNELS)
        n = round(duration * c.rate)
        chance = duration * (c.burst_rate + (load / c.force_scale) ** 2)
        begins = self._rng.random(count) < chance
        length = c.burst_length * self._rng.uniform(0.3, 1.0, count)
        self._left = np.where(begins, length, self._left)
        within = np.arange(n) / c.rate
        bursts = np.where(within < self._left[:, None], c.burst_firing, 0.0)
        self._left = np.maximum(self._left - duration, 0.0)
        share, off = np.full(count, c.burst_share), np.zeros(count, dtype=bool)
        demand = change(Demand(start + within, load, np.zeros((count, n)), bursts, share, off))
        self._muscles.electrodes.off = demand.off
        return self._muscles.read(demand.drive, 0.0, demand.irritation, demand.share)


@dataclass(frozen=True, slots=True)
class AssistantConfig:
    """Somebody beside the table who lifts the leg now and then, with electrodes and inertial sensors on."""

    emg_rate: float = option(1259.0, "samples per second", unit="Hz", lower=200.0, upper=10000.0)
    imu_rate: float = option(148.0, "samples per second", unit="Hz", lower=20.0, upper=1000.0)
    period: float = option(20.0, "between two lifts", unit="s", lower=2.0, upper=600.0)
    lift: float = option(5.0, "duration of a lift", unit="s", lower=0.5, upper=600.0)
    load: float = option(0.2, "of the assistant's strength in a lift", lower=0.0, upper=1.0)
    idle: float = option(0.03, "of the assistant's strength between lifts", lower=0.0, upper=1.0)
    elbow: float = option(1.0, "by which the elbow is bent in a lift", unit="rad", lower=0.0, upper=2.5)
    forearm: float = option(0.25, "from elbow to sensor", unit="m", lower=0.05, upper=0.6)
    quickness: float = option(4.0, "of the motion, natural frequency", unit="1/s", lower=0.5, upper=30.0)


class AssistantSensors:
    """EMG and inertial sensors on both biceps and deltoids."""

    def __init__(self, config: AssistantConfig, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng
        count = len(LIFTING_CHANNELS)
        self._muscles = SurfaceEmg(count, config.emg_rate, rng)
        self._imus = [Imu(ImuConfig(), rng) for _ in LIFTING_CHANNELS]
        self._mounts = [RigidTransform.from_rotvec(0.1 * rng.standard_normal(3)) for _ in LIFTING_CHANNELS]
        self._angle = np.zeros(2)  # rad, of the last two samples
        self._rate = 0.0  # rad/s
        self._read = [0, 0]  # samples so far
        self._until = 0.0

    def read(
        self, duration: float, change: Callable[[float], float] = float
    ) -> tuple[tuple[float, FloatArray], tuple[float, FloatArray]]:
        """The next `duration` s: begin and (channels, n) V; begin and (sensors times 6, m) m/s^2, rad/s.

        Args:
            change: of the share of the assistant's strength that is used.
        """
        c = self._config
        self._until += duration
        starts = [self._read[0] / c.emg_rate, self._read[1] / c.imu_rate]
        counts = [int(np.floor(self._until * r + 1e-6)) for r in (c.emg_rate, c.imu_rate)]
        n, m = counts[0] - self._read[0], counts[1] - self._read[1]
        self._read = counts
        lifting = self._until % c.period < c.lift
        share = change(c.load if lifting else c.idle)
        effort = share * (1.0 + 0.05 * self._rng.standard_normal(len(LIFTING_CHANNELS)))
        drive = np.clip(_EFFORT * effort, 0.0, 1.0)
        volts = self._muscles.read(np.repeat(drive[:, None], n, axis=1))
        angle = self._bend(c.elbow if share > 2.0 * c.idle else 0.0, m)
        return (starts[0], volts), (starts[1], self._felt(angle))

    def _bend(self, goal: float, count: int) -> FloatArray:
        """(count + 2,) rad: the elbow on its way to `goal`, critically damped; the last two angles first."""
        c = self._config
        period, angle, rate = 1.0 / c.imu_rate, float(self._angle[-1]), self._rate
        way = []
        for _ in range(count):
            rate += period * c.quickness * (c.quickness * (goal - angle) - 2.0 * rate)
            angle += period * rate
            way.append(angle)
        whole = np.concatenate([self._angle, way])
        self._angle, self._rate = whole[-2:], rate
        return whole

    def _felt(self, angle: FloatArray) -> FloatArray:
        """(sensors times 6, m): one sample late, as motion is taken from the poses around it."""
        period = 1.0 / self._config.imu_rate
        turn, flat = np.cos(angle), np.sin(angle)
        place = self._config.forearm * np.stack([turn, 0.0 * angle, flat], axis=1)
        rotation = np.zeros((len(angle), 3, 3))
        rotation[:, 0, 0], rotation[:, 0, 2], rotation[:, 1, 1] = turn, -flat, 1.0
        rotation[:, 2, 0], rotation[:, 2, 2] = flat, turn
        rows = [
            imu.measure(felt(place, rotation @ mount.rotation, period)).T
            for imu, mount in zip(self._imus, self._mounts, strict=True)
        ]
        return np.concatenate(rows)
