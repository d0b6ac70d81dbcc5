"""Yielding to a load that nobody expected, and coming back when it is gone."""

from __future__ import annotations

import numpy as np

from rafr.control.config import ArmControlConfig
from rafr.geometry.rigid_transform import FloatArray


class Admittance:
    """A spring and a damper in six directions between the path and the command: D y' + K y = load.

    Hogan 1985, part II, without the virtual mass: everything here is slow. The damper bounds the loop's gain
    against stiff bone: with the pins' 60 N/mm and 50 ms from contact to motion it crosses over at 7 rad/s.

    Attributes:
        value: (6,) offset, m and rad, in the axes of the loads given.
    """

    def __init__(self, config: ArmControlConfig, largest: tuple[float, float]) -> None:
        """Args: largest: m and rad, by which it yields at most."""
        self._stiffness = np.repeat([config.yield_stiffness, config.yield_turn_stiffness], 3)
        self._damping = config.yield_time * self._stiffness
        self._largest = largest
        self.value = np.zeros(6)

    def step(self, load: FloatArray, dt: float) -> FloatArray:
        """The offset after dt (s) of a load (6,), N and N m."""
        # implicit Euler: stable for every step
        value = (self.value + dt * load / self._damping) / (1.0 + dt * self._stiffness / self._damping)
        self.value = _shortened(value, self._largest)
        return self.value


def beyond(load: FloatArray, band: tuple[float, float]) -> FloatArray:
    """(6,) what force and torque (6,) are more than a band (N, N m), each along itself."""
    return load - _shortened(load, band)


def _shortened(value: FloatArray, largest: tuple[float, float]) -> FloatArray:
    """The two halves of (6,), each no longer than given."""
    sizes = np.linalg.norm(value.reshape(2, 3), axis=1)
    shorter: FloatArray = value * np.repeat(np.minimum(1.0, np.array(largest) / np.maximum(sizes, 1e-12)), 3)
    return shorter
