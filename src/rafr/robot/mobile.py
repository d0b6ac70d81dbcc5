"""The mobile base: a unicycle driven by two wheels.

State xi = (x, y, theta): position of `base` in `world` and heading. The wheels do not slip sideways,
which is the Pfaffian constraint A(xi)^T xi_dot = 0 (Lynch and Park, Modern Robotics, 2017, eq. 2.12 and
chapter 13.3); the columns of G(xi) span the velocities that remain: xi_dot = G(xi) (v, omega).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.resources import resource_path
from rafr.strict import read_dataclass


def pfaffian(theta: float) -> FloatArray:
    """A(xi), (3,): `A @ xi_dot == 0` means no sideways slip."""
    return np.array([math.sin(theta), -math.cos(theta), 0.0])


def allowed_velocities(theta: float) -> FloatArray:
    """G(xi), (3, 2): its columns are driving forward at 1 m/s and turning at 1 rad/s."""
    return np.array([[math.cos(theta), 0.0], [math.sin(theta), 0.0], [0.0, 1.0]])


def floor_transform(pose: ArrayLike) -> RigidTransform:
    """`T_world_base` of a base standing at (x, y, theta)."""
    x, y, theta = np.asarray(pose, dtype=float)
    return RigidTransform.from_rotvec((0.0, 0.0, theta), (x, y, 0.0))


def floor_pose(T_world_base: RigidTransform) -> tuple[float, float, float]:
    """(x, y, theta) of a base that stands on the floor; inverse of `floor_transform`."""
    R, p = T_world_base.rotation, T_world_base.translation
    return float(p[0]), float(p[1]), math.atan2(R[1, 0], R[0, 0])


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
class Caster:
    """The ball that keeps the base from tipping."""

    radius: float
    x: float
    mass: float


@dataclass(frozen=True, slots=True)
class WheelLimits:
    """Bounds of both wheels: rad/s and rad/s^2."""

    wheel_rate: float
    wheel_acceleration: float

    def __post_init__(self) -> None:
        if self.wheel_rate <= 0 or self.wheel_acceleration <= 0:
            raise ValueError("wheel limits must be positive")


@dataclass(frozen=True, slots=True)
class DifferentialDrive:
    """The mobile base as `config/mobile_base.yaml` (which the URDF is made from, too) describes it."""

    body: BaseBody
    column: Column
    wheel: Wheel
    caster: Caster
    limits: WheelLimits

    @staticmethod
    def from_yaml(path: Path | str | None = None) -> DifferentialDrive:
        """Read it; InputError when a key is unknown, missing or of the wrong kind."""
        path = resource_path("config/mobile_base.yaml") if path is None else path
        return read_dataclass(DifferentialDrive, path)

    def wheel_rates(self, v: ArrayLike, omega: ArrayLike) -> FloatArray:
        """(..., 2) left and right wheel rates in rad/s of speed v (m/s) and yaw rate omega (rad/s)."""
        half = self.wheel.track / 2 * np.asarray(omega, dtype=float)
        forward = np.asarray(v, dtype=float)
        return np.stack([forward - half, forward + half], axis=-1) / self.wheel.radius

    def body_rates(self, wheels: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Speed v (...,) in m/s and yaw rate (...,) in rad/s of wheel rates (..., 2)."""
        left, right = np.moveaxis(np.asarray(wheels, dtype=float), -1, 0)
        return self.wheel.radius * (left + right) / 2, self.wheel.radius * (right - left) / self.wheel.track

    def footprint(self, discs: int = 3) -> tuple[FloatArray, float]:
        """Discs that cover the base: their x offsets (discs,) along its length and their radius, m."""
        step = self.body.length / discs
        centres = (np.arange(discs) + 0.5) * step - self.body.length / 2
        return centres.astype(float), math.hypot(step / 2, self.body.width / 2)

    def disc_centres(self, poses: ArrayLike) -> FloatArray:
        """(n, discs, 2) where the footprint's discs are for poses (n, 3) of the base."""
        p = np.asarray(poses, dtype=float).reshape(-1, 3)
        offsets, _ = self.footprint()
        direction = np.stack([np.cos(p[:, 2]), np.sin(p[:, 2])], axis=-1)
        centres: FloatArray = p[:, None, :2] + offsets[None, :, None] * direction[:, None, :]
        return centres
