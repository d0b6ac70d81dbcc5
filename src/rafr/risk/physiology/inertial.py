"""What a wearable inertial sensor measures on a known motion: specific force and angular rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry.rigid_transform import FloatArray

GRAVITY = 9.81  # m/s^2, along -z of the world


@dataclass(frozen=True, slots=True)
class ImuConfig:
    """A wearable inertial sensor: 0.1 mg/sqrt(Hz) and 0.007 deg/s/sqrt(Hz) in a band of 50 Hz."""

    acceleration_noise: float = option(7e-3, "standard deviation per axis", unit="m/s^2", lower=0.0)
    rate_noise: float = option(9e-4, "standard deviation per axis", unit="rad/s", lower=0.0)
    acceleration_bias: float = option(
        0.05, "constant offset per axis, standard deviation", unit="m/s^2", lower=0.0
    )
    rate_bias: float = option(5e-3, "constant offset per axis, standard deviation", unit="rad/s", lower=0.0)


def felt(position: FloatArray, rotation: FloatArray, period: float) -> FloatArray:
    """Exact readings between the first and the last of a row of poses, by central differences.

    Args:
        position: (n, 3) m, of the sensor in the world (z up).   rotation: (n, 3, 3) `R_world_imu`.
        period: s between poses.

    Returns:
        (n - 2, 6) specific force, m/s^2, and angular rate, rad/s, in the sensor's axes, at poses 1 … n - 2.
    """
    force = (position[2:] - 2.0 * position[1:-1] + position[:-2]) / period**2
    force = force + np.array([0.0, 0.0, GRAVITY])
    turn = np.swapaxes(rotation[:-2], 1, 2) @ rotation[2:]
    # axis times sine; two periods lie between the poses
    axis = 0.5 * np.stack(
        [turn[:, 2, 1] - turn[:, 1, 2], turn[:, 0, 2] - turn[:, 2, 0], turn[:, 1, 0] - turn[:, 0, 1]], axis=1
    )
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.arctan2(sine, 0.5 * (np.trace(turn, axis1=1, axis2=2)[:, None] - 1.0))
    rate = np.where(sine > 1e-12, axis * angle / np.maximum(sine, 1e-300), axis) / (2.0 * period)
    return np.concatenate([np.einsum("nij,ni->nj", rotation[1:-1], force), rate], axis=1)


class Imu:
    """One sensor with its own bias; adds bias and noise to what is `felt`."""

    def __init__(self, config: ImuConfig, rng: np.random.Generator) -> None:
        self._rng = rng
        self._noise = np.repeat([config.acceleration_noise, config.rate_noise], 3)
        self._bias = np.repeat([config.acceleration_bias, config.rate_bias], 3) * rng.standard_normal(6)

    def measure(self, true: FloatArray) -> FloatArray:
        """(…, 6) measured, of exact readings (…, 6)."""
        measured: FloatArray = true + self._bias + self._noise * self._rng.standard_normal(np.shape(true))
        return measured

    def read(self, position: FloatArray, rotation: FloatArray, period: float) -> FloatArray:
        """(n, 6) readings along a motion, arguments as of `felt`; the ends repeat their neighbours."""
        return self.measure(np.pad(felt(position, rotation, period), ((1, 1), (0, 0)), "edge"))
