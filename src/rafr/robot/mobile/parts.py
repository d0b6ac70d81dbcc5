"""What the YAML of a mobile base consists of (m, kg, rad, s)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaseBody:
    """Box of the base, m and kg."""

    length: float
    width: float
    height: float
    ground_clearance: float
    mass: float


@dataclass(frozen=True, slots=True)
class Column:
    """Cylinder on the box that carries the arm."""

    x: float
    height: float
    radius: float
    mass: float


@dataclass(frozen=True, slots=True)
class Wheel:
    """A driven wheel; `track` is the distance between the two."""

    radius: float
    width: float
    track: float
    mass: float

    def __post_init__(self) -> None:
        if self.radius <= 0 or self.track <= 0:
            raise ValueError("wheel radius and track must be positive")


@dataclass(frozen=True, slots=True)
class MecanumWheel:
    """One of four; `wheelbase` and `track` are the distances between axles and between sides."""

    radius: float
    wheelbase: float
    track: float

    def __post_init__(self) -> None:
        if self.radius <= 0 or self.wheelbase <= 0 or self.track <= 0:
            raise ValueError("wheel radius, wheelbase and track must be positive")


@dataclass(frozen=True, slots=True)
class Caster:
    """The ball that keeps the base from tipping."""

    radius: float
    x: float
    mass: float


@dataclass(frozen=True, slots=True)
class WheelLimits:
    """Bounds of every driven wheel: rad/s and rad/s^2."""

    wheel_rate: float
    wheel_acceleration: float

    def __post_init__(self) -> None:
        if self.wheel_rate <= 0 or self.wheel_acceleration <= 0:
            raise ValueError("wheel limits must be positive")
