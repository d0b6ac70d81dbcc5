"""What the operating room's sensors say: joint encoders, wrist wrench, optical tracker, IMU over a bone.

What is worn on muscles is in `rafr.simulation.wearables`. Each sensor has its own random stream, so switching
one off does not change another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Mapping
from dataclasses import dataclass, field

import numpy as np

from rafr.config import option
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.physiology import Imu, ImuConfig, felt


@dataclass(frozen=True, slots=True, eq=False)
class ArmReading:
    """What the arm's driver says at once: `q`, `qd` (n,) at `stamp` (s), `wrench` (6,) at `wrench_stamp`."""

    stamp: float
    q: FloatArray
    qd: FloatArray
    wrench_stamp: float
    wrench: FloatArray


@dataclass(frozen=True, slots=True)
class JointSensorConfig:
    """Encoders of the arm."""

    noise: float = option(5e-6, "position noise, standard deviation", unit="rad", lower=0.0)
    rate_noise: float = option(2e-4, "velocity noise, standard deviation", unit="rad/s", lower=0.0)


class JointSensor:
    def __init__(self, config: JointSensorConfig, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng

    def read(self, q: FloatArray, qd: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Measured positions and velocities (n,)."""
        c, n = self._config, len(q)
        return (
            q + c.noise * self._rng.standard_normal(n),
            qd + c.rate_noise * self._rng.standard_normal(n),
        )


@dataclass(frozen=True, slots=True)
class WrenchSensorConfig:
    """Wrist sensor after compensation of the tool's weight (UR e-series: accuracy 4–5 N, 0.2 N m)."""

    force_noise: float = option(0.8, "standard deviation per axis", unit="N", lower=0.0)
    torque_noise: float = option(0.05, "standard deviation per axis", unit="N m", lower=0.0)
    force_bias: float = option(1.5, "constant offset per axis, standard deviation", unit="N", lower=0.0)
    torque_bias: float = option(0.1, "constant offset per axis, standard deviation", unit="N m", lower=0.0)


class WrenchSensor:
    def __init__(self, config: WrenchSensorConfig, rng: np.random.Generator) -> None:
        scale = np.repeat([config.force_bias, config.torque_bias], 3)
        self._bias = scale * rng.standard_normal(6)
        self._noise = np.repeat([config.force_noise, config.torque_noise], 3)
        self._rng = rng

    def read(self, wrench: FloatArray) -> FloatArray:
        """Measured wrench (6,)."""
        measured: FloatArray = wrench + self._bias + self._noise * self._rng.standard_normal(6)
        return measured


@dataclass(frozen=True, slots=True)
class TrackerConfig:
    """Optical tracker like the Polaris Vega (static 0.045 mm RMS, dynamic 0.09 mm, latency 14.2 ms)."""

    rate: float = option(60.0, "frames per second", unit="Hz", lower=1.0, upper=400.0)
    latency: float = option(0.015, "from exposure to delivery", unit="s", lower=0.0, upper=0.5)
    noise_xy: float = option(6e-5, "across the line of sight, standard deviation", unit="m", lower=0.0)
    noise_z: float = option(1.3e-4, "along the line of sight, standard deviation", unit="m", lower=0.0)
    noise_angle: float = option(3e-4, "of a tool's rotation, standard deviation", unit="rad", lower=0.0)
    dropout: float = option(0.002, "chance that a tool is not seen in a frame", lower=0.0, upper=1.0)
    fit_error: float = option(1.0e-4, "mean error of the marker fit it reports", unit="m", lower=0.0)


@dataclass(frozen=True, slots=True, eq=False)
class ToolReading:
    """One tool in one frame; `T_tracker_marker` (m) is None when it was not seen."""

    name: str
    T_tracker_marker: RigidTransform | None
    error: float


@dataclass(frozen=True, slots=True, eq=False)
class TrackerFrame:
    """All tools at one exposure; `stamp` (s) is the exposure, delivery is later."""

    stamp: float
    number: int
    tools: tuple[ToolReading, ...]


@dataclass(slots=True, eq=False)
class TrackerSensor:
    """Exposes frames at its rate and delivers them after its latency."""

    config: TrackerConfig
    T_world_tracker: RigidTransform
    rng: np.random.Generator
    _next: float = 0.0
    _number: int = 0
    _waiting: deque[TrackerFrame] = field(default_factory=deque)

    def due(self, now: float) -> bool:
        """True when a frame is to be exposed at `now` (s)."""
        return now >= self._next - 1e-9

    def expose(self, now: float, markers: Mapping[str, RigidTransform], in_sight: Container[str]) -> None:
        """Take a frame; `markers` are the true `T_world_marker` (m) by tool, `in_sight` those not hidden."""
        period = 1.0 / self.config.rate
        self._next = max(self._next + period, now)  # no frames for a time nobody has seen pass
        self._number += 1
        view = self.T_world_tracker.inverse()
        tools = tuple(self._see(name, view @ pose, name in in_sight) for name, pose in markers.items())
        self._waiting.append(TrackerFrame(now, self._number, tools))

    def delivered(self, now: float) -> list[TrackerFrame]:
        """Frames whose latency has passed at `now`."""
        frames = []
        while self._waiting and now >= self._waiting[0].stamp + self.config.latency - 1e-9:
            frames.append(self._waiting.popleft())
        return frames

    def _see(self, name: str, true: RigidTransform, in_sight: bool) -> ToolReading:
        c = self.config
        draw = self.rng.standard_normal(7)
        seen = self.rng.random() >= c.dropout and in_sight
        shift = draw[:3] * (c.noise_xy, c.noise_xy, c.noise_z)
        turn = RigidTransform.from_rotvec(c.noise_angle * draw[3:6])
        measured = RigidTransform(turn.rotation @ true.rotation, true.translation + shift)
        error = c.fit_error * (1.0 + 0.2 * draw[6])
        return ToolReading(name, measured if seen else None, max(0.0, float(error)))


class ImuSensor:
    """Fixed to the skin over a bone, with its axes: what it measures is the bone's motion, and gravity.

    The motion is taken from the last three poses, so nothing faster than the readings is seen, and it is that
    of the one in the middle.
    """

    def __init__(self, config: ImuConfig, rng: np.random.Generator) -> None:
        self._imu = Imu(config, rng)
        self._poses: deque[RigidTransform] = deque(maxlen=3)

    def read(self, period: float, T_world_imu: RigidTransform) -> FloatArray:
        """(6,) specific force, m/s^2, and angular rate, rad/s, `period` s after the last reading."""
        self._poses.extend([T_world_imu] * (3 if not self._poses else 1))
        position = np.array([T.translation for T in self._poses])
        rotation = np.array([T.rotation for T in self._poses])
        return self._imu.measure(felt(position, rotation, period)[0])
