"""A tracked pose smoothed and predicted: a Kalman filter with constant velocity on SE(3).

The error state lives on the tangent space: translation and rotation in the tracker's frame about the tool's
origin, each with its rate, driven by white noise of acceleration (Bar-Shalom, Li, Kirubarajan 2001, section
6.2.2; the error state on the group after Solà 2017, "Quaternion kinematics for the error-state
Kalman filter").

Lag: none while velocity stands. Under a constant acceleration a the pose trails by `lag(period)` * a.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True)
class PoseFilterConfig:
    filter_noise: float = option(1.0e-4, "standard deviation of a place", unit="m", lower=1e-7, upper=0.01)
    filter_turn_noise: float = option(
        1.0e-3, "standard deviation of a rotation", unit="rad", lower=1e-6, upper=0.1
    )
    filter_acceleration: float = option(
        0.02, "white acceleration expected", unit="m/s^2 per sqrt(Hz)", lower=1e-4, upper=10.0
    )
    filter_turn_acceleration: float = option(
        0.2, "white rotational acceleration expected", unit="rad/s^2 per sqrt(Hz)", lower=1e-3, upper=100.0
    )
    filter_horizon: float = option(
        0.1, "longest prediction, and longest gap bridged", unit="s", lower=0.0, upper=1.0
    )


class PoseFilter:
    """Smooths the poses of one tool; a gap longer than the horizon starts anew."""

    def __init__(self, config: PoseFilterConfig | None = None) -> None:
        self.config = config or PoseFilterConfig()
        self._pose: RigidTransform | None = None
        self._stamp = -np.inf
        self._rate = np.zeros(6)
        self._covariance = np.zeros((12, 12))

    def add(self, stamp: float, pose: RigidTransform, noise: FloatArray | None = None) -> None:
        """Take a measured pose (m) of time `stamp` (s); one not newer than the last is left out.

        Args:
            noise: (6, 6) its covariance; None: as configured.
        """
        if stamp <= self._stamp:
            return
        measured = self._noise() if noise is None else noise
        predicted = self.predict(stamp)
        if predicted is None:
            self._start(stamp, pose, measured)
            return
        here, covariance = predicted[0], self._spread(stamp - self._stamp)
        gain = np.linalg.solve(covariance[:6, :6] + measured, covariance[:6]).T
        step = gain @ _difference(here, pose)
        kept = np.eye(12)
        kept[:, :6] -= gain
        # Joseph's form stays symmetric and positive
        self._covariance = kept @ covariance @ kept.T + gain @ measured @ gain.T
        self._pose = _moved(here, step[:6]).renormalised()
        self._rate, self._stamp = self._rate + step[6:], stamp

    def predict(self, time: float) -> tuple[RigidTransform, FloatArray] | None:
        """Pose (m) and its covariance (6, 6) at `time` (s); None where nothing is known so near."""
        ahead = time - self._stamp
        if self._pose is None or not 0.0 <= ahead <= self.config.filter_horizon:
            return None
        return _moved(self._pose, ahead * self._rate), self._spread(ahead)[:6, :6]

    def lag(self, period: float) -> float:
        """s^2: what a place measured every `period` (s) trails by, per acceleration, once settled.

        The steady gains of the alpha-beta filter (Kalata 1984) give (1 - alpha) / beta * period^2.
        """
        index = self.config.filter_acceleration * period**1.5 / self.config.filter_noise
        alpha, beta = _steady_gains(index)
        return (1.0 - alpha) / beta * period**2

    def _start(self, stamp: float, pose: RigidTransform, noise: FloatArray) -> None:
        """At rest, with a speed as large as the noise would explain within the horizon."""
        self._pose, self._stamp, self._rate = pose, stamp, np.zeros(6)
        self._covariance = np.zeros((12, 12))
        self._covariance[:6, :6] = noise
        self._covariance[6:, 6:] = np.diag(
            [0.1**2] * 3 + [0.5**2] * 3
        )  # (m/s)^2, (rad/s)^2: hands and robots

    def _spread(self, dt: float) -> FloatArray:
        """(12, 12) the covariance, dt (s) later."""
        forward = np.eye(12)
        forward[:6, 6:] = dt * np.eye(6)
        density = np.repeat([self.config.filter_acceleration**2, self.config.filter_turn_acceleration**2], 3)
        grown = np.zeros((12, 12))
        grown[:6, :6] = np.diag(density * dt**3 / 3.0)
        grown[:6, 6:] = grown[6:, :6] = np.diag(density * dt**2 / 2.0)
        grown[6:, 6:] = np.diag(density * dt)
        return np.asarray(forward @ self._covariance @ forward.T + grown)

    def _noise(self) -> FloatArray:
        return np.diag([self.config.filter_noise**2] * 3 + [self.config.filter_turn_noise**2] * 3)


def _difference(a: RigidTransform, b: RigidTransform) -> FloatArray:
    """(6,) the motion from a to b: shift of the origin (m), rotation vector (rad), in the parent frame."""
    turn = RigidTransform(b.rotation @ a.rotation.T, np.zeros(3)).rotvec
    return np.concatenate([b.translation - a.translation, turn])


def _moved(pose: RigidTransform, step: FloatArray) -> RigidTransform:
    turn = RigidTransform.from_rotvec(step[3:]).rotation
    return RigidTransform(turn @ pose.rotation, pose.translation + step[:3])


def _steady_gains(index: float) -> tuple[float, float]:
    """alpha and beta of the settled filter; `index`: acceleration density^0.5 * period^1.5 / noise."""
    noise = np.array([[index**2 / 3.0, index**2 / 2.0], [index**2 / 2.0, index**2]])
    forward = np.array([[1.0, 1.0], [0.0, 1.0]])
    covariance = np.eye(2)
    gain = np.zeros(2)
    for _ in range(2000):  # Riccati's recursion, in units of period and noise
        covariance = forward @ covariance @ forward.T + noise
        new = covariance[:, 0] / (covariance[0, 0] + 1.0)
        covariance = covariance - np.outer(new, covariance[0])
        if np.allclose(new, gain, rtol=1e-10, atol=0.0):
            break
        gain = new
    return float(new[0]), float(new[1])
